/* signal/audio.c - the tape's sound: the door. Which track is heard, the passes of the generations in series, and the cutting of the sound into pieces. */
#include "signal/audio_internal.h"

#include <math.h>
#include <string.h>

enum { FADE = 240, JUMP = 48, CROSS = 240 };

enum vcr_err signal_audio_open(struct signal_audio **ret, enum signal_standard standard, uint64_t seed, struct vcr_why *why)
{
    struct signal_audio *a = calloc(1, sizeof(*a));
    if (!a)
        return vcr_fail(why, VCR_E_NOMEM, "signal: no memory for sound");
    a->standard = standard;
    a->seed = seed;
    a->passes = 1;
    a->fade = FADE;
    a->joint = JOINT_SAMPLES;
    linear_open(a);
    signal_audio_set_profile(a, &(struct signal_profile){ .name = "none" });
    *ret = a;
    return VCR_OK;
}

void signal_audio_close(struct signal_audio **a)
{
    free(*a);
    *a = NULL;
}

static void reckon(struct signal_audio *a)
{
    a->is.track = a->profile.audio_track;
    linear_amounts(a);
    hifi_amounts(a);
    a->running = false;
}

void signal_audio_set_profile(struct signal_audio *a, const struct signal_profile *p)
{
    a->profile = *p;
    reckon(a);
}

void signal_audio_set_tape_speed(struct signal_audio *a, uint8_t tape_speed)
{
    if (VCR_MIN(tape_speed, 2) == a->tape_speed)
        return;
    a->tape_speed = VCR_MIN(tape_speed, 2);
    reckon(a);
}

void signal_audio_set_heads(struct signal_audio *a, int32_t tracking_error_q8, int32_t wear_16)
{
    a->tracking_error_q8 = VCR_CLAMP(tracking_error_q8, -256, 256);
    a->wear_16 = VCR_CLAMP(wear_16, 0, 16);
}

void signal_audio_set_pass(struct signal_audio *a, uint64_t pass)
{
    a->pass_seed = pass;
}

void signal_audio_set_generation(struct signal_audio *a, int generation)
{
    int passes = VCR_CLAMP(generation, 0, SOUND_PASSES - 1) + 1;
    a->running = a->running && passes == a->passes;
    a->passes = passes;
}

void signal_audio_set_tape(struct signal_audio *a, uint64_t seed)
{
    if (seed == a->seed)
        return;
    a->seed = seed;
    if (!a->running)
        return;
    a->running = false;
    a->faded_out = true;
    a->joint = 0;
}

void signal_audio_reset(struct signal_audio *a)
{
    a->running = false;
}

bool signal_audio_fell_back(const struct signal_audio *a)
{
    return a->is.track == SIGNAL_TRACK_AUTO && a->running && a->pass[a->passes - 1].linear_to > 0;
}

/* The last pass is this tape's, the ones before it those of the tapes that it was copied from. */
static void begin(struct signal_audio *a, int64_t n)
{
    for (int i = 0; i < a->passes; i++) {
        struct sound_pass *p = &a->pass[i];
        bool last = i == a->passes - 1;
        memset(p, 0, sizeof(*p));
        p->seed = last ? a->seed : chance(a->seed, LAYER_PASS, (uint64_t)i, 0);
        linear_begin(a, p, n);
        hifi_begin(a, p, n, last);
    }
    a->running = true;
}

static void mono(int count, double x[2][SOUND_BLOCK], double to[2][SOUND_BLOCK])
{
    for (int i = 0; i < count; i++)
        to[0][i] = (x[0][i] + x[1][i]) * 0.5;
}

/* Hi-Fi, or linear where it was lost; over the first samples of a field from one to the other. */
static void choose(const struct signal_audio *a, const struct sound_pass *p, int64_t n, int count, const double linear[SOUND_BLOCK], double x[2][SOUND_BLOCK])
{
    int64_t in_field = n - field_start(a, p->field);
    if (p->linear_from <= 0 && p->linear_to <= 0)
        return;
    for (int i = 0; i < count; i++) {
        double t = in_field + i < CROSS ? (double)(in_field + i) / CROSS : 1, share = p->linear_from + (p->linear_to - p->linear_from) * t;
        for (int c = 0; c < 2; c++)
            x[c][i] += (linear[i] - x[c][i]) * share;
    }
}

static void pass_piece(struct signal_audio *a, struct sound_pass *p, enum signal_audio_track track, int64_t n, int count, bool last, double x[2][SOUND_BLOCK])
{
    double linear[2][SOUND_BLOCK];
    if (track == SIGNAL_TRACK_OFF) {
        linear_piece(a, p, n, count, 2, x);
    } else if (track != SIGNAL_TRACK_HIFI) {
        mono(count, x, linear);
        linear_piece(a, p, n, count, 1, linear);
    }
    if (track == SIGNAL_TRACK_LINEAR) {
        memcpy(x[0], linear[0], sizeof(x[0]));
        memcpy(x[1], linear[0], sizeof(x[1]));
        return;
    }
    for (int64_t field = field_of(a, n); p->field < field;)
        hifi_field(a, p, p->field + 1, last);
    hifi_piece(a, p, n, count, last, x);
    if (track == SIGNAL_TRACK_AUTO)
        choose(a, p, n, count, linear[0], x);
}

