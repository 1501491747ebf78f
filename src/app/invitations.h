/* app/invitations.h - invitations: tokens that make one account each, for one e-mail address or whoever has it, for at most 30 days; of the token only the SHA-256 is kept.
 *
 * They admit whatever VCR_REGISTRATION is. The account gets the invitation's role, unless it is the first of all, which is admin.
 * Threads  with a struct sql_tx: inside its transaction. */
#pragma once
#include "app/app.h"
#include "wire/json.h"

enum { APP_INVITE_TEXT = 48, APP_INVITE_S = 7 * 86400, APP_INVITE_MAX_S = 30 * 86400 };
struct app_invitation { int64_t id; enum app_role role; char email[256]; }; /* email "": for anybody */

/* email NULL: for anybody; normal otherwise. ret_token is told once. Audited: "invitation_created", "invitation_removed". */
enum vcr_err app_invitation_create(struct sql_tx *tx, const struct app_principal *who, const char *email, enum app_role role, int64_t expires_ms, int64_t now_ms, int64_t *ret_id,
                                   char ret_token[APP_INVITE_TEXT], struct vcr_why *why);
/* DENIED "/no-invitation": none, run out, used, or another's address. */
enum vcr_err app_invitation_find(struct sql_tx *tx, const char *token, const char *email, int64_t now_ms, struct app_invitation *ret, struct vcr_why *why);
/* Uses it up for that account. DENIED "/no-invitation" when somebody else was faster. */
enum vcr_err app_invitation_use(struct sql_tx *tx, int64_t id, int64_t user_id, int64_t now_ms, struct vcr_why *why);
/* The members of one: id, email, role, created_by, created_at, expires_at, used_at, used_by. */
enum vcr_err app_invitation_json(struct sql_tx *tx, int64_t id, struct jsonw *j, struct vcr_why *why);
/* Newest first, before the id `before` (0: from the newest); *ret_last: the last id when there are more, else 0. */
enum vcr_err app_invitation_list(struct sql_tx *tx, int64_t before, int limit, struct jsonw *j, int64_t *ret_last, struct vcr_why *why);
/* NOT_FOUND: there is none. */
enum vcr_err app_invitation_remove(struct sql_tx *tx, const struct app_principal *who, int64_t id, int64_t now_ms, struct vcr_why *why);
