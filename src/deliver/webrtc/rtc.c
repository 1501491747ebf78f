/* deliver/webrtc/rtc.c - see rtc.h: the public functions, the sender threads and their clock.
 *
 * What concerns a viewer becomes a message to its sender thread, what concerns a stream one to the thread that speaks for it, or to all that have viewers of it, one after the other;
 * those with a result wait for it, which takes as long as the batch being sent (well under a millisecond with a few hundred viewers). So a lock is needed only for what the threads
 * share: struct rtc_all, the streams' lists (share.c), and the places of tcp.c. */
#include "deliver/webrtc/internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"

enum { VIEWERS_MAX = 2000, PUBLISHERS_MAX = 64, JOINS_PER_S = 50, OFFER_MS = 10000, CONSENT_MS = 30000, SDP_BYTES = 8192, PORT_TRIES = 20 };

/* ---- the sender thread ---- */

void rtc_sweep(struct rtc *r)
{
    udp_flush(r->udp);
    viewers_sweep(r);
    publishers_sweep(r);
}

/* Works off everything that is due; runs while there is somebody, faster while one is being paced. */
static void on_tick(uv_timer_t *t)
{
    struct rtc *r = t->data;
    bool more = false, watched = false;
    r->now_us = clock_mono_us();
    for (struct branch *b = r->branches; b; b = b->next) {
        if (r->lagging)
            more |= stream_pace(b);
        branch_tick(b);
    }
    for (struct rtc_stream *s = r->streams; s; s = s->next)
        watched |= stream_tick(s);
    for (struct rtc_publisher *p = r->publishers; p; p = p->next)
        publisher_tick(p);
    rtc_sweep(r);
    r->lagging = more;
    bool has_tcp = tcp_tick(r->tcp);
    if (has_tcp || r->viewers || r->publishing || watched)
        uv_timer_start(&r->timer, on_tick, more ? PACE_MS : TICK_MS, 0);
}

void rtc_arm(struct rtc *r)
{
    uint64_t in_ms = r->lagging ? PACE_MS : TICK_MS;
    if (!uv_is_active((uv_handle_t *)&r->timer) || uv_timer_get_due_in(&r->timer) > in_ms)
        uv_timer_start(&r->timer, on_tick, in_ms, 0);
}

uint64_t rtc_ntp(const struct rtc *r, int64_t mono_us)
{
    static const uint64_t epoch_s = 2208988800;
    uint64_t us = (uint64_t)(mono_us + r->wall_offset_us);
    return (us / 1000000 + epoch_s) << 32 | (us % 1000000 << 32) / 1000000;
}

static void on_readable(uv_poll_t *p, int status, int events)
{
    struct rtc *r = p->data;
    r->now_us = clock_mono_us();
    udp_receive(r->udp, peer_datagram, r);
    rtc_sweep(r);
}

struct run {
    struct loop_msg msg;
    struct rtc *rtc;
    void (*fn)(void *arg);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t is_done;
    bool done;
};

static void run_now(struct loop_msg *m)
{
    struct run *c = container_of(m, struct run, msg);
    c->rtc->now_us = clock_mono_us();
    c->fn(c->arg);
    rtc_sweep(c->rtc);
    pthread_mutex_lock(&c->lock);
    c->done = true;
    pthread_cond_signal(&c->is_done);
    pthread_mutex_unlock(&c->lock);
}

void rtc_run(struct rtc *r, void (*fn)(void *arg), void *arg)
{
    struct run c = { .msg = { .fn = run_now }, .rtc = r, .fn = fn, .arg = arg };
    assert(!loop_is_mine(r->loop)); /* it would wait for itself */
    pthread_mutex_init(&c.lock, NULL);
    pthread_cond_init(&c.is_done, NULL);
    loop_post(r->loop, &c.msg);
    pthread_mutex_lock(&c.lock);
    while (!c.done)
        pthread_cond_wait(&c.is_done, &c.lock);
    pthread_mutex_unlock(&c.lock);
    pthread_cond_destroy(&c.is_done);
    pthread_mutex_destroy(&c.lock);
}

struct call { /* arguments and results of the functions below */
    struct rtc *rtc;
    struct rtc_stream *stream;
    const char *peer_id;
    char *ret_peer_id;
    struct buf sdp;
    const struct sdp_answer *answer;
    struct rtc_viewer_stats *stats;
    int count, max;
    enum vcr_err err;
    struct vcr_why *why;
};

static void call_and_wait(struct rtc *r, struct call *c, void (*fn)(void *arg))
{
    c->rtc = r;
    rtc_run(r, fn, c);
}

