/* app/logins.c - where an account is logged in: the rows beside the families of refresh tokens (app/tokens.c). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/accounts.h"
#include "app/audit.h"

enum { AGENT_MAX = 300, SWEEP_ROWS = 1000, SWEEPS_MAX = 100 };

enum vcr_err app_login_note(struct sql_tx *tx, const char *family, int64_t user_id, const struct app_principal *asker, const char *user_agent, int64_t now_ms, struct vcr_why *why)
{
    char agent[AGENT_MAX + 1];
    size_t n = user_agent ? strnlen(user_agent, AGENT_MAX) : 0;
    while (n > 0 && user_agent[n] && ((unsigned char)user_agent[n] & 0xC0) == 0x80)
        n--; /* cut between two characters */
    memcpy(agent, user_agent ? user_agent : "", n);
    agent[n] = '\0';
    return sql_exec(tx,
                    "INSERT INTO logins (family, user_id, created_at, last_seen_at, expires_at, user_agent, ip_address) VALUES ($1, $2, $3, $3, $4, $5, $6) "
                    "ON CONFLICT (family) DO UPDATE SET last_seen_at = excluded.last_seen_at, expires_at = excluded.expires_at, "
                    "user_agent = excluded.user_agent, ip_address = excluded.ip_address",
                    SQL_ARGS(SQL_T(family), SQL_I(user_id), SQL_I(now_ms), SQL_I(now_ms + APP_REFRESH_MS), n && vcr_utf8_ok(agent, n) ? SQL_T(agent) : SQL_NUL,
                             asker->ip[0] ? SQL_T(asker->ip) : SQL_NUL),
                    NULL, why);
}

enum vcr_err app_login_list(struct sql_tx *tx, const struct app_principal *who, const char *before, int limit, int64_t now_ms, struct jsonw *j, char ret_last[VCR_UUID_BYTES],
                            struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    char last[VCR_UUID_BYTES] = "";
    int n = 0;
    ret_last[0] = '\0';
    /* Families are numbered by time, so their order is that of the log-ins. */
    enum vcr_err err = sql_query(tx, &rows,
                                 "SELECT family, created_at, last_seen_at, expires_at, user_agent, ip_address FROM logins WHERE user_id = $1 AND revoked_at IS NULL AND "
                                 "expires_at > $2 AND family < $3 ORDER BY family DESC LIMIT $4",
                                 SQL_ARGS(SQL_I(who->user_id), SQL_I(now_ms), SQL_T(before ? before : "g"), SQL_I(limit + 1)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        if (n++ == limit) {
            memcpy(ret_last, last, sizeof(last));
            err = VCR_E_END;
            break;
        }
        vcr_strcpy(last, sizeof(last), sql_text(rows, 0));
        jsonw_open(j, NULL);
        jsonw_str(j, "id", last);
        jsonw_bool(j, "current", strcmp(last, who->family) == 0);
        jsonw_time(j, "created_at", sql_int(rows, 1));
        jsonw_time(j, "last_seen_at", sql_int(rows, 2));
        jsonw_time(j, "expires_at", sql_int(rows, 3));
        jsonw_str(j, "user_agent", sql_is_null(rows, 4) ? NULL : sql_text(rows, 4));
        jsonw_str(j, "ip_address", sql_is_null(rows, 5) ? NULL : sql_text(rows, 5));
        jsonw_close(j);
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

enum vcr_err app_login_revoke(struct sql_tx *tx, const struct app_principal *who, const char *family, int64_t now_ms, struct vcr_why *why)
{
    char details[80];
    int64_t changed = 0;
    enum vcr_err err = sql_exec(tx, "UPDATE logins SET revoked_at = $1 WHERE family = $2 AND user_id = $3 AND revoked_at IS NULL AND expires_at > $1",
                                SQL_ARGS(SQL_I(now_ms), SQL_T(family), SQL_I(who->user_id)), &changed, why);
    if (err == VCR_OK && changed == 0)
        return vcr_fail(why, VCR_E_NOT_FOUND, "there is no such log-in");
    snprintf(details, sizeof(details), "{\"login\":\"%.36s\"}", family);
    if (err == VCR_OK)
        err = app_login_end(tx, family, now_ms, why);
    return err == VCR_OK ? app_audit(tx, who, "login_revoked", NULL, details, now_ms, why) : err;
}

/* ---- what has run out ---- */
struct sweep { int64_t before_ms, rows; };

static enum vcr_err sweep_some(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct sweep *s = arg;
    int64_t tokens = 0, logins = 0;
    enum vcr_err err = sql_exec(tx, "DELETE FROM refresh_tokens WHERE hash IN (SELECT hash FROM refresh_tokens WHERE expires_at < $1 LIMIT $2)",
                                SQL_ARGS(SQL_I(s->before_ms), SQL_I(SWEEP_ROWS)), &tokens, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "DELETE FROM logins WHERE family IN (SELECT family FROM logins WHERE expires_at < $1 LIMIT $2)", SQL_ARGS(SQL_I(s->before_ms), SQL_I(SWEEP_ROWS)), &logins,
                       why);
    s->rows = VCR_MAX(tokens, logins);
    return err;
}

enum vcr_err app_login_sweep(struct sql_db *db, int64_t now_ms, struct vcr_why *why)
{
    struct sweep s = { .before_ms = now_ms, .rows = SWEEP_ROWS };
    enum vcr_err err = VCR_OK;
    for (int i = 0; i < SWEEPS_MAX && err == VCR_OK && s.rows == SWEEP_ROWS; i++)
        err = sql_run(db, SQL_WRITE, sweep_some, &s, why);
    return err;
}
