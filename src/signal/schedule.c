/* signal/schedule.c - what happens to each line of a field: how much signal the head finds, when the line starts, which track it is on, what is damaged.
 *
 * All of it follows from the place on the tape, the speed and the seed. */
#include "signal/internal.h"

const struct capstan_part capstan_part[CAPSTAN_PARTS] = { { 0.7, 0.5 }, { 2.9, 0.32 }, { 7.3, 0.18 } }; /* reels, idler, capstan shaft: estimated */

enum { PITCH = TRACK_PITCH, BAR_BELOW_Q8 = 30, BAR_RAGGED_Q8 = 28, KILL_BELOW_Q8 = 56, STILL_PAIR_Q8 = 150 }; /* of full overlap: noise below 15 % of it, in the mean; colour killed there as well */

int64_t signal_field_us(const struct signal *s)
{
    return s->standard == SIGNAL_PAL ? 20000 : 16683;
}

int64_t signal_track(const struct signal *s, int64_t tape_us)
{
    if (tape_us < 0)
        tape_us = 0;
    return s->standard == SIGNAL_PAL ? (tape_us + 10000) / 20000 : (tape_us * 60 + 500500) / 1001000;
}

/* Where a field of the tape is in the middle of those places that are its own: the same for all of them. */
static int64_t track_us(const struct signal *s, int64_t track)
{
    return s->standard == SIGNAL_PAL ? track * 20000 : track * 1001000 / 60;
}

int schedule_switch_row(const struct signal *s)
{
    return s->height - (s->standard == SIGNAL_PAL ? 8 * s->height / 576 : 7 * s->height / 480);
}

int32_t capstan_peak_ppm(const struct signal_profile *p, uint8_t tape_speed)
{
    static const int32_t speed_q8[3] = { 256, 400, 580 }; /* SP 0.15..0.2, LP 0.25..0.3, EP 0.3..0.5 % WRMS, estimated */
    return (int32_t)((int64_t)p->capstan_error_ppm * speed_q8[VCR_MIN(tape_speed, 2)] / speed_q8[p->tape_speed]);
}

uint32_t capstan_phase(uint64_t seed, int part, int64_t tape_us)
{
    uint64_t milli_turns_a_second = (uint64_t)(capstan_part[part].hz * 1000 + 0.5);
    uint64_t whole = (uint64_t)tape_us % 1000000000u * milli_turns_a_second; /* exact over 1000 s, in 1e-9 turn; all rates divide that */
    return (uint32_t)((whole % 1000000000u) * 4294967296u / 1000000000u) + (uint32_t)chance(seed, LAYER_CAPSTAN, (uint64_t)part, 0);
}

static int sine_q14(const struct signal *s, uint32_t phase)
{
    return s->sine[phase >> 22];
}

/* Narrower tracks give less: 1.5 dB in LP, 3.5 dB in EP (SP 43..46, LP 42..43, EP 40..42 dB, estimated). */
static int16_t gain_with(int32_t gain, const struct signal_profile *p, uint8_t tape_speed, int rf_q8)
{
    static const int32_t speed_q8[3] = { 256, 304, 383 };
    int32_t g = (int32_t)((int64_t)gain * 256 * speed_q8[VCR_MIN(tape_speed, 2)] / speed_q8[p->tape_speed] / VCR_MAX(rf_q8, 24));
    return (int16_t)VCR_MIN(g, 20000);
}

/* Both to the nearest 1/256 sample, which is 0.3 ns: cut off towards 0 a jitter of 10 ns came out as 9.2. */
static int32_t ps_to_q8(const struct signal *s, int64_t ps)
{
    const int64_t of = ps * 27 * s->width * 256 / 720, whole = 2000 * 1000;
    return (int32_t)((of + (of < 0 ? -whole : whole) / 2) / whole);
}

static int32_t ns_to_q8(const struct signal *s, int64_t ns)
{
    return ps_to_q8(s, ns * 1000);
}

static int32_t triangular(uint64_t h) /* rms 418 */
{
    return (int32_t)(h & 1023) + (int32_t)(h >> 10 & 1023) - 1023;
}

