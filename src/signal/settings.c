/* signal/settings.c - see settings.h: one table of settings, each with its place in struct signal_profile. */
#include "signal/settings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "signal/internal.h"

static const char *const speeds[] = { "sp", "lp", "ep", NULL };
static const char *const tracks[] = { "hifi", "linear", "auto", NULL };
static const double speed_mhz[] = { 3.0, 2.76, 2.4 };
static const char data_sheets[] = "usual range of deck data sheets", none_found[] = "no published figure found";

enum { MOST = 40 };
/* A field holds value x scale; 0, or below it where `negative_off` says so, is off. */
static const struct row {
    struct signal_setting setting;
    size_t offset;
    double scale;
    bool negative_off;
} rows[] = {
#define AT(field) offsetof(struct signal_profile, field)
    { { "luma.mtf", "MHz", 0.5, 6, 2.8, "VHS SP 3.0 MHz / 240 lines, LP and EP weakly sourced; less some wear", false, SIGNAL_NUMBER, speeds }, AT(luma_mtf_khz), 1000, false },
    { { "luma.peaking_db", "dB", 0, 12, 4, none_found, true, SIGNAL_NUMBER, NULL }, AT(peaking_db10), 10, false },
    { { "luma.emphasis", "", 0, 1, 1, "IEC 774-1: 1.3 us, X = 4; clip levels estimated from S-VHS", false, SIGNAL_ON_OFF, NULL }, AT(emphasis), 1, false },
    { { "chroma.bandwidth_khz", "kHz", 100, 2000, 380, "300 to 500 kHz by source", false, SIGNAL_NUMBER, NULL }, AT(chroma_bandwidth_khz), 1, false },
    { { "chroma.delay_ns", "ns", -2000, 2000, 300, none_found, true, SIGNAL_NUMBER, NULL }, AT(chroma_delay_ns), 1, false },
    { { "chroma.comb", "", 0, 1, 1, "every colour-under deck", false, SIGNAL_ON_OFF, NULL }, AT(chroma_comb), 1, false },
    { { "chroma.crosstalk_db", "dB", 10, 60, 38, none_found, true, SIGNAL_NUMBER, NULL }, AT(chroma_crosstalk_db10), 10, false },
    { { "chroma.phase_deg", "deg", -180, 180, 0, "a static error is a fault", true, SIGNAL_NUMBER, NULL }, AT(chroma_phase_mdeg), 1000, false },
    { { "noise.luma_db", "dB", 20, 70, 45.5, data_sheets, true, SIGNAL_NUMBER, NULL }, AT(noise_luma_db10), 10, false },
    { { "noise.chroma_db", "dB", 20, 70, 42, none_found, true, SIGNAL_NUMBER, NULL }, AT(noise_chroma_db10), 10, false },
    { { "noise.chroma_am_db", "dB", 10, 70, 34, data_sheets, true, SIGNAL_NUMBER, NULL }, AT(noise_chroma_am_db10), 10, false },
    { { "noise.chroma_pm_deg", "deg", 0, 30, 1.6, data_sheets, true, SIGNAL_NUMBER, NULL }, AT(noise_chroma_pm_mdeg), 1000, false },
    { { "jitter.line_ns", "ns", 0, 1000, 22, none_found, true, SIGNAL_NUMBER, NULL }, AT(jitter_line_ns), 1, false },
    { { "jitter.field_us", "us", 0, 20, 0.3, none_found, true, SIGNAL_NUMBER, NULL }, AT(jitter_field_ns), 1000, false },
    { { "headswitch", "", 0, 1, 1, "6.5 H +-1.5 H before vertical sync: US 5,675,698 and others", false, SIGNAL_ON_OFF, NULL }, AT(headswitch), 1, false },
    { { "headswitch.step_us", "us", -20, 20, 4.2, none_found, true, SIGNAL_NUMBER, NULL }, AT(headswitch_step_ns), 1000, false },
    { { "headswitch.wander_lines", "lines", 0, 3, 0.4, "6.5 H +-1.5 H is all that it may be off; how it wanders is estimated", true, SIGNAL_NUMBER, NULL }, AT(headswitch_wander_mlines), 1000, false },
    { { "dropout.per_minute", "1/min", 0, 5000, 30, none_found, true, SIGNAL_NUMBER, NULL }, AT(dropout_per_minute), 1, false },
    { { "dropout.compensator", "", 0, 1, 1, "every deck since the late 1970s", false, SIGNAL_ON_OFF, NULL }, AT(dropout_compensator), 1, false },
    { { "capstan.error_percent", "% peak", 0, 5, 0.62, "0.18 % WRMS; SP 0.15 to 0.2 estimated", true, SIGNAL_NUMBER, NULL }, AT(capstan_error_ppm), 10000, false },
    { { "head.width_um", "um", 10, 100, 46, none_found, true, SIGNAL_NUMBER, NULL }, AT(head_width_um10), 10, false },
    { { "track.bend_um", "um", 0, 30, 8, none_found, true, SIGNAL_NUMBER, NULL }, AT(track_bend_um10), 10, false },
    { { "still.pair", "", 0, 1, 0, "decks with four heads: Pioneer's training manual", false, SIGNAL_ON_OFF, NULL }, AT(still_pair), 1, false },
    { { "erase.fixed", "", 0, 1, 1, "all but editing decks and camcorders: Goldwasser, VCR FAQ 12.10", false, SIGNAL_ON_OFF, NULL }, AT(erase_fixed), 1, false },
    { { "search.lp_blank", "", 0, 1, 0, "many NTSC decks: Chicago Tribune 1985", false, SIGNAL_ON_OFF, NULL }, AT(search_lp_blank), 1, false },
    { { "limiter", "", 0, 1, 1, "WCAG 2.3.1", false, SIGNAL_ON_OFF, NULL }, AT(limiter), 1, false },
    { { "audio.track", "", 0, 2, 1, "a mono deck", false, SIGNAL_CHOICE, tracks }, AT(audio_track), 1, false },
    { { "audio.linear_high_hz", "Hz", 1000, 20000, 10000, "a little beyond 10 kHz in SP, 4 to 5 kHz slow: Feldman 1983", false, SIGNAL_NUMBER, NULL }, AT(linear_high_hz), 1, false },
    { { "audio.hiss_db", "dB", 10, 100, 44, data_sheets, true, SIGNAL_NUMBER, NULL }, AT(hiss_db10), 10, false },
    { { "audio.buzz_db", "dB", 10, 100, 58, none_found, true, SIGNAL_NUMBER, NULL }, AT(buzz_db10), 10, false },
    { { "audio.flutter_percent", "% WRMS", 0, 3, 0.177, "SP 0.15 to 0.2; follows the capstan unless it is set", true, SIGNAL_NUMBER, NULL }, AT(flutter_mpercent), 1000, true },
    { { "audio.hifi_click_db", "dB", 20, 100, 64, none_found, true, SIGNAL_NUMBER, NULL }, AT(hifi_click_db10), 10, false },
    { { "audio.hifi_noise_db", "dB", 10, 100, 46, none_found, true, SIGNAL_NUMBER, NULL }, AT(hifi_noise_db10), 10, false },
#undef AT
};
_Static_assert(ARRAY_LEN(rows) <= MOST, "more settings than are expected");

