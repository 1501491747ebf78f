/* cmd/dub_options.c - the words of the command line, one row a word. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cmd/dub.h"

const char *const dub_mode_names[DUB_MODES] = { "play", "still", "slow", "cue", "review", "stop" };

const char dub_usage[] =
    "usage: vcr dub IN OUT [options]\n"
    "IN   a film or sound that libav reads, .y4m or .wav      OUT  .mp4 .mkv (picture and sound), .y4m (raw picture), .wav (sound)\n"
    "  --audio-out FILE.wav         the sound beside a picture\n"
    "  --profile NAME               the look: see --list-profiles; none changes nothing          (family)\n"
    "  --set NAME=VALUE             one of its amounts, or off: see --list-settings; again and again, the last wins\n"
    "  --standard ntsc|pal          (as IN is)          --tape-speed sp|lp|ep                    (sp)\n"
    "  --seed N                     another tape        --pass N     another playing of it: the deck's own noise differs\n"
    "  --tape-at SECONDS            the tape's place where IN begins, to the nearest field       (0)\n"
    "  --mode play|still|slow|cue|review|stop           review runs from the end of IN           (play)\n"
    "  --speed X                    times play speed: slow 0.2, cue 5, review -5\n"
    "  --tracking auto|-10..10      --generation 0..5   copies of copies   --wear 0..1           --osd on|off\n"
    "  --recorded-over on|off       another recording was on the tape: its colour shows at the start of IN, if erase.fixed is on\n"
    "  --frames N                   ends after N pictures; still and stop need it\n"
    "  --isa NAME                   no better instructions than: scalar sse2 ssse3 avx2 avx512\n"
    "  --stats                      how fast the tape's picture alone was made, on one thread\n"
    "  --json                       tells what was done as JSON on stdout, progress as JSON lines on stderr\n"
    "  --list-profiles, --list-settings   with --json: for programs; with --profile, --standard, --tape-speed: what is in force there\n";

/* A decimal number of up to so many digits behind the point, in units of 1/one. */
static bool decimal(const char *s, int one, int64_t most, int64_t *ret)
{
    bool minus = *s == '-';
    int64_t n = 0, part = one;
    s += *s == '-' || *s == '+';
    if (!isdigit((unsigned char)*s) && !(*s == '.' && isdigit((unsigned char)s[1])))
        return false;
    for (; isdigit((unsigned char)*s); s++)
        if ((n = n * 10 + (*s - '0') * (int64_t)one) > most * one)
            return false;
    if (*s == '.') {
        for (s++; isdigit((unsigned char)*s); s++) {
            part /= 10;
            if (part == 0 && *s != '0')
                return false;
            n += (*s - '0') * part;
        }
    }
    *ret = minus ? -n : n;
    return *s == '\0' && n <= most * one;
}

static enum vcr_err bad(struct vcr_why *why, const char *option, const char *value, const char *range)
{
    return vcr_fail(why, VCR_E_INVALID, "%s %.60s: %s", option, value, range);
}

static int choice(const char *value, const char *const *names, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(value, names[i]) == 0)
            return i;
    return -1;
}

static enum vcr_err take_name(const char **to, const char *option, const char *v, struct vcr_why *why)
{
    *to = v;
    return *v ? VCR_OK : bad(why, option, v, "it has to be named");
}
static enum vcr_err opt_profile(struct dub_options *o, const char *v, struct vcr_why *why) { return take_name(&o->profile, "--profile", v, why); }
static enum vcr_err opt_audio_out(struct dub_options *o, const char *v, struct vcr_why *why) { return take_name(&o->audio_out, "--audio-out", v, why); }
static enum vcr_err opt_isa(struct dub_options *o, const char *v, struct vcr_why *why) { return take_name(&o->isa, "--isa", v, why); }

static enum vcr_err opt_set(struct dub_options *o, const char *v, struct vcr_why *why)
{
    if (o->set_count == DUB_SETS_MAX)
        return vcr_fail(why, VCR_E_INVALID, "--set: at most %d of them", DUB_SETS_MAX);
    o->sets[o->set_count++] = v;
    return strchr(v, '=') ? VCR_OK : bad(why, "--set", v, "NAME=VALUE");
}

