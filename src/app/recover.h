/* app/recover.h - recordings that a kill, a power cut or a broken disk broke off are made whole behind the server's back: it serves meanwhile, and /readyz says how much is left.
 *
 * Reading hours of a recording back from a slow disk takes minutes. Who finds something at start (before anybody can begin anything new, so that what is found is old), or cannot
 * seal what was recorded, hands it over; one thread does one after the other, and again after a while that grows when it did not work. What the server's end finds undone is
 * found again at the next start.
 * Threads  any. one() comes on a thread of its own, and may block as long as it likes. */
#pragma once
#include "app/app.h"

enum vcr_err recovery_open(struct recovery **ret, struct vcr_why *why);
/* Waits for the one that is under way. NULL is fine. */
void recovery_close(struct recovery **r);
/* one: true when it is through with id; false: it is to be tried again. Not before delay_ms have passed. */
void app_recover_later(const struct app *a, bool (*one)(const struct app *a, int64_t id), int64_t id, int delay_ms);
/* How many are left. */
int app_recovering(const struct app *a);
