/* deliver/webrtc/rate.c - see rate.h. */
#include "deliver/webrtc/rate.h"

#include "base/util.h"

enum {
    LEAST_BPS = 250000,         /* below that there is no picture worth sending; what is lost then is weigh_loss's matter (report.c) */
    ANY_BPS = 10000000,         /* a line that carries this carries everything we send */
    SURE_OF_100 = 85,           /* what is sent differs from second to second: an estimate is a limit only below this part of it */
    SAID_MAX_BPS = 2000000000,
    BUSY_BPS = 400000,          /* of what is sent less, an estimate says nothing: Chromium's falls to 5 kbit/s at the end of a tape, of which 30 kbit/s are left */
    FELL_TO_OF_100 = 95,        /* of the estimate before it */
    ROSE_TO_OF_100 = 101,       /* Chromium's can come up by 1 kbit/s a second */
    STILL_US = 2000000,
    TRY_EVERY_US = 5000000,
    UP_EVERY_US = 1000000,
    FULL_BPS = 2800000,         /* the full picture (session/internal.h) with sound and headers */
};

/* Whether an estimate below what is sent is about the line. */
static bool is_about_line(struct rate_line *l, int64_t estimate_bps, int64_t now_us)
{
    int64_t before = l->estimate_bps;
    if (before && estimate_bps > before / 100 * ROSE_TO_OF_100)
        l->still_since_us = 0;
    else if (!l->still_since_us)
        l->still_since_us = now_us;
    bool fell = estimate_bps < before / 100 * FELL_TO_OF_100;
    return fell || (l->still_since_us && now_us - l->still_since_us >= STILL_US);
}

void rate_line_heard(struct rate_line *l, int64_t estimate_bps, int64_t sent_bps, int64_t now_us)
{
    estimate_bps = VCR_MIN(estimate_bps, (int64_t)SAID_MAX_BPS); /* nobody's line */
    bool is_below = estimate_bps > 0 && sent_bps >= BUSY_BPS && estimate_bps < sent_bps * SURE_OF_100 / 100;
    bool is_limit = is_below && is_about_line(l, estimate_bps, now_us);
    l->still_since_us = is_below ? l->still_since_us : 0;
    l->estimate_bps = estimate_bps;
    if (is_limit || (l->limit_bps && estimate_bps > l->limit_bps)) {
        l->limit_bps = VCR_MAX(estimate_bps, (int64_t)LEAST_BPS);
        l->checked_us = now_us;
    }
    if (l->limit_bps >= ANY_BPS)
        l->limit_bps = 0;
}

void rate_line_is(struct rate_line *l, int64_t limit_bps) { l->limit_bps = limit_bps ? VCR_MAX(limit_bps, (int64_t)LEAST_BPS) : 0; }

void rate_line_tick(struct rate_line *l, int64_t now_us)
{
    if (!l->limit_bps || now_us - l->checked_us < TRY_EVERY_US)
        return;
    l->checked_us = now_us;
    l->limit_bps += l->limit_bps / 4;
    if (l->limit_bps >= ANY_BPS)
        l->limit_bps = 0;
}

static int64_t carried(const struct rate_line *l) { return l->limit_bps ? l->limit_bps : ANY_BPS; }

void rate_first_round(struct rate_shared *s, const struct rate_line *l) { s->fastest_bps = VCR_MAX(s->fastest_bps, carried(l)); }

bool rate_second_round(struct rate_shared *s, const struct rate_line *l)
{
    if (l->limit_bps && 2 * l->limit_bps < VCR_MIN(s->fastest_bps, (int64_t)FULL_BPS))
        return false;
    if (l->limit_bps && (!s->bps || l->limit_bps < s->bps))
        s->bps = l->limit_bps;
    return true;
}

bool rate_is_news(int64_t told_bps, int64_t now_bps, int64_t since_us)
{
    int64_t told = told_bps ? told_bps : ANY_BPS, now = now_bps ? now_bps : ANY_BPS;
    if (now < told)
        return told - now >= told / 20;
    return now > told && since_us >= UP_EVERY_US && (now - told >= told / 20 || !now_bps);
}
