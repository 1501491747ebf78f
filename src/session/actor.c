/* session/actor.c - one running VCR: its beginning and end, its keys, and what others see of it. What time does to it is actor_time.c's, who watches it viewers.c's. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "session/live_internal.h"

static const int64_t grace_default_us = 30000000;

static int64_t now(void) { return clock_mono_us(); }

void actor_unref(struct session *x)
{
    if (atomic_fetch_sub(&x->refs, 1) > 1)
        return;
    free(x->viewers);
    log_free(&x->log);
    free(x);
}

static void timer_closed(uv_handle_t *h)
{
    struct session *x = h->data;
    sessions_handle_closed(x->owner);
    actor_unref(x);
}

/* Of the monotonic clock. */
static int64_t clock_ahead_us(int64_t t)
{
    time_t wall = time(NULL);
    struct tm here;
    return localtime_r(&wall, &here) ? (wall + here.tm_gmtoff) * INT64_C(1000000) - t : DECK_CLOCK_UNSET;
}

static void deck_begin(struct session *x, struct session_tape *tape)
{
    int64_t t = now();
    const struct deck_profile *house = x->owner->config.profile ? x->owner->config.profile : &deck_profile_consumer;
    x->settings.deck.clock_us = clock_ahead_us(t);
    key_start(x, x->settings.profile ? x->settings.profile : house, t);
    struct deck_args look = { .clean = x->settings.clean, .linear = x->settings.linear };
    vcr_strcpy(look.look, sizeof(look.look), x->settings.look[0] ? x->settings.look : "vhs");
    key_press(x, DECK_CMD_LOOK, &look, t, NULL);
    x->alone_since_us = t;
    if (!tape)
        return;
    if (x->settings.has_seed)
        tape->deck.seed = x->settings.seed;
    struct deck_args insert = { .tape = tape->deck };
    if (key_press(x, DECK_CMD_INSERT, &insert, t, NULL) == VCR_OK) {
        x->tape = *tape;
        x->has_tape = true;
        x->kept_us = tape->deck.position_us;
        wear_begin(x);
    } else {
        session_tape_close(tape);
    }
}

static struct session *session_new(struct sessions *s, const char *id, const struct session_settings *settings)
{
    struct session *x = vcr_alloc(sizeof(*x));
    x->owner = s;
    x->asker = ++s->askers;
    x->settings = *settings;
    if (x->settings.grace_us <= 0)
        x->settings.grace_us = grace_default_us;
    x->status = "starting";
    x->remote = (struct session_remote){ .user_id = settings->owner_id };
    x->remote_back_us = INT64_MAX;
    x->retry_us = -1;
    vcr_strcpy(x->id, sizeof(x->id), id);
    atomic_init(&x->refs, 1);
    return x;
}

static void enlist(struct session *x)
{
    struct sessions *s = x->owner;
    uv_timer_init(loop_uv(s->loop), &x->timer);
    x->timer.data = x;
    sessions_handle_opened(s);
    x->next = s->list;
    s->list = x;
    sessions_count(s);
    actor_changed(x);
}

enum vcr_err actor_start_live(struct sessions *s, const char *id, const struct session_settings *settings, struct session **ret, struct vcr_why *why)
{
    struct session *x = session_new(s, id, settings);
    x->live.is = true;
    enum vcr_err err = viewers_open(x, why);
    if (err != VCR_OK) {
        x->over = true;
        actor_unref(x);
        return err;
    }
    deck_begin(x, NULL);
    enlist(x);
    *ret = x;
    return VCR_OK;
}

enum vcr_err actor_start(struct sessions *s, const char *id, const struct session_settings *settings, struct session_tape *tape,
                         struct session **ret, struct vcr_why *why)
{
    struct session *x = session_new(s, id, settings);
    enum vcr_err err = tape ? sessions_may_insert(s, tape->tape_id, x, why) : VCR_OK;
    if (err == VCR_OK)
        err = viewers_open(x, why);
    if (err != VCR_OK)
        goto fail;
    deck_begin(x, tape);
    tape = NULL; /* the session's now, or closed */
    err = engine_seat(s, x, why);
    if (err != VCR_OK)
        goto fail;
    enlist(x);
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
    actor_advance(x);
    actor_keep_position(x);
    wear_tell(x);
    x->status = status;
    x->over = true;
    watch_publish_end(x);
    for (struct session **at = &s->list; *at; at = &(*at)->next) {
        if (*at == x) {
            *at = x->next;
            break;
        }
    }
    input_ends(x);
    engine_unseat(x);
    if (x->live.is && x->live.source)
        live_session_end(x);
    rtc_stream_close(&x->stream);
    if (x->has_tape)
        session_tape_close(&x->tape);
    x->has_tape = false;
    sessions_count(s);
    if (reason && s->config.ended)
        s->config.ended(s->config.arg, x->id, status, reason);
    uv_close((uv_handle_t *)&x->timer, timer_closed);
}

