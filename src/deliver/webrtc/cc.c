/* deliver/webrtc/cc.c - see cc.h. */
#include "deliver/webrtc/cc.h"

#include <math.h>
#include <string.h>

#include "base/util.h"

enum {
    SECOND_US = 1000000,
    FULL_BPS = 2800000,         /* the full picture with sound and headers: rate.c */
    CAME_SLOT_US = 25000,       /* so that what arrives is known over half a second, */
    SENT_SLOT_US = 50000,       /* and what is sent over one */
    LEAST_WINDOW_SLOTS = 4,
    APP_LIMITED_OF_100 = 65,    /* of the estimate: who sends less does not fill it */
    BUSY_BPS = 400000,          /* and of what is sent less, nothing can be learnt then: rate.c */
    RTT_FIRST_US = 200000, RTT_MOST_US = 2000000,
    REDUCE_AGAIN_US = 100000,   /* and a round trip: what was changed must be seen first */
    RUN_GAP_US = 10000, RUN_LEAST = 8, RUN_LEAST_BYTES = 6000, RUN_LEAST_US = 2000, RUN_LONG = 16, RUN_FRESH_US = 2500000,
    START_QUEUE_US = 50000,     /* the first run came so much stretched: the line is narrow, not the receiver slow */
    PACE_START_BPS = 15000000, PACE_LEAST_BPS = 300000,
    PACE_FREE_OF_100 = 250,     /* libwebrtc's pacing factor */
    PACE_LIMITED_OF_100 = 125,  /* a key frame at two and a half times what the line carries is a queue each second */
    HOLD_US = 4000000, HOLD_MOST_US = 64000000, JUDGED_US = 4000000, PROBE_MOST_US = 4000000,
    LOSS_US = SECOND_US, LOSS_LEAST = 50, LOSS_MOST_EVERY = 2,
    SILENT_US = 1500000, SILENT_STEP_US = 500000,
};
static const double down = 0.85, up_a_second = 0.08, run_trust = 0.85, start_trust = 0.9;

/* ---- rates ---- */

static void meter_add(struct cc_meter *m, int64_t at_us, int slot_us, size_t bytes)
{
    int64_t slot = at_us / slot_us, ahead = slot - m->newest;
    if (ahead >= CC_METER_SLOTS || ahead <= -2 * CC_METER_SLOTS) /* a pause, or a clock that was set */
        *m = (struct cc_meter) { .newest = slot, .since = slot };
    for (; m->newest < slot; m->newest++)
        m->bytes[(uint64_t)(m->newest + 1) % CC_METER_SLOTS] = 0;
    if (m->newest - slot < CC_METER_SLOTS)
        m->bytes[(uint64_t)slot % CC_METER_SLOTS] += (uint32_t)bytes;
}

static int64_t meter_bps(const struct cc_meter *m, int slot_us)
{
    int64_t bytes = 0, slots = VCR_CLAMP(m->newest - m->since + 1, (int64_t)LEAST_WINDOW_SLOTS, (int64_t)CC_METER_SLOTS);
    for (int i = 0; i < CC_METER_SLOTS; i++)
        bytes += m->bytes[i];
    return bytes * 8 * SECOND_US / (slots * slot_us);
}

static int64_t came_bps(const struct cc *c) { return meter_bps(&c->came, CAME_SLOT_US); }
static int64_t sent_bps(const struct cc *c) { return meter_bps(&c->sent, SENT_SLOT_US); }
static bool is_app_limited(const struct cc *c) { return sent_bps(c) < c->estimate_bps / 100 * APP_LIMITED_OF_100; }

/* What both of the last two runs, or one of them, showed not long ago; 0: nothing. Upwards both must say it, downwards one is enough: a clock may have been set in the other. */
static int64_t both_runs_bps(const struct cc *c, int64_t now_us) { return now_us - c->run_us <= RUN_FRESH_US ? VCR_MIN(c->run_bps[0], c->run_bps[1]) : 0; }
static int64_t some_run_bps(const struct cc *c, int64_t now_us) { return now_us - c->run_us <= RUN_FRESH_US ? VCR_MAX(c->run_bps[0], c->run_bps[1]) : 0; }

/* ---- the estimate ---- */

void cc_init(struct cc *c, int64_t now_us)
{
    *c = (struct cc) {
        .estimate_bps = CC_START_BPS, .delay_bps = CC_START_BPS, .loss_bps = CC_START_BPS, .need_bps = FULL_BPS, .starting = true, .rtt_us = RTT_FIRST_US, .hold_us = HOLD_US,
        .updated_us = now_us, .loss_us = now_us, .next = 0x10000, .trended = 0x10000,
    };
}

