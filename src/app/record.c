/* app/record.c - see timeline.h: recording onto a tape, and undoing it. Both change the few rows at one place of the tape, and put down what was there. */
#include <inttypes.h>
#include <string.h>

#include "app/marks.h"
#include "app/tapes.h"
#include "app/timeline_internal.h"

/* details: the buffer that the history's text is built in, behind its outermost brace. */
struct details {
    struct buf buf;
    struct jsonw j;
};

static void details_open(struct details *d, int64_t start_us, int64_t end_us, int64_t take)
{
    buf_init(&d->buf, 1 << 16);
    jsonw_init(&d->j, &d->buf);
    jsonw_open(&d->j, NULL);
    jsonw_seconds(&d->j, "position", start_us);
    jsonw_seconds(&d->j, "duration", end_us - start_us);
    span_reel_json(&d->j, take);
}

static enum vcr_err details_add(struct details *d, struct sql_tx *tx, int64_t tape_id, const char *action, int64_t user_id, int64_t now_ms, int64_t *ret_id, struct vcr_why *why)
{
    jsonw_close(&d->j);
    buf_addc(&d->buf, '\0');
    enum vcr_err err = buf_ok(&d->buf) ? app_history_add_item(tx, tape_id, action, user_id, d->buf.data, now_ms, ret_id, why)
                                       : vcr_fail(why, VCR_E_NOMEM, "no memory for the history");
    buf_free(&d->buf);
    return err;
}

enum vcr_err tape_shows(struct sql_tx *tx, int64_t tape_id, int64_t now_ms, struct vcr_why *why)
{
    int64_t end_us = 0;
    struct timeline_span film;
    enum vcr_err err = spans_end(tx, tape_id, &end_us, why);
    if (err == VCR_OK)
        err = span_film(tx, tape_id, &film, why);
    if (err != VCR_OK)
        return err;
    end_us = end_us ? end_us : film.end_us;
    const struct app_change c[] = { { APP_T_DURATION, end_us ? SQL_I(end_us) : SQL_NUL }, { APP_T_STATUS, SQL_T(end_us ? "ready" : "blank") }, { APP_T_MEDIA, SQL_NUL } };
    return app_tape_update(tx, tape_id, c, end_us ? 2 : 3, now_ms, why);
}

/* ---- recording ---- */
/* A tape that was never recorded onto has no rows: its film becomes one. */
static enum vcr_err lay_film(struct sql_tx *tx, int64_t tape_id, int64_t *count, struct vcr_why *why)
{
    struct timeline_span film;
    enum vcr_err err = span_film(tx, tape_id, &film, why);
    if (err != VCR_OK || film.end_us == 0)
        return err;
    *count = 1;
    return span_add(tx, tape_id, &film, why);
}

static enum vcr_err tell_recorded(struct sql_tx *tx, int64_t tape_id, const struct timeline_cut *cut, const struct timeline *after, const struct timeline_span *s,
                                  const struct app_recorded *note, int64_t now_ms, int64_t *ret_item, struct vcr_why *why)
{
    struct details d;
    details_open(&d, s->start_us, s->end_us, s->take);
    spans_told_json(&d.j, "before", &cut->former);
    jsonw_int(&d.j, "before_count", (int64_t)cut->former.count);
    spans_told_json(&d.j, "after", after);
    if (note->session_id && note->session_id[0])
        jsonw_str(&d.j, "session_id", note->session_id);
    if (note->source_json && note->source_json[0])
        jsonw_raw(&d.j, "source", note->source_json);
    if (note->stop_reason)
        jsonw_str(&d.j, "stop_reason", note->stop_reason);
    if (note->recovered)
        jsonw_bool(&d.j, "recovered", true);
    return details_add(&d, tx, tape_id, "recorded", note->user_id, now_ms, ret_item, why);
}

/* The former rows move beside the history's item, what was made of them comes in their place. */
static enum vcr_err change_rows(struct sql_tx *tx, int64_t tape_id, int64_t item, const struct timeline_span *s, const struct timeline *after, struct vcr_why *why)
{
    enum vcr_err err = sql_exec(tx, "INSERT INTO recordings(history_id, tape_id, take_id, start_us, end_us) VALUES($1, $2, $3, $4, $5)",
                                SQL_ARGS(SQL_I(item), SQL_I(tape_id), s->take ? SQL_I(s->take) : SQL_NUL, SQL_I(s->start_us), SQL_I(s->end_us)), NULL, why);
    if (err == VCR_OK)
        err = spans_put_by(tx, tape_id, item, s->start_us, s->end_us, why);
    if (err == VCR_OK)
        err = spans_delete(tx, tape_id, s->start_us, s->end_us, why);
    for (size_t i = 0; err == VCR_OK && i < after->count; i++)
        err = span_add(tx, tape_id, &after->spans[i], why);
    return err;
}

