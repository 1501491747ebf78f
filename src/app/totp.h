/* app/totp.h - a second factor by time (wire/totp.h): begun with a secret, on once a code of it was shown, asked for at every log-in from then on.
 *
 * The secret is kept sealed with a key from the server's secret file; a code is used up with all before it. Ten recovery codes are told once, each good for one log-in; of them only the
 * SHA-256 is kept (they are 80 random bits).
 * Threads  with a struct sql_tx: inside its transaction. */
#pragma once
#include "app/app.h"
#include "wire/totp.h"

enum { APP_TOTP_BEGUN_MS = 15 * 60000, APP_RECOVERY_CODES = 10, APP_RECOVERY_BYTES = 20 };

/* A secret to be shown as a code of it is asked for, within 15 minutes. CONFLICT "/totp-on". */
enum vcr_err app_totp_begin(const struct app *a, struct sql_tx *tx, int64_t user_id, int64_t now_ms, char ret_secret[TOTP_BASE32_BYTES], struct vcr_why *why);
/* CONFLICT "/totp-not-begun", "/totp-on"; DENIED "/wrong-code". Audited: "totp_on". */
enum vcr_err app_totp_confirm(const struct app *a, struct sql_tx *tx, const struct app_principal *who, const char *code, int64_t now_ms,
                              char ret_codes[APP_RECOVERY_CODES][APP_RECOVERY_BYTES], struct vcr_why *why);
/* VCR_OK also when it is not on. code: six digits or a recovery code, which is used up and audited ("recovery_code_used", as done by who with the user's id). AUTH "/totp-required" when
 * code is NULL, "/wrong-code". */
enum vcr_err app_totp_check(const struct app *a, struct sql_tx *tx, const struct app_principal *who, int64_t user_id, const char *code, int64_t now_ms, struct vcr_why *why);
enum vcr_err app_totp_state(struct sql_tx *tx, int64_t user_id, bool *ret_on, int *ret_codes_left, struct vcr_why *why);
/* Off, and the recovery codes gone. */
enum vcr_err app_totp_remove(struct sql_tx *tx, int64_t user_id, struct vcr_why *why);
