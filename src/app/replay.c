/* app/replay.c - see replay.h. */
#include "app/replay.h"

#include <string.h>

static const int64_t kept_ms = INT64_C(24) * 3600 * 1000, held_ms = 60000;

void app_replay_free(struct app_replay *r)
{
    free(r->location);
    free(r->body);
    *r = (struct app_replay){ 0 };
}

static enum vcr_err find(struct sql_tx *tx, int64_t user_id, const char *key, const char *digest, struct app_replay *ret, bool *found, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT request, status, location, body FROM idempotency WHERE user_id = $1 AND name = $2",
                                 SQL_ARGS(SQL_I(user_id), SQL_T(key)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    *found = err == VCR_OK;
    if (*found && strcmp(sql_text(rows, 0), digest) != 0)
        err = vcr_fail(why, VCR_E_INVALID, "this Idempotency-Key was used for another request");
    else if (*found && sql_int(rows, 1) == 0)
        err = vcr_refuse(why, VCR_E_CONFLICT, "/in-flight", "the first request with this Idempotency-Key is not through yet");
    else if (*found)
        *ret = (struct app_replay){ (int)sql_int(rows, 1), sql_is_null(rows, 2) ? NULL : vcr_strdup(sql_text(rows, 2)), vcr_strdup(sql_text(rows, 3)) };
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

enum vcr_err app_replay_begin(struct sql_tx *tx, int64_t user_id, const char *key, const char *digest, int64_t now_ms, struct app_replay *ret, struct vcr_why *why)
{
    bool found = false;
    *ret = (struct app_replay){ 0 };
    enum vcr_err err = sql_exec(tx, "DELETE FROM idempotency WHERE created_at < $1 OR (created_at < $2 AND status = 0)",
                                SQL_ARGS(SQL_I(now_ms - kept_ms), SQL_I(now_ms - held_ms)), NULL, why);
    if (err == VCR_OK)
        err = find(tx, user_id, key, digest, ret, &found, why);
    if (err != VCR_OK || found)
        return err;
    return sql_exec(tx, "INSERT INTO idempotency(user_id, name, request, created_at) VALUES($1, $2, $3, $4)",
                    SQL_ARGS(SQL_I(user_id), SQL_T(key), SQL_T(digest), SQL_I(now_ms)), NULL, why);
}

enum vcr_err app_replay_keep(struct sql_tx *tx, int64_t user_id, const char *key, int status, const char *location, const char *body, struct vcr_why *why)
{
    return sql_exec(tx, "UPDATE idempotency SET status = $3, location = $4, body = $5 WHERE user_id = $1 AND name = $2",
                    SQL_ARGS(SQL_I(user_id), SQL_T(key), SQL_I(status), SQL_T(location), SQL_T(body)), NULL, why);
}

enum vcr_err app_replay_forget(struct sql_tx *tx, int64_t user_id, const char *key, struct vcr_why *why)
{
    return sql_exec(tx, "DELETE FROM idempotency WHERE user_id = $1 AND name = $2", SQL_ARGS(SQL_I(user_id), SQL_T(key)), NULL, why);
}
