/* deliver/webrtc/trend.c - see trend.h. The constants are libwebrtc's (trendline_estimator.cc), where they have no other source. */
#include "deliver/webrtc/trend.h"

#include <math.h>

#include "base/util.h"

enum { GROUP_US = 5000, BROKEN_US = 500000, GROUPS_COUNTED = 60 };
static const double keep = 0.9, gain = 4, threshold_first = 12.5, threshold_least = 6, threshold_most = 600, adapt_up = 0.0087, adapt_down = 0.039, adapt_reach = 15, adapt_ms = 100,
                    over_least_ms = 10,
                    queue_least_ms = 15, /* a shorter queue than the half of a frame's time is not worth a worse picture */
                    base_up = 0.005;     /* in ms a ms: the clocks' drift, and a line that became longer */

void trend_restart(struct trend *t) { *t = (struct trend) { .threshold = t->threshold }; }

static double slope_of(const struct trend *t)
{
    double x = 0, y = 0, xy = 0, xx = 0;
    for (int i = 0; i < TREND_POINTS; i++) {
        x += t->points[i].at_ms / TREND_POINTS;
        y += t->points[i].delay_ms / TREND_POINTS;
    }
    for (int i = 0; i < TREND_POINTS; i++) {
        xy += (t->points[i].at_ms - x) * (t->points[i].delay_ms - y);
        xx += (t->points[i].at_ms - x) * (t->points[i].at_ms - x);
    }
    return xx > 0 ? xy / xx : t->slope;
}

/* Slower upwards than downwards, and not at all by what is far off: one long gap must not make it deaf. */
static void adapt(struct trend *t, double value, double since_ms)
{
    double off = fabs(value) - t->threshold;
    if (off > adapt_reach)
        return;
    t->threshold = VCR_CLAMP(t->threshold + (off < 0 ? adapt_down : adapt_up) * off * VCR_MIN(since_ms, adapt_ms), threshold_least, threshold_most);
}

static void detect(struct trend *t, double slope, double since_ms)
{
    double value = VCR_MIN(t->groups, GROUPS_COUNTED) * slope * gain;
    if (value > t->threshold) {
        t->over_ms += t->over_groups++ ? since_ms : since_ms / 2;
        if (t->over_ms > over_least_ms && t->over_groups > 1 && slope >= t->slope && t->smoothed_ms - t->base_ms >= queue_least_ms) {
            t->over_ms = 0;
            t->over_groups = 0;
            t->use = TREND_OVER;
        }
    } else {
        t->over_ms = 0;
        t->over_groups = 0;
        t->use = value < -t->threshold ? TREND_UNDER : TREND_NORMAL;
    }
    t->slope = slope;
    adapt(t, value, since_ms);
}

static void add_group(struct trend *t, double sent_ms, double came_ms)
{
    t->delay_ms += came_ms - sent_ms;
    t->smoothed_ms = t->groups ? keep * t->smoothed_ms + (1 - keep) * t->delay_ms : t->delay_ms;
    t->base_ms = VCR_MIN(t->base_ms + base_up * sent_ms, t->delay_ms);
    t->at_ms += came_ms;
    t->points[t->groups % TREND_POINTS].at_ms = t->at_ms;
    t->points[t->groups % TREND_POINTS].delay_ms = t->smoothed_ms;
    t->groups++;
    if (t->groups >= TREND_POINTS)
        detect(t, slope_of(t), sent_ms);
}

bool trend_packet(struct trend *t, int64_t sent_us, int64_t came_us)
{
    int64_t sent = sent_us - t->sent_us, came = came_us - t->came_us;
    bool ends = t->started && sent > GROUP_US;
    t->threshold = t->threshold > 0 ? t->threshold : threshold_first;
    if (t->started && !ends)
        return false;
    bool is_broken = ends && (came - sent > BROKEN_US || sent - came > BROKEN_US);
    if (is_broken)
        trend_restart(t);
    else if (ends)
        add_group(t, (double)sent / 1000, (double)came / 1000);
    if (t->groups >= 1 << 30) /* a year: only its remainder matters */
        t->groups = 1 << 29;
    t->started = true;
    t->sent_us = sent_us;
    t->came_us = came_us;
    return ends && !is_broken;
}
