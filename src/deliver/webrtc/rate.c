/* deliver/webrtc/rate.c - see rate.h. */
#include "deliver/webrtc/rate.h"

#include "base/util.h"

enum {
    LEAST_BPS = 250000,         /* below that there is no picture worth sending; what is lost then is weigh_loss's matter (report.c) */
    ANY_BPS = 10000000,         /* a line that carries this carries everything we send */
    SURE_OF_100 = 85,           /* what is sent differs from second to second: an estimate is a limit only below this part of it */
    TRY_EVERY_US = 5000000,
    UP_EVERY_US = 1000000,
    FULL_BPS = 2800000,         /* the full picture (session/internal.h) with sound and headers */
};

void rate_line_heard(struct rate_line *l, int64_t estimate_bps, int64_t sent_bps, int64_t now_us)
{
    bool is_limit = estimate_bps > 0 && sent_bps > 0 && estimate_bps < sent_bps * SURE_OF_100 / 100;
    if (is_limit || (l->limit_bps && estimate_bps > l->limit_bps)) {
        l->limit_bps = VCR_MAX(estimate_bps, (int64_t)LEAST_BPS);
        l->checked_us = now_us;
    }
    if (l->limit_bps >= ANY_BPS)
        l->limit_bps = 0;
}

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
