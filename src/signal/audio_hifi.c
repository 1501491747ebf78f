/* signal/audio_hifi.c - the Hi-Fi track: two FM carriers under the picture, written and read by heads on the drum.
 *
 * What the recorder's compressor does the player's expander undoes, so the programme comes through as it was; what the tape added in between does not: its noise comes out
 * with half the programme's level (in dB), breathing with it. Where the heads take over from each other there is a click, where oxide is missing a pop,
 * and where the heads find too little for too long a deck goes over to the linear track. */
#include <math.h>

#include "signal/audio_internal.h"
#include "signal/exact.h"

enum {
    LOST_BELOW_Q8 = 128,  /* of the heads' overlap: half of it. The picture goes later */
    LOST_FIELDS = 8, LOST_US = 300, /* so much missing within so many fields: estimated */
    BACK_FIELDS = 30,     /* and so long it stays with the linear track: estimated */
    POP_TAIL = 16,
    CLICK_SAMPLES = 4,
};
#define LEVEL_FLOOR (-16.0)               /* log2 of what the expander takes for silence */
#define RELEASE (0.004 / 0.080 * 1.442695040888963407) /* of that log, a block: 80 ms to fall by e */
#define DETECTOR_UNIT (32767 * 0.636619772367581343 * 1.7908) /* what it finds in a full-scale sine of 1 kHz */

void hifi_amounts(struct signal_audio *a)
{
    const struct signal_profile *p = &a->profile;
    struct sound_amounts *is = &a->is;
    double heard = 0;
    int bands = 0;
    is->click = p->hifi_click_db10 > 0 ? 32767 * exact_db(-p->hifi_click_db10 / 10.0) : 0;
    is->noise = 0;
    a->head_width = tracks_head_width(a->standard, p, a->tape_speed);
    for (double f = 10; p->hifi_noise_db10 > 0 && f < SOUND_RATE / 2; f += 20, bands++)
        heard += a_weighting_power(f);
    if (bands)
        is->noise = 32767 * M_SQRT1_2 * exact_db(-p->hifi_noise_db10 / 10.0) / sqrt(heard / bands) / TRIANGLE_RMS;
    is->dropout_per_minute = is->track == SIGNAL_TRACK_OFF ? 0 : p->dropout_per_minute;
}

/* What the heads find, of 256; they are as wide as those of the picture. Other decks' recordings were on their tracks. */
static int envelope_q8(const struct signal_audio *a, bool last)
{
    return last ? tracks_worn_q8(tracks_overlap_q8(a->head_width, (int64_t)a->tracking_error_q8 * (TRACK_PITCH / 256)), 16 * VCR_CLAMP(a->wear_16, 0, 16)) : 256;
}

/* A dropout that the circuit's hold bridges leaves little; the long ones are loud. Of 100 us: a quarter of full scale, estimated. */
static void add_pop(const struct signal_audio *a, struct sound_pass *p, int64_t field, const struct dropout *d)
{
    double line = field_units(a) / (double)sample_units(a) / (a->standard == SIGNAL_PAL ? 312.5 : 262.5), us = d->length / 13.5;
    uint64_t h = mix64(chance(p->seed, LAYER_POP, (uint64_t)field, d->shape));
    double size = 8192 * VCR_MIN(us * us / 10000, 2);
    if (p->pops == 2 * POPS_MAX)
        return;
    p->pop[p->pops++] = (struct pop){ field_start(a, field) + (int64_t)((d->line + d->x / 858.0) * line),
        { size * triangle((uint32_t)h) / 65536, size * triangle((uint32_t)(h >> 32)) / 65536 } };
}

void hifi_field(const struct signal_audio *a, struct sound_pass *p, int64_t field, bool last)
{
    struct dropout found[POPS_MAX];
    struct dropout_list of = { a->standard, p->seed, a->is.dropout_per_minute, a->standard == SIGNAL_PAL ? 288 : 240, 720 };
    int wear = last ? VCR_CLAMP(a->wear_16, 0, 16) : 0, bad = 0, recent = 0, kept = 0;
    int n = of.per_minute > 0 && field >= 0 ? schedule_dropouts(&of, field, 0, wear, found, POPS_MAX) : 0;
    for (int i = 0; i < p->pops; i++)
        if (p->pop[i].at + POP_TAIL >= field_start(a, field))
            p->pop[kept++] = p->pop[i];
    p->pops = kept;
    for (int i = 0; i < n; i++) {
        add_pop(a, p, field, &found[i]);
        bad += found[i].length * 2 / 27;
    }
    p->linear_from = p->linear_to;
    p->linear_to = field - p->last_lost <= BACK_FIELDS ? 1 : 0;
    if (envelope_q8(a, last) < LOST_BELOW_Q8)
        bad = 16000;
    p->bad_us[(uint64_t)field % BAD_FIELDS] = bad;
    for (int i = 0; i < LOST_FIELDS; i++)
        recent += p->bad_us[(uint64_t)(field - i) % BAD_FIELDS];
    if (recent > LOST_US)
        p->last_lost = field;
    p->field = field;
}

