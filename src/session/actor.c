/* session/actor.c - one running VCR: its deck in real time, its tape, its viewers, and what happens when nobody watches.
 *
 * Everything ends in changed(): the render process and the watchers are told when the deck's sequence number grew, and the timer is set for whatever comes
 * next by itself. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "session/internal.h"

static const int64_t grace_default_us = 30000000, alone_stop_default_us = 900000000, alone_end_default_us = 3600000000;

static int64_t now(void) { return clock_mono_us(); }

void session_tape_close(struct session_tape *t)
{
    int *fds[TAPE_FDS] = { &t->tape_video_fd,       &t->tape_video_index_fd, &t->tape_audio_fd,
                           &t->tape_audio_index_fd, &t->clean_video_fd,      &t->clean_video_index_fd };
    for (int i = 0; i < TAPE_FDS; i++)
        vcr_close(fds[i]);
}

/* Tape and wear */

static void keep_position(struct session *x)
{
    struct sessions_config *c = &x->owner->config;
    int64_t at_us = deck_position_us(&x->deck, now());
    if (!x->has_tape || !x->deck.tape_in || !c->save_position || at_us == x->kept_us)
        return;
    x->kept_us = at_us;
    c->save_position(c->arg, x->tape.tape_id, at_us);
}

static void tape_in(struct session *x, struct session_tape *t)
{
    x->tape = *t;
    x->has_tape = true;
    x->kept_us = t->deck.position_us;
    engine_tell_tape(x);
}

static void tape_out(struct session *x)
{
    session_tape_close(&x->tape);
    x->has_tape = false;
    engine_tell_tape(x);
}

/* Time */

/* Runs the deck up to now, event by event, so that what happens between two of them (the tape leaves) is not missed. */
static void advance(struct session *x)
{
    int64_t until = now();
    for (int64_t t; (t = deck_next_us(&x->deck)) <= until;) {
        enum deck_mode before = x->deck.snap.mode;
        deck_tick(&x->deck, t);
        if (before != x->deck.snap.mode)
            keep_position(x); /* while the tape still is in */
        if (x->has_tape && !x->deck.tape_in)
            tape_out(x);
    }
    deck_tick(&x->deck, until);
}

struct alone_rules {
    int64_t grace_us, stop_us, end_us; /* when; INT64_MAX: not */
};

static struct alone_rules alone_rules(const struct session *x)
{
    const struct sessions_config *c = &x->owner->config;
    struct alone_rules r = { INT64_MAX, INT64_MAX, INT64_MAX };
    if (x->viewer_count > 0)
        return r;
    if (x->was_watched && !x->graced)
        r.grace_us = x->alone_since_us + x->settings.grace_us;
    if (!x->alone_stopped)
        r.stop_us = x->alone_since_us + (c->alone_stop_us ? c->alone_stop_us : alone_stop_default_us);
    r.end_us = x->alone_since_us + (c->alone_end_us ? c->alone_end_us : alone_end_default_us);
    return r;
}

static void changed(struct session *x);

static void on_timer(uv_timer_t *t)
{
    struct session *x = t->data;
    advance(x);
    struct alone_rules r = alone_rules(x);
    int64_t t_us = now();
    if (t_us >= r.end_us) {
        actor_end(x, "ended", "no_viewer");
        return;
    }
    if (t_us >= r.grace_us) {
        x->graced = true;
        if (x->deck.snap.mode == DECK_PLAY)
            deck_command(&x->deck, DECK_CMD_PAUSE, NULL, t_us, NULL);
    }
    if (t_us >= r.stop_us) {
        x->alone_stopped = true;
        deck_rule_stop(&x->deck, "no_viewer", t_us);
    }
    changed(x);
}

static void set_timer(struct session *x)
{
    struct alone_rules r = alone_rules(x);
    int64_t next = deck_next_us(&x->deck);
    next = VCR_MIN(VCR_MIN(next, r.grace_us), VCR_MIN(r.stop_us, r.end_us));
    if (next == INT64_MAX) {
        uv_timer_stop(&x->timer);
        return;
    }
    int64_t left_us = next - now();
    uv_update_time(loop_uv(x->owner->loop)); /* the timer counts from the loop's idea of now */
    uv_timer_start(&x->timer, on_timer, left_us > 0 ? (uint64_t)(left_us + 999) / 1000 : 0, 0);
}

