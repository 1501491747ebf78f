/* api/link.h - ?share=TOKEN: who holds a link to a tape (app/shares.h), and the password that one may need, in X-Share-Password.
 *
 * An account that sees the object by itself stays what it is. Otherwise, where the link is to the tape that the route is about (of a session: the tape that is in), the asker
 * becomes its holder. Somebody without an account becomes it in any case, and sees nothing else.
 * Threads  link_identify: a pool thread, in the call's transaction. link_check_password: the call's loop. */
#pragma once
#include "api/internal.h"

/* account: what came of the other credentials, OK or AUTH (then why says so). AUTH with c->link_hash set: the password is to be checked first. */
enum vcr_err link_identify(struct api_call *c, struct sql_tx *tx, enum vcr_err account, struct vcr_why *why);
/* May the holder of a link come this way at all? */
enum vcr_err link_admit(struct api_call *c, struct sql_tx *tx, struct vcr_why *why);
/* Checks it against c->link_hash on the password pool, and begins the present step anew, or answers. */
void link_check_password(struct api_call *c);
