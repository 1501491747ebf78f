/* app/captions.c - see captions.h. */
#include "app/captions.h"

#include <string.h>

#include "app/languages.h"
#include "base/util.h"
#include "wire/webvtt.h"

void caption_free(struct caption *c)
{
    free(c->text);
    *c = (struct caption){ 0 };
}

/* How many languages there are besides this one, and who wrote this one ("": nobody). */
static enum vcr_err look(struct sql_tx *tx, int64_t tape_id, const char *language, int *ret_others, char ret_source[16], struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT language, source FROM captions WHERE tape_id = $1", SQL_ARGS(SQL_I(tape_id)), why);
    *ret_others = 0;
    *ret_source = '\0';
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        if (strcmp(sql_text(rows, 0), language) == 0)
            vcr_strcpy(ret_source, 16, sql_text(rows, 1));
        else
            ++*ret_others;
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

enum vcr_err app_caption_put(struct sql_tx *tx, int64_t tape_id, const char *language, const char *source, const char *text, size_t len, int64_t now_ms, bool *ret_new,
                             struct vcr_why *why)
{
    struct webvtt v;
    char version[CAPTION_VERSION_BYTES], before[16];
    int others;
    enum vcr_err err = webvtt_read(&v, text, len, why);
    if (err == VCR_OK)
        err = look(tx, tape_id, language, &others, before, why);
    if (err != VCR_OK)
        return err;
    *ret_new = !*before;
    if (strcmp(before, "user") == 0 && strcmp(source, "user") != 0)
        return VCR_OK;
    if (others >= CAPTIONS_MAX)
        return vcr_refuse(why, VCR_E_CONFLICT, "/too-many-captions", "a tape has captions in at most %d languages", CAPTIONS_MAX);
    app_digest(text, len, version);
    char *copy = vcr_strndup(text, len);
    err = sql_exec(tx, "INSERT INTO captions(tape_id, language, source, text, version, cues, end_ms, created_at, updated_at) VALUES($1, $2, $3, $4, $5, $6, $7, $8, $8)"
                       " ON CONFLICT (tape_id, language) DO UPDATE SET source = excluded.source, text = excluded.text, version = excluded.version, cues = excluded.cues,"
                       " end_ms = excluded.end_ms, updated_at = excluded.updated_at",
                   SQL_ARGS(SQL_I(tape_id), SQL_T(language), SQL_T(source), SQL_T(copy), SQL_T(version), SQL_I(v.cues), SQL_I(v.end_ms), SQL_I(now_ms)), NULL, why);
    free(copy);
    return err;
}

static enum vcr_err none(struct vcr_why *why) { return vcr_fail(why, VCR_E_NOT_FOUND, "this tape has no such captions"); }

enum vcr_err app_caption_get(struct sql_tx *tx, int64_t tape_id, const char *language, struct caption *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT text, version FROM captions WHERE tape_id = $1 AND language = $2", SQL_ARGS(SQL_I(tape_id), SQL_T(language)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK) {
        ret->text = vcr_strdup(sql_text(rows, 0));
        ret->len = strlen(ret->text);
        vcr_strcpy(ret->version, sizeof(ret->version), sql_text(rows, 1));
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? none(why) : err;
}

enum vcr_err app_caption_delete(struct sql_tx *tx, int64_t tape_id, const char *language, struct vcr_why *why)
{
    int64_t gone = 0;
    enum vcr_err err = sql_exec(tx, "DELETE FROM captions WHERE tape_id = $1 AND language = $2", SQL_ARGS(SQL_I(tape_id), SQL_T(language)), &gone, why);
    return err == VCR_OK && gone == 0 ? none(why) : err;
}

enum vcr_err app_caption_json(struct sql_tx *tx, int64_t tape_id, const char *language, struct jsonw *j, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT language, source, cues, end_ms, created_at, updated_at FROM captions WHERE tape_id = $1 AND ($2 = '' OR language = $2)"
                                 " ORDER BY language",
                                 SQL_ARGS(SQL_I(tape_id), SQL_T(language ? language : "")), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        const char *tag = sql_text(rows, 0), *name = language_name(tag);
        jsonw_open(j, NULL);
        jsonw_str(j, "language", tag);
        jsonw_str(j, "name", name ? name : tag);
        jsonw_str(j, "source", sql_text(rows, 1));
        jsonw_int(j, "cues", sql_int(rows, 2));
        jsonw_seconds(j, "duration", sql_int(rows, 3) * 1000);
        jsonw_time(j, "created_at", sql_int(rows, 4));
        jsonw_time(j, "updated_at", sql_int(rows, 5));
        jsonw_close(j);
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}