/* ---- open and close ---- */

static void configure(struct rtc *r, const struct rtc_config *c)
{
    r->offer_us = INT64_C(1000) * (c->offer_ms ? c->offer_ms : OFFER_MS);
    r->consent_us = INT64_C(1000) * (c->consent_ms ? c->consent_ms : CONSENT_MS);
    r->now_us = clock_mono_us();
    r->wall_offset_us = clock_wall_ms() * 1000 - r->now_us;
}

static struct rtc_all *all_open(const struct rtc_config *c)
{
    struct rtc_all *all = vcr_alloc(sizeof(*all));
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    all->threads_n = (int)VCR_CLAMP(c->threads ? (long)c->threads : cores, 1L, (long)RTC_THREADS_MAX);
    all->inside_max[INSIDE_VIEWERS] = c->viewers_max ? c->viewers_max : VIEWERS_MAX;
    all->inside_max[INSIDE_PUBLISHERS] = c->publishers_max ? c->publishers_max : PUBLISHERS_MAX;
    all->joins_per_s = c->joins_per_s ? c->joins_per_s : JOINS_PER_S;
    all->join_credit_us = 1000000; /* time saved up for joins, at most a second of it */
    all->joined_us = clock_mono_us();
    vcr_random(all->hash_key, sizeof(all->hash_key));
    pthread_mutex_init(&all->lock, NULL);
    return all;
}

/* UDP and TCP on one port; where any will do, on one that is free for both. Who has a port only for UDP goes on without TCP: viewers have less ways to come. */
static enum vcr_err open_sockets(struct rtc *r, const char *listen, struct vcr_why *why)
{
    const char *colon = strrchr(listen, ':');
    int tries = colon && strcmp(colon, ":0") == 0 ? PORT_TRIES : 1;
    struct vcr_why no_tcp;
    for (;;) {
        enum vcr_err err = udp_open(&r->udp, listen, why);
        if (err)
            return err;
        if (tcp_open(&r->tcp, r->udp, &no_tcp) == VCR_OK)
            break;
        if (--tries == 0) {
            log_warn("webrtc", "%s: viewers can come by UDP alone", no_tcp.text);
            break;
        }
        udp_close(&r->udp);
    }
    udp_set_tcp(r->udp, r->tcp);
    return VCR_OK;
}

/* The first one's socket, certificate and worker serve all. */
static enum vcr_err open_first(struct rtc *r, const struct rtc_config *config, struct vcr_why *why)
{
    const int *most = r->all->inside_max;
    enum vcr_err err = open_sockets(r, config->listen, why);
    if (!err)
        err = udp_candidates(r->udp, config->public_address, r->candidates, &r->candidates_n, why);
    for (int i = 0; i < r->candidates_n; i++)
        r->candidates[i].has_tcp = r->tcp != NULL;
    if (!err)
        err = dtls_setup(r, why);
    if (!err) /* a connection has at most one job at a time */
        err = pool_open(&r->handshakes,
                        &(struct pool_config) { .name = "rtc-dtls", .threads = 1, .queue_max = most[INSIDE_VIEWERS] + most[INSIDE_PUBLISHERS] }, why);
    return err;
}

static void open_next(struct rtc *r, const struct rtc *first)
{
    r->udp = udp_beside(first->udp);
    r->tls = first->tls;
    r->handshakes = first->handshakes;
    r->candidates_n = first->candidates_n;
    memcpy(r->candidates, first->candidates, sizeof(r->candidates));
    memcpy(r->fingerprint, first->fingerprint, sizeof(r->fingerprint));
}

static enum vcr_err thread_open(struct rtc_all *all, int i, const struct rtc_config *config, struct vcr_why *why)
{
    struct rtc *r = all->threads[i] = vcr_alloc(sizeof(*r));
    enum vcr_err err = VCR_OK;
    char name[16] = "rtc-sender";
    r->all = all;
    r->index = i;
    r->load = i == 0;
    configure(r, config);
    if (i == 0)
        err = open_first(r, config, why);
    else
        open_next(r, all->threads[0]);
    if (i > 0)
        snprintf(name, sizeof(name), "rtc-sender-%d", i + 1);
    if (!err)
        err = loop_open(&r->loop, name, why);
    if (err)
        return err;
    uv_timer_init(loop_uv(r->loop), &r->timer);
    r->timer.data = r;
    return VCR_OK;
}

