/* app/hls_live.h - who may have the live picture of a session as HLS, and tokens for players that send no headers.
 *
 * A token speaks for its maker, for one session and until a time. Whether that session and account are there and the maker still sees it is asked of the database, and
 * remembered for less than two seconds: a player asks a dozen times a second.
 * Threads  any. With a struct sql_tx: inside its transaction. */
#pragma once
#include "app/app.h"

enum { APP_HLS_LIVE_TOKEN_BYTES = 65 };
void app_hls_live_token(const struct app *a, const char *session_id, int64_t user_id, int64_t expires_ms, char ret[APP_HLS_LIVE_TOKEN_BYTES]);
/* DENIED: altered, expired ("/token-expired"), or of another session. */
enum vcr_err app_hls_live_check(const struct app *a, const char *session_id, const char *token, int64_t now_ms, int64_t *ret_user_id, struct vcr_why *why);
/* Found for this user a moment ago. Does not block. */
bool app_hls_live_remembered(const struct app *a, const char *session_id, int64_t user_id);
/* For the maker of a token: DENIED when that account has ended, NOT_FOUND when it does not see the session (any more). Remembers it. */
enum vcr_err app_hls_live_find(const struct app *a, struct sql_tx *tx, const char *session_id, int64_t user_id, struct vcr_why *why);