int signal_setting_count(void) { return (int)ARRAY_LEN(rows); }

const struct signal_setting *signal_setting_at(int n) { return n >= 0 && n < (int)ARRAY_LEN(rows) ? &rows[n].setting : NULL; }

int signal_setting_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!strcmp(rows[i].setting.name, name))
            return (int)i;
    return -1;
}

static int32_t *field_of(struct signal_profile *p, const struct row *r) { return (int32_t *)(void *)((char *)p + r->offset); }

/* What has no number of its own hangs on the switch of its stage. */
static void put(struct signal_profile *p, const struct row *r, int32_t stored)
{
    *field_of(p, r) = stored;
    if (r->offset == offsetof(struct signal_profile, headswitch) && !stored)
        p->headswitch_step_ns = 0;
    if (r->offset == offsetof(struct signal_profile, headswitch_step_ns) && stored)
        p->headswitch = 1;
}

static int word_of(const char *const *words, const char *value)
{
    for (int i = 0; words && words[i]; i++)
        if (!strcmp(words[i], value))
            return i;
    return -1;
}

static enum vcr_err refuse_value(const struct signal_setting *s, const char *value, struct vcr_why *why)
{
    if (s->kind == SIGNAL_ON_OFF)
        return vcr_fail(why, VCR_E_INVALID, "%s: '%.40s' is neither on nor off", s->name, value);
    if (s->kind == SIGNAL_CHOICE)
        return vcr_fail(why, VCR_E_INVALID, "%s: '%.40s' is none of hifi, linear, auto, off", s->name, value);
    return vcr_fail(why, VCR_E_INVALID, "%s: '%.40s' is not within %g..%g%s%s, %soff", s->name, value, s->min, s->max, *s->unit ? " " : "", s->unit,
                    s->choices ? "sp, lp, ep or " : "or ");
}

static bool number_of(const char *value, double *ret)
{
    char *end = NULL;
    if (!*value || strspn(value, "0123456789+-.eE") != strlen(value))
        return false;
    *ret = strtod(value, &end);
    return *end == '\0' && isfinite(*ret);
}

enum vcr_err signal_profile_set(struct signal_profile *p, const char *name, const char *value, struct vcr_why *why)
{
    int n = signal_setting_find(name), word;
    if (n < 0)
        return vcr_fail(why, VCR_E_INVALID, "there is no setting '%.60s'", name);
    const struct row *r = &rows[n];
    const struct signal_setting *s = &r->setting;
    double v = 0;
    if (!strcmp(value, "off")) {
        put(p, r, r->negative_off ? -1 : 0);
        return VCR_OK;
    }
    word = word_of(s->choices, value);
    if (s->kind == SIGNAL_ON_OFF) {
        if (strcmp(value, "on"))
            return refuse_value(s, value, why);
        v = 1;
    } else if (s->kind == SIGNAL_CHOICE) {
        if (word < 0)
            return refuse_value(s, value, why);
        v = word + 1;
    } else if (word >= 0) {
        v = speed_mhz[word];
    } else if (!number_of(value, &v) || v < s->min || v > s->max) {
        return refuse_value(s, value, why);
    }
    int32_t stored = (int32_t)lrint(v * r->scale);
    put(p, r, stored == 0 && r->negative_off ? -1 : stored);
    return VCR_OK;
}

bool signal_profile_get(const struct signal_profile *p, int n, double *ret_value)
{
    if (n < 0 || n >= (int)ARRAY_LEN(rows))
        return false;
    int32_t stored;
    memcpy(&stored, (const char *)p + rows[n].offset, sizeof(stored));
    if (stored == 0 && rows[n].offset == offsetof(struct signal_profile, flutter_mpercent)) { /* as the capstan errs: what that comes to */
        *ret_value = signal_capstan_wrms_percent(p);
        return *ret_value > 0;
    }
    if (stored == 0 || (rows[n].negative_off && stored < 0))
        return false;
    *ret_value = rows[n].setting.kind == SIGNAL_CHOICE ? stored - 1 : stored / rows[n].scale;
    return true;
}