void hifi_begin(const struct signal_audio *a, struct sound_pass *p, int64_t n, bool last)
{
    int64_t field = field_of(a, n);
    p->last_lost = INT64_MIN / 2;
    for (int64_t f = field - BACK_FIELDS - LOST_FIELDS; f <= field; f++)
        hifi_field(a, p, f, last);
    for (int c = 0; c < 2; c++) {
        p->level[c] = LEVEL_FLOOR;
        p->gain[c][0] = p->gain[c][1] = exact_exp2(LEVEL_FLOOR / 2);
    }
}

/* The detector weights by 240 and 24 us and takes the mean over 4 ms; its release goes by dB, so that silence or a louder sound makes it forget altogether. */
static void detect(struct sound_pass *p, int c, int64_t n, int count, const double *x)
{
    static const double k1 = 2 * SOUND_RATE * 240e-6, k2 = 2 * SOUND_RATE * 24e-6;
    const double b0 = (1 + k1) / (1 + k2), b1 = (1 - k1) / (1 + k2), a1 = (1 - k2) / (1 + k2);
    if (n % DETECT_BLOCK == 0) {
        double mean = p->sum[c] / (DETECT_BLOCK * DETECTOR_UNIT), now = mean > 1e-9 ? exact_log2(mean) : LEVEL_FLOOR;
        p->level[c] = VCR_MAX(VCR_MAX(now, p->level[c] - RELEASE), LEVEL_FLOOR);
        p->gain[c][0] = p->gain[c][1];
        p->gain[c][1] = exact_exp2(p->level[c] / 2);
        p->sum[c] = 0;
        if (fabs(p->shelf_y[c]) < 1e-9)
            p->shelf_y[c] = 0;
    }
    double before = p->shelf_x[c], y = p->shelf_y[c], sum = p->sum[c];
    for (int i = 0; i < count; i++) {
        y = b0 * x[i] + b1 * before - a1 * y;
        before = x[i];
        sum += fabs(y);
    }
    p->shelf_x[c] = before;
    p->shelf_y[c] = y;
    p->sum[c] = sum;
}

static void add_noise(const struct signal_audio *a, struct sound_pass *p, int64_t n, int count, bool last, double x[2][SOUND_BLOCK])
{
    int envelope = envelope_q8(a, last), in_block = (int)(n - floor_by(n, DETECT_BLOCK) * DETECT_BLOCK), phase = phase_of(a, n);
    uint64_t key = chance(p->seed, LAYER_HIFI, a->pass_seed, 0);
    double size = a->is.noise * 256 / VCR_MAX(envelope, 24), rough = 0;
    if (envelope < LOST_BELOW_Q8) /* the demodulator without carrier, for as much of a field as the head is off its track */
        rough = 0.15 * (LOST_BELOW_Q8 - envelope) / LOST_BELOW_Q8;
    for (int i = 0; i < count; i++) {
        uint64_t h = mix64(key + (uint64_t)(n + i));
        double white[2] = { triangle((uint32_t)h), triangle((uint32_t)(h >> 32)) };
        double lost = rough > 0 && phase + i * sample_units(a) < field_units(a) * 2 / 5 ? rough : 0;
        for (int c = 0; c < 2; c++)
            x[c][i] += white[c] * (size * (p->gain[c][0] + (p->gain[c][1] - p->gain[c][0]) * (in_block + i) / DETECT_BLOCK) + lost);
    }
}

static void add_clicks(const struct signal_audio *a, int64_t n, int count, double x[2][SOUND_BLOCK])
{
    static const double shape[CLICK_SAMPLES] = { 0.9, -1, 0.6, -0.3 };
    int units = a->standard == SIGNAL_PAL ? 873 : 3608; /* lines 284 of 312.5, 236.5 of 262.5 */
    int64_t at = floor_by(field_of(a, n) * field_units(a) + units + sample_units(a) - 1, sample_units(a));
    for (int64_t k = VCR_MAX(0, n - at); k < CLICK_SAMPLES && at + k < n + count; k++)
        for (int c = 0; c < 2; c++)
            x[c][at + k - n] += a->is.click * shape[k];
}

static void add_pops(struct sound_pass *p, int64_t n, int count, double x[2][SOUND_BLOCK])
{
    for (int j = 0; j < p->pops; j++) {
        const struct pop *pop = &p->pop[j];
        for (int64_t k = VCR_MAX(0, n - pop->at); k < POP_TAIL && pop->at + k < n + count; k++) {
            double tail = 1; /* 56 us: 2.7 samples */
            for (int i = 0; i < k; i++)
                tail *= 0.689;
            for (int c = 0; c < 2; c++)
                x[c][pop->at + k - n] += pop->size[c] * tail * VCR_MAX(p->gain[c][1], 0.1);
        }
    }
}

void hifi_piece(const struct signal_audio *a, struct sound_pass *p, int64_t n, int count, bool last, double x[2][SOUND_BLOCK])
{
    for (int c = 0; c < 2; c++)
        detect(p, c, n, count, x[c]);
    if (a->is.noise > 0 || (a->is.track != SIGNAL_TRACK_OFF && envelope_q8(a, last) < LOST_BELOW_Q8))
        add_noise(a, p, n, count, last, x);
    if (a->is.click > 0)
        add_clicks(a, n, count, x);
    if (p->pops)
        add_pops(p, n, count, x);
}