/* The drum's own error once a turn, of which each of the two heads shows one half, and what the tape's tension adds, smoothly over some lines; Q8. The curve's range in the field is
 * scaled to jitter.field_us times a factor of the place, whose median is 1. */
static void plan_drum(struct signal *s, uint64_t track, uint64_t key)
{
    enum { KNOT_LINES = 40, KNOTS = FIELD_LINES_MAX / KNOT_LINES + 2 };
    int lines = s->lines, knot = VCR_MAX(KNOT_LINES * lines / 240, 1), value[KNOTS], most = INT32_MIN, least = INT32_MAX;
    int16_t curve[FIELD_LINES_MAX];
    if (s->profile.jitter_field_ns <= 0)
        return;
    for (int k = 0; k < KNOTS; k++)
        value[k] = (int)(chance(s->seed, LAYER_DRUM, key, (uint64_t)k) & 511) - 256;
    for (int l = 0; l < lines; l++) {
        int k = VCR_MIN(l / knot, KNOTS - 2), r = l - k * knot;
        int turn = sine_q14(s, ((uint32_t)(track & 1) << 31) + (uint32_t)((uint64_t)l * 0x80000000u / (unsigned)lines)) / 32;
        curve[l] = (int16_t)(turn + value[k] / 2 + (value[k + 1] - value[k]) * r / knot / 2);
        most = VCR_MAX(most, curve[l]);
        least = VCR_MIN(least, curve[l]);
    }
    int64_t range_ns = (int64_t)s->profile.jitter_field_ns * (768 + (int)(chance(s->seed, LAYER_FIELD, key, 0) & 511)) / 1024;
    for (int l = 0; l < lines; l++)
        s->plan[l].shift_q8 += ns_to_q8(s, (curve[l] - (most + least) / 2) * range_ns / VCR_MAX(most - least, 1));
}

/* Time base: a little of each line, and what the drum and the capstan add. */
static void plan_time_base(struct signal *s, const struct signal_field *f, uint64_t track, uint64_t jitter_key)
{
    const struct signal_profile *p = &s->profile;
    int32_t drift_ns = 0;
    for (int i = 0; i < CAPSTAN_PARTS; i++) /* what is left of the capstan's error after the television's line oscillator followed it */
        drift_ns += (int32_t)((int64_t)capstan_peak_ppm(p, f->tape_speed) * (int)(capstan_part[i].share * 256) / 256 *
                              sine_q14(s, capstan_phase(s->seed, i, track_us(s, (int64_t)track))) / 16384 / 24);
    for (int l = 0; l < s->lines; l++) {
        int64_t ps = drift_ns * INT64_C(1000);
        if (p->jitter_line_ns > 0) /* neighbours differ by the rms of two independent values: 0.41 of a triangular one's half width, twice */
            ps += (int64_t)p->jitter_line_ns * triangular(chance(s->seed, LAYER_JITTER, jitter_key, (uint64_t)l)) * 443 * 1000 / 1024 / 256;
        s->plan[l].shift_q8 = ps_to_q8(s, ps);
    }
    plan_drum(s, track, jitter_key);
}

/* Adds a step of the time base that the television catches up with, e^(-n/12) lines. Its phase comparator sees no more than 12 us (estimated: as long as the flyback is); what is
 * farther off comes back by as much a line as that does, and the picture hangs aslant. */
static void plan_step(struct signal *s, int first, int32_t step_q8)
{
    enum { SEEN_NS = 12000 };
    const int lines = s->lines;
    const int64_t seen = (int64_t)ns_to_q8(s, SEEN_NS) * 4096;
    int64_t now = (int64_t)step_q8 * 4096;
    for (int l = VCR_MAX(first, 0); l < lines && (now > 4096 || now < -4096); l++) {
        s->plan[l].shift_q8 += (int32_t)(now / 4096);
        now -= VCR_CLAMP(now, -seen, seen) * 82 / 1024;
    }
}

