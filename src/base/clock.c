/* base/clock.c - see clock.h. Civil-date arithmetic after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

int64_t clock_mono_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_wall_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_days_from_civil(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static void civil_from_days(int64_t z, int *year, int *month, int *day)
{
    z += 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = (int)(yoe + era * 400 + (*month <= 2));
}

int clock_days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

void clock_rfc3339(char out[CLOCK_RFC3339_BYTES], int64_t wall_ms)
{
    const int64_t day_ms = 86400000, lowest = -719528 * day_ms, highest = 2932897 * day_ms - 1;
    if (wall_ms < lowest)
        wall_ms = lowest;
    if (wall_ms > highest)
        wall_ms = highest;
    int64_t days = wall_ms / day_ms, ms = wall_ms % day_ms;
    if (ms < 0) {
        ms += day_ms;
        days--;
    }
    int y, m, d;
    civil_from_days(days, &y, &m, &d);
    snprintf(out, CLOCK_RFC3339_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)y % 10000, (unsigned)m % 100, (unsigned)d % 100,
             (unsigned)(ms / 3600000) % 100, (unsigned)(ms / 60000 % 60), (unsigned)(ms / 1000 % 60), (unsigned)(ms % 1000));
}

/* Exactly n digits at *s; moves on. */
static bool digits(const char **s, int n, int *ret)
{
    int v = 0;
    for (int i = 0; i < n; i++, (*s)++) {
        if (**s < '0' || **s > '9')
            return false;
        v = v * 10 + (**s - '0');
    }
    *ret = v;
    return true;
}

static bool lit(const char **s, char c)
{
    if (**s != c)
        return false;
    (*s)++;
    return true;
}

bool clock_parse_rfc3339(const char *s, int64_t *ret_wall_ms)
{
    int y, mo, d, h, mi, sec, ms = 0, offset_min = 0;
    if (!digits(&s, 4, &y) || !lit(&s, '-') || !digits(&s, 2, &mo) || !lit(&s, '-') || !digits(&s, 2, &d))
        return false;
    if (*s != 'T' && *s != 't')
        return false;
    s++;
    if (!digits(&s, 2, &h) || !lit(&s, ':') || !digits(&s, 2, &mi) || !lit(&s, ':') || !digits(&s, 2, &sec))
        return false;
    if (*s == '.') {
        int scale = 100, n = 0;
        for (s++; *s >= '0' && *s <= '9'; s++, n++, scale /= 10)
            ms += (*s - '0') * scale;
        if (n == 0)
            return false;
    }
    if (*s == 'Z' || *s == 'z') {
        s++;
    } else {
        int sign = *s == '+' ? 1 : *s == '-' ? -1 : 0, oh, om;
        if (!sign)
            return false;
        s++;
        if (!digits(&s, 2, &oh) || !lit(&s, ':') || !digits(&s, 2, &om) || oh > 23 || om > 59)
            return false;
        offset_min = sign * (oh * 60 + om);
    }
    if (*s || mo < 1 || mo > 12 || d < 1 || d > clock_days_in_month(y, mo) || h > 23 || mi > 59 || sec > 60)
        return false;
    *ret_wall_ms = ((clock_days_from_civil(y, mo, d) * 24 + h) * 60 + mi - offset_min) * 60000 + (int64_t)sec * 1000 + ms;
    return true;
}
