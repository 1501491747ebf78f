/* app/shares.h - tapes shown to others: to an account by its e-mail address, and to whoever holds a link that expires and may have a password.
 *
 * By e-mail  it holds whether or not there is such an account, and nothing says which: user_id is told only when that account has opened the tape. An account that comes later
 *            finds what waits for its address.
 * By link    a token of 256 random bits, told once and kept as its SHA-256. Its holder is a principal of the role APP_LINK, which sees one tape.
 * Persons    where one number must say who it is (a viewer of a session, the maker of a token) an account is its user_id and the holders of a link are minus the share's id.
 * Ends       with its row, its time, its tape (also into the bin) and who made it. What runs by it is ended by app/guard.h and app/hls.h within two seconds.
 * Threads    with a struct sql_tx: inside its transaction. app_share_password_*: the password pool; app_share_password_known: any. */
#pragma once
#include "app/accounts.h"
#include "wire/json.h"

enum { APP_SHARE_TOKEN_BYTES = 44, APP_SHARES_MAX = 200 /* of a tape */, APP_SHARE_PASSWORD_MAX = 200 };
struct app_share {
    int64_t id, tape_id, user_id, created_at, expires_at, views; /* user_id, expires_at 0: none */
    bool is_link;
    char email[APP_EMAIL_BYTES];          /* "" of a link */
    char password_hash[APP_HASH_TEXT];    /* "": none */
};
/* token: NULL but for the answer to who made it. */
void app_share_json(const struct app_share *s, const char *token, const char *key, struct jsonw *j);

struct app_share_new { const char *email, *password_hash; int64_t expires_at; }; /* email NULL: a link. It is as app_email_normal leaves it */
/* ret_token: "" but of a link. INVALID: it is the tape's owner's own address; CONFLICT "/already-shared", "/too-many-shares". */
enum vcr_err app_share_create(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, const struct app_share_new *given, int64_t now_ms, struct app_share *ret,
                              char ret_token[APP_SHARE_TOKEN_BYTES], struct vcr_why *why);
/* By id, after the id `after`; *ret_last: the last id when there are more, else 0. */
enum vcr_err app_share_list(struct sql_tx *tx, int64_t tape_id, int64_t after, int limit, struct jsonw *j, int64_t *ret_last, struct vcr_why *why);
enum vcr_err app_share_delete(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, int64_t id, int64_t now_ms, struct vcr_why *why);
/* All of a tape's. */
enum vcr_err app_shares_end(struct sql_tx *tx, int64_t tape_id, struct vcr_why *why);
/* An account has this address from now on. */
enum vcr_err app_shares_claim(struct sql_tx *tx, int64_t user_id, const char *email, struct vcr_why *why);

/* NOT_FOUND "/link-ended": there is none, or no more. */
enum vcr_err app_share_by_token(struct sql_tx *tx, const char *token, int64_t now_ms, struct app_share *ret, struct vcr_why *why);
void app_share_become(const struct app_share *s, struct app_principal *ret); /* keeps request_id and ip alone */
enum vcr_err app_shared_with(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, bool *ret, struct vcr_why *why);
enum vcr_err app_shared_any(struct sql_tx *tx, const struct app_principal *who, bool *ret, struct vcr_why *why);
/* One more view of what is shared with who. */
enum vcr_err app_share_viewed(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, struct vcr_why *why);

int64_t app_person_id(const struct app_principal *who);
/* Who that is now. DENIED: the account or the link has ended. */
enum vcr_err app_person(struct sql_tx *tx, int64_t person_id, int64_t now_ms, struct app_principal *ret, struct vcr_why *why);

/* Was right a few minutes ago: so that a player does not cost a hash a request. */
bool app_share_password_known(const struct app *a, int64_t share_id, const char *password);
void app_share_password_remember(const struct app *a, int64_t share_id, const char *password);