enum vcr_err app_timeline_record(struct sql_tx *tx, int64_t tape_id, const struct timeline_span *s, const struct app_recorded *note, int64_t now_ms, struct vcr_why *why)
{
    struct timeline place = { 0 }; /* what shows about there, and after recording what comes in its place */
    struct timeline_cut cut = { 0 };
    struct timeline_span added = *s;
    int64_t count = 0, item = 0;
    added.row = 0;
    enum vcr_err err = spans_count(tx, tape_id, &count, why);
    if (err == VCR_OK && count == 0)
        err = lay_film(tx, tape_id, &count, why);
    if (err == VCR_OK)
        err = spans_touched(tx, tape_id, s->start_us, s->end_us, &place, why);
    if (err == VCR_OK)
        err = timeline_record(&place, &added, &cut, why);
    if (err == VCR_OK && (size_t)count - cut.former.count + place.count > TIMELINE_SPANS_MAX)
        err = vcr_refuse(why, VCR_E_CONFLICT, "/too-many-recordings", "this tape has too many recordings");
    if (err == VCR_OK)
        err = tell_recorded(tx, tape_id, &cut, &place, s, note, now_ms, &item, why);
    if (err == VCR_OK)
        err = change_rows(tx, tape_id, item, s, &place, why);
    if (err == VCR_OK)
        err = tape_shows(tx, tape_id, now_ms, why);
    if (err == VCR_OK)
        err = spans_ask_bridges(tx, tape_id, &cut.former, now_ms, why);
    timeline_free(&place);
    timeline_free(&cut.former);
    return err;
}

/* ---- undoing ---- */
struct undo {
    int64_t tape_id, item, take;
    struct timeline_cut cut;
    struct timeline place;   /* what lies about there, and after undoing what lay there before */
    int64_t start_us, end_us; /* the stretch that changes */
    int64_t marks;           /* that went */
};

/* CONFLICT with the reason why this item is not the one that can be undone. newest: that one, 0: there is none. */
static enum vcr_err refuse(struct sql_tx *tx, int64_t tape_id, int64_t item, int64_t newest, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    bool there = false, undone = false;
    char action[101] = "";
    enum vcr_err err = sql_query(tx, &rows,
                                 "SELECT h.action, r.history_id IS NOT NULL, r.undone_by IS NOT NULL FROM tape_history h LEFT JOIN recordings r ON r.history_id = h.id"
                                 " WHERE h.id = $1 AND h.tape_id = $2", SQL_ARGS(SQL_I(item), SQL_I(tape_id)), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        vcr_strcpy(action, sizeof(action), sql_text(rows, 0));
        there = sql_bool(rows, 1);
        undone = sql_bool(rows, 2);
    }
    sql_rows_close(&rows);
    if (err == VCR_E_END)
        return vcr_fail(why, VCR_E_NOT_FOUND, "there is no such item in the history of this tape");
    if (err != VCR_OK)
        return err;
    if (!there)
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-undoable",
                          strcmp(action, "recorded") == 0 ? "this recording made the tape: there is nothing before it" : "only a recording onto the tape can be undone");
    if (undone)
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-undoable", "this recording is undone already");
    return vcr_refuse(why, VCR_E_CONFLICT, "/not-undoable", "only the newest recording can be undone: undo item %" PRId64 " first", newest);
}

static enum vcr_err find_newest(struct sql_tx *tx, struct undo *u, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    int64_t newest = 0;
    enum vcr_err err = sql_query(tx, &rows, "SELECT history_id, take_id, start_us, end_us FROM recordings WHERE tape_id = $1 AND undone_by IS NULL ORDER BY history_id DESC LIMIT 1",
                                 SQL_ARGS(SQL_I(u->tape_id)), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        newest = sql_int(rows, 0);
        u->take = sql_int(rows, 1);
        u->cut.start_us = sql_int(rows, 2);
        u->cut.end_us = sql_int(rows, 3);
    }
    sql_rows_close(&rows);
    if (err != VCR_OK && err != VCR_E_END)
        return err;
    return newest && newest == u->item ? VCR_OK : refuse(tx, u->tape_id, u->item, newest, why);
}