static enum vcr_err opt_standard(struct dub_options *o, const char *v, struct vcr_why *why)
{
    static const char *const names[] = { [SIGNAL_NTSC] = "ntsc", [SIGNAL_PAL] = "pal" };
    o->standard = choice(v, names, ARRAY_LEN(names));
    return o->standard >= 0 ? VCR_OK : bad(why, "--standard", v, "ntsc or pal");
}

static enum vcr_err opt_tape_speed(struct dub_options *o, const char *v, struct vcr_why *why)
{
    static const char *const names[] = { "sp", "lp", "ep" };
    int n = choice(v, names, ARRAY_LEN(names));
    o->tape_speed = (uint8_t)VCR_MAX(n, 0);
    return n >= 0 ? VCR_OK : bad(why, "--tape-speed", v, "sp, lp or ep");
}

static enum vcr_err opt_mode(struct dub_options *o, const char *v, struct vcr_why *why)
{
    int n = choice(v, dub_mode_names, DUB_MODES);
    o->mode = (enum dub_mode)VCR_MAX(n, 0);
    o->has_mode = true;
    return n >= 0 ? VCR_OK : bad(why, "--mode", v, "play, still, slow, cue, review or stop");
}

static enum vcr_err opt_speed(struct dub_options *o, const char *v, struct vcr_why *why)
{
    int64_t n = 0;
    o->has_speed = true;
    if (!decimal(v, DUB_SPEED_ONE, 50, &n))
        return bad(why, "--speed", v, "-50 to 50 times play speed, at most four digits behind the point");
    o->speed = (int)n;
    return VCR_OK;
}

static enum vcr_err opt_tracking(struct dub_options *o, const char *v, struct vcr_why *why)
{
    int64_t n = DUB_TRACKING_AUTO;
    if (strcmp(v, "auto") != 0 && !decimal(v, 1, 10, &n))
        return bad(why, "--tracking", v, "auto, or -10 to 10");
    o->tracking = (int)n;
    return VCR_OK;
}

static enum vcr_err opt_generation(struct dub_options *o, const char *v, struct vcr_why *why)
{
    uint64_t n = 0;
    if (!vcr_parse_u64(v, DUB_GENERATIONS_MAX, &n))
        return bad(why, "--generation", v, "0 to 5");
    o->generation = (int)n;
    return VCR_OK;
}

static enum vcr_err opt_wear(struct dub_options *o, const char *v, struct vcr_why *why)
{
    int64_t n = 0;
    if (!decimal(v, 1000000, 1, &n) || n < 0)
        return bad(why, "--wear", v, "0 to 1");
    o->wear_16 = (int)((n * 16 + 500000) / 1000000);
    return VCR_OK;
}

static enum vcr_err opt_tape_at(struct dub_options *o, const char *v, struct vcr_why *why)
{
    if (!decimal(v, 1000000, 100000, &o->tape_at_us) || o->tape_at_us < 0)
        return bad(why, "--tape-at", v, "0 to 100000 seconds");
    return VCR_OK;
}

static enum vcr_err opt_osd(struct dub_options *o, const char *v, struct vcr_why *why)
{
    o->osd = strcmp(v, "on") == 0;
    return o->osd || strcmp(v, "off") == 0 ? VCR_OK : bad(why, "--osd", v, "on or off");
}

static enum vcr_err opt_recorded_over(struct dub_options *o, const char *v, struct vcr_why *why)
{
    o->recorded_over = strcmp(v, "on") == 0;
    return o->recorded_over || strcmp(v, "off") == 0 ? VCR_OK : bad(why, "--recorded-over", v, "on or off");
}

