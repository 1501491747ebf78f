/* cmd/vcrd_told.c - see vcrd_told.h. Each call-back runs on the media loop's thread unless session.h says otherwise, and only hands on. */
#include "cmd/vcrd_told.h"

#include "app/deck_recordings.h"
#include "app/devices.h"
#include "app/sessions.h"
#include "app/tapes.h"
#include "app/wear.h"
#include "base/log.h"

static void save_position(void *arg, int64_t tape_id, int64_t position_us)
{
    const struct vcrd_told *t = arg;
    app_tape_save_position(t->db, tape_id, position_us);
}

static void tape_worn(void *arg, int64_t tape_id, int64_t passed_us)
{
    const struct vcrd_told *t = arg;
    app_tape_worn(t->db, tape_id, passed_us);
}

static void session_over(void *arg, const char *session_id, const char *status, const char *reason)
{
    const struct vcrd_told *t = arg;
    log_info("session", "session %s: %s (%s)", session_id, status, reason);
    app_session_over(t->db, session_id, status);
}

static void device_online(void *arg, int64_t device_id, bool online)
{
    const struct vcrd_told *t = arg;
    if (online)
        device_list_arrived(t->app, device_id);
    else
        device_list_left(t->app, device_id);
}

static void deck_takes(void *arg, const struct session_take *take)
{
    const struct vcrd_told *t = arg;
    app_deck_take(t->app, take);
}

static void deck_marks(void *arg, const char *session_id, int64_t tape_id, uint64_t take_number, int64_t position_us)
{
    const struct vcrd_told *t = arg;
    app_deck_mark(t->app, session_id, tape_id, take_number, position_us);
}

static enum vcr_err open_take(void *arg, int64_t tape_id, int64_t take, int ret_fds[6], struct vcr_why *why)
{
    const struct vcrd_told *t = arg;
    return app_take_open(t->app, tape_id, take, ret_fds, why);
}

static enum vcr_err open_piece(void *arg, const struct session_piece *piece, int ret_fds[2], struct vcr_why *why)
{
    struct vcrd_told *t = arg;
    pthread_rwlock_rdlock(&t->lock);
    enum vcr_err err = t->maker_ends ? vcr_fail(why, VCR_E_BUSY, "the server ends") : app_piece_open(t->app, piece, ret_fds, why);
    pthread_rwlock_unlock(&t->lock);
    return err;
}

void vcrd_told_maker_ends(struct vcrd_told *t)
{
    pthread_rwlock_wrlock(&t->lock);
    t->maker_ends = true;
    pthread_rwlock_unlock(&t->lock);
}

void vcrd_told_config(struct vcrd_told *t, struct sessions_config *c)
{
    c->save_position = save_position;
    c->tape_worn = tape_worn;
    c->ended = session_over;
    c->device_online = device_online;
    c->take = deck_takes;
    c->mark = deck_marks;
    c->open_take = open_take;
    if (t->gives_pieces)
        c->open_piece = open_piece;
    pthread_rwlock_init(&t->lock, NULL);
    c->arg = t;
}
