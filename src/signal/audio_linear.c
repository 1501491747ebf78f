/* signal/audio_linear.c - the linear track: its band, wow and flutter, hiss, and the buzz of the picture's field pulses.
 *
 * Wow and flutter is a delay that follows the integral of the capstan's error, the one that the picture has. */
#include <math.h>

#include "signal/audio_internal.h"
#include "signal/exact.h"

enum { HARMONICS = 24, DELAY_LEAST = 8 };

/* Robert Bristow-Johnson's forms; q by place in a Butterworth chain. */
static struct biquad pass_filter(double hz, double q, bool low)
{
    double c = exact_cos(hz / SOUND_RATE), alpha = exact_sin(hz / SOUND_RATE) / (2 * q), a0 = 1 + alpha;
    double b = (low ? 1 - c : 1 + c) / 2 / a0;
    return (struct biquad) { .b0 = b, .b1 = low ? 2 * b : -2 * b, .b2 = b, .a1 = -2 * c / a0, .a2 = (1 - alpha) / a0 };
}

static double biquad_power(const struct biquad *f, double hz)
{
    double c1 = exact_cos(hz / SOUND_RATE), c2 = 2 * c1 * c1 - 1;
    double up = f->b0 * f->b0 + f->b1 * f->b1 + f->b2 * f->b2 + 2 * (f->b0 * f->b1 + f->b1 * f->b2) * c1 + 2 * f->b0 * f->b2 * c2;
    double down = 1 + f->a1 * f->a1 + f->a2 * f->a2 + 2 * (f->a1 + f->a1 * f->a2) * c1 + 2 * f->a2 * c2;
    return up / down;
}

double a_weighting_power(double hz)
{
    double f2 = hz * hz, top = 12194.0 * 12194 * f2 * f2;
    double r = top / ((f2 + 20.6 * 20.6) * (f2 + 12194.0 * 12194));
    return r * r / ((f2 + 107.7 * 107.7) * (f2 + 737.9 * 737.9)) * 1.5849;
}

/* Weighting of IEC 386 (DIN 45507), amplitude: its points joined by straight lines over log f. */
static double flutter_weighting(double hz)
{
    static const double point[][2] = { { 0.1, -48 }, { 0.2, -30.6 }, { 0.315, -19.7 }, { 0.4, -15 }, { 0.63, -8.4 }, { 0.8, -6 }, { 1, -4.2 }, { 1.6, -1.8 }, { 2, -0.9 },
        { 4, 0 }, { 6.3, -0.9 }, { 10, -2.1 }, { 20, -5.9 }, { 40, -10.4 }, { 63, -14.2 }, { 100, -17.3 } };
    for (size_t i = 1; i < ARRAY_LEN(point); i++)
        if (hz >= point[i - 1][0] && hz <= point[i][0]) {
            double t = (exact_log2(hz) - exact_log2(point[i - 1][0])) / (exact_log2(point[i][0]) - exact_log2(point[i - 1][0]));
            return exact_db(point[i - 1][1] + t * (point[i][1] - point[i - 1][1]));
        }
    return 0;
}

/* Weighted rms of the capstan's error over its peak. */
static double capstan_wrms(void)
{
    double power = 0;
    for (int i = 0; i < CAPSTAN_PARTS; i++) {
        double w = capstan_part[i].share * flutter_weighting(capstan_part[i].hz);
        power += w * w / 2;
    }
    return sqrt(power);
}

double signal_capstan_wrms_percent(const struct signal_profile *p)
{
    return floor(capstan_peak_ppm(p, (uint8_t)p->tape_speed) * 0.1 * capstan_wrms() + 0.5) / 1000;
}

/* The peak of the capstan's error as the sound has it, as a fraction. */
static double flutter_peak(const struct signal_profile *p, uint8_t tape_speed)
{
    if (p->flutter_mpercent <= 0)
        return p->flutter_mpercent < 0 ? 0 : capstan_peak_ppm(p, tape_speed) * 1e-6;
    struct signal_profile one = { .capstan_error_ppm = 10000 };
    return p->flutter_mpercent * 1e-5 / capstan_wrms() * capstan_peak_ppm(&one, tape_speed) / capstan_peak_ppm(&one, (uint8_t)p->tape_speed);
}

static void hiss_amounts(struct sound_amounts *is, int32_t db10)
{
    double heard = 0;
    int bands = 0;
    for (double f = 10; f < SOUND_RATE / 2; f += 20, bands++)
        heard += a_weighting_power(f) * (is->hiss_band ? biquad_power(&is->hiss_low, f) : 1);
    is->hiss = 32767 * M_SQRT1_2 * exact_db(-db10 / 10.0) / sqrt(heard / bands) / TRIANGLE_RMS;
}

