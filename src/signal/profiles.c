/* signal/profiles.c - looks as text: the sections of an ini file that apply, and the files that are embedded. */
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "signal/profiles.h"
#include "signal/settings.h"

enum { FILE_MOST = 32768 };

struct reading {
    struct signal_profile *p;
    const char *apply[4];  /* sections that count */
    struct vcr_why *why;
    bool bad;
};

static bool is_section(const char *section)
{
    static const char *const known[] = { "common", "ntsc", "pal", "sp", "lp", "ep", "ntsc.sp", "ntsc.lp", "ntsc.ep", "pal.sp", "pal.lp", "pal.ep" };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (!strcmp(section, known[i]))
            return true;
    return false;
}

/* What does not apply is looked at all the same: a mistake in [pal] must not wait for a PAL tape. */
static int on_line(void *arg, const char *section, const char *name, const char *value)
{
    struct reading *r = arg;
    struct signal_profile ignored = { .name = "" };
    bool applies = false;
    if (r->bad)
        return 1;
    if (!is_section(section)) {
        vcr_fail(r->why, VCR_E_INVALID, "[%.40s] is not a section: common, ntsc, pal, sp, lp, ep, ntsc.ep ...", section);
        r->bad = true;
        return 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(r->apply); i++)
        applies = applies || !strcmp(section, r->apply[i]);
    r->bad = signal_profile_set(applies ? r->p : &ignored, name, value, r->why) != VCR_OK;
    return 1;
}

enum vcr_err signal_profile_read(struct signal_profile *ret, const char *ini, size_t size, enum signal_standard standard, uint8_t tape_speed, struct vcr_why *why)
{
    static const char *const speeds[] = { "sp", "lp", "ep" };
    const char *std = standard == SIGNAL_PAL ? "pal" : "ntsc", *speed = speeds[VCR_MIN(tape_speed, 2)];
    struct signal_profile p = { .name = "own", .tape_speed = VCR_MIN(tape_speed, 2) };
    char both[16];
    snprintf(both, sizeof(both), "%s.%s", std, speed);
    struct reading r = { &p, { "common", std, speed, both }, why, false };
    if (size > FILE_MOST)
        return vcr_fail(why, VCR_E_TOO_LARGE, "a look has at most %d bytes", FILE_MOST);
    if (memchr(ini, '\0', size))
        return vcr_fail(why, VCR_E_MALFORMED, "a look is text");
    char *text = vcr_alloc(size + 1);
    memcpy(text, ini, size);
    int line = ini_parse_string(text, on_line, &r);
    free(text);
    if (r.bad)
        return VCR_E_INVALID;
    if (line)
        return vcr_fail(why, VCR_E_MALFORMED, "line %d is not NAME = VALUE", line);
    *ret = p;
    return VCR_OK;
}

enum vcr_err signal_profile_load(struct signal_profile *ret, const char *name, enum signal_standard standard, uint8_t tape_speed, struct vcr_why *why)
{
    const char *file = strcmp(name, "vhs") ? name : "family";
    for (const struct profile_file *f = profile_files; f->name; f++)
        if (!strcmp(f->name, file)) {
            enum vcr_err err = signal_profile_read(ret, f->text, strlen(f->text), standard, tape_speed, why);
            if (!err)
                snprintf(ret->name, sizeof(ret->name), "%s", f->name);
            return err;
        }
    return vcr_fail(why, VCR_E_INVALID, "there is no look '%.40s'", name);
}

static enum vcr_err set_one(struct signal_profile *p, const char *text, size_t size, struct vcr_why *why)
{
    char line[96];
    if (size >= sizeof(line))
        return vcr_fail(why, VCR_E_INVALID, "there is no setting of such a name");
    memcpy(line, text, size);
    line[size] = '\0';
    char *is = strchr(line, '=');
    if (!is)
        return vcr_fail(why, VCR_E_MALFORMED, "'%.40s' is not NAME=VALUE", line);
    *is = '\0';
    return signal_profile_set(p, line, is + 1, why);
}

enum vcr_err signal_look_read(struct signal_profile *ret, const char *look, enum signal_standard standard, uint8_t tape_speed, struct vcr_why *why)
{
    struct signal_profile p;
    char name[sizeof(p.name)];
    size_t n = strcspn(look, ";");
    snprintf(name, sizeof(name), "%.*s", (int)VCR_MIN(n, sizeof(name)), look);
    enum vcr_err err = n < sizeof(name) ? signal_profile_load(&p, name, standard, tape_speed, why) : vcr_fail(why, VCR_E_INVALID, "there is no look '%.40s'", look);
    while (err == VCR_OK && look[n]) {
        const char *setting = look + n + 1;
        size_t size = strcspn(setting, ";");
        err = set_one(&p, setting, size, why);
        n += 1 + size;
    }
    if (err == VCR_OK)
        *ret = p;
    return err;
}

void signal_profile_shown(struct signal_profile *ret, const char *name, enum signal_standard standard, uint8_t tape_speed)
{
    if (signal_look_read(ret, name, standard, tape_speed, NULL))
        signal_profile_load(ret, "family", standard, tape_speed, NULL);
}

const char *signal_profile_name_at(int n)
{
    for (int i = 0; i < n && n >= 0; i++)
        if (!profile_files[i].name)
            return NULL;
    return n < 0 ? NULL : profile_files[n].name;
}
