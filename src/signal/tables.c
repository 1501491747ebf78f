/* signal/tables.c - everything that is computed once: filters to their -3 dB points, noise of the right colour, weights of the sub-sample shift.
 *
 * Floating point lives here and only here; what comes out is rounded to int16, and the pictures are made from that. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "signal/exact.h"
#include "signal/internal.h"

static const double luma_hz = 13.5e6, chroma_hz = 6.75e6;
enum { NOISE_HALF = 2 * CHROMA_HALF };
/* Corners, in turns a sample, above which 17 taps do (2.2 MHz), and above which 25 do at one go (1.5 MHz). */
static const double short_above = 2.2 / 13.5, once_above = 1.5 / 13.5;

/* Amplitude at f (turns a sample) of the symmetric filter k, k[0] the centre. */
static double amplitude(const double *k, int half, double f)
{
    double sum = k[0];
    for (int j = 1; j <= half; j++)
        sum += 2 * k[j] * cos(2 * M_PI * f * j);
    return sum;
}

static void windowed_sinc(double *k, int half, double cut)
{
    double sum = 0;
    for (int j = 0; j <= half; j++) {
        k[j] = (j ? sin(2 * M_PI * cut * j) / (M_PI * j) : 2 * cut) * (0.54 + 0.46 * cos(M_PI * j / (half + 1)));
        sum += j ? 2 * k[j] : k[j];
    }
    for (int j = 0; j <= half; j++)
        k[j] /= sum;
}

/* The filter whose response at f is `there`, found by halving: a short window moves the corner, so the sinc's own corner is not it. */
static void low_pass(double *k, int half, double f, double there)
{
    double low = 0.0005, high = 0.4999;
    for (int i = 0; i < 40; i++) {
        double cut = (low + high) / 2;
        windowed_sinc(k, half, cut);
        if (amplitude(k, half, f) < there)
            low = cut;
        else
            high = cut;
    }
}

/* To Q16 with the sum exact, so that flat areas keep their level. */
static void to_q16(const double *k, int half, int16_t *q)
{
    int sum = 0;
    for (int j = 1; j <= half; j++) {
        q[j] = (int16_t)lrint(k[j] * 65536);
        sum += 2 * q[j];
    }
    q[0] = (int16_t)((65536 - sum) / 2);
}

/* FM noise rises with frequency (triangular); the de-emphasis (1.3 us, X = 4) turns it down above 120 kHz, by a shelf: what make_fm does, at f hertz, in power. */
static double deemphasis_pole(void)
{
    return exp(-1 / (luma_hz * 1.3e-6));
}

static double fm_noise_power(double f)
{
    double w = 2 * M_PI * f / luma_hz, pole = deemphasis_pole();
    double re = 1 - pole * cos(w), im = pole * sin(w), size = re * re + im * im, shelf = 0.75 * (1 - pole) / size;
    double total = (0.25 + shelf * re) * (0.25 + shelf * re) + shelf * im * shelf * im;
    return 2 * (1 - cos(w)) * total;
}

/* ITU-R Rec. 567 unified weighting network, power. */
static double weighting_power(double f)
{
    const double a = 4.5, w = 2 * M_PI * f * 245e-9;
    return (1 + (w / a) * (w / a)) / (1 + (1 + 1 / a) * (1 + 1 / a) * w * w);
}

/* rms of the noise as it is over its weighted rms to 5 MHz. */
static double unweighted_ratio(const double *k, int half)
{
    double all = 0, weighted = 0;
    for (double f = 5e3; f < luma_hz / 2; f += 1e4) {
        double h = k ? amplitude(k, half, f / luma_hz) : 1, p = fm_noise_power(f) * h * h;
        all += p;
        weighted += f <= 5e6 ? p * weighting_power(f) : 0;
    }
    return sqrt(all / weighted);
}

static double gaussian(uint64_t n)
{
    uint64_t h1 = mix64(2 * n), h2 = mix64(2 * n + 1);
    int64_t a = -6 * 32768;
    for (int j = 0; j < 3; j++)
        a += (int64_t)((h1 >> 16 * j & 0xffff) + (h2 >> 16 * j & 0xffff));
    return (double)a / 46341.0; /* six uniform values: rms 0.7071 of 65536 */
}