static enum vcr_err put_back(struct sql_tx *tx, struct undo *u, struct timeline *gone, struct vcr_why *why)
{
    enum vcr_err err = span_rows(tx, "SELECT id, " SPAN_COLUMNS ", " SPAN_OVER_NOT_ASKED " FROM former_spans WHERE history_id = $1 ORDER BY tape_start_us", SQL_ARGS(SQL_I(u->item)), &u->cut.former, why);
    timeline_cut_stretch(&u->cut, &u->start_us, &u->end_us);
    if (err == VCR_OK)
        err = spans_touched(tx, u->tape_id, u->start_us, u->end_us, &u->place, why);
    if (err == VCR_OK)
        err = timeline_copy(gone, &u->place, why);
    if (err == VCR_OK)
        err = timeline_undo(&u->place, &u->cut, why);
    if (err == VCR_OK)
        err = spans_delete(tx, u->tape_id, u->start_us, u->end_us, why);
    if (err == VCR_OK)
        err = spans_take_back(tx, u->tape_id, u->item, why);
    return err;
}

/* Its film from beginning to end is a tape that was never recorded onto: it has no rows. */
static enum vcr_err forget_film_row(struct sql_tx *tx, int64_t tape_id, struct vcr_why *why)
{
    struct timeline all = { 0 };
    struct timeline_span film;
    int64_t end_us;
    enum vcr_err err = spans_end(tx, tape_id, &end_us, why);
    if (err == VCR_OK)
        err = span_film(tx, tape_id, &film, why);
    if (err != VCR_OK || end_us == 0 || end_us != film.end_us)
        return err;
    err = spans_touched(tx, tape_id, end_us - 1, end_us, &all, why); /* the last; when it is all of the film there is no other */
    const struct timeline_span *s = all.count == 1 ? &all.spans[0] : NULL;
    if (err == VCR_OK && s && s->take == 0 && s->start_us == 0 && s->take_start_us == 0)
        err = spans_delete(tx, tape_id, 0, end_us, why);
    timeline_free(&all);
    return err;
}

static enum vcr_err tell_undone(struct sql_tx *tx, const struct undo *u, const struct timeline *gone, int64_t user_id, int64_t now_ms, struct vcr_why *why)
{
    struct details d;
    int64_t item = 0;
    details_open(&d, u->cut.start_us, u->cut.end_us, u->take);
    jsonw_int(&d.j, "item_id", u->item);
    spans_told_json(&d.j, "before", gone);
    spans_told_json(&d.j, "after", &u->place);
    jsonw_int(&d.j, "after_count", (int64_t)u->place.count);
    jsonw_int(&d.j, "marks_removed", u->marks);
    enum vcr_err err = details_add(&d, tx, u->tape_id, "undone", user_id, now_ms, &item, why);
    return err == VCR_OK ? sql_exec(tx, "UPDATE recordings SET undone_by = $2 WHERE history_id = $1", SQL_ARGS(SQL_I(u->item), SQL_I(item)), NULL, why) : err;
}

static enum vcr_err undo(struct sql_tx *tx, struct undo *u, int64_t user_id, int64_t now_ms, struct vcr_why *why)
{
    struct timeline gone = { 0 };
    enum vcr_err err = put_back(tx, u, &gone, why);
    if (err == VCR_OK && u->take)
        err = app_marks_of_take_remove(tx, u->tape_id, u->take, user_id, now_ms, &u->marks, why);
    if (err == VCR_OK)
        err = tell_undone(tx, u, &gone, user_id, now_ms, why);
    if (err == VCR_OK)
        err = forget_film_row(tx, u->tape_id, why);
    if (err == VCR_OK)
        err = tape_shows(tx, u->tape_id, now_ms, why);
    if (err == VCR_OK)
        err = spans_ask_bridges(tx, u->tape_id, &gone, now_ms, why);
    timeline_free(&gone);
    return err;
}

enum vcr_err app_timeline_undo(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, int64_t item_id, int64_t now_ms, struct vcr_why *why)
{
    struct app_tape t = { 0 };
    struct undo u = { .tape_id = tape_id, .item = item_id };
    enum vcr_err err = app_tape_find(tx, who, tape_id, APP_OWN, APP_NOT_BINNED, &t, why);
    bool recording = err == VCR_OK && strcmp(t.c[APP_T_STATUS].s, "recording") == 0;
    app_tape_free(&t);
    if (err == VCR_OK)
        err = find_newest(tx, &u, why);
    if (err == VCR_OK && recording)
        err = vcr_refuse(why, VCR_E_CONFLICT, "/busy-recording", "the tape is being recorded onto");
    if (err == VCR_OK)
        err = undo(tx, &u, who->user_id, now_ms, why);
    timeline_free(&u.cut.former);
    timeline_free(&u.place);
    return err;
}
