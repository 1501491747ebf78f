/* app/reprocess.c - a tape's film is processed once more, perhaps with a word of its owner on what the file does not say rightly. */
#include <jansson.h>
#include <string.h>

#include "app/jobs.h"
#include "app/tapes.h"
#include "app/upload.h"

static const char *const words[] = { "field_order", "standard", "aspect" };

/* What was said before with what is said now: a member that is null or "auto" is taken back. NULL: nothing is left. The caller frees it. */
static char *merge(const char *before, const json_t *said)
{
    json_t *all = before ? json_loads(before, 0, NULL) : NULL;
    if (!json_is_object(all)) {
        json_decref(all);
        all = json_object();
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        json_t *v = json_object_get(said, words[i]);
        const char *text = json_string_value(v);
        if (v && (!text || strcmp(text, "auto") == 0))
            json_object_del(all, words[i]);
        else if (v)
            json_object_set(all, words[i], v);
    }
    char *text = json_object_size(all) > 0 ? json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(all);
    return text;
}

/* A recording laid over the film is joined to the pictures of these reels: others would not fit it. */
static enum vcr_err check_spans(struct sql_tx *tx, int64_t tape_id, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT id FROM spans WHERE tape_id = $1 LIMIT 1", SQL_ARGS(SQL_I(tape_id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    sql_rows_close(&rows);
    if (err == VCR_OK)
        return vcr_refuse(why, VCR_E_CONFLICT, "/recorded-over", "something was recorded onto this tape; its film is no longer processed anew");
    return err == VCR_E_END ? VCR_OK : err;
}

static enum vcr_err check_original(const struct app *a, const struct app_tape *t, struct vcr_why *why)
{
    char key[64];
    uint64_t size;
    const char *status = t->c[APP_T_STATUS].s, *state = t->c[APP_T_ORIGINAL_STATE].s;
    if (state && strcmp(state, "library") != 0)
        return vcr_refuse(why, VCR_E_CONFLICT, "/original-changed", "the original is no longer in its library as it was");
    app_original_key(t->c[APP_T_ID].i, key, sizeof(key));
    if ((strcmp(status, "ready") == 0 || strcmp(status, "failed") == 0) && (state || blob_stat(a->config.blobs, key, &size, NULL) == VCR_OK))
        return VCR_OK;
    return vcr_refuse(why, VCR_E_CONFLICT, "/no-original", "this tape has no original that could be processed");
}

enum vcr_err app_reprocess(const struct app *a, struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, const json_t *said, int64_t now_ms, int64_t *ret_job,
                           struct vcr_why *why)
{
    struct app_tape t = { 0 };
    char *word = NULL;
    enum vcr_err err = app_tape_find(tx, who, tape_id, APP_OWN, APP_NOT_BINNED, &t, why);
    if (err == VCR_OK)
        err = app_job_under_way(tx, tape_id, why);
    if (err == VCR_OK)
        err = check_original(a, &t, why);
    if (err == VCR_OK)
        err = check_spans(tx, tape_id, why);
    if (err == VCR_OK) {
        const char *before = t.c[APP_T_PROCESSING].s;
        word = merge(before, said);
        struct app_change change = { APP_T_PROCESSING, SQL_T(word) };
        if ((word != NULL) != (before != NULL) || (word && strcmp(word, before) != 0))
            err = app_tape_edit(tx, who, &t, &change, 1, now_ms, why);
    }
    if (err == VCR_OK)
        err = queue_put(tx, tape_id, "process", QUEUE_PERSON, word ? word : "{}", now_ms, ret_job, why);
    if (err == VCR_OK && strcmp(t.c[APP_T_STATUS].s, "failed") == 0) {
        struct app_change status = { APP_T_STATUS, SQL_T("processing") };
        err = app_tape_update(tx, tape_id, &status, 1, now_ms, why);
    }
    free(word);
    app_tape_free(&t);
    return err;
}