/* FM noise, in place of white: a differentiator (amplitude in proportion to frequency), then the de-emphasis. */
static void make_fm(const float *white, float *to, int n)
{
    const float pole = (float)deemphasis_pole();
    float deemphasised = 0;
    to[0] = 0;
    for (int i = 1; i < n; i++) {
        float d = white[i] - white[i - 1];
        deemphasised = pole * deemphasised + (1 - pole) * d;
        to[i] = 0.25f * d + 0.75f * deemphasised;
    }
}

/* Fills table, of n, with noise of NOISE_RMS that the filter has passed; raw has a lead before and after. Block by block, with loops that vectorise. */
static void shape_noise(int16_t *table, int n, const float *raw, const double *k, int half)
{
    enum { BLOCK = 256 };
    float tap[NOISE_HALF + 1], sum[BLOCK];
    double power = 0;
    for (int pass = 0; pass < 2; pass++) { /* the first on a part, for the level */
        float scale = pass ? (float)(NOISE_RMS / sqrt(power / (NOISE_SAMPLES / 4))) : 1;
        for (int j = 0; j <= half; j++)
            tap[j] = (float)k[j] * scale;
        for (int at = 0; at < (pass ? n : NOISE_SAMPLES / 4); at += BLOCK) {
            const float *from = raw + WHITE_LEAD + at;
            int m = VCR_MIN(BLOCK, n - at);
            for (int i = 0; i < m; i++)
                sum[i] = tap[0] * from[i];
            for (int j = 1; j <= half; j++)
                for (int i = 0; i < m; i++)
                    sum[i] += tap[j] * (from[i - j] + from[i + j]);
            for (int i = 0; i < m; i++)
                if (pass)
                    table[at + i] = (int16_t)VCR_CLAMP(sum[i] + (sum[i] < 0 ? -0.5f : 0.5f), -32000.0f, 32000.0f);
                else
                    power += (double)sum[i] * sum[i];
        }
    }
}

static int32_t noise_gain(int32_t db10, double ratio)
{
    if (db10 <= 0)
        return 0;
    double rms = 219 * pow(10, -db10 / 200.0) * ratio * (1 << LINE_SHIFT);
    return (int32_t)lrint(VCR_CLAMP(rms / NOISE_RMS * 65536, 0, 12000));
}

/* Of the noise table, for an rms that is given; Q13 to Q15. */
static int16_t streak_gain(double rms) { return (int16_t)lrint(VCR_CLAMP(32768 * rms / NOISE_RMS * 8192, 0, 32767)); }

/* NTSC turns the hue. PAL's error has the other sign on every second line: the mean of two keeps the hue and loses length. */
static void phase_error(struct signal *s, int32_t mdeg)
{
    double angle = mdeg * M_PI / 180e3, along = cos(angle);
    int quarters = (int)lrint(angle / (M_PI / 2)) & 3;
    bool pal = s->standard == SIGNAL_PAL;
    double rest = angle - M_PI / 2 * (double)lrint(angle / (M_PI / 2));
    s->phase_quarters = pal ? (along < 0) * 2 : quarters;
    s->phase_sin_q15 = pal ? 0 : (int32_t)lrint(32768 * sin(rest));
    s->phase_less_q15 = (int32_t)lrint(32768 * ((pal ? fabs(along) : cos(rest)) - 1));
}

/* A step of the mean whose weights fall by the factor `step` from one sample of it to the next; exactly 32768 together. */
static void decay(int16_t w[4], int terms, double step)
{
    double sum = 0, size = 1;
    int others = 0;
    for (int i = 0; i < terms; i++, size *= step)
        sum += size;
    size = step;
    for (int i = 1; i < 4; i++, size *= step)
        others += w[i] = (int16_t)(i < terms ? lrint(size / sum * 32768) : 0);
    w[0] = (int16_t)VCR_MIN(32768 - others, 32767);
}