/* How worn the tape is at each line, in 1/256 of what is as worn as can be: tape wears where guides and heads press, and is dirty in stripes along it, which all tracks of a second or
 * so cross at the same lines. Of the mean 0.6 to 1.8; estimated. */
static void plan_wear(const struct signal *s, int64_t track, int wear_16, int16_t ret[FIELD_LINES_MAX])
{
    enum { KNOT_LINES = 20, KNOTS = FIELD_LINES_MAX / KNOT_LINES + 2, KNOT_FIELDS = 64 };
    const int lines = s->lines, knot = VCR_MAX(KNOT_LINES * lines / 240, 1), part = (int)(track % KNOT_FIELDS);
    int of_mean_q8[KNOTS];
    for (int k = 0; k <= VCR_MIN((lines - 1) / knot + 1, KNOTS - 1); k++) {
        const int before = (int)(chance(s->seed, LAYER_WEAR, (uint64_t)(track / KNOT_FIELDS), (uint64_t)k) & 255);
        const int after = (int)(chance(s->seed, LAYER_WEAR, (uint64_t)(track / KNOT_FIELDS) + 1, (uint64_t)k) & 255);
        of_mean_q8[k] = 154 + (before * before * (KNOT_FIELDS - part) + after * after * part) / KNOT_FIELDS * 307 / 65536;
    }
    for (int l = 0; l < lines; l++) {
        const int k = VCR_MIN(l / knot, KNOTS - 2), r = l - k * knot;
        ret[l] = (int16_t)((of_mean_q8[k] + (of_mean_q8[k + 1] - of_mean_q8[k]) * r / knot) * wear_16 / 16);
    }
}

static void plan_rf(struct signal *s, const struct signal_field *f)
{
    /* a look without noise is one without wear, too: the identity stays it */
    const int lines = s->lines, wear = s->luma_noise_gain || s->chroma_noise_gain ? VCR_CLAMP(f->wear_16, 0, 16) : 0;
    int16_t worn_q8[FIELD_LINES_MAX];
    const int64_t top = tracks_at(s, f, 0);
    const int32_t width = tracks_head_width(s->standard, &s->profile, f->tape_speed);
    int last_band = 0;
    /* the parked bar of still and slow is noise like any other: a look without noise has none */
    const bool is_parked = f->rate >= 0 && f->rate < PITCH, is_barless = is_parked && !s->luma_noise_gain && !f->tracking_error_q8;
    /* a further pair of heads, both of one azimuth and wider than the track, loses it nowhere */
    const int least = is_parked && s->profile.still_pair ? STILL_PAIR_Q8 : 0;
    if (wear)
        plan_wear(s, signal_track(s, f->tape_us), wear, worn_q8);
    for (int l = 0; l < lines; l++) {
        struct line_plan *p = &s->plan[l];
        const int64_t at = tracks_at(s, f, l);
        p->over_q16 = 0;
        const int worn = wear ? worn_q8[l] : 0, rf = tracks_worn_q8(is_barless ? 256 : VCR_MAX(tracks_overlap_q8(width, at), least), worn);
        p->band = (int16_t)(tracks_searched(f) ? tracks_band(at, top) : 0);
        p->noise_gain = gain_with(s->luma_noise_gain, &s->profile, f->tape_speed, rf);
        p->chroma_noise = gain_with(s->chroma_noise_gain, &s->profile, f->tape_speed, rf);
        p->colour_q8 = (int16_t)(VCR_CLAMP((rf - KILL_BELOW_Q8 + 32) * 8, 0, 256) * tracks_worn_colour_q8(worn) / 256);
        p->snow_q8 = 0;
        if (rf < 2 * BAR_BELOW_Q8 + BAR_RAGGED_Q8) { /* ragged: lines near the threshold fall below it by chance */
            uint64_t h = chance(s->seed, LAYER_BAR, (uint64_t)s->moved, (uint64_t)l);
            int ragged = rf + (int)((h & 127) * BAR_RAGGED_Q8 / 64) - BAR_RAGGED_Q8;
            p->snow_q8 = (int16_t)VCR_CLAMP((2 * BAR_BELOW_Q8 - ragged) * 256 / (BAR_BELOW_Q8 + BAR_RAGGED_Q8 / 2), 0, 256);
            /* where the picture is still there it is ever noisier: clicks come before the carrier goes */
            p->noise_gain = (int16_t)VCR_MIN(p->noise_gain + p->noise_gain * p->snow_q8 / 256, 30000);
            /* the sync of the line is noise as well */
            p->shift_q8 += ns_to_q8(s, (int64_t)triangular(h >> 8) * p->snow_q8 * p->snow_q8 / 16384);
        }
        if (p->band != last_band) {
            plan_step(s, l, ns_to_q8(s, tracks_step_ns(s, f, triangular(chance(s->seed, LAYER_BAR, (uint64_t)s->moved, (uint64_t)(FIELD_LINES_MAX + l))))));
            last_band = p->band;
        }
    }
}

