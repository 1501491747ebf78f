/* wire/langtag.c - see langtag.h: the grammar of RFC 5646, section 2.1, without the irregular tags of old. */
#include "wire/langtag.h"

#include <stddef.h>
#include <string.h>

#include "base/util.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }
static char upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c - 32) : c; }

struct tag {
    char *at;        /* the subtag that is looked at, "" at the end */
    size_t len;
    bool alpha, digits;
};

static bool look(struct tag *t)
{
    t->len = strcspn(t->at, "-");
    t->alpha = t->digits = t->len > 0;
    for (size_t i = 0; i < t->len; i++) {
        if (!is_alpha(t->at[i]) && !is_digit(t->at[i]))
            return false;
        t->alpha = t->alpha && is_alpha(t->at[i]);
        t->digits = t->digits && is_digit(t->at[i]);
    }
    return t->len >= 1 && t->len <= 8;
}

/* On to the next subtag; false when there is a '-' with nothing proper behind it. */
static bool next(struct tag *t)
{
    t->at += t->len;
    if (!*t->at) {
        t->len = 0;
        t->alpha = t->digits = false;
        return true;
    }
    t->at++;
    return look(t);
}

static bool is_variant(const struct tag *t) { return t->len >= 5 || (t->len == 4 && is_digit(t->at[0])); }

/* A singleton and the subtags that belong to it. */
static bool read_extension(struct tag *t)
{
    bool private_use = t->at[0] == 'x';
    int parts = 0;
    if (!next(t))
        return false;
    for (; t->len >= (private_use ? 1u : 2u); parts++)
        if (!next(t))
            return false;
    return parts > 0;
}

bool langtag_read(const char *text, char ret[LANGTAG_BYTES])
{
    struct tag t = { .at = ret };
    if (!vcr_strcpy(ret, LANGTAG_BYTES, text))
        return false;
    for (char *p = ret; *p; p++)
        *p = lower(*p);
    if (!look(&t) || !t.alpha || t.len < 2)
        return false;
    bool extended = t.len <= 3;
    if (!next(&t))
        return false;
    for (int i = 0; i < 3 && extended && t.alpha && t.len == 3; i++)
        if (!next(&t))
            return false;
    if (t.alpha && t.len == 4) { /* script */
        t.at[0] = upper(t.at[0]);
        if (!next(&t))
            return false;
    }
    if ((t.alpha && t.len == 2) || (t.digits && t.len == 3)) { /* region */
        for (size_t i = 0; i < t.len; i++)
            t.at[i] = upper(t.at[i]);
        if (!next(&t))
            return false;
    }
    while (t.len > 0 && is_variant(&t))
        if (!next(&t))
            return false;
    while (t.len == 1)
        if (!read_extension(&t))
            return false;
    return t.len == 0;
}