/* Main emphasis: 1.3 us, X = 4. Its inverse has a pole p at 1.3 us, and it one at 4 p - 3, so that a step begins at four times its height. */
static void make_emphasis(struct signal *s, double scale)
{
    const bool svhs = s->profile.luma_mtf_khz >= 4500; /* 210 and -70 % (sourced); VHS 160 and -40 % (estimated) */
    const int white = 219 << (LINE_SHIFT - 2);
    double p = exact_exp2(-1.4426950408889634 * scale / (luma_hz * 1.3e-6)), fast = VCR_MAX(4 * p - 3, 0), slow = p;
    s->emphasis.white = (int16_t)(white * (svhs ? 210 : 160) / 100);
    s->emphasis.dark = (int16_t)(-white * (svhs ? 70 : 40) / 100);
    for (int i = 0; i < 2; i++, fast *= fast * fast * fast)
        decay(s->emphasis.fast[i], 4, fast);
    for (int i = 0; i < 4; i++, slow *= slow * slow * slow)
        decay(s->emphasis.slow[i], i < 3 ? 4 : 2, slow);
}

/* What is a filter's twice over is one filter of twice the reach. */
static void squared(const double *k, int half, double *ret)
{
    for (int j = 0; j <= 2 * half; j++) {
        ret[j] = 0;
        for (int i = j - half; i <= half; i++)
            ret[j] += k[abs(i)] * k[abs(j - i)];
    }
}

/* -3 dB at f, in turns a sample, and half a percent of the power at most above 1.5 f: that takes so many taps. Its response goes to k; returns how far that reaches. */
static int luma_filter(struct luma_filter *l, double f, double k[NOISE_HALF + 1])
{
    double one[CHROMA_HALF + 1];
    l->half = f < short_above ? CHROMA_HALF : LUMA_HALF;
    l->times = f < once_above ? 2 : 1;
    low_pass(one, l->half, f, l->times == 2 ? sqrt(M_SQRT1_2) : M_SQRT1_2);
    to_q16(one, l->half, l->taps);
    if (l->times == 2)
        squared(one, l->half, k);
    else
        memcpy(k, one, (size_t)(l->half + 1) * sizeof(*k));
    return l->half * l->times;
}

void tables_profile(struct signal *s)
{
    static const double speed_mtf[3] = { 1, 0.92, 0.80 }; /* SP LP EP: 240, 220, 192 lines; LP and EP weakly sourced */
    const struct signal_profile *p = &s->profile;
    const double scale = 720.0 / s->width; /* megahertz belong to the line, whatever number of samples it has */
    const double flat_chroma[CHROMA_HALF + 1] = { 1 };
    double k[NOISE_HALF + 1], luma[NOISE_HALF + 1] = { 1 };
    int luma_half = 0;
    for (int i = 0; i < 3 && p->luma_mtf_khz > 0; i++) {
        double f = VCR_CLAMP(p->luma_mtf_khz * 1e3 * speed_mtf[i] / speed_mtf[p->tape_speed] * scale / luma_hz, 0.03, 0.45);
        int half = luma_filter(&s->luma[i], f, k);
        if (i == p->tape_speed) { /* the noise is shaped by the one that the numbers are for */
            memcpy(luma, k, sizeof(luma));
            luma_half = half;
        }
    }
    s->luma_noise_gain = noise_gain(p->noise_luma_db10, unweighted_ratio(luma, luma_half));
    shape_noise(s->luma_noise, NOISE_SAMPLES + SIGNAL_WIDTH_MAX, s->fm, luma, luma_half);
    const double *chroma = flat_chroma;
    if (p->chroma_bandwidth_khz > 0) {
        low_pass(k, CHROMA_HALF, VCR_CLAMP(p->chroma_bandwidth_khz * 1e3 * scale / chroma_hz, 0.03, 0.45), M_SQRT1_2);
        to_q16(k, CHROMA_HALF, s->chroma_fir);
        chroma = k;
    }
    make_emphasis(s, scale);
    s->chroma_noise_gain = noise_gain(p->noise_chroma_db10, 1);
    shape_noise(s->chroma_noise, NOISE_SAMPLES + SIGNAL_WIDTH_MAX, s->white, chroma, CHROMA_HALF);
    s->streak_am_q13 = streak_gain(p->noise_chroma_am_db10 > 0 ? pow(10, -p->noise_chroma_am_db10 / 200.0) : 0);
    s->streak_pm_q13 = streak_gain(p->noise_chroma_pm_mdeg * M_PI / 180e3);
    s->crosstalk_q16 = (int16_t)(p->chroma_crosstalk_db10 > 0 ? lrint(VCR_CLAMP(65536 * pow(10, -p->chroma_crosstalk_db10 / 200.0), 0, 32767)) : 0);
    phase_error(s, p->chroma_phase_mdeg);
    /* x + g (x - mean of the samples two away): 1 + g (1 - cos) at 2 MHz */
    double at_2mhz = 1 - cos(2 * 2 * M_PI * VCR_MIN(2e6 * scale / luma_hz, 0.35)); /* on rasters that have no 2 MHz, of what they have */
    enum { PEAKING_TIMES_MAX = 16 }; /* 12 dB of 1920 samples: 13 */
    double peaking = (pow(10, p->peaking_db10 / 200.0) - 1) / at_2mhz * 32768;
    s->peaking_times = (int16_t)VCR_CLAMP(ceil(peaking / 32000), 1, PEAKING_TIMES_MAX);
    s->peaking_q15 = (int16_t)lrint(VCR_CLAMP(peaking / s->peaking_times, 0, 32000));
}

