/* signal/audio.c - the tape's sound: the linear track's band, hiss, buzz, wow and flutter; the Hi-Fi track's small tick at the head switch.
 *
 * Linear sound is one mono track. It passes a delay line whose length follows the capstan's error (the picture has the same one), so it comes
 * DELAY samples (4 ms) late. What is random hangs on the place on the tape. */
#include <math.h>
#include <string.h>

#include "signal/internal.h"

enum { RATE = 48000, RING = 1024, DELAY = 192, BLOCK = 16, HARMONICS = 6 };

struct biquad {
    double b0, b1, b2, a1, a2, x1, x2, y1, y2;
};

struct signal_audio {
    /* set by open, then read-only */
    enum signal_standard standard;
    uint64_t seed;
    /* set by set_profile */
    struct signal_profile profile;
    uint8_t tape_speed;
    double hiss, buzz; /* amplitudes, int16 codes */
    /* carried from call to call */
    struct biquad high, low[2], hiss_low;
    double ring[RING];
    unsigned at;
};

/* Robert Bristow-Johnson's forms; q by place in a Butterworth chain. */
static struct biquad pass(double hz, double q, bool low)
{
    double w = 2 * M_PI * hz / RATE, c = cos(w), alpha = sin(w) / (2 * q), a0 = 1 + alpha;
    double b = (low ? 1 - c : 1 + c) / 2 / a0;
    return (struct biquad) { .b0 = b, .b1 = low ? 2 * b : -2 * b, .b2 = b, .a1 = -2 * c / a0, .a2 = (1 - alpha) / a0 };
}

static inline double step(struct biquad *f, double x)
{
    double y = f->b0 * x + f->b1 * f->x1 + f->b2 * f->x2 - f->a1 * f->y1 - f->a2 * f->y2;
    f->x2 = f->x1, f->x1 = x;
    f->y2 = f->y1, f->y1 = y;
    return y;
}

static double a_weighting_power(double f)
{
    double f2 = f * f, top = 12194.0 * 12194 * f2 * f2;
    double r = top / ((f2 + 20.6 * 20.6) * sqrt((f2 + 107.7 * 107.7) * (f2 + 737.9 * 737.9)) * (f2 + 12194.0 * 12194));
    return r * r * 1.5849;
}

/* Peak of uniform white noise which, after a second-order low-pass at hz, lies db10 below a full-scale sine, A-weighted. */
static double hiss_amplitude(int32_t db10, double hz)
{
    double heard = 0, all = 0;
    for (double f = 10; f < RATE / 2; f += 20) {
        double r = f / hz;
        heard += a_weighting_power(f) / (1 + r * r * r * r);
        all += 1;
    }
    double rms = 32767 * M_SQRT1_2 * pow(10, -db10 / 200.0);
    return rms * sqrt(all / heard) * sqrt(3);
}

enum vcr_err signal_audio_open(struct signal_audio **ret, enum signal_standard standard, uint64_t seed, struct vcr_why *why)
{
    struct signal_audio *a = calloc(1, sizeof(*a));
    if (!a)
        return vcr_fail(why, VCR_E_NOMEM, "signal: no memory for sound");
    a->standard = standard;
    a->seed = seed;
    signal_audio_set_profile(a, signal_profile_at(0));
    *ret = a;
    return VCR_OK;
}

void signal_audio_close(struct signal_audio **a)
{
    free(*a);
    *a = NULL;
}

void signal_audio_set_profile(struct signal_audio *a, const struct signal_profile *p)
{
    static const double speed_band[3] = { 1, 0.7, 0.5 }; /* 10, 7, 5 kHz, estimated */
    static const int32_t speed_hiss_db10[3] = { 0, 25, 45 }; /* SP 43..46, LP 42, EP 40 dB, estimated */
    a->profile = *p;
    double hz = p->linear_high_hz > 0 ? VCR_CLAMP(p->linear_high_hz * speed_band[a->tape_speed], 1000, 20000) : 20000;
    a->high = pass(70, M_SQRT1_2, false);
    a->low[0] = pass(hz, 0.54119610, true);
    a->low[1] = pass(hz, 1.30656296, true);
    a->hiss_low = pass(hz, M_SQRT1_2, true);
    a->hiss = p->hiss_db10 > 0 ? hiss_amplitude(VCR_MAX(p->hiss_db10 - speed_hiss_db10[a->tape_speed], 1), hz) : 0;
    a->buzz = p->buzz_db10 > 0 ? 32767 * pow(10, -p->buzz_db10 / 200.0) : 0;
}

void signal_audio_set_tape_speed(struct signal_audio *a, uint8_t tape_speed)
{
    struct signal_profile p = a->profile;
    if (VCR_MIN(tape_speed, 2) == a->tape_speed)
        return;
    a->tape_speed = VCR_MIN(tape_speed, 2);
    signal_audio_set_profile(a, &p);
}