enum vcr_err rtc_open(struct rtc **ret, const struct rtc_config *config, struct vcr_why *why)
{
    struct rtc_all *all = all_open(config);
    enum vcr_err err = VCR_OK;
    for (int i = 0; !err && i < all->threads_n; i++)
        err = thread_open(all, i, config, why);
    struct rtc *first = all->threads[0];
    if (err)
        goto fail;
    int rc = uv_poll_init(loop_uv(first->loop), &all->poll, udp_fd(first->udp));
    all->poll.data = first;
    if (rc == 0)
        rc = uv_poll_start(&all->poll, UV_READABLE, on_readable);
    if (rc == 0 && first->tcp)
        rc = tcp_start(first->tcp, first);
    err = rc ? vcr_fail(why, VCR_E_IO, "WebRTC socket: %s", uv_strerror(rc)) : VCR_OK;
    for (int i = all->threads_n - 1; !err && i >= 0; i--) /* the one that receives comes last */
        err = loop_start(all->threads[i]->loop, why);
    if (err)
        goto fail;
    *ret = first;
    return VCR_OK;
fail:
    rtc_close(&first);
    return err;
}

static void thread_close(struct rtc *r)
{
    if (r->loop && r->timer.data)
        uv_close((uv_handle_t *)&r->timer, NULL);
    tcp_stop(r->tcp);
    loop_close(&r->loop);
    tcp_close(&r->tcp); /* no goodbye can go to it any more */
    udp_close(&r->udp);
    free(r);
}

/* All have ended before anything is freed: they post to each other, and the worker to all. */
void rtc_close(struct rtc **rp)
{
    struct rtc *first = *rp;
    if (!first)
        return;
    struct rtc_all *all = first->all;
    for (int i = 0; i < all->threads_n; i++) {
        struct rtc *r = all->threads[i];
        assert(!r || (!r->streams && !r->branches && !r->publishers)); /* their owners close them first */
        if (!r || !r->loop)
            continue;
        loop_stop(r->loop);
        loop_join(r->loop);
    }
    pool_close(&first->handshakes); /* those who left in the middle of one: loop_close frees what is left of them */
    if (all->poll.type == UV_POLL)
        uv_close((uv_handle_t *)&all->poll, NULL);
    SSL_CTX *tls = first->tls;
    for (int i = all->threads_n - 1; i >= 0; i--)
        if (all->threads[i])
            thread_close(all->threads[i]);
    SSL_CTX_free(tls);
    pthread_mutex_destroy(&all->lock);
    free(all);
    *rp = NULL;
}

int rtc_port(const struct rtc *r) { return udp_port(r->udp); }

/* ---- streams ---- */

static struct rtc *least_loaded_locked(const struct rtc_all *all)
{
    struct rtc *least = all->threads[0];
    for (int i = 1; i < all->threads_n; i++)
        if (all->threads[i]->load < least->load)
            least = all->threads[i];
    return least;
}

static void do_stream_open(void *arg)
{
    struct call *c = arg;
    c->stream->next = c->rtc->streams;
    c->rtc->streams = c->stream;
}

enum vcr_err rtc_stream_open(struct rtc *r, struct rtc_stream **ret, const struct rtc_events *events, struct vcr_why *why)
{
    struct rtc_stream *s = stream_make();
    if (!s)
        return vcr_fail(why, VCR_E_NOMEM, "no memory for a stream");
    pthread_mutex_lock(&r->all->lock);
    s->rtc = least_loaded_locked(r->all);
    pthread_mutex_unlock(&r->all->lock);
    if (events)
        s->events = *events;
    s->video_ts0 = (uint32_t)vcr_random_u64();
    s->audio_ts0 = (uint32_t)vcr_random_u64();
    struct call c = { .stream = s };
    call_and_wait(s->rtc, &c, do_stream_open);
    *ret = s;
    return VCR_OK;
}

static void do_branch_close(void *arg)
{
    const struct call *c = arg;
    struct branch *b = branch_here(c->stream, c->rtc);
    if (!b)
        return;
    b->is_silent = true; /* its owner knows */
    while (b->viewers)
        viewer_leave(b->viewers, "the stream was closed");
    branch_close(b);
}

static void do_stream_close(void *arg)
{
    struct call *c = arg;
    struct rtc_stream **p = &c->rtc->streams;
    while (*p != c->stream)
        p = &(*p)->next;
    *p = c->stream->next;
}

static bool has_branch(struct rtc_stream *s, int i)
{
    pthread_mutex_lock(&s->lock);
    bool is_there = s->branches[i] != NULL;
    pthread_mutex_unlock(&s->lock);
    return is_there;
}