static enum vcr_err opt_seed(struct dub_options *o, const char *v, struct vcr_why *why) { return vcr_parse_u64(v, UINT64_MAX, &o->seed) ? VCR_OK : bad(why, "--seed", v, "a whole number"); }
static enum vcr_err opt_pass(struct dub_options *o, const char *v, struct vcr_why *why) { return vcr_parse_u64(v, UINT64_MAX, &o->pass) ? VCR_OK : bad(why, "--pass", v, "a whole number"); }

static enum vcr_err opt_frames(struct dub_options *o, const char *v, struct vcr_why *why)
{
    uint64_t n = 0;
    if (!vcr_parse_u64(v, 100000000, &n) || n == 0)
        return bad(why, "--frames", v, "1 to 100000000");
    o->frames = (int64_t)n;
    return VCR_OK;
}

static enum vcr_err opt_stats(struct dub_options *o, const char *v, struct vcr_why *why) { return o->stats = true, VCR_OK; }
static enum vcr_err opt_json(struct dub_options *o, const char *v, struct vcr_why *why) { return o->json = true, VCR_OK; }
static enum vcr_err opt_profiles(struct dub_options *o, const char *v, struct vcr_why *why) { return o->list_profiles = true, VCR_OK; }
static enum vcr_err opt_settings(struct dub_options *o, const char *v, struct vcr_why *why) { return o->list_settings = true, VCR_OK; }
static enum vcr_err opt_help(struct dub_options *o, const char *v, struct vcr_why *why) { return o->help = true, VCR_OK; }

static const struct word {
    const char *name;
    bool alone;
    enum vcr_err (*take)(struct dub_options *o, const char *value, struct vcr_why *why);
} words[] = {
    { "--profile", false, opt_profile },     { "--standard", false, opt_standard },     { "--tape-speed", false, opt_tape_speed }, { "--seed", false, opt_seed },
    { "--tape-at", false, opt_tape_at },     { "--pass", false, opt_pass },             { "--mode", false, opt_mode },             { "--speed", false, opt_speed },
    { "--tracking", false, opt_tracking },   { "--generation", false, opt_generation }, { "--wear", false, opt_wear },             { "--osd", false, opt_osd },
    { "--set", false, opt_set },             { "--isa", false, opt_isa },               { "--frames", false, opt_frames },         { "--audio-out", false, opt_audio_out },
    { "--list-profiles", true, opt_profiles }, { "--list-settings", true, opt_settings }, { "--stats", true, opt_stats },          { "--json", true, opt_json },
    { "--help", true, opt_help },          { "--recorded-over", false, opt_recorded_over },
};

/* Both `--name value` and `--name=value`. */
static enum vcr_err take_word(struct dub_options *o, int *i, int argc, char **argv, struct vcr_why *why)
{
    const char *arg = argv[*i], *equals = strchr(arg, '=');
    size_t len = equals ? (size_t)(equals - arg) : strlen(arg);
    for (size_t w = 0; w < ARRAY_LEN(words); w++) {
        if (strlen(words[w].name) != len || memcmp(words[w].name, arg, len) != 0)
            continue;
        if (words[w].alone)
            return equals ? vcr_fail(why, VCR_E_INVALID, "%s takes no value", words[w].name) : words[w].take(o, NULL, why);
        if (!equals && *i + 1 >= argc)
            return vcr_fail(why, VCR_E_INVALID, "%s: its value is missing", words[w].name);
        return words[w].take(o, equals ? equals + 1 : argv[++*i], why);
    }
    return vcr_fail(why, VCR_E_INVALID, "%.60s: there is no such option; vcr dub --help lists them", arg);
}

/* What kind of file that name means. */
static enum dub_kind kind_of(const char *name)
{
    static const struct { const char *end; enum dub_kind kind; } kinds[] = { { ".mp4", DUB_MP4 }, { ".mkv", DUB_MKV }, { ".y4m", DUB_Y4M }, { ".wav", DUB_WAV } };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        size_t n = strlen(name), e = strlen(kinds[i].end);
        if (n > e && strcasecmp(name + n - e, kinds[i].end) == 0)
            return kinds[i].kind;
    }
    return DUB_NONE;
}