static void settle(struct cc *c)
{
    c->delay_bps = VCR_CLAMP(c->delay_bps, (int64_t)CC_LEAST_BPS, (int64_t)CC_MOST_BPS);
    c->loss_bps = VCR_CLAMP(c->loss_bps, (int64_t)CC_LEAST_BPS, (int64_t)CC_MOST_BPS);
    c->estimate_bps = VCR_MIN(c->delay_bps, c->loss_bps);
    c->is_limited &= c->estimate_bps < c->need_bps;
}

/* The line was found to carry no more than the estimates say now. */
static void found_narrow(struct cc *c, int64_t now_us)
{
    bool leap_failed = c->leapt_us && now_us - c->leapt_us < JUDGED_US;
    c->need_bps = VCR_CLAMP(sent_bps(c), (int64_t)FULL_BPS, (int64_t)CC_MOST_BPS);
    c->is_limited = true;
    c->starting = false;
    if (leap_failed)
        c->hold_us = VCR_MIN(2 * c->hold_us, (int64_t)HOLD_MOST_US);
    c->leapt_us = 0;
    c->is_probing = false;
    c->probe_us = now_us + c->hold_us;
    settle(c);
}

/* How full the line was when it was full, as libwebrtc keeps it (link_capacity_estimator.cc). */
static void learn_capacity(struct cc *c, double bps)
{
    const double part = 0.05;
    if (c->capacity_bps <= 0) {
        c->capacity_bps = bps;
        c->capacity_var = 0.4;
    } else {
        c->capacity_bps += part * (bps - c->capacity_bps);
        double off = c->capacity_bps - bps;
        c->capacity_var = VCR_CLAMP((1 - part) * c->capacity_var + part * off * off / c->capacity_bps / 1000, 0.4, 2.5);
    }
}

static double capacity_spread(const struct cc *c) { return 3 * sqrt(c->capacity_var * c->capacity_bps * 1000); }

static void decrease(struct cc *c, int64_t now_us)
{
    int64_t came = came_bps(c);
    bool fills = !is_app_limited(c);
    int64_t run = some_run_bps(c, now_us), base = fills ? came : VCR_MAX(came, run ? run : c->delay_bps);
    if (!fills && sent_bps(c) < BUSY_BPS)
        return;
    if (now_us - c->decreased_us < c->rtt_us + REDUCE_AGAIN_US && base >= c->delay_bps / 2)
        return;
    if (fills && c->capacity_bps > 0 && (double)came < c->capacity_bps - capacity_spread(c))
        c->capacity_bps = 0;
    c->delay_bps = VCR_MIN(c->delay_bps, (int64_t)(down * (double)base));
    c->decreased_us = now_us;
    if (fills)
        learn_capacity(c, (double)came);
    found_narrow(c, now_us);
}

/* Never above what arrives by more than a half (section 5.5), or than runs showed. */
static void increase(struct cc *c, int64_t now_us, int64_t since_us)
{
    double since_s = (double)VCR_MIN(since_us, (int64_t)SECOND_US) / SECOND_US, came = (double)came_bps(c);
    if (c->capacity_bps > 0 && came > c->capacity_bps + capacity_spread(c))
        c->capacity_bps = 0;
    double packet_bits = 9600, response_s = 2 * (double)(c->rtt_us + 100000) / SECOND_US;
    double gain = c->capacity_bps > 0 ? VCR_MAX(packet_bits / response_s, 4000.0) : up_a_second * (double)c->delay_bps;
    double most = 1.5 * came + 10000;
    if (is_app_limited(c))
        most = VCR_MAX(most, run_trust * (double)both_runs_bps(c, now_us));
    c->delay_bps = VCR_MAX(c->delay_bps, (int64_t)VCR_MIN((double)c->delay_bps + gain * since_s, most));
}

static void update_delay(struct cc *c, bool over, int64_t now_us)
{
    int64_t since_us = VCR_MAX(now_us - c->updated_us, INT64_C(0));
    c->updated_us = now_us;
    if (over)
        decrease(c, now_us);
    else if (c->trend.use == TREND_NORMAL)
        increase(c, now_us, since_us);
}