/* By how much the heads change too late. A deck's two heads have pulses of their own, each set to within the tolerance; the servo that they follow hunts, over half a second or so;
 * and no two fields are alike. A third each; estimated. */
static int wander_q8(const struct signal *s, uint64_t track)
{
    enum { KNOT_FIELDS = 16 };
    const int most = s->profile.headswitch_wander_mlines * 256 / 1000, part = (int)(track % KNOT_FIELDS);
    const uint64_t knot = track / KNOT_FIELDS;
    const int before = (int)(chance(s->seed, LAYER_SWITCH, knot, 0) & 511) - 256, after = (int)(chance(s->seed, LAYER_SWITCH, knot + 1, 0) & 511) - 256;
    const int head = (int)(chance(s->seed, LAYER_SWITCH, track & 1, 1) & 511) - 256, field = (int)(chance(s->seed, LAYER_SWITCH, track, 2) & 511) - 256;
    return most * (head + field + before + (after - before) * part / KNOT_FIELDS) / (3 * 256);
}

static void plan_headswitch(struct signal *s, uint64_t jitter_key)
{
    s->switch_line = -1;
    if (!s->profile.headswitch)
        return;
    const int lines = s->lines, at_q8 = VCR_CLAMP(schedule_switch_row(s) * 128 + wander_q8(s, (uint64_t)s->moved), 0, lines * 256 - 1);
    /* of a line's 63.6 us (64 in PAL) the picture begins after some 8.4 */
    const int line_samples = s->standard == SIGNAL_PAL ? 864 : 858, column = (line_samples * (at_q8 & 255) / 256 - 114) * s->width / 720;
    const int first = at_q8 / 256 + (column >= s->width);
    const bool in_middle = column > 0 && column < s->width;
    if (first >= lines)
        return;
    if (in_middle) {
        s->switch_line = first;
        s->switch_x = column;
        s->before_switch = s->plan[first];
    }
    int32_t step = ns_to_q8(s, s->profile.headswitch_step_ns);
    step += step * ((int)(chance(s->seed, LAYER_DRUM, jitter_key, 999) & 63) - 32) / 1024;
    if (in_middle) {
        s->plan[first].shift_q8 += step;
        plan_step(s, first + 1, step - step * 84 * (256 - (at_q8 & 255)) / 256 / 1024); /* the rest of a line on */
    } else
        plan_step(s, first, step);
    for (int l = first; l < lines; l++) {
        s->plan[l].noise_gain = (int16_t)VCR_MIN(s->plan[l].noise_gain * (l - first < 2 ? 4 : 2), 20000);
        s->plan[l].colour_q8 = (int16_t)(s->plan[l].colour_q8 * (l - first < 2 ? 1 : 3) / 4);
    }
    if (s->luma_noise_gain)
        s->plan[first].snow_q8 = (int16_t)VCR_MAX(s->plan[first].snow_q8, 110);
}

/* Flagging: while the heads do not come by when the vertical sync does, the television's line oscillator has no lines to follow there, runs on by itself and comes out of the
 * blanking, wherever that has rolled to, beside them. Some microseconds, swaying to both sides over half a second or so; estimated. */
