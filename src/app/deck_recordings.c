/* app/deck_recordings.c - see deck_recordings.h. */
#include "app/deck_recordings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/marks.h"
#include "app/recordings_internal.h"
#include "app/recover.h"
#include "app/takes.h"
#include "app/tape_map.h"
#include "base/clock.h"
#include "base/log.h"

enum { DEADLINE_US = 10000000, RETRY_MS = 2000 };
static bool recover_one(const struct app *a, int64_t take_id);

/* One take from the asking on. Its call-backs own it in the end. */
struct taking {
    struct sql_job job;
    const struct app *a;
    struct session_take asks;
    struct app_take take;
    struct record_picture picture;
    bool recovered;
    const struct recorder_result *result;
    const char *reason;            /* why there are no files; static */
};

static struct record_place place_of(const struct taking *t) { return (struct record_place){ t->take.tape_id, t->take.id }; }

/* What a deck says of it. */
static const char *reason_of(const struct vcr_why *why)
{
    return why->code == VCR_E_FULL ? "disk_full" : why->slug && why->slug[0] == '/' ? why->slug + 1 : "fault";
}

/* ---- sealed ---- */
static enum vcr_err take_done(struct sql_tx *tx, const struct taking *t, struct vcr_why *why)
{
    const struct recorder_result *r = t->result;
    const struct record_place place = place_of(t);
    struct app_take_reel reels[RECORDER_TRACKS];
    char keys[RECORDER_TRACKS][2][RECORD_KEY_BYTES], *media = record_media_text(&t->picture, r, t->recovered);
    size_t count = 0;
    for (int i = 0; i < RECORDER_TRACKS; i++) {
        if (!r->track[i].there)
            continue;
        record_key(&place, record_tracks[i].file, keys[i][0]);
        record_key(&place, record_tracks[i].index, keys[i][1]);
        reels[count++] = (struct app_take_reel){ record_tracks[i].reel, keys[i][0], keys[i][1], (int64_t)r->track[i].size_bytes, r->duration_us };
    }
    const struct app_take_result result = {
        .duration_us = r->duration_us, .wall_ms = r->wall_ms, .stop_reason = r->stop_reason, .recovered = t->recovered,
        .standard = record_is_pal(&t->picture) ? "pal" : "ntsc", .media = media, .reels = reels, .reel_count = count,
    };
    enum vcr_err err = app_take_done(tx, t->take.id, &result, clock_wall_ms(), why);
    free(media);
    return err;
}

static bool has_some(const struct taking *t)
{
    const struct recorder_result *r = t->result;
    return r && r->sealed && r->track[RECORDER_VIDEO].there && r->duration_us > t->take.skip_us;
}

static enum vcr_err end_take(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    const struct taking *t = arg;
    return has_some(t) ? take_done(tx, t, why) : app_take_cancel(tx, t->take.id, clock_wall_ms(), why);
}

/* False: what could not be sealed or noted stays as it is, to be tried again. */
static bool conclude(struct taking *t, const struct recorder_result *result)
{
    struct vcr_why why = { 0 };
    const struct record_place place = place_of(t);
    t->result = result;
    record_fill_picture(&t->picture, result);
    if (!result->sealed && result->duration_us > 0) {
        log_error("recording", "take %" PRId64 " of tape %" PRId64 " could not be sealed: %s", t->take.id, t->take.tape_id, result->why.text);
        return false;
    }
    enum vcr_err err = sql_run(t->a->config.db, SQL_WRITE, end_take, t, &why);
    if (err != VCR_OK && err != VCR_E_NOT_FOUND) {
        log_error("recording", "take %" PRId64 " was recorded, and not noted: %s", t->take.id, why.text);
        return false;
    }
    record_tidy(t->a, &place, err == VCR_OK && has_some(t));
    app_tape_changed(t->a, t->take.tape_id);
    return true;
}

static enum vcr_err seal(void *arg, const struct recorder_result *result, struct vcr_why *why)
{
    const struct taking *t = arg;
    const struct record_place place = place_of(t);
    return record_seal_files(t->a, &place, result, why);
}

static void done(void *arg, const struct recorder_result *result)
{
    struct taking *t = arg;
    if (!conclude(t, result))
        app_recover_later(t->a, recover_one, t->take.id, RETRY_MS);
    session_take_sealed(t->a->config.sessions, t->asks.session_id, t->asks.number, result->stop_reason);
    free(t);
}

/* ---- it begins ---- */
static void answer(struct taking *t, const struct recorder_files *files)
{
    session_take_files(t->a->config.sessions, t->asks.session_id, t->asks.number, files, files ? NULL : t->reason);
    if (!files)
        free(t);
}

static enum vcr_err cancel_work(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why)
{
    return app_take_cancel(tx, container_of(job, struct taking, job)->take.id, clock_wall_ms(), why);
}

