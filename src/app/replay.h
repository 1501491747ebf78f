/* app/replay.h - Idempotency-Key: a request that is sent again is answered again, not done again.
 *
 * A key is its user's, for a day. It is reserved in the transaction that does the work, so it is there exactly when the work was done; a request in several steps holds it
 * (status 0) until its last one. One that was cut off in between (a killed server) holds it for a minute.
 * Threads  inside the given transaction. */
#pragma once
#include "app/app.h"

enum { APP_REPLAY_KEY_MAX = 255 };
struct app_replay {
    int status;             /* 0: this request is the first */
    char *location, *body;  /* owned; location NULL: none */
};
void app_replay_free(struct app_replay *r);
/* digest: names the request (method, route, body). CONFLICT "/in-flight": the first is not through. INVALID: the key was used for another request. */
enum vcr_err app_replay_begin(struct sql_tx *tx, int64_t user_id, const char *key, const char *digest, int64_t now_ms, struct app_replay *ret, struct vcr_why *why);
enum vcr_err app_replay_keep(struct sql_tx *tx, int64_t user_id, const char *key, int status, const char *location, const char *body, struct vcr_why *why);
/* It was refused: the next try is a first one. */
enum vcr_err app_replay_forget(struct sql_tx *tx, int64_t user_id, const char *key, struct vcr_why *why);
