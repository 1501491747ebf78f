/* session/viewers.c - who watches a running VCR. The sender's thread only posts; what it posts keeps the session's memory, not the session, alive. */
#include <string.h>

#include "base/clock.h"
#include "session/live_internal.h"

struct viewer_event {
    struct loop_msg msg;
    struct session *session;
    enum { VIEWER_WANTS_KEY, VIEWER_UP, VIEWER_GONE, VIEWER_RATE } what;
    char peer_id[VCR_UUID_BYTES];
    int64_t rate_bps;
};

static struct viewer *viewer_find(const struct session *x, const char *peer_id)
{
    for (int i = 0; i < x->viewer_listed; i++)
        if (strcmp(x->viewers[i].peer_id, peer_id) == 0)
            return &x->viewers[i];
    return NULL;
}

static struct viewer *viewer_add(struct session *x, const char *peer_id, const struct session_person *who)
{
    if (x->viewer_listed == x->viewer_room) {
        int room = x->viewer_room ? 2 * x->viewer_room : 8;
        struct viewer *grown = vcr_calloc((size_t)room, sizeof(*grown));
        if (x->viewers)
            memcpy(grown, x->viewers, (size_t)x->viewer_listed * sizeof(*grown));
        free(x->viewers);
        x->viewers = grown;
        x->viewer_room = room;
    }
    struct viewer *v = &x->viewers[x->viewer_listed++];
    *v = (struct viewer){ .who = *who };
    vcr_strcpy(v->peer_id, sizeof(v->peer_id), peer_id);
    return v;
}

static void viewer_up(struct session *x, const char *peer_id)
{
    struct viewer *v = viewer_find(x, peer_id);
    if (!v)
        v = viewer_add(x, peer_id, &(struct session_person){ 0 });
    if (v->up)
        return;
    v->up = true;
    x->viewer_count++;
    x->was_watched = true;
    x->graced = x->alone_stopped = false;
}

static void viewer_gone(struct session *x, const char *peer_id)
{
    struct viewer *v = viewer_find(x, peer_id);
    if (!v)
        return;
    struct viewer gone = *v;
    *v = x->viewers[--x->viewer_listed];
    if (gone.made_offer && !gone.ended) {
        struct hung_up *h = &x->hung_up[x->hung_up_next++ % HUNG_UP_KEPT];
        memcpy(h->peer_id, gone.peer_id, sizeof(h->peer_id));
        h->user_id = gone.who.user_id;
    }
    if (gone.up && --x->viewer_count == 0)
        x->alone_since_us = clock_mono_us();
    remote_viewer_left(x, &gone);
}

enum vcr_err viewers_offer(struct session *x, const struct session_person *who, char ret_peer_id[VCR_UUID_BYTES], char **ret_sdp, struct vcr_why *why)
{
    enum vcr_err err = rtc_offer(x->stream, ret_peer_id, ret_sdp, why);
    if (err == VCR_OK)
        remote_viewer_came(x, viewer_add(x, ret_peer_id, who)); /* its going is told through this loop, so it comes later */
    return err;
}

enum vcr_err viewers_view(struct session *x, const struct session_person *who, const char *offer, size_t len, char ret_peer_id[VCR_UUID_BYTES], char **ret_answer, struct vcr_why *why)
{
    enum vcr_err err = rtc_view(x->stream, offer, len, ret_peer_id, ret_answer, why);
    if (err != VCR_OK)
        return err;
    struct viewer *v = viewer_add(x, ret_peer_id, who); /* it may be up already, which is told through this loop, too */
    v->made_offer = true;
    remote_viewer_came(x, v);
    return VCR_OK;
}

void viewers_person_gone(struct session *x, int64_t user_id)
{
    for (int i = 0; i < x->viewer_listed; i++)
        if (x->viewers[i].who.user_id == user_id && !x->viewers[i].ended) {
            x->viewers[i].ended = true; /* its going is told through this loop, so the list stays meanwhile */
            rtc_viewer_close(x->stream, x->viewers[i].peer_id);
        }
}

static struct viewer *player_of(const struct session *x, int64_t asker, const char *peer_id)
{
    struct viewer *v = viewer_find(x, peer_id);
    return v && v->made_offer && !v->ended && v->who.user_id == asker ? v : NULL;
}

static enum vcr_err no_player(struct vcr_why *why) { return vcr_fail(why, VCR_E_NOT_FOUND, "There is no such viewer, or it has ended."); }

enum vcr_err viewers_trickle(struct session *x, int64_t asker, const char *peer_id, const char *fragment, size_t len, struct vcr_why *why)
{
    return player_of(x, asker, peer_id) ? rtc_view_trickle(x->stream, peer_id, fragment, len, why) : no_player(why);
}

