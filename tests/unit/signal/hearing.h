/* tests/unit/signal/hearing.h - instruments for the tape's sound: levels, single frequencies, the A-weighting, a meter of wow and flutter. */
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/util.h"

enum { HEARING_RATE = 48000 };

/* Of every second sample from x on. */
static inline double hearing_rms(const int16_t *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)x[2 * i] * x[2 * i];
    return sqrt(sum / n);
}

/* dB of an rms below that of a full-scale sine (a positive number). */
static inline double hearing_below(double rms) { return -20 * log10(rms / (32767 * M_SQRT1_2)); }

/* Power (amplitude squared over 2) of one frequency by Goertzel under a Hann window. */
static inline double hearing_power(const int16_t *x, int n, double hz)
{
    double k = 2 * cos(2 * M_PI * hz / HEARING_RATE), s1 = 0, s2 = 0;
    for (int i = 0; i < n; i++) {
        double s = x[2 * i] * (1 - cos(2 * M_PI * i / n)) + k * s1 - s2;
        s2 = s1, s1 = s;
    }
    return (s1 * s1 + s2 * s2 - k * s1 * s2) * 2 / n / n;
}

/* A-weighted rms, by the digital filter of the analogue prototype's poles (bilinear), fed at four times the rate so that the top octave is right. */
static inline double hearing_a_rms(const int16_t *x, int n, int skip)
{
    static const double pole[6] = { 20.598997, 20.598997, 107.65265, 737.86223, 12194.217, 12194.217 };
    enum { OVER = 4, TAPS = 16 };
    const double fs = HEARING_RATE * OVER;
    double gain_at = 1000, state_x[6] = { 0 }, state_y[6] = { 0 }, sum = 0;
    double h[OVER][TAPS];
    for (int p = 0; p < OVER; p++)
        for (int k = 0; k < TAPS; k++) {
            double t = k - TAPS / 2 + 1 - (double)p / OVER, w = 0.5 + 0.5 * cos(2 * M_PI * t / (TAPS + 1));
            h[p][k] = (fabs(t) < 1e-9 ? 1 : sin(M_PI * t) / (M_PI * t)) * w;
        }
    double f2 = gain_at * gain_at;
    double r = 12194.217 * 12194.217 * f2 * f2 / ((f2 + 20.598997 * 20.598997) * sqrt((f2 + 107.65265 * 107.65265) * (f2 + 737.86223 * 737.86223)) * (f2 + 12194.217 * 12194.217));
    int count = 0;
    for (int i = TAPS; i < n - TAPS; i++)
        for (int p = 0; p < OVER; p++) {
            double v = 0;
            for (int k = 0; k < TAPS; k++)
                v += h[p][k] * x[2 * (i + k - TAPS / 2 + 1)];
            for (int j = 0; j < 6; j++) { /* four zeros at 0: high-passes; the last two are low-passes */
                double w = tan(M_PI * pole[j] / fs), y;
                if (j < 4)
                    y = (v - state_x[j] + (1 - w) * state_y[j]) / (1 + w);
                else
                    y = (w * (v + state_x[j]) + (1 - w) * state_y[j]) / (1 + w);
                state_x[j] = v, state_y[j] = y;
                v = y;
            }
            if (i >= skip) {
                sum += v * v;
                count++;
            }
        }
    return sqrt(sum / count) / r;
}

/* Weighting curve of IEC 386 (DIN 45507), amplitude: its points joined by straight lines over log f. */
static inline double hearing_flutter_weighting(double f)
{
    static const double point[][2] = { { 0.1, -48 }, { 0.2, -30.6 }, { 0.315, -19.7 }, { 0.4, -15 }, { 0.63, -8.4 }, { 0.8, -6 }, { 1, -4.2 }, { 1.6, -1.8 }, { 2, -0.9 },
        { 4, 0 }, { 6.3, -0.9 }, { 10, -2.1 }, { 20, -5.9 }, { 40, -10.4 }, { 63, -14.2 }, { 100, -17.3 } };
    if (f < point[0][0])
        return 0;
    for (size_t i = 1; i < ARRAY_LEN(point); i++)
        if (f <= point[i][0]) {
            double t = log(f / point[i - 1][0]) / log(point[i][0] / point[i - 1][0]);
            return pow(10, (point[i - 1][1] + t * (point[i][1] - point[i - 1][1])) / 20);
        }
    return 0;
}

enum { FLUTTER_STEP = 320, FLUTTER_STEPS_MAX = 4096 }; /* whole turns of 3150 Hz: 21 */

/* Speed error of a tone of 3150 Hz, one value a step; returns how many. */
static inline int hearing_speed(const int16_t *x, int n, double *error)
{
    double last = 0;
    int steps = VCR_MIN(n / FLUTTER_STEP, FLUTTER_STEPS_MAX) - 1;
    for (int k = 0; k <= steps; k++) {
        double c = 0, s = 0;
        for (int i = k * FLUTTER_STEP; i < (k + 1) * FLUTTER_STEP; i++) {
            c += x[2 * i] * cos(2 * M_PI * 3150 / HEARING_RATE * i);
            s -= x[2 * i] * sin(2 * M_PI * 3150 / HEARING_RATE * i);
        }
        double phase = atan2(s, c);
        if (k)
            error[k - 1] = remainder(phase - last, 2 * M_PI) / (2 * M_PI * 21);
        last = phase;
    }
    return steps;
}

/* Weighted rms of it, percent. */
static inline double hearing_wrms(const double *error, int n)
{
    static double turn[FLUTTER_STEPS_MAX][2];
    double power = 0;
    for (int k = 0; k < n; k++) {
        turn[k][0] = cos(2 * M_PI * k / n);
        turn[k][1] = sin(2 * M_PI * k / n);
    }
    for (int b = 1; b < n / 2; b++) {
        double c = 0, s = 0, w = hearing_flutter_weighting((double)b * HEARING_RATE / FLUTTER_STEP / n);
        for (int k = 0, at = 0; k < n; k++) {
            double e = error[k] * (1 - turn[k][0]);
            c += e * turn[at][0];
            s += e * turn[at][1];
            at = at + b < n ? at + b : at + b - n;
        }
        power += 2 * (c * c + s * s) / n / n * w * w / 1.5;
    }
    return 100 * sqrt(power);
}