/* What only other sessions can forbid. The deck's own refusals come first: it is asked on a copy. */
static enum vcr_err may_command(struct session *x, enum deck_cmd cmd, const struct deck_args *args, const struct session_tape *tape, struct vcr_why *why)
{
    if (cmd != DECK_CMD_INSERT)
        return VCR_OK;
    struct deck trial = x->deck;
    if (deck_command(&trial, cmd, args, now(), why) != VCR_OK)
        return VCR_OK; /* and so will the deck itself, with what it does besides */
    return sessions_may_insert(x->owner, tape->tape_id, x, why);
}

enum vcr_err actor_record(struct session *x, const struct session_source *from, struct vcr_why *why)
{
    if (x->live.is)
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-in-this-mode", "This session has no tape to record onto.");
    actor_advance(x);
    struct deck trial = x->deck;
    enum vcr_err err = deck_command(&trial, DECK_CMD_RECORD, NULL, now(), why);
    if (err != VCR_OK) { /* the deck's own refusals come first, with what it does besides */
        key_press(x, DECK_CMD_RECORD, NULL, now(), why);
        actor_changed(x);
        return err;
    }
    err = from->tab_out ? vcr_refuse(why, VCR_E_CONFLICT, "/write-protected", "The tab of this tape was broken out: it cannot be recorded on.") : sessions_may_record(x, why);
    if (err == VCR_OK)
        err = input_check(x, from, why);
    if (err != VCR_OK)
        return err;
    input_choose(x, from);
    err = key_press(x, DECK_CMD_RECORD, NULL, now(), why);
    actor_changed(x);
    return err;
}

enum vcr_err actor_command(struct session *x, enum deck_cmd cmd, const struct deck_args *args, struct session_tape *tape,
                           struct vcr_why *why)
{
    struct deck_args with_tape;
    if (x->live.is) {
        if (tape)
            session_tape_close(tape);
        return live_session_command(x, cmd, why);
    }
    if (cmd == DECK_CMD_RECORD)
        return actor_record(x, &(struct session_source){ 0 }, why);
    int64_t now_us = actor_advance(x);
    if (cmd == DECK_CMD_INSERT) {
        if (!tape)
            return vcr_fail(why, VCR_E_INVALID, "Which tape?");
        if (x->settings.has_seed)
            tape->deck.seed = x->settings.seed;
        with_tape = (struct deck_args){ .tape = tape->deck };
        args = &with_tape;
    }
    enum vcr_err err = may_command(x, cmd, args, tape, why);
    if (err == VCR_OK)
        err = key_press(x, cmd, args, now_us, why);
    if (tape && cmd == DECK_CMD_INSERT && err == VCR_OK)
        actor_tape_in(x, tape);
    else if (tape)
        session_tape_close(tape);
    actor_changed(x);
    return err;
}

void actor_info(struct session *x, struct session_info *ret)
{
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->id, x->id, sizeof(ret->id));
    ret->status = x->status;
    viewers_info(x, ret);
    if (x->live.is) {
        live_session_info(x, ret);
        return;
    }
    deck_state(&x->deck, now(), &ret->deck);
    ret->deck.flag_missing = ret->deck.flag_missing || x->missing;
    if (x->tape_gone && !ret->deck.stop_reason)
        ret->deck.stop_reason = x->tape_gone;
    input_info(x, ret);
    if (x->has_tape) {
        ret->tape_id = x->tape.tape_id;
        memcpy(ret->tape_title, x->tape.title, sizeof(ret->tape_title));
        ret->tape_length_us = x->tape.deck.length_us;
        ret->write_protected = x->tape.deck.write_protected;
    }
    bool wide = x->has_tape && x->tape.wide && ret->deck.clean;
    ret->display_aspect_w = wide ? 16 : 4;
    ret->display_aspect_h = wide ? 9 : 3;
}
