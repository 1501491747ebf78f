/* app/guard.h - who watches a running VCR must be one who still may: when a share, an account, a tape or a right ends, pictures and events that run by it end within two seconds.
 *
 * What is asked for anew is refused by the transaction that looks; this is for what is held open. Each who is let in is written down by guard_watch, and a thread of its own looks
 * once a second, if anything was committed or a link may have run out, whether each still sees its session, and whether each tape that plays in a stranger's deck may still.
 * Who does not is hung up on (session_hang_up), and such a tape is put out (session_tape_withdraw) with the reason "tape_unshared".
 * Bounds   16384 watchers; BUSY beyond.     Threads  guard_watch: any, also inside a transaction. guard_close: before the sessions are closed. */
#pragma once
#include "app/app.h"

struct guard;
/* Does nothing where no tapes are played. */
enum vcr_err guard_open(struct app *a, struct vcr_why *why);
void guard_close(struct guard **g);
/* Before the picture or the first event is given. */
enum vcr_err guard_watch(const struct app *a, const char *session_id, const struct app_principal *who, struct vcr_why *why);
