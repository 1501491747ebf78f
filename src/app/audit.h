/* app/audit.h - the audit: who did what to what, written in the transaction of what it tells, in rows that are only ever added.
 *
 * The rows are a chain: hash = SHA-256 of the previous row's hash, a line feed, and the row's canonical text, which is the JSON array
 *   ["vcr-audit-1", id, created_at, user_id, action, object, request_id, ip_address, details]
 * as jsonw writes it (details: a string). So a row that was changed, taken out or put in between is found (app_audit_verify). Who can write the whole table can also write a
 * whole new chain: the newest hash goes to the log once an hour, where it is held against that.
 * Rows older than VCR_AUDIT_DAYS are trimmed from the beginning; what was the last of them stays written down as where the chain begins.
 * An event: `action` is a word such as "login" or "role_changed"; `object` the path below /api/v1 of what it was done to ("tapes/12"); `details` a JSON object.
 * Threads  with a struct sql_tx: inside its transaction, which must be a WRITE one to add. app_audit_verify and app_audit_trim block: not on a loop or pool thread. */
#pragma once
#include "app/app.h"
#include "wire/json.h"

enum { APP_AUDIT_DETAILS_MAX = 4096, APP_AUDIT_OBJECT_BYTES = 100, APP_AUDIT_HASH_BYTES = 65, APP_AUDIT_DAYS = 400 };

/* who: user_id 0 is nobody (or the server), whose request_id and ip are written all the same when there are some. NULL: the server itself. object, details_json: NULL none. */
enum vcr_err app_audit(struct sql_tx *tx, const struct app_principal *who, const char *action, const char *object, const char *details_json, int64_t now_ms, struct vcr_why *why);

struct app_audit_row {
    int64_t id, created_at, user_id;                     /* user_id 0: none */
    const char *action, *object, *request_id, *ip, *details, *hash; /* NULL: none; borrowed from the query until the next row */
};
void app_audit_json(const struct app_audit_row *row, struct jsonw *j);
struct app_audit_filter {
    const char *action, *object, *request_id; /* NULL: any */
    int64_t user_id;                          /* 0: any */
    int64_t from_ms, to_ms;                   /* both included; INT64_MIN, INT64_MAX: no bound */
    int64_t before_id;                        /* only older ones; 0: from the newest */
    int limit;
};
/* Newest first. *ret_last: the last id when there are more, else 0. */
enum vcr_err app_audit_list(struct sql_tx *tx, const struct app_audit_filter *f, void (*each)(void *arg, const struct app_audit_row *row), void *arg, int64_t *ret_last,
                            struct vcr_why *why);

struct app_audit_check {
    bool is_whole;
    int64_t rows, before;                     /* in the chain and looked at; from before there was a chain */
    int64_t last_id;
    char last_hash[APP_AUDIT_HASH_BYTES];     /* hex; of the newest row */
    int64_t broken_id;                        /* the first row that does not hold, when it is not whole */
    char text[120];                           /* what is wrong with it */
};
/* Goes through the whole chain, a thousand rows a transaction. VCR_OK also when it is broken. */
enum vcr_err app_audit_verify(struct sql_db *db, struct app_audit_check *ret, struct vcr_why *why);
/* Takes away what is older than `days`, a thousand rows a transaction, at most 200 000 a call. *ret_rows may be NULL. */
enum vcr_err app_audit_trim(struct sql_db *db, int days, int64_t now_ms, int64_t *ret_rows, struct vcr_why *why);
/* The newest row and its hash. */
enum vcr_err app_audit_head(struct sql_db *db, int64_t *ret_id, char ret_hash[APP_AUDIT_HASH_BYTES], struct vcr_why *why);
