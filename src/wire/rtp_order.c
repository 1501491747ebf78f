/* wire/rtp_order.c - see rtp_order.h. */
#include "wire/rtp_order.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

/* A packet that is only out of order comes within some milliseconds; asked again, one is not asked for before its answer can have come. */
enum { PATIENCE_US = 5000, FIRST_ROUND_US = 50000, ROUND_MIN_US = 20000, ROUND_MAX_US = 200000 };

static struct order_slot *slot_of(struct rtp_order *o, uint64_t n) { return &o->slots[n % ORDER_SLOTS]; }

static void empty(struct order_slot *s)
{
    free(s->data);
    *s = (struct order_slot) { 0 };
}

void order_init(struct rtp_order *o, int64_t wait_us)
{
    memset(o, 0, sizeof(*o));
    o->wait_us = wait_us;
}

void order_free(struct rtp_order *o)
{
    for (int i = 0; i < ORDER_SLOTS; i++)
        empty(&o->slots[i]);
    free(o->given);
    o->given = NULL;
}

static void restart(struct rtp_order *o, uint64_t n)
{
    for (int i = 0; i < ORDER_SLOTS; i++)
        empty(&o->slots[i]);
    o->hole = o->started;
    o->started = true;
    o->next = n;
    o->highest = n - 1;
}

/* The extended number; false for one that is too old, unless the stream has begun anew there: two packets in a row say so (RFC 3550 A.1). */
static bool place(struct rtp_order *o, uint16_t seq, uint64_t *ret)
{
    if (!o->started)
        restart(o, UINT64_C(0x10000) + seq);
    uint64_t n = o->highest + (uint64_t)(int64_t)(int16_t)(seq - (uint16_t)o->highest);
    if (n < o->next && o->next - n > ORDER_SLOTS) {
        bool again = seq == o->odd;
        o->odd = (uint16_t)(seq + 1);
        if (!again)
            return false;
        n = ((o->highest >> 16) + 1) << 16 | seq;
        restart(o, n);
    } else if (n >= o->next + ORDER_SLOTS) {
        o->lost += n - o->next;
        restart(o, n);
    }
    *ret = n;
    return n >= o->next;
}

static void note_round(struct rtp_order *o, int64_t us) { o->round_us = o->round_us ? (7 * o->round_us + us) / 8 : us; }

bool order_put(struct rtp_order *o, uint16_t seq, uint32_t ts, bool marker, const uint8_t *payload, size_t len, int64_t now_us)
{
    uint64_t n;
    if (len > ORDER_PAYLOAD_MAX || !place(o, seq, &n) || slot_of(o, n)->here) {
        o->late++;
        return false;
    }
    for (uint64_t i = o->highest + 1; i < n; i++)
        slot_of(o, i)->missing_us = now_us;
    o->highest = VCR_MAX(o->highest, n);
    struct order_slot *s = slot_of(o, n);
    uint8_t *copy = malloc(len ? len : 1);
    if (!copy)
        return false; /* as if lost */
    memcpy(copy, payload, len);
    if (s->asks) {
        o->recovered++;
        if (s->asks == 1)
            note_round(o, now_us - s->asked_us);
    }
    *s = (struct order_slot) { .data = copy, .len = (uint16_t)len, .here = true, .marker = marker, .ts = ts };
    return true;
}

/* Over all that is not waited for any longer. */
static bool give_up(struct rtp_order *o, int64_t now_us)
{
    bool any = o->hole;
    o->hole = false;
    for (; o->next < o->highest && !slot_of(o, o->next)->here && now_us - slot_of(o, o->next)->missing_us >= o->wait_us; o->next++) {
        empty(slot_of(o, o->next));
        o->lost++;
        any = true;
    }
    return any;
}

enum order_next order_take(struct rtp_order *o, int64_t now_us, struct order_packet *ret)
{
    free(o->given);
    o->given = NULL;
    if (!o->started)
        return ORDER_NOTHING;
    if (give_up(o, now_us))
        return ORDER_HOLE;
    struct order_slot *s = slot_of(o, o->next);
    if (o->next > o->highest || !s->here)
        return ORDER_NOTHING;
    *ret = (struct order_packet) { .data = s->data, .len = s->len, .ts = s->ts, .marker = s->marker };
    o->given = s->data;
    *s = (struct order_slot) { 0 };
    o->next++;
    return ORDER_PACKET;
}

int order_asks(struct rtp_order *o, int64_t now_us, uint16_t *out, int max)
{
    int64_t round_us = o->round_us ? VCR_CLAMP(o->round_us * 3 / 2, ROUND_MIN_US, ROUND_MAX_US) : FIRST_ROUND_US;
    int n = 0;
    for (uint64_t i = o->next; o->started && i < o->highest && n < max; i++) {
        struct order_slot *s = slot_of(o, i);
        int64_t due_us = s->asks ? s->asked_us + round_us : s->missing_us + PATIENCE_US;
        if (s->here || s->asks == ORDER_ASKS_MAX || now_us < due_us)
            continue;
        s->asks++;
        s->asked_us = now_us;
        out[n++] = (uint16_t)i;
    }
    return n;
}
