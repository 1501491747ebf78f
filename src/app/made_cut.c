/* app/made_cut.c - the look of a tape that was recorded over: what of which reel a segment is made from. */
#include <inttypes.h>
#include <string.h>

#include "app/made.h"
#include "app/timeline_internal.h"
#include "deliver/hls/made.h"

/* A second of unrecorded tape before a segment decides how it begins, and the sound's filters hear a quarter of a second. */
#define BEFORE_US INT64_C(1100000)
#define AFTER_US INT64_C(100000)

static enum vcr_err read_timeline(struct sql_tx *tx, int64_t tape_id, int64_t ret[3], int64_t *ret_end_us, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows,
                                 "SELECT (SELECT COALESCE(MAX(id), 0) FROM tape_history WHERE tape_id = $1 AND action IN ('recorded', 'undone')),"
                                 " (SELECT COALESCE(MAX(id), 0) FROM spans WHERE tape_id = $1), (SELECT COALESCE(MAX(id), 0) FROM reels WHERE tape_id = $1),"
                                 " (SELECT COALESCE(MAX(tape_end_us), 0) FROM spans WHERE tape_id = $1)", SQL_ARGS(SQL_I(tape_id)), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        for (int i = 0; i < 3; i++)
            ret[i] = sql_int(rows, i);
        *ret_end_us = sql_int(rows, 3);
    }
    sql_rows_close(&rows);
    return err;
}

enum vcr_err made_read_cut(struct sql_tx *tx, struct app_hls *h, struct vcr_why *why)
{
    struct app_hls_tape *t = &h->tape;
    struct sql_rows *rows = NULL;
    enum vcr_err err = read_timeline(tx, h->tape_id, t->timeline, &t->duration_us, why);
    if (err == VCR_OK)
        err = sql_query(tx, &rows, "SELECT COUNT(CASE WHEN kind <> 'opus' THEN 1 END), COUNT(CASE WHEN kind = 'opus' THEN 1 END) FROM reels WHERE tape_id = $1 AND track = 0"
                        " AND kind IN ('clean_video', 'tape_video', 'opus')", SQL_ARGS(SQL_I(h->tape_id)), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        t->has = sql_int(rows, 0) > 0;
        t->has_sound = sql_int(rows, 1) > 0;
        if (!app_hls_has(&t->video))
            t->field_rate = true; /* as a deck shows it */
    }
    sql_rows_close(&rows);
    return err;
}

bool made_needs_pieces(const struct app_hls *h, const struct made_ask *ask) { return app_hls_cut(h) && ask->kind != MADE_RUNG; }

/* ---- reading ---- */
static int64_t unit_us(const struct hls_grid *g, int64_t unit) { return unit * 1000000 * g->rate_den / g->rate_num; }

static void add_row(struct sql_rows *rows, struct made_pieces *p)
{
    struct made_piece *piece = &p->items[p->count];
    int64_t start_us = sql_int(rows, 0);
    if (p->count > 0 && piece[-1].start_us == start_us) /* its other reel, which comes after the better one */
        return;
    *piece = (struct made_piece){ .start_us = start_us, .end_us = sql_int(rows, 1), .reel_start_us = sql_int(rows, 2), .tape_speed = app_speed_by_name(sql_text(rows, 3)),
                                  .seed = (uint64_t)sql_int(rows, 4), .is_over = sql_int(rows, 7) >= 0, .over_us = VCR_MAX(sql_int(rows, 7), 0) };
    if (!sql_is_null(rows, 5) && (!vcr_strcpy(piece->blob_key, sizeof(piece->blob_key), sql_text(rows, 5)) ||
                                  !vcr_strcpy(piece->index_key, sizeof(piece->index_key), sql_text(rows, 6))))
        piece->blob_key[0] = '\0';
    p->count++;
}

