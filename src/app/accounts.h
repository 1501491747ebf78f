/* app/accounts.h - accounts, log-ins and their tokens.
 *
 * Passwords: argon2id, hashed and checked only on the password pool. A log-in begins a family: access tokens (15 minutes, signed, not stored) and one refresh token at a
 * time (30 days, stored as its SHA-256). Each refresh uses the old token up; a used one presented again means that somebody copied it: the family is revoked.
 * Threads: any; functions with a struct sql_tx inside its transaction. */
#pragma once
#include "app/app.h"
#include "wire/json.h"

#define APP_REFRESH_MS (INT64_C(30) * 86400 * 1000)
enum { APP_ACCESS_S = 900, APP_TOKEN_TEXT = 48, APP_HASH_TEXT = 128, APP_EMAIL_BYTES = 256 };
enum { APP_PASSWORD_MIN = 8, APP_PASSWORD_MAX = 1024 };

struct app_user {
    int64_t id, created_at, revision;
    char email[APP_EMAIL_BYTES];
    char password_hash[APP_HASH_TEXT];
    enum app_role role;
    bool disabled;
    char *display_name, *settings; /* app_user_free */
};
void app_user_free(struct app_user *u);

/* Lower-cases (ASCII) and checks the shape; false when it is no address. */
bool app_email_normal(const char *text, char out[APP_EMAIL_BYTES]);
enum vcr_err app_password_check(const char *password, struct vcr_why *why); /* acceptable as a new one? */
/* Password pool only: they take tens of milliseconds and much memory on purpose. */
enum vcr_err app_password_hash(const struct app *a, const char *password, char ret[APP_HASH_TEXT], struct vcr_why *why);
/* hash NULL or "": an unknown e-mail; takes the same time and says no. */
bool app_password_matches(const struct app *a, const char *hash, const char *password);

/* May a stranger make an account now? DENIED when registration is not open, unless the server is empty. */
enum vcr_err app_register_allowed(const struct app *a, struct sql_tx *tx, struct vcr_why *why);
/* invitation (app/invitations.h) admits and is used up; NULL: none. The first account of an empty server is admin: decided by the writer's transaction, of which there is one at a time. */
struct app_invitation;
enum vcr_err app_register(const struct app *a, struct sql_tx *tx, const char *email, const char *hash, const struct app_invitation *invitation, int64_t now_ms, struct app_user *ret, struct vcr_why *why);
/* A row of that select. */
#define APP_USER_COLUMNS "id, email, password_hash, role, created_at, display_name, settings, disabled, revision"
void app_user_read(struct sql_rows *rows, struct app_user *u);
enum vcr_err app_user_by_email(struct sql_tx *tx, const char *email, struct app_user *ret, struct vcr_why *why);
enum vcr_err app_user_by_id(struct sql_tx *tx, int64_t id, struct app_user *ret, struct vcr_why *why);
enum vcr_err app_users_none(struct sql_tx *tx, bool *ret_none, struct vcr_why *why);
/* NULL members stay. hash: the new password's. Bumps revision. */
struct app_user_change { const char *display_name, *settings, *email, *hash; };
enum vcr_err app_user_edit(struct sql_tx *tx, int64_t id, const struct app_user_change *change, struct vcr_why *why);

struct app_login {
    char access[1100];
    char refresh[APP_TOKEN_TEXT];
    char csrf[APP_TOKEN_TEXT];
    char family[VCR_UUID_BYTES];
};
/* A new family. asker: its address; user_agent as sent, NULL: none. */
enum vcr_err app_login_begin(const struct app *a, struct sql_tx *tx, int64_t user_id, const struct app_principal *asker, const char *user_agent, int64_t now_ms, struct app_login *ret,
                             struct vcr_why *why);
/* Uses a refresh token; asker: for the audit. *ret_revoked: it had been used before, and its family was revoked: the transaction must be committed although this is refused (AUTH). */
enum vcr_err app_login_refresh(const struct app *a, struct sql_tx *tx, const char *refresh, const struct app_principal *asker, const char *user_agent, int64_t now_ms,
                               struct app_login *ret, struct app_user *ret_user, bool *ret_revoked, struct vcr_why *why);
/* ---- where an account is logged in (app/logins.c) ---- */
/* Seen now: at its beginning and at each refresh, so "last seen" is true to the quarter of an hour. */
enum vcr_err app_login_note(struct sql_tx *tx, const char *family, int64_t user_id, const struct app_principal *asker, const char *user_agent, int64_t now_ms, struct vcr_why *why);
/* Those that live, newest first, before the family `before` (NULL: from the newest); ret_last: the last one when there are more, else "". */
enum vcr_err app_login_list(struct sql_tx *tx, const struct app_principal *who, const char *before, int limit, int64_t now_ms, struct jsonw *j, char ret_last[VCR_UUID_BYTES],
                            struct vcr_why *why);
/* NOT_FOUND: ended, or somebody else's. Audited: "login_revoked". */
enum vcr_err app_login_revoke(struct sql_tx *tx, const struct app_principal *who, const char *family, int64_t now_ms, struct vcr_why *why);
/* Takes away what has run out, a thousand rows a transaction, at most 100 of them a call. Blocks: not on a loop or pool thread. */
enum vcr_err app_login_sweep(struct sql_db *db, int64_t now_ms, struct vcr_why *why);

enum vcr_err app_login_end(struct sql_tx *tx, const char *family, int64_t now_ms, struct vcr_why *why);
/* Ends all log-ins of an account but one (a changed password). */
enum vcr_err app_login_end_others(struct sql_tx *tx, int64_t user_id, const char *keep_family, int64_t now_ms, struct vcr_why *why);

/* Who a token speaks for: signature, then the account and the family as they are now. */
enum vcr_err app_authenticate(const struct app *a, struct sql_tx *tx, const char *access_token, int64_t now_ms, struct app_principal *ret, struct vcr_why *why);
/* The CSRF token of a family: derived, so nothing is stored. */
void app_csrf_token(const struct app *a, const char *family, char ret[APP_TOKEN_TEXT]);
bool app_csrf_matches(const struct app *a, const char *family, const char *token);