static void plan_flag(struct signal *s, uint64_t field, int32_t loose)
{
    const int first = s->roll_rows ? (s->height - s->roll_rows + BLANK_ROWS) % s->height / 2 : 0;
    const int32_t sway = sine_q14(s, (uint32_t)(field * 0x07000000u)) + (int32_t)(chance(s->seed, LAYER_LOCK, field, 2) & 8191) - 4096;
    plan_step(s, first, (int32_t)((int64_t)ns_to_q8(s, 9000) * loose / 65536 * sway / 16384));
}

/* The servo is not there yet: the picture rolls and tears, the heads cross tracks. */
static void plan_unlocked(struct signal *s, const struct signal_field *f)
{
    int lines = s->lines;
    int32_t loose = VCR_CLAMP(65536 - f->lock_q16, 0, 65536);
    s->roll_rows = 0;
    if (!loose)
        return;
    uint64_t field = (uint64_t)f->field_index;
    int32_t rolled = (int32_t)((int64_t)loose * loose / 65536 * s->height / 65536 * 2);
    s->roll_rows = (int)(((uint64_t)rolled + (chance(s->seed, LAYER_LOCK, field, 1) & 7) * (unsigned)loose / 65536) % (unsigned)s->height) & ~1;
    uint32_t phase = (uint32_t)(field * 0x23456789u);
    int32_t tear = (int32_t)(ns_to_q8(s, 9000) * (int64_t)loose / 65536);
    uint32_t bar = (uint32_t)(field * 0x1c71c71cu); /* a noise bar that passes as the head crosses tracks */
    for (int l = 0; l < lines; l++) {
        struct line_plan *p = &s->plan[l];
        uint64_t h = chance(s->seed, LAYER_LOCK, field, (uint64_t)l + 16);
        p->shift_q8 += (int32_t)((int64_t)tear * sine_q14(s, phase + (uint32_t)l * (0xA0000000u / (unsigned)lines)) / 16384);
        p->shift_q8 += (int32_t)(((int64_t)(h & 255) - 128) * tear / 128 / 24);
        int32_t near = sine_q14(s, bar + (uint32_t)l * (0xffffffffu / (unsigned)lines)) - 16384 + loose / 2;
        int32_t snow = near > 0 ? near / 32 : 0;
        snow += loose > 40000 ? (loose - 40000) / 100 : 0;
        snow += (int32_t)(h >> 8 & 63) * (snow > 0 ? 1 : 0);
        p->snow_q8 = (int16_t)VCR_CLAMP(p->snow_q8 + snow, 0, 256);
        p->noise_gain = (int16_t)VCR_MIN(p->noise_gain + p->noise_gain * (loose / 64) / 512, 20000);
        p->colour_q8 = (int16_t)(p->colour_q8 * VCR_CLAMP((f->lock_q16 - 36000) / 64, 0, 256) / 256);
    }
    plan_flag(s, field, loose);
}

/* A deck without a flying erase head erases with the one that stands across the whole tape, before the drum. What lay between them when a recording began was recorded over only,
 * which luma's carrier stands and colour's, beneath it, does not: it shows through in all the colours of the rainbow, and then goes away from the top of the picture to the
 * bottom while the tape's erased end, which is straight, passes the length of a slanted track. From that head to where the tape comes to the drum it is some 65 mm (estimated); a
 * track is 5.80 m/s (NTSC) or 4.85 m/s (PAL) times a field, 97 mm long. */
