/* cmd/dub_list.c - which looks and amounts there are, and the look of a command line. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "cmd/dub.h"
#include "signal/settings.h"
#include "wire/json.h"

enum vcr_err dub_isa(enum signal_isa *ret, const struct dub_options *o, struct vcr_why *why)
{
    *ret = signal_isa_best();
    if (!o->isa)
        return VCR_OK;
    if (!signal_isa_by_name(o->isa, ret))
        return vcr_fail(why, VCR_E_INVALID, "--isa %.40s: scalar, sse2, ssse3, avx2, avx512 or neon", o->isa);
    return signal_isa_here(*ret) ? VCR_OK : vcr_fail(why, VCR_E_INVALID, "--isa %s: this processor lacks it", o->isa);
}

/* ---- the look ---- */
enum vcr_err dub_profile_file(struct dub_options *o, struct vcr_why *why)
{
    size_t len = strlen(o->profile);
    if (!strchr(o->profile, '/') && (len < 4 || strcmp(o->profile + len - 4, ".ini") != 0))
        return VCR_OK;
    int fd = open(o->profile, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return vcr_fail(why, VCR_E_NOT_FOUND, "--profile %.120s: %s", o->profile, strerror(errno));
    o->ini = malloc(DUB_INI_MAX + 1);
    ssize_t n = 1;
    for (o->ini_bytes = 0; o->ini && n > 0 && o->ini_bytes <= DUB_INI_MAX; o->ini_bytes += (size_t)VCR_MAX(n, 0))
        n = read(fd, o->ini + o->ini_bytes, DUB_INI_MAX + 1 - o->ini_bytes);
    vcr_close(&fd);
    if (!o->ini || n < 0)
        return vcr_fail(why, VCR_E_IO, "--profile %.120s: it cannot be read", o->profile);
    return o->ini_bytes <= DUB_INI_MAX ? VCR_OK : vcr_fail(why, VCR_E_TOO_LARGE, "--profile %.120s: more than %d bytes", o->profile, DUB_INI_MAX);
}

enum vcr_err dub_profile(struct signal_profile *ret, const struct dub_options *o, enum signal_standard standard, struct vcr_why *why)
{
    enum vcr_err err = o->ini ? signal_profile_read(ret, o->ini, o->ini_bytes, standard, o->tape_speed, why) : signal_profile_load(ret, o->profile, standard, o->tape_speed, why);
    for (int i = 0; err == VCR_OK && i < o->set_count; i++) {
        const char *equals = strchr(o->sets[i], '=');
        char *name = vcr_strndup(o->sets[i], (size_t)(equals - o->sets[i]));
        err = signal_profile_set(ret, name, equals + 1, why);
        free(name);
    }
    return err;
}

/* Whether all settings whose names begin so are off. */
static bool all_off(const struct signal_profile *p, const char *begin)
{
    double value;
    for (int i = 0; i < signal_setting_count(); i++)
        if (strncmp(signal_setting_at(i)->name, begin, strlen(begin)) == 0 && signal_profile_get(p, i, &value))
            return false;
    return true;
}

bool dub_sound_untouched(const struct dub_options *o, const struct signal_profile *p) { return o->mode == DUB_PLAY && all_off(p, "audio.") && all_off(p, "capstan."); }

/* ---- lists ---- */
static void write_setting(struct jsonw *w, const struct signal_profile *p, int n)
{
    const struct signal_setting *s = signal_setting_at(n);
    double value;
    jsonw_open(w, NULL);
    jsonw_str(w, "name", s->name);
    jsonw_str(w, "unit", s->unit);
    jsonw_num(w, "min", s->min);
    jsonw_num(w, "max", s->max);
    jsonw_num(w, "default", s->default_value);
    if (signal_profile_get(p, n, &value))
        jsonw_num(w, "value", value);
    else
        jsonw_null(w, "value"); /* off */
    jsonw_str(w, "source", s->source);
    jsonw_bool(w, "estimated", s->estimated);
    jsonw_close(w);
}

static void write_lists(struct jsonw *w, const struct dub_options *o, const struct signal_profile *p)
{
    jsonw_open(w, NULL);
    if (o->list_profiles) {
        jsonw_open_array(w, "profiles");
        for (int i = 0; signal_profile_name_at(i); i++) {
            jsonw_open(w, NULL);
            jsonw_str(w, "name", signal_profile_name_at(i));
            jsonw_close(w);
        }
        jsonw_close_array(w);
    }
    if (o->list_settings) {
        jsonw_open_array(w, "settings");
        for (int i = 0; i < signal_setting_count(); i++)
            write_setting(w, p, i);
        jsonw_close_array(w);
    }
    jsonw_close(w);
}

/* A setting's value as it is given to --set. */
static void print_value(const struct signal_setting *s, bool is_on, double value, char *out, size_t size)
{
    int n = 0, index = (int)value;
    for (; s->choices && s->choices[n]; n++)
        ;
    if (!is_on)
        snprintf(out, size, "off");
    else if (s->kind == SIGNAL_ON_OFF)
        snprintf(out, size, value != 0 ? "on" : "off");
    else if (s->kind == SIGNAL_CHOICE && index >= 0 && index < n)
        snprintf(out, size, "%s", s->choices[index]);
    else
        snprintf(out, size, "%g", value);
}

static void print_setting(const struct signal_profile *p, int n)
{
    const struct signal_setting *s = signal_setting_at(n);
    char now[32], range[64] = "on, off", usual[32];
    double value = 0;
    bool is_on = signal_profile_get(p, n, &value);
    print_value(s, is_on, value, now, sizeof(now));
    print_value(s, true, s->default_value, usual, sizeof(usual));
    if (s->kind == SIGNAL_NUMBER)
        snprintf(range, sizeof(range), "%g..%g %s", s->min, s->max, s->unit);
    if (s->kind == SIGNAL_CHOICE)
        range[0] = '\0';
    for (int i = 0; s->choices && s->choices[i]; i++) {
        size_t len = strlen(range);
        snprintf(range + len, sizeof(range) - len, "%s%s", len ? ", " : "", s->choices[i]);
    }
    printf("%-26s %-8s %-26s default %-8s %s%s\n", s->name, now, range, usual, s->estimated ? "estimated: " : "", s->source);
}

enum vcr_err dub_list(const struct dub_options *o, struct vcr_why *why)
{
    struct signal_profile p;
    enum vcr_err err = dub_profile(&p, o, o->standard < 0 ? SIGNAL_NTSC : (enum signal_standard)o->standard, why);
    if (err != VCR_OK)
        return err;
    if (o->json) {
        struct buf b;
        struct jsonw w;
        buf_init(&b, 1 << 20);
        jsonw_init(&w, &b);
        write_lists(&w, o, &p);
        if (buf_ok(&b))
            puts(b.data);
        buf_free(&b);
        return VCR_OK;
    }
    for (int i = 0; o->list_profiles && signal_profile_name_at(i); i++)
        puts(signal_profile_name_at(i));
    for (int i = 0; o->list_settings && i < signal_setting_count(); i++)
        print_setting(&p, i);
    return VCR_OK;
}