static int16_t rounded(double v)
{
    v = VCR_CLAMP(v, -32768, 32767);
    return (int16_t)(v < 0 ? v - 0.5 : v + 0.5);
}

/* What the heads hear where a recording begins. */
static double joint_at(struct signal_audio *a, enum signal_audio_track track)
{
    double pop = 3300;
    int i = a->joint++;
    if (track == SIGNAL_TRACK_OFF)
        return 0;
    if (track == SIGNAL_TRACK_LINEAR)
        return a->thump[i];
    if (i >= 16)
        return 0;
    while (i--)
        pop *= -0.7;
    return pop;
}

/* Samples until the next multiple of SOUND_BLOCK or the next field. */
static int piece_at(const struct signal_audio *a, int64_t n)
{
    int64_t block = (floor_by(n, SOUND_BLOCK) + 1) * SOUND_BLOCK, field = field_start(a, field_of(a, n) + 1);
    return (int)(VCR_MIN(block, field) - n);
}

/* From sample n of the tape on; begins anew unless it goes on from the last call. */
static void play(struct signal_audio *a, enum signal_audio_track track, int64_t n, const int16_t *in, int16_t *out, int frames)
{
    if (!a->running || track != a->heard || n != a->next)
        begin(a, n);
    a->heard = track;
    if (a->faded_out)
        a->fade = 0;
    a->faded_out = false;
    for (int done = 0, count; done < frames; done += count, n += count, in += 2 * count, out += 2 * count) {
        double x[2][SOUND_BLOCK], joint = 0;
        count = VCR_MIN(piece_at(a, n), frames - done);
        for (int i = 0; i < 2 * count; i++)
            x[i & 1][i >> 1] = in[i];
        for (int i = 0; i < a->passes; i++)
            pass_piece(a, &a->pass[i], track, n, count, i == a->passes - 1, x);
        for (int i = 0; i < 2 * count; i++) {
            double v = x[i & 1][i >> 1];
            if (a->joint < JOINT_SAMPLES && !(i & 1))
                joint = joint_at(a, track);
            out[i] = rounded((a->fade < FADE ? v * a->fade / FADE : v) + joint);
            a->fade += i & 1 && a->fade < FADE;
        }
    }
    a->next = n;
}

void signal_audio_render(struct signal_audio *a, enum signal_sound sound, int64_t tape_us, const int16_t *in, int16_t *out, int frames)
{
    int64_t n = floor_by(tape_us * 6 + 62, 125);
    if (sound == SIGNAL_SOUND_MUTED) {
        memset(out, 0, (size_t)frames * 2 * sizeof(*out));
        a->running = false;
        a->faded_out = true;
        a->joint = JOINT_SAMPLES;
        return;
    }
    enum signal_audio_track track = a->is.track != SIGNAL_TRACK_OFF && sound == SIGNAL_SOUND_LINEAR ? SIGNAL_TRACK_LINEAR : a->is.track;
    if (a->searches)
        a->running = false;
    a->searches = 0;
    bool goes_on = n - a->next <= JUMP && a->next - n <= JUMP;
    play(a, track, goes_on && a->running && track == a->heard ? a->next : n, in, out, frames);
}

/* What the head meets from sample `from` of the stretch on, for as long as one sample lasts: the mean of the whole samples in it, the parts at its ends by weight; of less than a sample
 * a straight line. In 1/65536 of a sample. */
static int32_t met(const int16_t *in, int in_frames, int64_t from, int64_t length, int c)
{
    int64_t sum = 0, last = ((int64_t)in_frames << 16) - 1;
    from = VCR_CLAMP(from, 0, last);
    if (length <= 65536) {
        int64_t i = from >> 16, t = from & 65535, next = VCR_MIN(i + 1, in_frames - 1);
        return (int32_t)((in[2 * i + c] * (65536 - t) + in[2 * next + c] * t) >> 16);
    }
    int64_t to = VCR_MIN(from + length, last), at = from;
    while (at < to) {
        int64_t end = VCR_MIN(((at >> 16) + 1) << 16, to);
        sum += in[2 * (at >> 16) + c] * (end - at);
        at = end;
    }
    return (int32_t)(sum / (to > from ? to - from : 1));
}

void signal_audio_search(struct signal_audio *a, int32_t rate, int64_t tape_us, const int16_t *in, int in_frames, int16_t *out, int frames)
{
    int64_t step = rate < 0 ? -(int64_t)rate : rate, whole = (int64_t)in_frames << 16;
    int8_t way = rate < 0 ? -1 : 1;
    if (in_frames <= 0 || !rate) {
        signal_audio_render(a, SIGNAL_SOUND_MUTED, tape_us, in, out, frames);
        return;
    }
    for (int i = 0; i < 2 * frames; i++) {
        int64_t at = (i >> 1) * step;
        out[i] = (int16_t)met(in, in_frames, way > 0 ? at : whole - at - step, step, i & 1);
    }
    if (a->searches != way)
        a->running = false, a->faded_out = true;
    a->searches = way;
    a->joint = JOINT_SAMPLES;
    play(a, a->is.track == SIGNAL_TRACK_OFF ? SIGNAL_TRACK_OFF : SIGNAL_TRACK_LINEAR, a->running ? a->next : floor_by(tape_us * 6 + 62, 125), out, out, frames);
}