/* After anything: tells who must know. */
static void changed(struct session *x)
{
    if (x->has_tape && !x->deck.tape_in)
        tape_out(x);
    if (x->told_seq != x->deck.snap.seq) {
        engine_tell_deck(x);
        if (deck_snapshot_rate(&x->deck.snap, now()) == 0)
            keep_position(x);
        watch_publish(x);
    }
    set_timer(x);
}

void actor_second(struct session *x)
{
    advance(x);
    if (deck_snapshot_rate(&x->deck.snap, now()) == 0) {
        watch_prune(x);
        return;
    }
    keep_position(x);
    watch_publish(x);
}

/* Viewers. The sender's thread only posts; what it posts keeps the session's memory, not the session, alive. */

struct viewer_event {
    struct loop_msg msg;
    struct session *session;
    enum { VIEWER_WANTS_KEY, VIEWER_UP, VIEWER_GONE } what;
    char peer_id[VCR_UUID_BYTES];
};

static int viewer_index(const struct session *x, const char *peer_id)
{
    for (int i = 0; i < x->viewer_count; i++)
        if (strcmp(x->viewers[i], peer_id) == 0)
            return i;
    return -1;
}

static void viewer_up(struct session *x, const char *peer_id)
{
    if (viewer_index(x, peer_id) >= 0)
        return;
    if (x->viewer_count == x->viewer_room) {
        int room = x->viewer_room ? 2 * x->viewer_room : 8;
        char (*grown)[VCR_UUID_BYTES] = vcr_calloc((size_t)room, VCR_UUID_BYTES);
        if (x->viewers)
            memcpy(grown, x->viewers, (size_t)x->viewer_count * VCR_UUID_BYTES);
        free(x->viewers);
        x->viewers = grown;
        x->viewer_room = room;
    }
    memcpy(x->viewers[x->viewer_count++], peer_id, VCR_UUID_BYTES);
    x->was_watched = true;
    x->graced = x->alone_stopped = false;
}

static void viewer_gone(struct session *x, const char *peer_id)
{
    int i = viewer_index(x, peer_id);
    if (i < 0)
        return; /* it never got as far as watching */
    x->viewer_count--;
    memmove(x->viewers[i], x->viewers[x->viewer_count], VCR_UUID_BYTES);
    if (x->viewer_count == 0)
        x->alone_since_us = now();
}

static void on_viewer_event(struct loop_msg *m)
{
    struct viewer_event *e = container_of(m, struct viewer_event, msg);
    struct session *x = e->session;
    if (!x->over && e->what == VIEWER_WANTS_KEY) {
        engine_tell(x, RENDER_KEY);
    } else if (!x->over) {
        advance(x);
        if (e->what == VIEWER_UP)
            viewer_up(x, e->peer_id);
        else
            viewer_gone(x, e->peer_id);
        watch_publish(x);
        changed(x);
        sessions_count(x->owner);
    }
    actor_unref(x);
    free(e);
}

static void post_viewer_event(struct session *x, int what, const char *peer_id)
{
    struct viewer_event *e = vcr_alloc(sizeof(*e));
    e->msg.fn = on_viewer_event;
    e->session = x;
    e->what = what;
    vcr_strcpy(e->peer_id, sizeof(e->peer_id), peer_id);
    atomic_fetch_add(&x->refs, 1);
    loop_post(x->owner->loop, &e->msg);
}

static void on_want_key(void *arg) { post_viewer_event(arg, VIEWER_WANTS_KEY, ""); }
static void on_viewer_up(void *arg, const char *peer_id) { post_viewer_event(arg, VIEWER_UP, peer_id); }
static void on_viewer_gone(void *arg, const char *peer_id, const char *reason) { post_viewer_event(arg, VIEWER_GONE, peer_id); }

/* Beginning and end */

void actor_unref(struct session *x)
{
    if (atomic_fetch_sub(&x->refs, 1) > 1)
        return;
    free(x->viewers);
    free(x);
}

static void timer_closed(uv_handle_t *h)
{
    struct session *x = h->data;
    sessions_handle_closed(x->owner);
    actor_unref(x);
}