void signal_audio_reset(struct signal_audio *a)
{
    struct signal_profile p = a->profile;
    memset(a->ring, 0, sizeof(a->ring));
    signal_audio_set_profile(a, &p);
}

static double turns(uint32_t phase) { return 2 * M_PI * phase / 4294967296.0; }

/* Delay of the sound at a place, in samples: the integral of the speed error. */
static double delay_at(const struct signal_audio *a, int64_t tape_us)
{
    double d = DELAY, peak = capstan_peak_ppm(&a->profile, a->tape_speed) * 1e-6;
    for (int i = 0; i < CAPSTAN_PARTS; i++)
        d += peak * capstan_part[i].share * RATE / (2 * M_PI * capstan_part[i].hz) *
             cos(turns(capstan_phase(a->seed, i, tape_us)));
    return VCR_CLAMP(d, 4, RING - 8);
}

static double ring_at(const struct signal_audio *a, double delay)
{
    double place = (double)RING + a->at - delay, whole = floor(place), t = place - whole;
    unsigned i = (unsigned)whole;
    double p0 = a->ring[(i - 1) % RING], p1 = a->ring[i % RING], p2 = a->ring[(i + 1) % RING], p3 = a->ring[(i + 2) % RING];
    return p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)));
}

/* Field pulses of the video getting into the sound head: a few harmonics of the field rate. */
static double buzz_at(const struct signal_audio *a, int64_t sample)
{
    int64_t period_milli = a->standard == SIGNAL_PAL ? 960000 : 800800;
    double x = 2 * M_PI * (double)(sample * 1000 % period_milli) / (double)period_milli, sum = 0;
    for (int h = 1; h <= HARMONICS; h++)
        sum += cos(h * x) / h;
    return a->buzz * sum / 1.7;
}

static int16_t clip(double v)
{
    return (int16_t)lrint(VCR_CLAMP(v, -32768, 32767));
}

static double white(uint64_t seed, int64_t sample)
{
    return (double)(int32_t)(uint32_t)chance(seed, LAYER_HISS, (uint64_t)sample, 0) / 2147483648.0;
}

static void render_linear(struct signal_audio *a, int64_t tape_us, const int16_t *in, int16_t *out, int frames)
{
    int64_t first = (tape_us * 6 + 62) / 125;
    double d0 = delay_at(a, tape_us), buzz0 = a->buzz > 0 ? buzz_at(a, first) : 0;
    for (int i = 0; i < frames; i += BLOCK) {
        int n = VCR_MIN(BLOCK, frames - i);
        double d1 = delay_at(a, tape_us + (int64_t)(i + n) * 125 / 6), buzz1 = a->buzz > 0 ? buzz_at(a, first + i + n) : 0;
        for (int k = 0; k < n; k++) {
            double x = (in[2 * (i + k)] + in[2 * (i + k) + 1]) * 0.5, t = (double)k / n;
            a->ring[a->at % RING] = step(&a->low[1], step(&a->low[0], step(&a->high, x)));
            double y = ring_at(a, d0 + (d1 - d0) * t);
            a->at = (a->at + 1) % RING;
            if (a->hiss > 0)
                y += step(&a->hiss_low, a->hiss * white(a->seed, first + i + k));
            y += buzz0 + (buzz1 - buzz0) * t;
            out[2 * (i + k)] = out[2 * (i + k) + 1] = clip(y);
        }
        d0 = d1;
        buzz0 = buzz1;
    }
}

/* Clean but for a tick of four samples, 70 dB down, where the heads take over from each other. */
static void render_hifi(const struct signal_audio *a, int64_t tape_us, const int16_t *in, int16_t *out, int frames)
{
    static const int16_t tick[4] = { 9, -10, 6, -3 };
    int64_t first = (tape_us * 6 + 62) / 125;
    for (int i = 0; i < frames; i++) {
        int64_t in_field = a->standard == SIGNAL_PAL ? (first + i) % 960 : (first + i) * 5 % 4004 / 5;
        int add = a->profile.hifi && in_field < 4 ? tick[in_field] : 0;
        for (int c = 0; c < 2; c++)
            out[2 * i + c] = (int16_t)VCR_CLAMP(in[2 * i + c] + add, -32768, 32767);
    }
}

void signal_audio_render(struct signal_audio *a, enum signal_sound sound, int64_t tape_us, const int16_t *in, int16_t *out, int frames)
{
    if (sound == SIGNAL_SOUND_LINEAR)
        render_linear(a, tape_us, in, out, frames);
    else if (sound == SIGNAL_SOUND_HIFI)
        render_hifi(a, tape_us, in, out, frames);
    else
        memset(out, 0, (size_t)frames * 2 * sizeof(*out));
}