static void cancelled(struct sql_job *job)
{
    struct taking *t = container_of(job, struct taking, job);
    const struct record_place place = place_of(t);
    if (job->err == VCR_OK)
        record_tidy(t->a, &place, false);
    answer(t, NULL);
}

static void submit(struct taking *t, enum vcr_err (*work)(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why), void (*then)(struct sql_job *job))
{
    struct vcr_why why = { 0 };
    t->job = (struct sql_job){ .mode = SQL_WRITE, .work = work, .done = then, .deadline_us = clock_mono_us() + DEADLINE_US };
    if (sql_submit(t->a->config.db, &t->job, &why) == VCR_OK)
        return;
    t->reason = "fault";
    answer(t, NULL); /* a row that stays is cancelled at the next start */
}

/* Its files being opened; apart from it, since it may be over before the pool knows that they are there. */
struct opening {
    struct pool_job pool;
    struct taking *taking;
    struct recorder_files files;
};

static enum vcr_err files_work(struct pool_job *job, void *worker, struct vcr_why *why)
{
    struct opening *o = container_of(job, struct opening, pool);
    const struct record_place place = place_of(o->taking);
    return record_open_files(o->taking->a, &place, true, o->taking->asks.aac, &o->files, why);
}

static void files_done(struct pool_job *job)
{
    struct opening *o = container_of(job, struct opening, pool);
    struct taking *t = o->taking;
    if (job->err == VCR_OK) {
        o->files.seal = seal;
        o->files.done = done;
        o->files.arg = t;
        answer(t, &o->files); /* t is its call-backs' from here on */
    } else {
        t->reason = reason_of(&job->why);
        submit(t, cancel_work, cancelled);
    }
    free(o);
}

/* A generation more than what the source plays there; what comes from no tape is none. */
static enum vcr_err find_generation(struct sql_tx *tx, struct taking *t, struct vcr_why *why)
{
    struct timeline source = { 0 };
    if (!t->asks.source_tape_id)
        return VCR_OK;
    enum vcr_err err = app_timeline_read(tx, t->asks.source_tape_id, &source, why);
    const struct timeline_span *s = err == VCR_OK ? timeline_at(&source, t->asks.source_us) : NULL;
    t->take.generation = s ? s->generation + 1 : 1;
    timeline_free(&source);
    return err;
}

/* By whose rights: those of the session's owner. */
static enum vcr_err find_owner(struct sql_tx *tx, const char *session_id, struct app_principal *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT u.id, u.role FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1", SQL_ARGS(SQL_T(session_id)), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        *ret = (struct app_principal){ .user_id = sql_int(rows, 0), .role = app_role_by_name(sql_text(rows, 1)) };
    sql_rows_close(&rows);
    return err == VCR_E_END ? vcr_fail(why, VCR_E_NOT_FOUND, "the session is no more") : err;
}

static void describe_source(const struct session_take *asks, char *out, size_t size)
{
    if (asks->source_tape_id)
        snprintf(out, size, "{\"session_id\":\"%s\",\"tape_id\":%" PRId64 ",\"position\":%.3f}", asks->source_session_id, asks->source_tape_id, (double)asks->source_us / 1e6);
    else if (asks->source_session_id[0] && !asks->source_device_id)
        snprintf(out, size, "{\"session_id\":\"%s\"}", asks->source_session_id);
    else
        snprintf(out, size, "{\"device_id\":%" PRId64 "}", asks->source_device_id);
}

static enum vcr_err begin_work(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why)
{
    struct taking *t = container_of(job, struct taking, job);
    const struct session_take *asks = &t->asks;
    struct app_principal who = { 0 };
    t->take = (struct app_take){ .tape_id = asks->tape_id, .place_us = asks->place_us, .skip_us = asks->skip_us, .speed = asks->tape_speed,
                                 .follows = asks->follows };
    vcr_strcpy(t->take.session_id, sizeof(t->take.session_id), asks->session_id);
    describe_source(asks, t->take.source, sizeof(t->take.source));
    vcr_random(&t->take.seed, sizeof(t->take.seed));
    t->take.seed >>= 1; /* a BIGINT without sign */
    enum vcr_err err = find_owner(tx, asks->session_id, &who, why);
    if (err == VCR_OK)
        err = find_generation(tx, t, why);
    return err == VCR_OK ? app_take_begin(tx, &who, &t->take, clock_wall_ms(), why) : err;
}