static void update_loss(struct cc *c, int64_t now_us)
{
    if (now_us - c->loss_us < LOSS_US || c->packets_told < LOSS_LEAST)
        return;
    double told = c->packets_told, lost = VCR_MAX(c->packets_lost, 0), chance = 2 * 0.3 * sqrt(told); /* two deviations of a tenth of them */
    double since_s = (double)VCR_MIN(now_us - c->loss_us, (int64_t)LOSS_MOST_EVERY * SECOND_US) / SECOND_US;
    c->packets_told = c->packets_lost = 0;
    c->loss_us = now_us;
    if (lost > told / 10 + chance) {
        c->loss_bps = (int64_t)((double)c->estimate_bps * (1 - 0.5 * lost / told));
        found_narrow(c, now_us);
    } else if (lost < told / 50 + (c->is_limited ? 0 : chance / 2)) {
        c->loss_bps = (int64_t)((double)c->loss_bps * (1 + 0.05 * since_s));
    }
}

/* ---- runs ---- */

static int64_t run_bps_of(const struct cc_run *r)
{
    int64_t span_us = VCR_MAX(r->last_came_us - r->first_came_us, r->last_sent_us - r->first_sent_us);
    return r->bytes * 8 * SECOND_US / VCR_MAX(span_us, (int64_t)RUN_LEAST_US);
}

/* The first run, whole or not: a narrow line stretches it. */
static void start_by_run(struct cc *c, const struct cc_run *r, int64_t now_us)
{
    int64_t stretched_us = (r->last_came_us - r->first_came_us) - (r->last_sent_us - r->first_sent_us);
    int64_t bps = run_bps_of(r);
    if (stretched_us >= START_QUEUE_US && bps < FULL_BPS) {
        c->delay_bps = (int64_t)(start_trust * (double)bps);
        found_narrow(c, now_us);
    } else if (stretched_us < START_QUEUE_US && bps > c->delay_bps) {
        c->delay_bps = c->loss_bps = bps;
        c->starting = false;
    }
    settle(c);
}

static void leap(struct cc *c, int64_t bps, int64_t now_us)
{
    c->is_probing = false;
    c->probe_us = now_us + c->hold_us;
    if (bps <= c->estimate_bps)
        return;
    c->delay_bps = c->loss_bps = bps;
    c->capacity_bps = 0;
    c->leapt_us = now_us;
    settle(c);
}

static void end_run(struct cc *c, int64_t now_us)
{
    const struct cc_run *r = &c->run;
    if (r->packets < RUN_LEAST || r->bytes < RUN_LEAST_BYTES)
        return;
    int64_t bps = run_bps_of(r);
    c->run_bps[1] = c->run_bps[0];
    c->run_bps[0] = bps;
    c->run_us = now_us;
    if (c->starting)
        start_by_run(c, r, now_us);
    if (r->is_probe && c->is_probing)
        leap(c, VCR_MIN((int64_t)(run_trust * (double)bps), 2 * c->estimate_bps), now_us);
}

static void add_to_run(struct cc *c, const struct cc_packet *p, int64_t sent_us, int64_t came_us, int64_t now_us)
{
    struct cc_run *r = &c->run;
    if (r->packets == 0 || sent_us - r->last_sent_us > RUN_GAP_US || p->is_probe != r->is_probe) {
        end_run(c, now_us);
        *r = (struct cc_run) { .first_sent_us = sent_us, .first_came_us = came_us, .last_came_us = came_us, .is_probe = p->is_probe };
    } else {
        r->bytes += p->bytes;
    }
    r->packets++;
    r->last_sent_us = sent_us;
    r->last_came_us = VCR_MAX(r->last_came_us, came_us);
}

/* ---- packets out, feedback in ---- */

uint16_t cc_sent(struct cc *c, size_t bytes, int64_t now_us)
{
    uint64_t n = c->next++;
    c->packets[n % CC_PACKETS] = (struct cc_packet) { .sent_us = (uint32_t)now_us, .bytes = (uint16_t)bytes, .state = CC_SENT, .is_probe = c->is_probing };
    c->in_flight_us = c->in_flight_us ? c->in_flight_us : now_us;
    meter_add(&c->sent, now_us, SENT_SLOT_US, bytes);
    return (uint16_t)n;
}

/* NULL: not ours, or too long ago. */
static struct cc_packet *packet_of(struct cc *c, uint16_t number, uint64_t *ret_n)
{
    uint16_t ago = (uint16_t)((uint16_t)c->next - number);
    struct cc_packet *p = &c->packets[(c->next - ago) % CC_PACKETS];
    *ret_n = c->next - ago;
    return ago > 0 && ago <= CC_PACKETS && p->state != CC_UNKNOWN ? p : NULL;
}

/* A packet not come yet may be told again as come. */
static void packet_lost(struct cc *c, struct cc_packet *p)
{
    if (p->state != CC_SENT)
        return;
    p->state = CC_LOST;
    c->packets_told++;
    c->packets_lost++;
}

