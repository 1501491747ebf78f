/* tests/unit/webrtc/sim_line.c - see sim_line.h. */
#include "sim_line.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "deliver/webrtc/rate.h"

enum { STEP_US = 250, FRAME_US = 33367, SOUND_US = 20000, SOUND_BYTES = 280, PACE_US = 5000, GOP = 30, WINDOW_US = 5000, FULL_PICTURE_BPS = 2400000, LEAST_PICTURE_BPS = 200000, LAG = 256 };

static int64_t below(struct sim *s, int64_t n)
{
    s->random = s->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return n > 0 ? (int64_t)((s->random >> 33) % (uint64_t)n) : 0;
}

static bool happens(struct sim *s, int per_mille) { return below(s, 1000) < per_mille; }

void sim_init(struct sim *s, int64_t capacity_bps)
{
    memset(s, 0, sizeof(*s));
    s->capacity_bps = capacity_bps;
    s->queue_us = 300000;
    s->delay_us = 20000;
    s->feedback_every_us = 50000;
    s->clock_us = INT64_C(987654321000);
    s->random = 42;
    s->now_us = s->frame_us = s->sound_us = 1000000;
    cc_init(&s->cc, s->now_us);
    sim_begin_count(s);
}

void sim_begin_count(struct sim *s)
{
    s->queue_most_us = s->sent_bytes = s->came_bytes = s->limit_most_bps = s->burst_most_bytes = 0;
    s->limit_least_bps = INT64_MAX;
    s->queue_sum_us = 0;
    s->packets = s->lost = s->queued = s->sender_dropped = 0;
    s->counted_us = s->now_us;
}

double sim_queue_ms(const struct sim *s) { return s->queued ? s->queue_sum_us / (double)s->queued / 1000 : 0; }

/* ---- the line ---- */

static void fly(struct sim *s, int64_t at_us, uint16_t number, int bytes)
{
    if (s->flying_n == SIM_FLYING)
        abort();
    int i = s->flying_n++;
    for (; i > 0 && s->flying[i - 1].at_us > at_us; i--)
        s->flying[i] = s->flying[i - 1];
    s->flying[i].at_us = at_us;
    s->flying[i].number = number;
    s->flying[i].bytes = bytes;
}

static void enter_line(struct sim *s, uint16_t number, int bytes)
{
    int64_t waits_us = VCR_MAX(s->busy_us - s->now_us, INT64_C(0));
    s->packets++;
    if (waits_us > s->queue_us || happens(s, s->loss_per_mille)) {
        s->lost++;
        return;
    }
    s->bucket = VCR_MIN(s->bucket + s->capacity_bps * (s->now_us - s->bucket_us) / 8000000, (int64_t)s->burst_bytes);
    s->bucket_us = s->now_us;
    bool is_free = s->bucket >= bytes && waits_us == 0;
    if (is_free)
        s->bucket -= bytes;
    else
        s->busy_us = s->now_us + waits_us + (int64_t)bytes * 8000000 / s->capacity_bps;
    s->queue_most_us = VCR_MAX(s->queue_most_us, waits_us);
    s->queue_sum_us += (double)waits_us;
    s->queued++;
    int64_t at_us = (is_free ? s->now_us : s->busy_us) + s->delay_us + below(s, s->jitter_us);
    at_us = VCR_MAX(at_us, s->last_came_us);
    s->last_came_us = at_us;
    fly(s, at_us + (happens(s, s->late_per_mille) ? 15000 : 0), number, bytes);
}

static void send_packet(struct sim *s, int bytes)
{
    s->sent_bytes += bytes;
    enter_line(s, cc_sent(&s->cc, (size_t)bytes, s->now_us), bytes);
}

/* ---- the sender ---- */

static int64_t picture_bps(const struct sim *s)
{
    return s->told_bps ? VCR_CLAMP((s->told_bps - 130000) * 9 / 10, (int64_t)LEAST_PICTURE_BPS, (int64_t)FULL_PICTURE_BPS) : FULL_PICTURE_BPS; /* session/engine.c */
}