enum vcr_err viewers_end(struct session *x, int64_t asker, const char *peer_id, struct vcr_why *why)
{
    struct viewer *v = player_of(x, asker, peer_id);
    if (v) {
        v->ended = true;
        rtc_view_end(x->stream, peer_id, NULL); /* when it is not there, it hung up in this moment */
        return VCR_OK;
    }
    for (int i = 0; i < HUNG_UP_KEPT; i++) {
        struct hung_up *h = &x->hung_up[i];
        if (h->user_id == asker && strcmp(h->peer_id, peer_id) == 0) {
            h->user_id = 0;
            return VCR_OK;
        }
    }
    return no_player(why);
}

void viewers_info(struct session *x, struct session_info *ret)
{
    int n = 0;
    ret->viewer_count = x->viewer_count;
    ret->remote = x->remote;
    for (int first = 1; first >= 0; first--) {
        for (int i = 0; i < x->viewer_listed && n < SESSION_VIEWERS_TOLD; i++) {
            const struct viewer *v = &x->viewers[i];
            bool holds = remote_is_by(x, v);
            if ((holds || v->requested) != (first == 1))
                continue;
            struct session_viewer *to = &ret->viewers[n++];
            *to = (struct session_viewer){ .stats = { .connected = v->up, .rtt_ms = -1, .first_key_frame_ms = -1 }, .who = v->who, .requested = v->requested, .holds_remote = holds };
            memcpy(to->stats.peer_id, v->peer_id, sizeof(to->stats.peer_id));
        }
    }
    ret->viewers_told = n;
}

void viewers_stats(struct session *x, struct session_info *info)
{
    enum { ASKED_MAX = 256 };
    if (info->viewers_told == 0)
        return;
    struct rtc_viewer_stats *all = vcr_calloc(ASKED_MAX, sizeof(*all));
    int n = rtc_viewers(x->stream, all, ASKED_MAX);
    for (int i = 0; i < info->viewers_told; i++)
        for (int j = 0; j < n; j++)
            if (strcmp(info->viewers[i].stats.peer_id, all[j].peer_id) == 0)
                info->viewers[i].stats = all[j];
    free(all);
}

static void on_viewer_event(struct loop_msg *m)
{
    struct viewer_event *e = container_of(m, struct viewer_event, msg);
    struct session *x = e->session;
    if (!x->over && e->what == VIEWER_WANTS_KEY && x->live.is) {
        live_source_want_key(x->live.source);
    } else if (!x->over && e->what == VIEWER_WANTS_KEY) {
        if (x->input.on_air || x->input.wanted)
            input_want_key(x);
        if (!x->input.on_air)
            engine_tell(x, RENDER_KEY);
    } else if (!x->over && e->what == VIEWER_RATE) {
        x->line_bps = e->rate_bps;
        if (!x->live.is) /* what a device sends is seen by others, too: HLS, recordings */
            engine_tell_rate(x);
    } else if (!x->over) {
        actor_advance(x);
        if (e->what == VIEWER_UP)
            viewer_up(x, e->peer_id);
        else
            viewer_gone(x, e->peer_id);
        watch_publish(x);
        actor_changed(x);
        sessions_count(x->owner);
    }
    actor_unref(x);
    free(e);
}

static void post_viewer_event(struct session *x, int what, const char *peer_id, int64_t rate_bps)
{
    struct viewer_event *e = vcr_alloc(sizeof(*e));
    e->msg.fn = on_viewer_event;
    e->session = x;
    e->what = what;
    e->rate_bps = rate_bps;
    vcr_strcpy(e->peer_id, sizeof(e->peer_id), peer_id);
    atomic_fetch_add(&x->refs, 1);
    loop_post(x->owner->loop, &e->msg);
}

static void on_want_key(void *arg) { post_viewer_event(arg, VIEWER_WANTS_KEY, "", 0); }
static void on_viewer_up(void *arg, const char *peer_id) { post_viewer_event(arg, VIEWER_UP, peer_id, 0); }
static void on_viewer_gone(void *arg, const char *peer_id, const char *reason) { post_viewer_event(arg, VIEWER_GONE, peer_id, 0); }
static void on_rate(void *arg, int64_t bps) { post_viewer_event(arg, VIEWER_RATE, "", bps); }

enum vcr_err viewers_open(struct session *x, struct vcr_why *why)
{
    const struct rtc_events events = { on_want_key, on_viewer_up, on_viewer_gone, on_rate, x };
    return rtc_stream_open(x->owner->config.rtc, &x->stream, &events, why);
}