static void begun(struct sql_job *job)
{
    struct taking *t = container_of(job, struct taking, job);
    struct vcr_why why = { 0 };
    if (job->err != VCR_OK) {
        log_warn("recording", "tape %" PRId64 ": nothing can be recorded onto it: %s", t->asks.tape_id, job->why.text);
        t->reason = reason_of(&job->why);
        answer(t, NULL);
        return;
    }
    struct opening *o = vcr_alloc(sizeof(*o));
    o->taking = t;
    o->pool = (struct pool_job){ .work = files_work, .done = files_done };
    if (pool_submit(t->a->files, &o->pool, NULL, &why) == VCR_OK)
        return;
    free(o);
    t->reason = "fault";
    submit(t, cancel_work, cancelled);
}

void app_deck_take(const struct app *a, const struct session_take *asks)
{
    struct taking *t = vcr_alloc(sizeof(*t));
    t->a = a;
    t->asks = *asks;
    t->picture = (struct record_picture){ asks->width, asks->height, asks->sar_num, asks->sar_den, 0 };
    submit(t, begin_work, begun);
}

/* ---- index marks ---- */
struct marking {
    struct sql_job job;
    const struct app *a;
    char session_id[VCR_UUID_BYTES];
    int64_t tape_id, position_us;
    bool of_take;
};

static enum vcr_err find_take(struct sql_tx *tx, int64_t tape_id, int64_t *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT id FROM takes WHERE tape_id = $1 AND status = 'recording'", SQL_ARGS(SQL_I(tape_id)), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        *ret = sql_int(rows, 0);
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

static enum vcr_err mark_work(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why)
{
    struct marking *m = container_of(job, struct marking, job);
    struct app_principal who = { 0 };
    int64_t take = 0;
    enum vcr_err err = find_owner(tx, m->session_id, &who, why);
    if (err == VCR_OK && m->of_take)
        err = find_take(tx, m->tape_id, &take, why);
    return err == VCR_OK ? app_mark_write(tx, m->tape_id, take, m->position_us, who.user_id, clock_wall_ms(), NULL, why) : err;
}

static void marked(struct sql_job *job)
{
    struct marking *m = container_of(job, struct marking, job);
    if (job->err != VCR_OK)
        log_warn("recording", "tape %" PRId64 ": an index mark was not kept: %s", m->tape_id, job->why.text);
    else
        app_tape_changed(m->a, m->tape_id);
    free(m);
}

void app_deck_mark(const struct app *a, const char *session_id, int64_t tape_id, uint64_t take_number, int64_t position_us)
{
    struct vcr_why why;
    struct marking *m = vcr_alloc(sizeof(*m));
    m->a = a;
    m->tape_id = tape_id;
    m->position_us = position_us;
    m->of_take = take_number != 0;
    vcr_strcpy(m->session_id, sizeof(m->session_id), session_id);
    m->job = (struct sql_job){ .mode = SQL_WRITE, .work = mark_work, .done = marked, .deadline_us = clock_mono_us() + DEADLINE_US };
    if (sql_submit(a->config.db, &m->job, &why) != VCR_OK) {
        log_warn("recording", "tape %" PRId64 ": an index mark was not kept: %s", tape_id, why.text);
        free(m);
    }
}

/* ---- after a crash ---- */
static enum vcr_err look_up(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct taking *t = arg;
    bool recording;
    return app_take_find(tx, t->take.id, &t->take, &recording, why);
}

static bool recover_one(const struct app *a, int64_t take_id)
{
    struct vcr_why why = { 0 };
    struct recorder_files files = { 0 };
    struct recorder_result result = { 0 };
    struct taking t = { .a = a, .take = { .id = take_id }, .recovered = true };
    enum vcr_err err = sql_run(a->config.db, SQL_READ, look_up, &t, &why);
    const struct record_place place = place_of(&t);
    if (err == VCR_E_NOT_FOUND)
        return true; /* its tape was purged */
    if (err == VCR_OK)
        err = record_open_files(a, &place, false, true, &files, &why);
    if (err == VCR_OK) {
        files.seal = seal;
        files.arg = &t;
        recorder_recover(&files, &result);
    } else if (err != VCR_E_NOT_FOUND) { /* killed before they were there: nothing was recorded */
        log_error("recording", "take %" PRId64 " cannot be opened: %s", take_id, why.text);
        return false;
    }
    bool through = conclude(&t, &result);
    if (through)
        log_warn("recording", "tape %" PRId64 " was broken off while it was recorded onto: %.1f s are whole", t.take.tape_id, (double)result.duration_us / 1e6);
    return through;
}

static enum vcr_err find_unfinished(struct sql_tx *tx, void *arg, struct vcr_why *why) { return app_takes_unfinished(tx, arg, why); }

enum vcr_err app_deck_record_recover(const struct app *a, struct vcr_why *why)
{
    struct app_takes_unfinished u = { .count = 0 };
    enum vcr_err err = sql_run(a->config.db, SQL_READ, find_unfinished, &u, why);
    for (int i = 0; err == VCR_OK && i < u.count; i++)
        app_recover_later(a, recover_one, u.ids[i], 0);
    return err;
}
