/* signal/tracks.c - where a head is against the tracks, and what that does: which track it reads, and when its lines begin.
 *
 * Positions across tracks are in 1/65536 of a track pitch (TRACK_PITCH); own tracks, those with the head's azimuth, are two pitches apart. */
#include "signal/internal.h"

enum { PITCH = TRACK_PITCH };

/* By how much lines begin at another time on the head's next own track, 2 pitches on. Tape at v, drum of 62 mm at r turns a second, tracks at an angle of 5 deg 58', fields at f_V:
 *   writing speed    v_w = pi * 62 mm * r - v * cos 5 deg 58'         5.80 m/s NTSC, 4.85 m/s PAL
 *   length of a line H = v_w / f_H                                    369 um NTSC, 310 um PAL
 *   neighbours are displaced along the track by alpha = v / f_V * cos 5 deg 58' / H = 1.500 H in SP, which the format was chosen for, 0.748 H in LP, 0.498 H in EP
 * so own tracks by 3.000, 1.495 and 0.997 H (PAL 3.000, 1.497, 0.997 H), and of that the picture is displaced by what is no whole line: nothing in SP, half a line in LP. (1.51, 0.754
 * and 0.503 H in some tables leave out the cosine.)
 * And the gap is inclined by 6 degrees: off a track's middle by d it meets the recorded lines d * tan 6 deg / v_w earlier, the other head later. That drifts as the head crosses a
 * track, which the television follows, and leaps back by 2 pitches' worth where the next own track begins. */
static const struct crossing {
    int32_t aligned_ns, inclined_ns;
} crossing[2][3] = {
    [SIGNAL_NTSC] = { { 10, 2096 }, { 31480, 1044 }, { -220, 696 } },
    [SIGNAL_PAL] = { { 10, 2110 }, { 31820, 1053 }, { -170, 701 } },
};

/* A bar is some dozens of lines without sync, in which the television's oscillator runs on by itself, a little too fast or too slow: 2 us at most (estimated). What is more than half a
 * line late is, to the television, less than half a line early: in LP, where own tracks are nearly half a line apart, its two fields tear to different sides. */
int32_t tracks_step_ns(const struct signal *s, const struct signal_field *f, int32_t adrift)
{
    enum { ADRIFT_NS = 2000 };
    const struct crossing *c = &crossing[s->standard == SIGNAL_PAL][VCR_MIN(f->tape_speed, 2)];
    const int32_t forwards = c->aligned_ns + (f->field_index & 1 ? c->inclined_ns : -c->inclined_ns), line_ns = s->standard == SIGNAL_PAL ? 64000 : 63556;
    const int32_t step = (tracks_crossed(f) < 0 ? -forwards : forwards) + adrift * ADRIFT_NS / 1024;
    return step > line_ns / 2 ? step - line_ns : step < -line_ns / 2 ? step + line_ns : step;
}

bool tracks_searched(const struct signal_field *f)
{
    return f->rate < 0 || f->rate > PITCH;
}

/* Tape advance of a field times the sine of the tracks' angle: the pitch. */
static int32_t in_pitches(enum signal_standard standard, uint8_t tape_speed, int32_t um10)
{
    static const int32_t pitch_um10[2][3] = { [SIGNAL_NTSC] = { 578, 289, 193 }, [SIGNAL_PAL] = { 486, 243, 162 } };
    return um10 * PITCH / pitch_um10[standard == SIGNAL_PAL][VCR_MIN(tape_speed, 2)];
}

int32_t signal_tracking_q8(int tracking)
{
    return VCR_CLAMP(tracking, -10, 10) * 25;
}

static int64_t at_top(const struct signal *s, const struct signal_field *f)
{
    int64_t at = (int64_t)f->tracking_error_q8 * (PITCH / 256);
    if (tracks_searched(f)) {
        int64_t turn = ((f->rate - PITCH) % (2 * PITCH)) * (f->field_index % (2 * PITCH));
        return at + PITCH / 2 + turn % (2 * PITCH); /* half a pitch: no bar stands half hidden at an edge */
    }
    if (f->rate < PITCH) { /* still and slow: half a bar, parked at the lower edge; it trembles a little */
        int tremble = (int)(chance(s->seed, LAYER_STILL, (uint64_t)f->field_index, 0) & 1023) - 512;
        return at + PITCH / 6 + tremble;
    }
    return at;
}