static void deck_begin(struct session *x, struct session_tape *tape)
{
    int64_t t = now();
    deck_init(&x->deck, x->owner->config.profile ? x->owner->config.profile : &deck_profile_consumer, &x->settings.deck, t);
    struct deck_args look = { .clean = x->settings.clean };
    vcr_strcpy(look.look, sizeof(look.look), x->settings.look[0] ? x->settings.look : "vhs");
    deck_command(&x->deck, DECK_CMD_LOOK, &look, t, NULL);
    x->alone_since_us = t;
    if (!tape)
        return;
    struct deck_args insert = { .tape = tape->deck };
    if (deck_command(&x->deck, DECK_CMD_INSERT, &insert, t, NULL) == VCR_OK) {
        x->tape = *tape;
        x->has_tape = true;
        x->kept_us = tape->deck.position_us;
    } else {
        session_tape_close(tape);
    }
}

enum vcr_err actor_start(struct sessions *s, const char *id, const struct session_settings *settings, struct session_tape *tape,
                         struct session **ret, struct vcr_why *why)
{
    struct session *x = vcr_alloc(sizeof(*x));
    struct rtc_events events = { on_want_key, on_viewer_up, on_viewer_gone, x };
    x->owner = s;
    x->settings = *settings;
    if (x->settings.grace_us <= 0)
        x->settings.grace_us = grace_default_us;
    x->status = "starting";
    vcr_strcpy(x->id, sizeof(x->id), id);
    atomic_init(&x->refs, 1);
    enum vcr_err err = rtc_stream_open(s->config.rtc, &x->stream, &events, why);
    if (err != VCR_OK)
        goto fail;
    deck_begin(x, tape);
    tape = NULL; /* the session's now, or closed */
    err = engine_seat(s, x, why);
    if (err != VCR_OK)
        goto fail;
    uv_timer_init(loop_uv(s->loop), &x->timer);
    x->timer.data = x;
    sessions_handle_opened(s);
    x->next = s->list;
    s->list = x;
    sessions_count(s);
    changed(x);
    *ret = x;
    return VCR_OK;

fail:
    if (tape)
        session_tape_close(tape);
    if (x->has_tape)
        session_tape_close(&x->tape);
    if (x->stream)
        rtc_stream_close(&x->stream);
    x->over = true;
    actor_unref(x);
    return err;
}

void actor_seated(struct session *x)
{
    if (strcmp(x->status, "starting") != 0)
        return;
    x->status = "active";
    watch_publish(x);
}

void actor_end(struct session *x, const char *status, const char *reason)
{
    struct sessions *s = x->owner;
    advance(x);
    keep_position(x);
    x->status = status;
    x->over = true;
    watch_publish_end(x);
    for (struct session **at = &s->list; *at; at = &(*at)->next) {
        if (*at == x) {
            *at = x->next;
            break;
        }
    }
    engine_unseat(x);
    rtc_stream_close(&x->stream);
    if (x->has_tape)
        session_tape_close(&x->tape);
    x->has_tape = false;
    sessions_count(s);
    if (reason && s->config.ended)
        s->config.ended(s->config.arg, x->id, status, reason);
    uv_close((uv_handle_t *)&x->timer, timer_closed);
}

enum vcr_err actor_command(struct session *x, enum deck_cmd cmd, const struct deck_args *args, struct session_tape *tape,
                           struct vcr_why *why)
{
    struct deck_args with_tape;
    advance(x);
    if (cmd == DECK_CMD_INSERT) {
        if (!tape)
            return vcr_fail(why, VCR_E_INVALID, "Which tape?");
        with_tape = (struct deck_args){ .tape = tape->deck };
        args = &with_tape;
    }
    enum vcr_err err = deck_command(&x->deck, cmd, args, now(), why);
    if (tape && cmd == DECK_CMD_INSERT && err == VCR_OK)
        tape_in(x, tape);
    else if (tape)
        session_tape_close(tape);
    changed(x);
    return err;
}

void actor_info(struct session *x, struct session_info *ret)
{
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->id, x->id, sizeof(ret->id));
    ret->status = x->status;
    deck_state(&x->deck, now(), &ret->deck);
    if (x->has_tape) {
        ret->tape_id = x->tape.tape_id;
        memcpy(ret->tape_title, x->tape.title, sizeof(ret->tape_title));
        ret->tape_length_us = x->tape.deck.length_us;
        ret->write_protected = x->tape.deck.write_protected;
    }
    bool wide = x->has_tape && x->tape.wide && ret->deck.clean;
    ret->display_aspect_w = wide ? 16 : 4;
    ret->display_aspect_h = wide ? 9 : 3;
    ret->viewer_count = x->viewer_count;
    if (x->stream)
        rtc_viewers(x->stream, ret->viewers, ARRAY_LEN(ret->viewers));
}
