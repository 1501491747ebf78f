/* app/api_tokens.h - named tokens of an account for programs, each with scopes; "vcrp_" and 43 characters, of which only the SHA-256 is kept.
 *
 * What a token may is what its scopes name (api/scopes.c says which routes), and never more than its account may now. Without `admin` an admin's token has an archivist's rights.
 * Log-ins, tokens and passwords are not for tokens at all. When it was last used is kept to the minute. A changed password leaves tokens as they are: they are taken away by name.
 * Threads  with a struct sql_tx: inside its transaction. */
#pragma once
#include "app/app.h"
#include "wire/json.h"

#define APP_API_TOKEN_PREFIX "vcrp_"
enum { APP_API_TOKEN_TEXT = 52, APP_API_TOKENS_MAX = 50, APP_API_TOKEN_NAME_MAX = 100 };
enum app_scope { APP_SCOPE_READ = 1, APP_SCOPE_WRITE = 2, APP_SCOPE_PLAY = 4, APP_SCOPE_ADMIN = 8 };
/* 0 for a name that is none. */
unsigned app_scope_by_name(const char *name);

bool app_is_api_token(const char *token);
/* As app_authenticate; fills role, scopes and api_token_id. *ret_stale: its last use was noted more than a minute ago (app_api_token_used). */
enum vcr_err app_api_token_authenticate(struct sql_tx *tx, const char *token, int64_t now_ms, struct app_principal *ret, bool *ret_stale, struct vcr_why *why);
/* Notes its use: submits a write and returns. Any thread. */
void app_api_token_used(const struct app *a, const struct app_principal *who, int64_t now_ms);

/* CONFLICT "/too-many-tokens". expires_ms 0: never. ret_token is told once. Audited, as is the removal: "token_created", "token_removed". */
enum vcr_err app_api_token_create(struct sql_tx *tx, const struct app_principal *who, const char *name, unsigned scopes, int64_t expires_ms, int64_t now_ms,
                                  char ret_token[APP_API_TOKEN_TEXT], int64_t *ret_id, struct vcr_why *why);
/* The members of one: id, name, scopes, hint, created_at, expires_at, last_used_at, last_used_ip. NOT_FOUND: absent or not theirs. */
enum vcr_err app_api_token_json(struct sql_tx *tx, const struct app_principal *who, int64_t id, struct jsonw *j, struct vcr_why *why);
/* By id, after `after`; *ret_last: the last id when there are more, else 0. */
enum vcr_err app_api_token_list(struct sql_tx *tx, const struct app_principal *who, int64_t after, int limit, struct jsonw *j, int64_t *ret_last, struct vcr_why *why);
enum vcr_err app_api_token_remove(struct sql_tx *tx, const struct app_principal *who, int64_t id, int64_t now_ms, struct vcr_why *why);
