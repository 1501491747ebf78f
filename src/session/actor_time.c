/* session/actor_time.c - what time does to a running VCR: its deck in real time, its tape's place kept, and the rules about nobody watching.
 *
 * Everything ends in actor_changed(): the render process and the watchers are told when the deck's sequence number grew, and the timer is set for whatever
 * comes next by itself. */
#include "base/clock.h"
#include "session/live_internal.h"
#include "session/map.h"

static const int64_t alone_stop_default_us = 900000000, alone_end_default_us = 3600000000;

static int64_t now(void) { return clock_mono_us(); }

void session_tape_close(struct session_tape *t)
{
    int *fds[TAPE_FDS] = { &t->tape_video_fd,       &t->tape_video_index_fd, &t->tape_audio_fd,
                           &t->tape_audio_index_fd, &t->clean_video_fd,      &t->clean_video_index_fd };
    for (int i = 0; i < TAPE_FDS; i++)
        vcr_close(fds[i]);
    session_map_unref(&t->map);
}

/* Tape and wear */

bool actor_keeps_tape(const struct session *x) { return !x->tape.owner_id || x->tape.owner_id == x->settings.owner_id; }

void actor_keep_position(struct session *x)
{
    struct sessions_config *c = &x->owner->config;
    int64_t at_us = deck_position_us(&x->deck, now());
    if (!x->has_tape || !x->deck.tape_in || !c->save_position || at_us == x->kept_us)
        return;
    if (!actor_keeps_tape(x))
        return;
    x->kept_us = at_us;
    c->save_position(c->arg, x->tape.tape_id, at_us);
}

void actor_tape_in(struct session *x, struct session_tape *t)
{
    x->tape = *t;
    x->has_tape = true;
    x->insertion++;
    x->missing = false;
    x->tape_gone = NULL;
    x->kept_us = t->deck.position_us;
    wear_begin(x);
    engine_tell_tape(x);
}

static void tape_out(struct session *x)
{
    wear_tell(x);
    session_tape_close(&x->tape);
    x->has_tape = x->missing = false;
    engine_tell_tape(x);
}

/* What the deck says has to be done. */
static void do_effects(struct session *x)
{
    struct deck_effect e;
    while (deck_take_effect(&x->deck, &e)) {
        if (e.kind == DECK_EFFECT_RECORD_BEGIN)
            takes_begin(x, e.position_us, e.at_us, e.tape_speed);
        else if (e.kind == DECK_EFFECT_RECORD_END)
            takes_end(x, e.at_us, e.reason);
        else
            takes_mark(x, e.position_us);
    }
}

/* Runs the deck up to now, event by event, so that what happens between two of them (the tape leaves) is not missed. */
int64_t actor_advance(struct session *x)
{
    int64_t until = now();
    for (int64_t t; (t = deck_next_us(&x->deck)) <= until;) {
        enum deck_mode before = x->deck.snap.mode;
        wear_account(x, t);
        deck_tick(&x->deck, t);
        if (before != x->deck.snap.mode)
            actor_keep_position(x); /* while the tape still is in */
        do_effects(x);
        if (x->has_tape && !x->deck.tape_in)
            tape_out(x);
    }
    wear_account(x, until);
    deck_tick(&x->deck, until);
    return until;
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
    if (x->live.is ? x->live.recording : deck_is_recording(&x->deck) || takes_recording(x))
        return r;
    if (x->live.is) { /* nothing plays or turns that could be stopped: it only ends. Who plays it by HLS watches, too */
        int64_t asked_us = x->live.programme ? programme_asked_us(x->live.programme) : 0;
        r.end_us = VCR_MAX(x->alone_since_us, asked_us) + (c->alone_end_us ? c->alone_end_us : alone_end_default_us);
        return r;
    }
    if (x->was_watched && !x->graced)
        r.grace_us = x->alone_since_us + x->settings.grace_us;
    if (!x->alone_stopped)
        r.stop_us = x->alone_since_us + (c->alone_stop_us ? c->alone_stop_us : alone_stop_default_us);
    r.end_us = x->alone_since_us + (c->alone_end_us ? c->alone_end_us : alone_end_default_us);
    return r;
}

static void on_timer(uv_timer_t *t)
{
    struct session *x = t->data;
    actor_advance(x);
    struct alone_rules r = alone_rules(x);
    int64_t t_us = now();
    if (t_us >= r.end_us) {
        actor_end(x, "ended", "no_viewer");
        return;
    }
    remote_check(x, t_us);
    if (x->retry_us >= 0 && t_us >= x->retry_us) {
        engine_retry(x);
        actor_recovered(x);
    }
    if (t_us >= r.grace_us) {
        x->graced = true;
        if (x->deck.snap.mode == DECK_PLAY)
            key_press(x, DECK_CMD_PAUSE, NULL, t_us, NULL);
    }
    if (t_us >= r.stop_us) {
        x->alone_stopped = true;
        key_rule_stop(x, "no_viewer", t_us);
    }
    actor_changed(x);
}

static void set_timer(struct session *x)
{
    struct alone_rules r = alone_rules(x);
    int64_t next = deck_next_us(&x->deck);
    next = VCR_MIN(VCR_MIN(next, r.grace_us), VCR_MIN(r.stop_us, r.end_us));
    next = VCR_MIN(next, x->remote_back_us);
    if (x->retry_us >= 0)
        next = VCR_MIN(next, x->retry_us);
    if (next == INT64_MAX) {
        uv_timer_stop(&x->timer);
        return;
    }
    int64_t left_us = next - now();
    uv_update_time(loop_uv(x->owner->loop)); /* the timer counts from the loop's idea of now */
    uv_timer_start(&x->timer, on_timer, left_us > 0 ? (uint64_t)(left_us + 999) / 1000 : 0, 0);
}

/* Puts out the tape that is gone, as soon as the mechanism lets it: one that is being loaded comes in first. */
static void put_out(struct session *x)
{
    int64_t t = now();
    if (x->deck.snap.mode == DECK_EJECTING || x->deck.pending == DECK_CMD_EJECT + 1)
        return;
    key_rule_stop(x, x->tape_gone, t);
    key_press(x, DECK_CMD_EJECT, NULL, t, NULL);
}

void actor_fault(struct session *x, const char *reason, int64_t retry_us)
{
    actor_advance(x);
    x->retry_us = retry_us;
    key_fault(x, reason, now());
    actor_changed(x);
}

void actor_recovered(struct session *x)
{
    if (x->retry_us < 0)
        return;
    x->retry_us = -1;
    actor_advance(x);
    key_recover(x, now());
    actor_changed(x);
}

void actor_tape_gone(struct session *x, const char *reason)
{
    actor_advance(x);
    x->tape_gone = reason;
    actor_changed(x);
}

/* After anything: tells who must know. */
void actor_changed(struct session *x)
{
    if (x->tape_gone && x->has_tape && x->deck.tape_in)
        put_out(x);
    do_effects(x);
    if (x->has_tape && !x->deck.tape_in)
        tape_out(x);
    if (x->told_seq != x->deck.snap.seq) {
        input_changed(x);
        engine_tell_deck(x);
        if (deck_snapshot_rate(&x->deck.snap, now()) == 0)
            actor_keep_position(x);
        watch_publish(x);
    }
    set_timer(x);
}

void actor_second(struct session *x)
{
    if (x->live.is) {
        watch_prune(x);
        live_session_second(x, now());
        return;
    }
    actor_advance(x);
    input_second(x, now());
    if (deck_snapshot_rate(&x->deck.snap, now()) == 0) {
        watch_prune(x);
        return;
    }
    actor_keep_position(x);
    watch_publish(x);
}