/* Returns whether a growing queue was seen. */
static bool packet_came(struct cc *c, struct cc_packet *p, uint64_t n, int64_t came_us, int64_t now_us)
{
    int64_t sent_us = now_us - (int64_t)(uint32_t)((uint32_t)now_us - p->sent_us);
    if (p->state == CC_CAME)
        return false;
    if (p->state == CC_LOST)
        c->packets_lost--;
    else
        c->packets_told++;
    p->state = CC_CAME;
    meter_add(&c->came, came_us, CAME_SLOT_US, p->bytes);
    if (n < c->trended) /* overtaken: it says little of the queue */
        return false;
    c->trended = n + 1;
    add_to_run(c, p, sent_us, came_us, now_us);
    return !p->is_probe && trend_packet(&c->trend, sent_us, came_us) && c->trend.use == TREND_OVER;
}

static int64_t unwrap_reference(struct cc *c, uint32_t reference)
{
    uint32_t mask = (1u << RTCP_CC_REFERENCE_BITS) - 1, ahead = (reference - c->last_reference) & mask;
    int64_t moved = ahead > mask / 2 ? (int64_t)ahead - mask - 1 : (int64_t)ahead;
    c->reference = c->reports ? c->reference + moved : INT64_C(1) << RTCP_CC_REFERENCE_BITS; /* so that no time is below 0 soon */
    c->last_reference = reference;
    return c->reference * RTCP_CC_REFERENCE_US;
}

static void take_rtt(struct cc *c, int64_t trip_us) { c->rtt_us += (VCR_CLAMP(trip_us, INT64_C(0), (int64_t)RTT_MOST_US) - c->rtt_us) / 8; }

void cc_feedback(struct cc *c, struct rtcp_cc f, int64_t now_us)
{
    int64_t base_us = unwrap_reference(c, f.reference), at_us = 0, newest_us = -1;
    bool over = false, came;
    uint16_t number;
    int known = 0;
    uint64_t n;
    c->reports++;
    while (rtcp_cc_next(&f, &number, &came, &at_us)) {
        struct cc_packet *p = packet_of(c, number, &n);
        if (!p)
            continue;
        known++;
        if (!came) {
            packet_lost(c, p);
            continue;
        }
        newest_us = now_us - (int64_t)(uint32_t)((uint32_t)now_us - p->sent_us);
        over |= packet_came(c, p, n, base_us + at_us, now_us);
    }
    c->refused += known == 0;
    if (newest_us < 0)
        return;
    take_rtt(c, now_us - newest_us);
    if (c->heard && now_us - c->heard_us > SILENT_US)
        trend_restart(&c->trend);
    c->heard = true;
    c->heard_us = now_us;
    c->in_flight_us = 0;
    if (c->starting && c->run.packets >= RUN_LONG)
        start_by_run(c, &c->run, now_us);
    update_delay(c, over, now_us);
    update_loss(c, now_us);
    settle(c);
}

/* ---- time ---- */

static void fade(struct cc *c, int64_t now_us)
{
    if (now_us - c->silent_us < SILENT_STEP_US)
        return;
    c->silent_us = now_us;
    c->delay_bps = (int64_t)(down * (double)c->estimate_bps);
    found_narrow(c, now_us);
}

void cc_tick(struct cc *c, int64_t now_us)
{
    if (!c->heard)
        return;
    if (c->in_flight_us && now_us - c->in_flight_us > SILENT_US) {
        fade(c, now_us);
        return;
    }
    if (c->leapt_us && now_us - c->leapt_us >= JUDGED_US) { /* it was right */
        c->leapt_us = 0;
        c->hold_us = HOLD_US;
        c->probe_us = now_us;
    }
    if (c->is_limited && !c->is_probing && !c->leapt_us && c->trend.use == TREND_NORMAL && now_us >= c->probe_us) {
        c->is_probing = true;
        c->probe_us = now_us;
    } else if (c->is_probing && now_us - c->probe_us >= PROBE_MOST_US) { /* there was no run to see it by */
        leap(c, c->estimate_bps + c->estimate_bps / 4, now_us);
    }
}

int64_t cc_limit_bps(const struct cc *c) { return c->is_limited ? c->estimate_bps : 0; }

int64_t cc_pace_bps(const struct cc *c)
{
    if (!c->heard)
        return PACE_START_BPS;
    bool is_careful = c->is_limited && !c->is_probing;
    return VCR_MAX(c->estimate_bps / 100 * (is_careful ? PACE_LIMITED_OF_100 : PACE_FREE_OF_100), (int64_t)PACE_LEAST_BPS);
}
