/* http/wheel.c - the deadlines of a loop's connections.
 *
 * A connection sits in the slot of the time when the wheel will look at it. A later deadline only changes a number: when the slot comes up
 * too early, the connection moves on. So the usual case, a deadline put off by every request, costs one store and allocates nothing. */
#include "http/internal.h"

static size_t slot_of(const struct http_loop *hl, int64_t ms) { return (size_t)(ms / hl->tick_ms) % WHEEL_SLOTS; }

void wheel_drop(struct conn *c)
{
    if (c->due_ms == 0)
        return;
    if (c->due_prev)
        c->due_prev->due_next = c->due_next;
    else
        c->hl->wheel[slot_of(c->hl, c->due_ms)] = c->due_next;
    if (c->due_next)
        c->due_next->due_prev = c->due_prev;
    c->due_prev = c->due_next = NULL;
    c->due_ms = 0;
}

static void insert(struct conn *c, int64_t ms)
{
    struct http_loop *hl = c->hl;
    int64_t first = hl->wheel_at_ms + hl->tick_ms, last = hl->wheel_at_ms + (int64_t)hl->tick_ms * (WHEEL_SLOTS - 2);
    c->due_ms = VCR_CLAMP(ms, first, last);
    struct conn **slot = &hl->wheel[slot_of(hl, c->due_ms)];
    c->due_prev = NULL;
    c->due_next = *slot;
    if (*slot)
        (*slot)->due_prev = c;
    *slot = c;
}

void wheel_set(struct conn *c, int64_t deadline_ms)
{
    c->deadline_ms = deadline_ms;
    if (deadline_ms == 0 || (c->due_ms != 0 && c->due_ms <= deadline_ms))
        return; /* looked at in time anyway */
    wheel_drop(c);
    insert(c, deadline_ms);
}

/* The next one of a slot whose time has come. Looked for anew each time: whatever fires may change any slot. */
static struct conn *due_in(struct http_loop *hl, size_t slot, int64_t now_ms)
{
    struct conn *c = hl->wheel[slot];
    while (c && c->due_ms / hl->tick_ms > now_ms / hl->tick_ms)
        c = c->due_next;
    return c;
}

void wheel_run(struct http_loop *hl, int64_t now_ms)
{
    int64_t steps = VCR_MIN(now_ms / hl->tick_ms - hl->wheel_at_ms / hl->tick_ms, (int64_t)WHEEL_SLOTS);
    int64_t first = now_ms / hl->tick_ms - steps + 1;
    hl->wheel_at_ms = now_ms;
    for (int64_t i = 0; i < steps; i++) {
        struct conn *c;
        while ((c = due_in(hl, (size_t)(first + i) % WHEEL_SLOTS, now_ms)) != NULL) {
            wheel_drop(c);
            if (c->deadline_ms > now_ms) {
                insert(c, c->deadline_ms);
            } else if (c->deadline_ms > 0) {
                c->deadline_ms = 0;
                conn_deadline(c);
            }
        }
    }
}