static void make_frame(struct sim *s)
{
    int64_t delta = picture_bps(s) / 8 / 33; /* a second of 29 and a key frame of four */
    bool is_key = s->frame++ % GOP == 0;
    if (s->is_still)
        delta = VCR_MIN(delta, INT64_C(400));
    int64_t bytes = delta * (is_key ? (s->is_still ? 40 : 4) : 1);
    bytes = s->is_blank ? 100 : bytes;
    bytes += (below(s, 41) - 20) * bytes / 100;
    if (s->waiting > LAG) { /* the viewer is taken to the next key frame */
        s->sender_dropped += s->waiting;
        s->waiting = 0;
    }
    for (; bytes > 0 && s->waiting < SIM_WAITING; bytes -= SIM_PAYLOAD)
        s->waiting_bytes[s->waiting++] = (int)VCR_MIN(bytes, (int64_t)SIM_PAYLOAD) + SIM_HEAD;
}

static void send_waiting(struct sim *s)
{
    int n = 0;
    for (; n < s->waiting && (s->is_unpaced || pace_may(&s->pace, cc_pace_bps(&s->cc), s->now_us)); n++) {
        send_packet(s, s->waiting_bytes[n]);
        pace_sent(&s->pace, cc_pace_bps(&s->cc), (size_t)s->waiting_bytes[n]);
        s->window_bytes += s->waiting_bytes[n];
    }
    memmove(s->waiting_bytes, s->waiting_bytes + n, (size_t)(s->waiting - n) * sizeof(int));
    s->waiting -= n;
    s->burst_most_bytes = VCR_MAX(s->burst_most_bytes, s->window_bytes);
}

static void tell_encoder(struct sim *s)
{
    int64_t limit = cc_limit_bps(&s->cc);
    if (rate_is_news(s->told_bps, limit, s->now_us - s->told_us)) {
        s->told_bps = limit;
        s->told_us = s->now_us;
    }
    limit = limit ? limit : CC_MOST_BPS;
    s->limit_least_bps = VCR_MIN(s->limit_least_bps, limit);
    s->limit_most_bps = VCR_MAX(s->limit_most_bps, limit);
}

/* ---- the viewer ---- */

static void arrive(struct sim *s)
{
    int n = 0;
    for (; n < s->flying_n && s->flying[n].at_us <= s->now_us; n++) {
        rtcp_arrivals_take(&s->arrivals, s->flying[n].number, s->flying[n].at_us + s->clock_us);
        s->came_bytes += s->flying[n].bytes;
    }
    memmove(s->flying, s->flying + n, (size_t)(s->flying_n - n) * sizeof(s->flying[0]));
    s->flying_n -= n;
}

static void write_feedback(struct sim *s)
{
    size_t len;
    uint8_t b[RTCP_ARRIVALS_BYTES];
    while ((len = rtcp_write_arrivals(b, 1, 2, &s->arrivals)) > 0) {
        if (s->is_silent || happens(s, s->feedback_lost_per_mille))
            continue;
        if (s->back_n == SIM_BACK)
            abort();
        s->back[s->back_n].at_us = s->now_us + s->delay_us;
        s->back[s->back_n].len = len;
        memcpy(s->back[s->back_n++].bytes, b, len);
    }
}

static void hear(struct sim *s)
{
    int n = 0;
    for (; n < s->back_n && s->back[n].at_us <= s->now_us; n++) {
        struct rtcp_packet p;
        struct rtcp_cc f;
        size_t at = 0;
        if (!rtcp_next(s->back[n].bytes, s->back[n].len, &at, &p) || !rtcp_cc_read(&p, &f))
            abort();
        cc_feedback(&s->cc, f, s->now_us);
    }
    memmove(s->back, s->back + n, (size_t)(s->back_n - n) * sizeof(s->back[0]));
    s->back_n -= n;
}

void sim_run(struct sim *s, double seconds)
{
    for (int64_t until_us = s->now_us + (int64_t)(seconds * 1e6); s->now_us < until_us; s->now_us += STEP_US) {
        bool is_pace = s->now_us >= s->pace_us, is_frame = s->now_us >= s->frame_us;
        if (s->now_us >= s->window_us + WINDOW_US) {
            s->window_us = s->now_us;
            s->window_bytes = 0;
        }
        arrive(s);
        if (s->now_us >= s->feedback_us) {
            write_feedback(s);
            s->feedback_us = s->now_us + s->feedback_every_us;
        }
        hear(s);
        if (is_frame) {
            make_frame(s);
            s->frame_us += FRAME_US;
        }
        if (s->now_us >= s->sound_us) {
            send_packet(s, SOUND_BYTES);
            s->sound_us += SOUND_US;
        }
        if (is_frame || is_pace)
            send_waiting(s);
        if (is_pace) {
            cc_tick(&s->cc, s->now_us);
            tell_encoder(s);
            s->pace_us = s->now_us + PACE_US;
        }
    }
}
