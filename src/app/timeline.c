/* app/timeline.c - see timeline.h: the rows of spans. */
#include "app/timeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/tapes.h"
#include "app/timeline_internal.h"

#define MINUTE_US INT64_C(60000000)
enum { BLANK_MINUTES = 120 };
static const char *const speeds[] = { "sp", "lp", "ep" };

const char *app_speed_name(uint8_t speed) { return speed < ARRAY_LEN(speeds) ? speeds[speed] : speeds[0]; }

uint8_t app_speed_by_name(const char *name)
{
    for (uint8_t i = 0; i < ARRAY_LEN(speeds); i++)
        if (strcmp(name, speeds[i]) == 0)
            return i;
    return 0;
}

enum vcr_err span_film(struct sql_tx *tx, int64_t tape_id, struct timeline_span *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    *ret = (struct timeline_span){ 0 };
    enum vcr_err err = sql_query(tx, &rows,
                                 "SELECT r.duration_us, t.tape_speed, t.seed FROM reels r JOIN tapes t ON t.id = r.tape_id"
                                 " WHERE r.tape_id = $1 AND r.take_id IS NULL AND r.kind IN ('clean_video', 'clean_audio') AND r.track = 0"
                                 " ORDER BY r.kind DESC LIMIT 1", SQL_ARGS(SQL_I(tape_id)), why); /* the picture, or of a film without one the sound */
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        ret->end_us = sql_int(rows, 0);
        ret->speed = app_speed_by_name(sql_text(rows, 1));
        ret->seed = (uint64_t)sql_int(rows, 2);
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

/* The rows of a query for SPAN_COLUMNS, in the order of the tape. */
enum vcr_err span_rows(struct sql_tx *tx, const char *text, const struct sql_val *vals, size_t n, struct timeline *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    struct vcr_why bad;
    enum vcr_err err = sql_query(tx, &rows, text, vals, n, why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        struct timeline_span s = {
            .row = sql_int(rows, 0), .start_us = sql_int(rows, 1), .end_us = sql_int(rows, 2), .take = sql_int(rows, 3), .take_start_us = sql_int(rows, 4),
            .speed = app_speed_by_name(sql_text(rows, 5)), .generation = (int32_t)sql_int(rows, 6), .seed = (uint64_t)sql_int(rows, 7), .recorded_ms = sql_int(rows, 8),
            .is_over = sql_int(rows, 9) >= 0, .over_us = VCR_MAX(sql_int(rows, 9), 0),
        };
        if (timeline_append(ret, &s, &bad) != VCR_OK)
            err = vcr_fail(why, VCR_E_IO, "span %" PRId64 ": %s", s.row, bad.text);
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

enum vcr_err app_timeline_read(struct sql_tx *tx, int64_t tape_id, struct timeline *ret, struct vcr_why *why)
{
    struct timeline_span film;
    ret->count = 0;
    enum vcr_err err = span_rows(tx, "SELECT id, " SPAN_COLUMNS ", " SPAN_OVER("spans") " FROM spans WHERE tape_id = $1 ORDER BY tape_start_us", SQL_ARGS(SQL_I(tape_id)), ret, why);
    if (err == VCR_OK && ret->count == 0)
        err = span_film(tx, tape_id, &film, why);
    return err == VCR_OK && ret->count == 0 && film.end_us > 0 ? timeline_append(ret, &film, why) : err;
}

enum vcr_err app_tape_length(struct sql_tx *tx, const struct app_tape *t, int64_t *ret_us, struct vcr_why *why)
{
    int64_t id = t->c[APP_T_ID].i, end_us = 0;
    struct timeline_span film;
    enum vcr_err err = span_film(tx, id, &film, why);
    if (err == VCR_OK)
        err = spans_end(tx, id, &end_us, why);
    int64_t made_us = !t->c[APP_T_LENGTH_MINUTES].null ? t->c[APP_T_LENGTH_MINUTES].i * MINUTE_US : film.end_us ? film.end_us : BLANK_MINUTES * MINUTE_US;
    *ret_us = VCR_MAX(made_us, VCR_MAX(film.end_us, end_us));
    return err;
}

void app_timeline_json(const struct timeline *t, struct jsonw *j)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct timeline_span *s = &t->spans[i];
        jsonw_open(j, NULL);
        jsonw_seconds(j, "tape_start", s->start_us);
        jsonw_seconds(j, "tape_end", s->end_us);
        span_reel_json(j, s->take);
        jsonw_seconds(j, "reel_start", s->take_start_us);
        jsonw_str(j, "speed", app_speed_name(s->speed));
        jsonw_int(j, "generation", s->generation);
        if (s->recorded_ms)
            jsonw_time(j, "recorded_at", s->recorded_ms);
        else
            jsonw_null(j, "recorded_at");
        jsonw_close(j);
    }
}

void span_reel_json(struct jsonw *j, int64_t take)
{
    char reel[32];
    snprintf(reel, sizeof(reel), take ? "take-%" PRId64 : "film", take);
    jsonw_str(j, "reel", reel);
}

void spans_told_json(struct jsonw *j, const char *key, const struct timeline *t)
{
    const struct timeline told = { .count = VCR_MIN(t->count, (size_t)APP_SPANS_TOLD), .spans = t->spans };
    jsonw_open_array(j, key);
    app_timeline_json(&told, j);
    jsonw_close_array(j);
}

enum vcr_err span_add(struct sql_tx *tx, int64_t tape_id, const struct timeline_span *s, struct vcr_why *why)
{
    return sql_exec(tx, "INSERT INTO spans(tape_id, " SPAN_COLUMNS ") VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                    SQL_ARGS(SQL_I(tape_id), SQL_I(s->start_us), SQL_I(s->end_us), s->take ? SQL_I(s->take) : SQL_NUL, SQL_I(s->take_start_us), SQL_T(app_speed_name(s->speed)),
                             SQL_I(s->generation), SQL_I((int64_t)s->seed), s->recorded_ms ? SQL_I(s->recorded_ms) : SQL_NUL),
                    NULL, why);
}