/* Catmull-Rom at f/256, Q15, the sum exactly 32768 less the one that does not fit. */
static void cubic_weights(int16_t c[4], int f)
{
    double t = f / 256.0, t2 = t * t, t3 = t2 * t;
    c[0] = (int16_t)lrint(32767 * (-t + 2 * t2 - t3) / 2);
    c[2] = (int16_t)lrint(32767 * (t + 4 * t2 - 3 * t3) / 2);
    c[3] = (int16_t)lrint(32767 * (-t2 + t3) / 2);
    c[1] = (int16_t)(32767 - c[0] - c[2] - c[3]);
}

/* The noise of a demodulator without carrier: its clicks of both signs, each with the tail of the de-emphasis, shortened by the peaking, and some hiss. */
static void make_snow(struct signal *s)
{
    const double tail = exp(-1 / (luma_hz * 0.5e-6));
    double hiss = 0, click = 0, slow = 0, slower = 0;
    for (int i = 0; i < SNOW_SAMPLES + SIGNAL_WIDTH_MAX; i++) {
        uint64_t h = mix64((3u << 20) + (uint64_t)i);
        hiss += 0.6 * (gaussian((9u << 20) + (uint64_t)i) - hiss);
        click *= tail;
        if ((h & 1023) < 110)
            click += ((h >> 10 & 1) ? 1 : -1) * (30 + (double)(h >> 11 & 127));
        s->snow[i] = (uint8_t)lrint(VCR_CLAMP(98 + 34 * hiss + click, 16, 235));
        slow += 0.08 * (gaussian((11u << 20) + (uint64_t)i) - slow);
        slower += 0.08 * (slow - slower);
        s->torn[i] = (int16_t)lrint(VCR_CLAMP(slower * 4 * 2400, -16000, 16000));
    }
}

void tables_open(struct signal *s)
{
    for (int f = 0; f < 256; f++)
        cubic_weights(s->cubic[f], f);
    for (int i = 0; i < 1024; i++)
        s->sine[i] = (int16_t)lrint(16384 * sin(2 * M_PI * i / 1024));
    s->wave_period = s->width * 9 / 20; /* nine tenths of a line of colour: estimated */
    for (int i = 0; i < (int)ARRAY_LEN(s->wave); i++)
        s->wave[i] = (int16_t)lrint(16384 * sin(2 * M_PI * (i % s->wave_period) / s->wave_period));
    for (int i = 0; i < (int)ARRAY_LEN(s->white); i++)
        s->white[i] = (float)gaussian((1u << 20) + (uint64_t)i);
    make_fm(s->white, s->fm, (int)ARRAY_LEN(s->fm));
    make_snow(s);
}