int64_t tracks_crossed(const struct signal_field *f)
{
    return tracks_searched(f) ? (int64_t)f->rate - PITCH : f->rate < PITCH ? -PITCH : 0;
}

/* Tape guides that are not at the recorder's height bend the track that the head runs along, most at both ends of it, where they are: the half of that is a tilt, the half a curve. In
 * PLAY; the bars of search and still would move by some lines. */
static int64_t bent(const struct signal *s, const struct signal_field *f, int line)
{
    const int64_t most = s->profile.track_bend_um10, down_q12 = s->lines > 1 ? 8192 * line / (s->lines - 1) - 4096 : 0;
    if (f->rate != PITCH || most <= 0)
        return 0;
    return in_pitches(s->standard, f->tape_speed, (int32_t)most) * (down_q12 + down_q12 * down_q12 * down_q12 / (1 << 24)) / (1 << 13);
}

int64_t tracks_at(const struct signal *s, const struct signal_field *f, int line)
{
    return at_top(s, f) + tracks_crossed(f) * line / s->lines + bent(s, f, line);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/* Number of the head's own track under it. */
static int64_t own_track(int64_t at)
{
    return floor_div(at + PITCH, 2 * PITCH);
}

int tracks_band(int64_t at, int64_t top)
{
    int64_t d = own_track(at) - own_track(top);
    d = d < 0 ? -d : d;
    return (int)VCR_MIN(d, SIGNAL_BANDS_MAX - 1);
}

int signal_bands(const struct signal *s, const struct signal_field *f, int64_t ret_tape_us[SIGNAL_BANDS_MAX])
{
    int lines = s->lines, n = 1;
    ret_tape_us[0] = f->tape_us;
    if (!tracks_searched(f))
        return 1;
    int64_t crosses = tracks_crossed(f);
    n = tracks_band(tracks_at(s, f, lines - 1), tracks_at(s, f, 0)) + 1;
    for (int i = 1; i < n; i++)
        ret_tape_us[i] = VCR_MAX(f->tape_us + (crosses < 0 ? -2 : 2) * i * signal_field_us(s), 0);
    return n;
}

int32_t tracks_head_width(enum signal_standard standard, const struct signal_profile *p, uint8_t tape_speed)
{
    return p->head_width_um10 > 0 ? in_pitches(standard, tape_speed, p->head_width_um10) : PITCH;
}

/* Track of p, head of w, their middles apart by off: ((w + p) / 2 - off), at least nothing and at most the narrower of the two. */
static int64_t covered(int64_t head_width, int64_t off)
{
    return VCR_CLAMP((head_width + PITCH) / 2 - off, 0, VCR_MIN(head_width, PITCH));
}

/* The tracks on both sides of an own track were recorded at the other azimuth and give nothing. The next own one does to a head that is wide enough for both: of two carriers FM
 * takes the stronger, and makes noise of two that are alike. */
int tracks_overlap_q8(int32_t head_width, int64_t at)
{
    const int64_t away = at - own_track(at) * 2 * PITCH, off = away < 0 ? -away : away;
    return (int)((covered(head_width, off) - covered(head_width, 2 * PITCH - off)) * 256 / covered(head_width, 0));
}

/* The oxide that is rubbed off and the distance that dirt makes take 4 dB of the carrier in the mean, 10 dB in stripes, whose waves are short; of the colour, whose waves are long and
 * whose amplifier makes good for most of it, a fifth is lost in the end, a third in stripes. Estimated. */
int tracks_worn_q8(int level_q8, int worn_q8)
{
    return level_q8 * (256 - 96 * worn_q8 / 256) / 256;
}

int tracks_worn_colour_q8(int worn_q8)
{
    return 256 - 48 * worn_q8 / 256;
}