static void plan_over(struct signal *s, const struct signal_field *f, uint64_t track)
{
    enum { ERASE_UM = 65000, TRACK_UM = 96500, SOFT_LINES = 6, SHOWN_Q16 = 10240 /* 40 codes, where the old picture was as colourful as most */ };
    static const int32_t speed_um_s[2][3] = { [SIGNAL_NTSC] = { 33350, 16670, 11120 }, [SIGNAL_PAL] = { 23390, 11700, 7800 } };
    if (!s->profile.erase_fixed || f->over_us <= 0 || f->over_us > INT64_C(60000000))
        return;
    const int64_t gone_um = f->over_us * speed_um_s[s->standard == SIGNAL_PAL][VCR_MIN(f->tape_speed, 2)] / 1000000 - ERASE_UM;
    if (gone_um >= TRACK_UM)
        return;
    const int lines = s->lines, first = (int)(VCR_MAX(gone_um, 0) * lines / TRACK_UM), soft = gone_um > 0 ? VCR_MAX(SOFT_LINES * lines / 240, 1) : 1;
    for (int l = first; l < lines; l++)
        s->plan[l].over_q16 = (int16_t)(SHOWN_Q16 * VCR_MIN(l - first + 1, soft) / soft);
    s->before_switch.over_q16 = s->switch_line >= 0 ? s->plan[s->switch_line].over_q16 : 0;
    const uint64_t way = chance(s->seed, LAYER_OVER, 0, 0);
    s->over_line_turn = 0x04000000u + (uint32_t)(way & 0x03ffffff); /* a turn in 32 to 64 lines, */
    s->over_phase = (uint32_t)(way >> 32) + (uint32_t)track * (0x18000000u + (uint32_t)(way >> 8 & 0x1fffffff)); /* and in 5 to 11 fields */
    s->over_track = track;
}

int schedule_dropouts(const struct dropout_list *of, int64_t track, int band, int wear_16, struct dropout *to, int max)
{
    enum { SLOTS = 60, REACH = 4 };
    int lines = of->lines, n = 0;
    /* events a slot, Q32: a minute has 3600 (3000) fields, of whose 525 (625) lines a frame 480 (576) are in the raster and here; 2.5 is the mean reach */
    const bool is_pal = of->standard == SIGNAL_PAL;
    uint64_t per_minute = (uint64_t)of->per_minute * (unsigned)(16 + wear_16 * 12) / 16;
    uint64_t limit = per_minute * 4294967296u * 2 / 5 * (is_pal ? 576 : 480) / (is_pal ? 625 : 525) / ((is_pal ? 3000u : 3596u) * SLOTS);
    for (int reach = 0; reach < REACH; reach++) {
        for (int slot = 0; slot < SLOTS && n < max; slot++) {
            uint64_t h = chance(of->seed, LAYER_DROPOUT, (uint64_t)(track - reach), (uint64_t)slot);
            if ((uint32_t)h >= limit || (int)(h >> 32 & 3) < reach)
                continue;
            uint64_t more = mix64(h);
            int line = slot * lines / SLOTS + (int)(more & 0xff) * lines / SLOTS / 256 + reach * 3 / 2;
            int u = (int)(more >> 8 & 0xff), length = 200 + u * u * u / 14000; /* 15 us, the few long ones 100 us */
            int x = (int)((more >> 20 & 0xffff) * (unsigned)(of->width + 138) >> 16) + reach * 3;
            if (line < lines)
                to[n++] = (struct dropout) { line, x, length * of->width / 720, band, (uint32_t)(more >> 36) };
        }
    }
    return n;
}

void schedule_field(struct signal *s, const struct signal_field *f)
{
    int64_t track = signal_track(s, f->tape_us), place[SIGNAL_BANDS_MAX];
    uint64_t jitter_key = (uint64_t)track;
    if (f->rate != PITCH || f->lock_q16 < 65536)
        jitter_key = mix64(jitter_key ^ (uint64_t)f->field_index << 20);
    s->moved = f->rate == PITCH && f->lock_q16 >= 65536 ? track : f->field_index;
    plan_time_base(s, f, (uint64_t)track, jitter_key);
    plan_rf(s, f);
    plan_unlocked(s, f);
    plan_headswitch(s, jitter_key);
    plan_over(s, f, (uint64_t)track);
    s->dropouts = 0;
    if (s->profile.dropout_per_minute > 0) {
        struct dropout_list of = { s->standard, s->seed, s->profile.dropout_per_minute, s->lines, s->width };
        int n = signal_bands(s, f, place);
        for (int i = 0; i < n; i++)
            s->dropouts += schedule_dropouts(&of, signal_track(s, place[i]), i, VCR_CLAMP(f->wear_16, 0, 16), s->dropout + s->dropouts, DROPOUTS_MAX - s->dropouts);
    }
}