static double buzz_power(void)
{
    double power = 0;
    for (int h = 1; h <= HARMONICS; h++)
        power += 0.5 / h / h;
    return power;
}

/* One field of the pulses' harmonics, by units. */
static void buzz_wave(struct signal_audio *a)
{
    int units = field_units(a);
    double turn[FIELD_UNITS_MAX];
    for (int i = 0; i < units; i++)
        turn[i] = exact_cos((double)i / units);
    for (int i = 0; i < units; i++)
        for (int h = 1; h <= HARMONICS; h++)
            a->buzz[i] += turn[h * i % units] / h;
}

void linear_amounts(struct signal_audio *a)
{
    static const double speed_band[3] = { 1, 0.7, 0.5 };     /* 10, 7, 5 kHz, estimated */
    static const int32_t speed_hiss_db10[3] = { 0, 25, 45 }; /* SP 43..46, LP 42, EP 40 dB, estimated */
    const struct signal_profile *p = &a->profile;
    struct sound_amounts *is = &a->is;
    int home = VCR_MIN(p->tape_speed, 2), now = a->tape_speed;
    is->band = p->linear_high_hz > 0;
    double hz = VCR_CLAMP(p->linear_high_hz * (speed_band[now] / speed_band[home]), 100, 22000);
    is->high = pass_filter(70, M_SQRT1_2, false);
    is->low[0] = pass_filter(hz, 0.54119610, true);
    is->low[1] = pass_filter(hz, 1.30656296, true);
    is->hiss_low = pass_filter(hz, M_SQRT1_2, true);
    is->hiss_band = is->band;
    is->hiss = 0;
    if (p->hiss_db10 > 0)
        hiss_amounts(is, VCR_MAX(p->hiss_db10 - speed_hiss_db10[now] + speed_hiss_db10[home], 1));
    is->buzz = p->buzz_db10 > 0 ? 32767 * M_SQRT1_2 * exact_db(-p->buzz_db10 / 10.0) / sqrt(buzz_power()) : 0;
    double peak = flutter_peak(p, a->tape_speed), swing = 0;
    for (int i = 0; i < CAPSTAN_PARTS; i++) {
        is->flutter_share[i] = peak * capstan_part[i].share * SOUND_RATE / (2 * M_PI * capstan_part[i].hz);
        swing += is->flutter_share[i];
    }
    is->delay = peak > 0 ? VCR_MIN(floor(swing) + 1 + DELAY_LEAST, FLUTTER_RING / 2) : 0;
}

/* Weights of a sample t of the way between the sixth and the seventh of twelve: a sinc under a raised cosine of second order. */
static void flutter_kernel(struct signal_audio *a)
{
    for (int phase = 0; phase <= FLUTTER_PHASES; phase++) {
        double sum = 0;
        for (int k = 0; k < FLUTTER_TAPS; k++) {
            double x = k - (FLUTTER_TAPS / 2 - 1) - (double)phase / FLUTTER_PHASES;
            double window = 0.42 + 0.5 * exact_cos(x / (FLUTTER_TAPS + 1)) + 0.08 * exact_cos(2 * x / (FLUTTER_TAPS + 1));
            a->kernel[phase][k] = window * (x * x < 1e-12 ? 1 : exact_sin(x / 2) / (M_PI * x));
            sum += a->kernel[phase][k];
        }
        for (int k = 0; k < FLUTTER_TAPS; k++)
            a->kernel[phase][k] /= sum;
    }
}

void linear_open(struct signal_audio *a)
{
    double x = 0, y = 1300, shrink = exact_exp2(-1 / (0.0069 * SOUND_RATE)), c = exact_cos(40.0 / SOUND_RATE) * shrink, s = exact_sin(40.0 / SOUND_RATE) * shrink;
    for (int i = 0; i < JOINT_SAMPLES; i++) { /* 40 Hz, gone after 10 ms by e; estimated */
        a->thump[i] = x;
        double turned = x * c + y * s;
        y = y * c - x * s;
        x = turned;
    }
    flutter_kernel(a);
    buzz_wave(a);
}

/* At the start of a block of the tape. */
static double delay_at(const struct signal_audio *a, const struct sound_pass *p, int64_t block)
{
    double d = a->is.delay;
    for (int i = 0; i < CAPSTAN_PARTS; i++)
        d += a->is.flutter_share[i] * exact_cos(capstan_phase(p->seed, i, block * SOUND_BLOCK * 125 / 6) / 4294967296.0);
    return VCR_CLAMP(d, DELAY_LEAST, FLUTTER_RING - FLUTTER_TAPS);
}

