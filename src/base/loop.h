/* base/loop.h - an event loop (libuv) on one thread, with a mailbox for other threads.
 *
 * A loop belongs to the thread that runs it. Everything except loop_post and loop_stop is called on that thread, or before it runs.
 * The mailbox is the only way in from outside: messages run on the loop's thread in the order they were posted, one wake-up a batch.
 * Bounds   the mailbox is unbounded by itself: each producer bounds what it has under way (pools by their queue, peers by their limits). */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/why.h"

struct loop;
/* Embed in the thing that is posted; owned by the loop from loop_post until fn runs. */
struct loop_msg {
    struct loop_msg *next; /* the loop's own */
    void (*fn)(struct loop_msg *msg);
};

enum vcr_err loop_open(struct loop **ret, const char *name, struct vcr_why *why);
/* Runs in the calling thread until loop_stop; then closes what is left open of the loop's own. */
void loop_run(struct loop *l);
/* Starts a thread that runs the loop; loop_join waits for its end. */
enum vcr_err loop_start(struct loop *l, struct vcr_why *why);
void loop_join(struct loop *l);
/* Any thread. Messages posted before it still run. */
void loop_stop(struct loop *l);
/* Frees it; the loop must have ended (or never run) and its user handles must be closed. NULL is fine, sets *l = NULL. */
void loop_close(struct loop **l);

/* Any thread. msg->fn runs soon on the loop's thread. */
void loop_post(struct loop *l, struct loop_msg *msg);
/* The same for one-off calls; allocates. */
void loop_call(struct loop *l, void (*fn)(void *arg), void *arg);

uv_loop_t *loop_uv(struct loop *l);
const char *loop_name(const struct loop *l);
/* True on the loop's own thread. */
bool loop_is_mine(const struct loop *l);