/* Spans that share tape with [$2, $3): the first that can is the one that begins last before it. */
#define TOUCHED                                                                                                                                  \
    " FROM spans WHERE tape_id = $1 AND tape_start_us < $3 AND tape_end_us > $2"                                                              \
    " AND tape_start_us >= COALESCE((SELECT MAX(tape_start_us) FROM spans WHERE tape_id = $1 AND tape_start_us <= $2), 0)"

enum vcr_err spans_touched(struct sql_tx *tx, int64_t tape_id, int64_t start_us, int64_t end_us, struct timeline *ret, struct vcr_why *why)
{
    return span_rows(tx, "SELECT id, " SPAN_COLUMNS ", " SPAN_OVER_NOT_ASKED TOUCHED " ORDER BY tape_start_us", SQL_ARGS(SQL_I(tape_id), SQL_I(start_us), SQL_I(end_us)), ret, why);
}

enum vcr_err spans_delete(struct sql_tx *tx, int64_t tape_id, int64_t start_us, int64_t end_us, struct vcr_why *why)
{
    return sql_exec(tx, "DELETE" TOUCHED, SQL_ARGS(SQL_I(tape_id), SQL_I(start_us), SQL_I(end_us)), NULL, why);
}

enum vcr_err spans_put_by(struct sql_tx *tx, int64_t tape_id, int64_t item, int64_t start_us, int64_t end_us, struct vcr_why *why)
{
    return sql_exec(tx, "INSERT INTO former_spans(history_id, " SPAN_COLUMNS ") SELECT $4, " SPAN_COLUMNS TOUCHED,
                    SQL_ARGS(SQL_I(tape_id), SQL_I(start_us), SQL_I(end_us), SQL_I(item)), NULL, why);
}

enum vcr_err spans_take_back(struct sql_tx *tx, int64_t tape_id, int64_t item, struct vcr_why *why)
{
    enum vcr_err err = sql_exec(tx, "INSERT INTO spans(tape_id, " SPAN_COLUMNS ") SELECT $1, " SPAN_COLUMNS " FROM former_spans WHERE history_id = $2 ORDER BY tape_start_us",
                                SQL_ARGS(SQL_I(tape_id), SQL_I(item)), NULL, why);
    return err == VCR_OK ? sql_exec(tx, "DELETE FROM former_spans WHERE history_id = $1", SQL_ARGS(SQL_I(item)), NULL, why) : err;
}

static enum vcr_err one_number(struct sql_tx *tx, const char *text, int64_t tape_id, int64_t *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, text, SQL_ARGS(SQL_I(tape_id)), why);
    *ret = 0;
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        *ret = sql_int(rows, 0);
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

enum vcr_err spans_count(struct sql_tx *tx, int64_t tape_id, int64_t *ret, struct vcr_why *why)
{
    return one_number(tx, "SELECT COUNT(*) FROM spans WHERE tape_id = $1", tape_id, ret, why);
}

enum vcr_err spans_end(struct sql_tx *tx, int64_t tape_id, int64_t *ret_us, struct vcr_why *why)
{
    return one_number(tx, "SELECT tape_end_us FROM spans WHERE tape_id = $1 ORDER BY tape_start_us DESC LIMIT 1", tape_id, ret_us, why);
}

/* Those rows' bridges go with them; their files are the job's to delete, which their numbers are given to. */
enum vcr_err spans_ask_bridges(struct sql_tx *tx, int64_t tape_id, const struct timeline *gone, int64_t now_ms, struct vcr_why *why)
{
    struct buf payload;
    struct jsonw j;
    int64_t job;
    buf_init(&payload, PAYLOAD_MAX);
    jsonw_init(&j, &payload);
    jsonw_open(&j, NULL);
    jsonw_open_array(&j, "gone");
    for (size_t i = 0; i < gone->count; i++)
        jsonw_int(&j, NULL, gone->spans[i].row);
    jsonw_close_array(&j);
    jsonw_close(&j);
    buf_addc(&payload, '\0');
    enum vcr_err err = buf_ok(&payload) ? queue_put(tx, tape_id, "bridge", QUEUE_PERSON, payload.data, now_ms, &job, why) : vcr_fail(why, VCR_E_NOMEM, "no memory for a job");
    buf_free(&payload);
    return err;
}
