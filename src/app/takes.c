/* app/takes.c - see takes.h. */
#include "app/takes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/marks.h"
#include "app/tapes.h"
#include "app/timeline_internal.h"
#include "app/trash.h"

/* ---- it begins ---- */
static enum vcr_err may_record(const struct app_tape *t, int64_t place_us, int64_t length_us, struct vcr_why *why)
{
    const char *status = t->c[APP_T_STATUS].s;
    if (strcmp(status, "recording") == 0)
        return vcr_refuse(why, VCR_E_CONFLICT, "/tape-in-use", "this tape is being recorded onto already");
    if (strcmp(status, "ready") != 0 && strcmp(status, "blank") != 0)
        return vcr_refuse(why, VCR_E_CONFLICT, "/tape-not-ready", "this tape cannot be recorded onto: it is %s", status);
    if (t->c[APP_T_WRITE_PROTECTED].i)
        return vcr_refuse(why, VCR_E_CONFLICT, "/write-protected", "the tape's tab is broken out: it cannot be recorded onto");
    if (place_us < 0 || place_us >= length_us)
        return vcr_refuse(why, VCR_E_CONFLICT, "/end-of-tape", "the tape ends here");
    return VCR_OK;
}

static enum vcr_err add_take(struct sql_tx *tx, struct app_take *t, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows,
                                 "INSERT INTO takes(tape_id, created_at, duration_us, status, place_us, skip_us, speed, seed, generation, user_id, session_id, source)"
                                 " VALUES($1, $2, 0, 'recording', $3, $10, $4, $5, $6, $7, $8, $9) RETURNING id",
                                 SQL_ARGS(SQL_I(t->tape_id), SQL_I(t->begun_ms), SQL_I(t->place_us), SQL_T(app_speed_name(t->speed)), SQL_I((int64_t)t->seed),
                                          SQL_I(t->generation), t->user_id ? SQL_I(t->user_id) : SQL_NUL, SQL_T(t->session_id), SQL_T(t->source), SQL_I(t->skip_us)),
                                 why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        t->id = sql_int(rows, 0);
    sql_rows_close(&rows);
    return err == VCR_E_CONFLICT ? vcr_refuse(why, VCR_E_CONFLICT, "/tape-in-use", "this tape is being recorded onto already") : err;
}

/* The last picture of a take has the length of the others, though the next picture came a little later. */
static enum vcr_err join(struct sql_tx *tx, struct app_take *t, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT place_us + duration_us - skip_us FROM takes WHERE tape_id = $1 AND session_id = $2 AND status = 'done' ORDER BY id DESC LIMIT 1",
                                 SQL_ARGS(SQL_I(t->tape_id), SQL_T(t->session_id)), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK && sql_int(rows, 0) < t->place_us && sql_int(rows, 0) > t->place_us - APP_TAKE_JOIN_US)
        t->place_us = sql_int(rows, 0);
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

enum vcr_err app_take_begin(struct sql_tx *tx, const struct app_principal *who, struct app_take *t, int64_t now_ms, struct vcr_why *why)
{
    struct app_tape tape = { 0 };
    int64_t length_us = 0;
    const struct app_change recording = { APP_T_STATUS, SQL_T("recording") };
    t->user_id = who->user_id;
    t->begun_ms = now_ms;
    enum vcr_err err = app_tape_find(tx, who, t->tape_id, APP_OWN, APP_NOT_BINNED, &tape, why);
    if (err == VCR_OK)
        err = app_tape_length(tx, &tape, &length_us, why);
    if (err == VCR_OK)
        err = t->follows ? join(tx, t, why) : VCR_OK;
    if (err == VCR_OK)
        err = may_record(&tape, t->place_us, length_us, why);
    if (err == VCR_OK)
        err = add_take(tx, t, why);
    if (err == VCR_OK)
        err = app_tape_update(tx, t->tape_id, &recording, 1, now_ms, why);
    app_tape_free(&tape);
    return err;
}

/* ---- it is found again ---- */
enum vcr_err app_take_find(struct sql_tx *tx, int64_t take_id, struct app_take *ret, bool *ret_recording, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT id, tape_id, user_id, session_id, place_us, speed, seed, generation, source, created_at, status, skip_us FROM takes WHERE id = $1",
                                 SQL_ARGS(SQL_I(take_id)), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        *ret = (struct app_take){ .id = sql_int(rows, 0), .tape_id = sql_int(rows, 1), .user_id = sql_int(rows, 2), .place_us = sql_int(rows, 4),
                                  .speed = app_speed_by_name(sql_text(rows, 5)), .seed = (uint64_t)sql_int(rows, 6), .generation = (int32_t)sql_int(rows, 7),
                                  .begun_ms = sql_int(rows, 9), .skip_us = sql_int(rows, 11) };
        vcr_strcpy(ret->session_id, sizeof(ret->session_id), sql_text(rows, 3));
        vcr_strcpy(ret->source, sizeof(ret->source), sql_text(rows, 8));
        *ret_recording = strcmp(sql_text(rows, 10), "recording") == 0;
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? vcr_fail(why, VCR_E_NOT_FOUND, "there is no such take") : err;
}