void rtc_stream_close(struct rtc_stream **sp)
{
    struct rtc_stream *s = *sp;
    if (!s)
        return;
    struct call c = { .stream = s };
    for (int i = 0; i < s->rtc->all->threads_n; i++)
        if (has_branch(s, i))
            call_and_wait(s->rtc->all->threads[i], &c, do_branch_close);
    call_and_wait(s->rtc, &c, do_stream_close);
    stream_free(s);
    *sp = NULL;
}

/* ---- viewers ---- */

static bool may_join_locked(struct rtc_all *all, int64_t now_us)
{
    static const int64_t second_us = 1000000;
    if (all->joins_per_s < 0)
        return true;
    int64_t cost_us = second_us / all->joins_per_s, gained_us = VCR_MAX(now_us - all->joined_us, INT64_C(0));
    all->join_credit_us = VCR_MIN(all->join_credit_us + gained_us, second_us);
    all->joined_us = VCR_MAX(all->joined_us, now_us);
    if (all->join_credit_us < cost_us)
        return false;
    all->join_credit_us -= cost_us;
    return true;
}

static bool enter_locked(struct rtc_all *all, enum inside kind)
{
    bool ok = all->inside[kind] < all->inside_max[kind] && may_join_locked(all, clock_mono_us());
    all->inside[kind] += ok;
    return ok;
}

bool rtc_enter(struct rtc *r, enum inside kind)
{
    pthread_mutex_lock(&r->all->lock);
    bool ok = enter_locked(r->all, kind);
    r->load += ok;
    pthread_mutex_unlock(&r->all->lock);
    return ok;
}

void rtc_leave(struct rtc *r, enum inside kind)
{
    pthread_mutex_lock(&r->all->lock);
    r->all->inside[kind]--;
    r->load--;
    pthread_mutex_unlock(&r->all->lock);
}

/* The least loaded one; but a stream keeps to the threads that it is on until another one has SPREAD_SLACK less to do, as each costs it wake-ups. */
static struct rtc *thread_for_locked(const struct rtc_all *all, const struct rtc_stream *s)
{
    struct rtc *least = least_loaded_locked(all), *here = NULL;
    for (int i = 0; i < all->threads_n; i++)
        if (s->on[i] && (!here || all->threads[i]->load < here->load))
            here = all->threads[i];
    return here && here->load <= least->load + SPREAD_SLACK ? here : least;
}

enum vcr_err rtc_enter_viewer(struct rtc_stream *s, struct rtc **ret, struct vcr_why *why)
{
    struct rtc_all *all = s->rtc->all;
    pthread_mutex_lock(&all->lock);
    bool ok = enter_locked(all, INSIDE_VIEWERS);
    if (ok) {
        *ret = thread_for_locked(all, s);
        (*ret)->load++;
        s->on[(*ret)->index]++;
    }
    pthread_mutex_unlock(&all->lock);
    return ok ? VCR_OK : vcr_fail(why, VCR_E_BUSY, "too many viewers, or too many at once: try again in a second");
}

void rtc_leave_viewer(struct rtc_stream *s, struct rtc *r)
{
    pthread_mutex_lock(&r->all->lock);
    r->all->inside[INSIDE_VIEWERS]--;
    r->load--;
    s->on[r->index]--;
    pthread_mutex_unlock(&r->all->lock);
}

static void do_offer(void *arg)
{
    struct call *c = arg;
    struct rtc *r = c->rtc;
    const struct viewer *v = viewer_open(c->stream, r);
    memcpy(c->ret_peer_id, v->peer_id, VCR_UUID_BYTES);
    sdp_write_offer(&c->sdp, &(struct sdp_offer) {
                                 .session_id = vcr_random_u64(), .ufrag = v->peer.ufrag, .pwd = v->peer.pwd, .cname = RTC_CNAME, .fingerprint = r->fingerprint,
                                 .video_ssrc = v->video.ssrc, .rtx_ssrc = v->rtx.ssrc, .audio_ssrc = v->audio.ssrc,
                                 .candidates = r->candidates, .candidates_n = r->candidates_n });
}

enum vcr_err rtc_offer(struct rtc_stream *s, char ret_peer_id[VCR_UUID_BYTES], char **ret_sdp, struct vcr_why *why)
{
    struct call c = { .stream = s, .ret_peer_id = ret_peer_id };
    struct rtc *r;
    enum vcr_err err = rtc_enter_viewer(s, &r, why);
    if (err)
        return err;
    buf_init(&c.sdp, SDP_BYTES);
    call_and_wait(r, &c, do_offer);
    if (!buf_ok(&c.sdp))
        c.err = vcr_fail(why, VCR_E_INTERNAL, "the offer is over %d bytes", SDP_BYTES);
    if (!c.err)
        *ret_sdp = vcr_strndup(c.sdp.data, c.sdp.len);
    buf_free(&c.sdp);
    return c.err;
}