/* The speed that a mode has, or the mode that a speed means. */
static enum vcr_err settle_speed(struct dub_options *o, struct vcr_why *why)
{
    static const int usual[DUB_MODES] = { [DUB_PLAY] = DUB_SPEED_ONE, [DUB_SLOW] = DUB_SPEED_ONE / 5, [DUB_CUE] = 5 * DUB_SPEED_ONE, [DUB_REVIEW] = -5 * DUB_SPEED_ONE };
    if (!o->has_mode && o->has_speed)
        o->mode = o->speed < 0 ? DUB_REVIEW : o->speed == 0 ? DUB_STILL : o->speed < DUB_SPEED_ONE ? DUB_SLOW : o->speed == DUB_SPEED_ONE ? DUB_PLAY : DUB_CUE;
    if (!o->has_speed)
        o->speed = usual[o->mode];
    if (o->mode == DUB_REVIEW && o->speed > 0)
        o->speed = -o->speed;
    bool fits = true;
    switch (o->mode) {
    case DUB_PLAY:
        fits = o->speed == DUB_SPEED_ONE;
        break;
    case DUB_STILL:
    case DUB_STOP:
        fits = o->speed == 0;
        break;
    case DUB_SLOW:
        fits = o->speed > 0 && o->speed < DUB_SPEED_ONE;
        break;
    case DUB_CUE:
        fits = o->speed > DUB_SPEED_ONE;
        break;
    default:
        fits = o->speed < 0;
    }
    if (!fits)
        return vcr_fail(why, VCR_E_INVALID, "--mode %s --speed %g: play is 1, still and stop 0, slow between 0 and 1, cue above 1, review below 0", dub_mode_names[o->mode],
                        (double)o->speed / DUB_SPEED_ONE);
    return VCR_OK;
}

static enum vcr_err settle(struct dub_options *o, struct vcr_why *why)
{
    if (o->help || o->list_profiles || o->list_settings)
        return o->in ? vcr_fail(why, VCR_E_INVALID, "%s: nothing is dubbed where something is listed", o->in) : VCR_OK;
    if (!o->out)
        return vcr_fail(why, VCR_E_INVALID, "vcr dub IN OUT: %s is missing", o->in ? "OUT" : "both");
    o->kind = kind_of(o->out);
    if (o->kind == DUB_NONE)
        return vcr_fail(why, VCR_E_INVALID, "%.100s: OUT has to end with .mp4, .mkv, .y4m or .wav", o->out);
    if (o->audio_out && (o->kind == DUB_WAV || kind_of(o->audio_out) != DUB_WAV))
        return vcr_fail(why, VCR_E_INVALID, "--audio-out %.100s: a .wav beside an OUT that has a picture", o->audio_out);
    enum vcr_err err = settle_speed(o, why);
    if (err == VCR_OK && o->frames == 0 && (o->mode == DUB_STILL || o->mode == DUB_STOP))
        return vcr_fail(why, VCR_E_INVALID, "--mode %s has no end of its own: say --frames N", dub_mode_names[o->mode]);
    return err;
}

enum vcr_err dub_options_read(struct dub_options *ret, int argc, char **argv, struct vcr_why *why)
{
    enum vcr_err err = VCR_OK;
    bool only_names = false;
    *ret = (struct dub_options){ .profile = "family", .standard = -1, .seed = 1, .tracking = DUB_TRACKING_AUTO };
    for (int i = 0; err == VCR_OK && i < argc; i++) {
        if (!only_names && strcmp(argv[i], "--") == 0)
            only_names = true;
        else if (!only_names && argv[i][0] == '-' && argv[i][1])
            err = take_word(ret, &i, argc, argv, why);
        else if (!ret->in)
            ret->in = argv[i];
        else if (!ret->out)
            ret->out = argv[i];
        else
            err = vcr_fail(why, VCR_E_INVALID, "%.100s: one IN and one OUT", argv[i]);
    }
    return err == VCR_OK ? settle(ret, why) : err;
}