enum vcr_err app_takes_unfinished(struct sql_tx *tx, struct app_takes_unfinished *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    ret->count = 0;
    enum vcr_err err = sql_query(tx, &rows, "SELECT id FROM takes WHERE status = 'recording' ORDER BY id LIMIT $1", SQL_ARGS(SQL_I(APP_TAKES_UNFINISHED_MAX)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        ret->ids[ret->count++] = sql_int(rows, 0);
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

static enum vcr_err find_recording(struct sql_tx *tx, int64_t take_id, struct app_take *ret, struct vcr_why *why)
{
    bool recording = false;
    enum vcr_err err = app_take_find(tx, take_id, ret, &recording, why);
    return err == VCR_OK && !recording ? vcr_fail(why, VCR_E_NOT_FOUND, "this take is done") : err;
}

/* ---- it ends ---- */
static enum vcr_err add_reels(struct sql_tx *tx, const struct app_take *t, const struct app_take_result *r, struct vcr_why *why)
{
    enum vcr_err err = VCR_OK;
    for (size_t i = 0; err == VCR_OK && i < r->reel_count; i++) {
        const struct app_take_reel *reel = &r->reels[i];
        err = sql_exec(tx, "INSERT INTO reels(tape_id, take_id, kind, blob_key, index_key, size_bytes, duration_us, info, track) VALUES($1, $2, $3, $4, $5, $6, $7, '{}', 0)",
                       SQL_ARGS(SQL_I(t->tape_id), SQL_I(t->id), SQL_T(reel->kind), SQL_T(reel->blob_key), SQL_T(reel->index_key), SQL_I(reel->size_bytes),
                                SQL_I(reel->duration_us)),
                       NULL, why);
    }
    return err;
}

/* Where it shows: from its place to its end, or to the end of the tape. */
static enum vcr_err span_of(struct sql_tx *tx, const struct app_take *t, const struct app_take_result *r, struct timeline_span *ret, struct vcr_why *why)
{
    struct app_tape tape = { 0 };
    const struct app_principal keeper = { .role = APP_ADMIN };
    int64_t length_us = 0;
    enum vcr_err err = app_tape_find(tx, &keeper, t->tape_id, APP_SEE, APP_ANYWHERE, &tape, why);
    if (err == VCR_OK)
        err = app_tape_length(tx, &tape, &length_us, why);
    app_tape_free(&tape);
    int64_t end_us = t->place_us + r->duration_us - t->skip_us;
    *ret = (struct timeline_span){ .start_us = t->place_us, .end_us = length_us > t->place_us ? VCR_MIN(end_us, length_us) : end_us, .take = t->id,
                                   .take_start_us = t->skip_us, .recorded_ms = r->wall_ms ? r->wall_ms + t->skip_us / 1000 : 0, .seed = t->seed,
                                   .generation = t->generation, .speed = t->speed };
    return err;
}

static enum vcr_err ask_finish(struct sql_tx *tx, const struct app_take *t, int64_t now_ms, struct vcr_why *why)
{
    char payload[48];
    int64_t job;
    snprintf(payload, sizeof(payload), "{\"take_id\":%" PRId64 "}", t->id);
    return queue_put(tx, t->tape_id, "finish", QUEUE_PERSON, payload, now_ms, &job, why);
}

enum vcr_err app_take_done(struct sql_tx *tx, int64_t take_id, const struct app_take_result *r, int64_t now_ms, struct vcr_why *why)
{
    struct app_take t;
    struct timeline_span s;
    enum vcr_err err = find_recording(tx, take_id, &t, why);
    if (err == VCR_OK && (r->reel_count == 0 || r->duration_us <= t.skip_us))
        err = vcr_fail(why, VCR_E_INTERNAL, "take %" PRId64 " has nothing in it", take_id);
    if (err == VCR_OK)
        err = add_reels(tx, &t, r, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "UPDATE takes SET status = 'done', duration_us = $2, started_at = $3 WHERE id = $1",
                       SQL_ARGS(SQL_I(take_id), SQL_I(r->duration_us), r->wall_ms ? SQL_I(r->wall_ms) : SQL_NUL), NULL, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "UPDATE tapes SET standard = COALESCE(standard, $2), media = COALESCE(media, $3) WHERE id = $1",
                       SQL_ARGS(SQL_I(t.tape_id), SQL_T(r->standard), SQL_T(r->media)), NULL, why);
    if (err == VCR_OK)
        err = span_of(tx, &t, r, &s, why);
    const struct app_recorded note = { .user_id = t.user_id, .session_id = t.session_id, .source_json = t.source, .stop_reason = r->stop_reason, .recovered = r->recovered };
    if (err == VCR_OK)
        err = app_timeline_record(tx, t.tape_id, &s, &note, now_ms, why);
    return err == VCR_OK ? ask_finish(tx, &t, now_ms, why) : err; /* behind the bridges: it plays everywhere with those */
}

enum vcr_err app_take_cancel(struct sql_tx *tx, int64_t take_id, int64_t now_ms, struct vcr_why *why)
{
    struct app_take t;
    int64_t marks = 0;
    char prefix[64];
    enum vcr_err err = find_recording(tx, take_id, &t, why);
    if (err == VCR_OK)
        err = app_marks_of_take_remove(tx, t.tape_id, take_id, t.user_id, now_ms, &marks, why);
    snprintf(prefix, sizeof(prefix), "tapes/%" PRId64 "/t%" PRId64 "/", t.tape_id, t.id);
    if (err == VCR_OK)
        err = app_trash_add(tx, prefix, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "DELETE FROM takes WHERE id = $1", SQL_ARGS(SQL_I(take_id)), NULL, why);
    return err == VCR_OK ? tape_shows(tx, t.tape_id, now_ms, why) : err;
}