/* What it took of our offer, by our numbers. */
static struct viewer_format format_of(const struct sdp_answer *a)
{
    return (struct viewer_format) { .video_pt = SDP_PT_VIDEO, .rtx_pt = a->rtx ? SDP_PT_RTX : 0, .audio_pt = a->audio ? SDP_PT_AUDIO : 0,
                                    .video_send_time = a->send_time ? SDP_EXT_SEND_TIME : 0, .audio_send_time = a->send_time ? SDP_EXT_SEND_TIME : 0,
                                    .playout_delay = a->playout_delay ? SDP_EXT_PLAYOUT_DELAY : 0,
                                    .video_cc = a->video_cc ? SDP_EXT_TRANSPORT_CC : 0, .audio_cc = a->audio_cc ? SDP_EXT_TRANSPORT_CC : 0 };
}

static void do_answer(void *arg)
{
    struct call *c = arg;
    struct viewer *v = viewer_find(branch_here(c->stream, c->rtc), c->peer_id);
    if (!v)
        c->err = vcr_fail(c->why, VCR_E_NOT_FOUND, "no such peer, or its offer has expired");
    else if (v->peer.known)
        c->err = vcr_fail(c->why, VCR_E_CONFLICT, "this offer was answered before");
    if (c->err || !c->answer)
        return;
    struct viewer_format format = format_of(c->answer);
    viewer_answer(v, &c->answer->client, &format);
}

enum vcr_err rtc_answer(struct rtc_stream *s, const char *peer_id, const char *sdp, struct vcr_why *why)
{
    struct sdp_answer answer;
    enum vcr_err parsed = sdp_parse_answer(sdp, strlen(sdp), &answer, why);
    struct vcr_why other = { 0 };
    struct call c = { .stream = s, .peer_id = peer_id, .answer = parsed ? NULL : &answer, .why = &other };
    call_and_wait(rtc_of_viewer(s, peer_id), &c, do_answer);
    if (c.err && why) /* an unknown peer is that, whatever the SDP is like */
        *why = other;
    return c.err ? c.err : parsed;
}

static void do_viewer_close(void *arg)
{
    struct call *c = arg;
    struct viewer *v = viewer_find(branch_here(c->stream, c->rtc), c->peer_id);
    if (v)
        viewer_leave(v, "closed by the server");
}

void rtc_viewer_close(struct rtc_stream *s, const char *peer_id)
{
    struct call c = { .stream = s, .peer_id = peer_id };
    call_and_wait(rtc_of_viewer(s, peer_id), &c, do_viewer_close);
}

static void tell_estimate(const struct viewer *v, int64_t now_us, struct rtc_viewer_stats *out)
{
    enum { REMB_FRESH_US = 10000000 };
    if (v->cc && v->cc->heard) {
        out->estimate_by = RTC_ESTIMATE_TRANSPORT_CC;
        out->estimate_bps = v->cc->estimate_bps;
        out->delay_ms_per_s = 1000 * v->cc->trend.slope;
    } else if (v->remb_bps && now_us - v->remb_us < REMB_FRESH_US) {
        out->estimate_by = RTC_ESTIMATE_REMB;
        out->estimate_bps = (int64_t)VCR_MIN(v->remb_bps, (uint64_t)INT64_MAX);
    }
}

static void do_viewers(void *arg)
{
    struct call *c = arg;
    const struct branch *b = branch_here(c->stream, c->rtc);
    for (const struct viewer *v = b ? b->viewers : NULL; v && c->count < c->max; v = v->next) {
        struct rtc_viewer_stats *out = &c->stats[c->count++];
        *out = (struct rtc_viewer_stats) {
            .connected = v->peer.ready, .rtt_ms = v->rtt_ms, .loss = v->loss, .bitrate_bps = v->bitrate_bps, .first_key_frame_ms = v->first_key_frame_ms,
            .packets_sent = v->packets_sent, .nacked = v->nacked, .resent = v->resent, .thread = c->rtc->index };
        tell_estimate(v, c->rtc->now_us, out);
        memcpy(out->peer_id, v->peer_id, VCR_UUID_BYTES);
    }
}

int rtc_viewers(struct rtc_stream *s, struct rtc_viewer_stats *out, int max)
{
    struct call c = { .stream = s, .stats = out, .max = max };
    for (int i = 0; i < s->rtc->all->threads_n; i++)
        if (has_branch(s, i))
            call_and_wait(s->rtc->all->threads[i], &c, do_viewers);
    return c.count;
}