enum vcr_err made_pieces_read(struct sql_tx *tx, const struct app_hls *h, const struct made_ask *ask, struct made_pieces *ret, struct vcr_why *why)
{
    bool sound = ask->kind == MADE_VHS_SOUND;
    struct hls_grid g = made_grid(&h->tape, sound);
    int64_t now[3], end_us, first = ask->init ? 0 : (int64_t)ask->n * g.each;
    int64_t from_us = unit_us(&g, first) - BEFORE_US, to_us = unit_us(&g, first + (MADE_AHEAD + 1) * (int64_t)g.each) + AFTER_US;
    struct sql_rows *rows = NULL;
    ret->count = 0;
    enum vcr_err err = read_timeline(tx, h->tape_id, now, &end_us, why);
    if (err == VCR_OK && memcmp(now, h->tape.timeline, sizeof(now)) != 0) /* a name stands for what is on the tape now, or for nothing */
        return vcr_fail(why, VCR_E_NOT_FOUND, "this tape was recorded onto; load its playlist again");
    if (err == VCR_OK)
        err = sql_query(tx, &rows,
                        "SELECT s.tape_start_us, s.tape_end_us, s.reel_start_us, s.speed, s.seed, r.blob_key, r.index_key, " SPAN_OVER("s") " FROM spans s LEFT JOIN reels r ON r.tape_id = s.tape_id"
                        " AND COALESCE(r.take_id, 0) = COALESCE(s.take_id, 0) AND r.track = 0 AND r.kind IN ($4, $5)"
                        " WHERE s.tape_id = $1 AND s.tape_end_us > $2 AND s.tape_start_us < $3 ORDER BY s.tape_start_us, r.kind DESC",
                        SQL_ARGS(SQL_I(h->tape_id), SQL_I(from_us), SQL_I(to_us), SQL_T(sound ? "opus" : "tape_video"), SQL_T(sound ? "opus" : "clean_video")), why);
    while (err == VCR_OK && ret->count < MADE_PIECES_MAX && (err = sql_next(rows, why)) == VCR_OK)
        add_row(rows, ret);
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

enum vcr_err made_piece_read(struct sql_tx *tx, int64_t tape_id, struct app_hls_reel *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT index_key FROM reels WHERE tape_id = $1 AND blob_key = $2 UNION ALL"
                                 " SELECT b.index_key FROM bridges b JOIN spans s ON s.id = b.span_id WHERE s.tape_id = $1 AND b.blob_key = $2",
                                 SQL_ARGS(SQL_I(tape_id), SQL_T(ret->blob_key)), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK && !vcr_strcpy(ret->index_key, sizeof(ret->index_key), sql_text(rows, 0)))
        err = VCR_E_END;
    sql_rows_close(&rows);
    return err == VCR_E_END ? vcr_fail(why, VCR_E_NOT_FOUND, "there is no such recording on this tape; load its playlist again") : err;
}

/* ---- one segment ---- */
/* The number of its reel among those of the job; MAKE_REELS_MAX: it cannot be had. */
static uint8_t reel_of(const struct app *a, const struct made_piece *piece, const struct made_piece *reels[MAKE_REELS_MAX], struct maker_want *w)
{
    struct make_job *j = &w->job;
    uint64_t size;
    for (uint8_t i = 0; i < j->reel_count; i++)
        if (strcmp(reels[i]->blob_key, piece->blob_key) == 0)
            return i;
    int *fds = &w->part_fds[2 * j->reel_count];
    if (j->reel_count == MAKE_REELS_MAX || !*piece->blob_key || app_hls_open(a, piece->blob_key, &fds[0], &size, NULL) != VCR_OK)
        return MAKE_REELS_MAX;
    if (app_hls_open(a, piece->index_key, &fds[1], &size, NULL) != VCR_OK) {
        vcr_close(&fds[0]);
        return MAKE_REELS_MAX;
    }
    reels[j->reel_count] = piece;
    return j->reel_count++;
}

enum vcr_err made_open_pieces(const struct app *a, const struct made_pieces *p, struct maker_want *w, struct vcr_why *why)
{
    struct make_job *j = &w->job;
    bool sound = j->kind == MAKE_TAPE_SOUND;
    const struct made_piece *reels[MAKE_REELS_MAX];
    struct hls_grid g = { .rate_num = HLS_SOUND_RATE, .rate_den = HLS_SOUND_UNIT };
    int num, den;
    if (!sound) {
        make_rate(j->pal, j->field_rate, &num, &den);
        g = (struct hls_grid){ .rate_num = (uint32_t)num, .rate_den = (uint32_t)den };
    }
    int64_t from_us = unit_us(&g, j->first) - BEFORE_US, to_us = unit_us(&g, (int64_t)j->first + j->count) + AFTER_US;
    j->has_parts = 1;
    for (size_t i = 0; i < p->count && j->part_count < MAKE_PARTS_MAX; i++) {
        const struct made_piece *piece = &p->items[i];
        if (piece->end_us <= from_us || piece->start_us >= to_us)
            continue;
        j->parts[j->part_count++] = (struct make_part){ .start_us = piece->start_us, .end_us = piece->end_us, .reel_start_us = piece->reel_start_us, .seed = piece->seed,
                                                        .is_over = piece->is_over, .over_us = piece->over_us, .tape_speed = piece->tape_speed, .reel = reel_of(a, piece, reels, w) };
    }
    return VCR_OK;
}