void linear_begin(const struct signal_audio *a, struct sound_pass *p, int64_t n)
{
    int64_t block = floor_by(n, SOUND_BLOCK);
    p->delay[1] = delay_at(a, p, block + (n == block * SOUND_BLOCK ? 0 : 1));
    p->delay[0] = delay_at(a, p, block);
}

static void flush(struct biquad_state *s)
{
    s->s1 = fabs(s->s1) < 1e-12 ? 0 : s->s1;
    s->s2 = fabs(s->s2) < 1e-12 ? 0 : s->s2;
}

static void flutter(const struct signal_audio *a, struct sound_pass *p, int64_t n, int count, int channels, double x[2][SOUND_BLOCK])
{
    int in_block = (int)(n - floor_by(n, SOUND_BLOCK) * SOUND_BLOCK);
    for (int c = 0; c < channels; c++) {
        double *ring = p->ring[c];
        for (int i = 0; i < count; i++) {
            unsigned at = (unsigned)((uint64_t)(n + i) % FLUTTER_RING);
            ring[at] = x[c][i];
            if (at < FLUTTER_TAPS) /* the beginning again behind the end: the taps lie in one piece */
                ring[at + FLUTTER_RING] = x[c][i];
            double back = p->delay[0] + (p->delay[1] - p->delay[0]) * (in_block + i) / SOUND_BLOCK;
            int whole = (int)back;
            double t = (1 - (back - whole)) * FLUTTER_PHASES;
            int phase = VCR_MIN((int)t, FLUTTER_PHASES - 1);
            const double *k0 = a->kernel[phase], *k1 = a->kernel[phase + 1];
            const double *from = ring + (uint64_t)(n + i - whole - FLUTTER_TAPS / 2) % FLUTTER_RING;
            double y0[2] = { 0, 0 }, y1[2] = { 0, 0 };
            for (int k = 0; k < FLUTTER_TAPS; k += 2)
                for (int j = 0; j < 2; j++) {
                    y0[j] += k0[k + j] * from[k + j];
                    y1[j] += k1[k + j] * from[k + j];
                }
            double y = y0[0] + y0[1];
            x[c][i] = y + (y1[0] + y1[1] - y) * (t - phase);
        }
    }
}

static void hiss(const struct signal_audio *a, struct sound_pass *p, int64_t n, int count, int channels, double x[2][SOUND_BLOCK])
{
    uint64_t key = chance(p->seed, LAYER_HISS, 0, 0);
    for (int i = 0; i < count; i++) {
        uint64_t h = mix64(key + (uint64_t)((n + i) >> 1));
        double white = a->is.hiss * triangle((uint32_t)((n + i) & 1 ? h >> 32 : h));
        double y = a->is.hiss_band ? biquad_step(&a->is.hiss_low, &p->hiss_low[0], white) : white;
        for (int c = 0; c < channels; c++)
            x[c][i] += y;
    }
}

/* channels: 1 for the track itself, which is mono, 2 for the stages alone. */
void linear_piece(const struct signal_audio *a, struct sound_pass *p, int64_t n, int count, int channels, double x[2][SOUND_BLOCK])
{
    const struct sound_amounts *is = &a->is;
    bool first = n % SOUND_BLOCK == 0;
    for (int c = 0; c < channels && is->band; c++) {
        if (first) {
            flush(&p->high[c]);
            flush(&p->low[c][0]);
            flush(&p->low[c][1]);
        }
        struct biquad_state high = p->high[c], low0 = p->low[c][0], low1 = p->low[c][1];
        for (int i = 0; i < count; i++) { /* one loop: the processor works on the three of neighbouring samples at once */
            double y = channels == 1 ? biquad_step(&is->high, &high, x[c][i]) : x[c][i];
            x[c][i] = biquad_step(&is->low[1], &low1, biquad_step(&is->low[0], &low0, y));
        }
        p->high[c] = high, p->low[c][0] = low0, p->low[c][1] = low1;
    }
    if (is->delay > 0) {
        if (first) {
            p->delay[0] = p->delay[1];
            p->delay[1] = delay_at(a, p, n / SOUND_BLOCK + 1);
        }
        flutter(a, p, n, count, channels, x);
    }
    if (is->hiss > 0)
        hiss(a, p, n, count, channels, x);
    for (int i = 0, at = phase_of(a, n); i < count && is->buzz > 0; i++, at += sample_units(a))
        for (int c = 0; c < channels; c++)
            x[c][i] += is->buzz * a->buzz[at]; /* a piece ends with the field */
}
