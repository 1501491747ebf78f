/* app/take_sound.c - the AAC of takes that were recorded without (from another session comes Opus alone): HLS needs it. Made before a tape's bridges are, as they cut it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/reel_child.h"
#include "app/timeline_internal.h"
#include "base/log.h"

enum { KEY_BYTES = 204, TAKES_AT_ONCE = 16, LIMIT_MS = 30 * 60 * 1000 };

struct silent {
    int64_t take, duration_us;     /* of its picture */
    char blob_key[KEY_BYTES], index_key[KEY_BYTES];
};
struct silents {
    const struct app_bridges *config;
    int64_t tape_id, after;        /* takes beyond this one are looked for */
    int count;
    struct silent items[TAKES_AT_ONCE];
    /* the one that was made */
    const struct silent *made;
    const char *blob_key, *index_key;
    uint64_t size_bytes;
};

static enum vcr_err find(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct silents *s = arg;
    struct sql_rows *rows = NULL;
    s->count = 0;
    enum vcr_err err = sql_query(tx, &rows,
                                 "SELECT o.take_id, o.blob_key, o.index_key, v.duration_us FROM reels o JOIN reels v"
                                 " ON v.tape_id = $1 AND COALESCE(v.take_id, 0) = o.take_id AND v.kind = 'clean_video'"
                                 " WHERE o.tape_id = $1 AND o.take_id > $2 AND o.kind = 'opus'"
                                 " AND NOT EXISTS"
                                 " (SELECT 1 FROM reels a WHERE a.tape_id = $1 AND COALESCE(a.take_id, 0) = o.take_id AND a.kind = 'clean_audio') ORDER BY o.take_id LIMIT $3",
                                 SQL_ARGS(SQL_I(s->tape_id), SQL_I(s->after), SQL_I(TAKES_AT_ONCE)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        struct silent *i = &s->items[s->count];
        i->take = s->after = sql_int(rows, 0);
        i->duration_us = sql_int(rows, 3);
        s->count += vcr_strcpy(i->blob_key, KEY_BYTES, sql_text(rows, 1)) && vcr_strcpy(i->index_key, KEY_BYTES, sql_text(rows, 2));
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

static enum vcr_err add(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    const struct silents *s = arg;
    enum vcr_err err = sql_exec(tx,
                                "INSERT INTO reels(tape_id, take_id, kind, blob_key, index_key, size_bytes, duration_us, info, track)"
                                " VALUES($1, $2, 'clean_audio', $3, $4, $5, $6, '{}', 0)",
                                SQL_ARGS(SQL_I(s->tape_id), SQL_I(s->made->take), SQL_T(s->blob_key), SQL_T(s->index_key), SQL_I((int64_t)s->size_bytes),
                                         SQL_I(s->made->duration_us)),
                                NULL, why);
    return err == VCR_OK ? sql_exec(tx, "UPDATE tapes SET revision = revision + 1 WHERE id = $1", SQL_ARGS(SQL_I(s->tape_id)), NULL, why) : err;
}

static bool keep_on(void *arg)
{
    const struct silents *s = arg;
    return !s->config->keep_on || s->config->keep_on(s->config->arg, 0);
}

static enum vcr_err make(struct silents *s, const struct silent *i, struct vcr_why *why)
{
    char blob_key[KEY_BYTES], index_key[KEY_BYTES], duration[24];
    snprintf(blob_key, sizeof(blob_key), "tapes/%" PRId64 "/t%" PRId64 "/audio.mp4", s->tape_id, i->take);
    snprintf(index_key, sizeof(index_key), "tapes/%" PRId64 "/t%" PRId64 "/audio.idx", s->tape_id, i->take);
    snprintf(duration, sizeof(duration), "%" PRId64, i->duration_us);
    struct reel_child c = { .blobs = s->config->blobs, .program = s->config->program, .words = { "--aac", duration }, .from_blob = i->blob_key, .from_index = i->index_key,
                            .to_blob = blob_key, .to_index = index_key, .limit_ms = LIMIT_MS, .keep_on = keep_on, .arg = s };
    enum vcr_err err = reel_child_make(&c, why);
    if (err != VCR_OK || !c.some)
        return err;
    s->made = i;
    s->blob_key = blob_key;
    s->index_key = index_key;
    s->size_bytes = c.size_bytes;
    return sql_run(s->config->db, SQL_WRITE, add, s, why);
}

enum vcr_err app_take_sounds(const struct app_bridges *b, int64_t tape_id, struct vcr_why *ret_why)
{
    struct silents *s = vcr_alloc(sizeof(*s));
    struct vcr_why why = { 0 };
    s->config = b;
    s->tape_id = tape_id;
    enum vcr_err err;
    while ((err = sql_run(b->db, SQL_READ, find, s, ret_why)) == VCR_OK && s->count > 0)
        for (int i = 0; i < s->count; i++) {
            enum vcr_err made = keep_on(s) ? make(s, &s->items[i], &why) : VCR_E_BUSY;
            if (made == VCR_E_FULL || made == VCR_E_BUSY) {
                free(s);
                return vcr_fail(ret_why, made, "%s", made == VCR_E_BUSY ? "told to stop" : why.text);
            }
            if (made != VCR_OK) /* a damaged reel is this take's alone */
                log_warn("timeline", "tape %" PRId64 ": take %" PRId64 " stays without AAC: %s", tape_id, s->items[i].take, why.text);
        }
    free(s);
    return err;
}
