/* app/dates.c - partial dates as the intervals that they name. */
#include <string.h>

#include "app/tapes.h"
#include "base/clock.h"

static bool digits(const char *s, size_t n, int *ret)
{
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        v = v * 10 + (s[i] - '0');
    }
    *ret = v;
    return true;
}

bool app_date_bounds(const char *text, int64_t *ret_from, int64_t *ret_to)
{
    const int64_t day_ms = 86400000;
    size_t len = strlen(text);
    int year, month = 1, day = 1, last_month, last_day;
    if (len > 10) {
        int64_t ms;
        if (!clock_parse_rfc3339(text, &ms))
            return false;
        *ret_from = *ret_to = ms;
        return true;
    }
    if ((len != 4 && len != 7 && len != 10) || !digits(text, 4, &year))
        return false;
    if (len >= 7 && (text[4] != '-' || !digits(text + 5, 2, &month) || month < 1 || month > 12))
        return false;
    if (len == 10 && (text[7] != '-' || !digits(text + 8, 2, &day) || day < 1 || day > clock_days_in_month(year, month)))
        return false;
    last_month = len >= 7 ? month : 12;
    last_day = len == 10 ? day : clock_days_in_month(year, last_month);
    *ret_from = clock_days_from_civil(year, month, day) * day_ms;
    *ret_to = (clock_days_from_civil(year, last_month, last_day) + 1) * day_ms - 1;
    return true;
}
