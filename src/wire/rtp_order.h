/* wire/rtp_order.h - the packets of one RTP stream in their order: a window that waits for what is missing and says what to ask for again.
 *
 * Packets in order pass at once. A missing one is waited for wait_us, then it is a hole. Time is an argument.
 * Threads  none.     Owns  copies of the payloads that wait.     Bounds  ORDER_SLOTS packets of at most ORDER_PAYLOAD_MAX; a stream further ahead starts anew after a hole. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ORDER_SLOTS = 1024, ORDER_PAYLOAD_MAX = 1500, ORDER_ASKS_MAX = 10 };

struct order_slot {
    uint8_t *data; /* NULL: not here */
    uint16_t len;
    bool here, marker;
    uint8_t asks;
    uint32_t ts;
    int64_t missing_us, asked_us; /* since when it is missed; when it was asked for last */
};
struct rtp_order {
    /* the owner's */
    int64_t wait_us;
    uint64_t recovered, lost, late; /* came after it was asked for; given up; came after that, or twice */
    int64_t round_us;               /* from asking to coming, smoothed; 0: not known */
    /* its own */
    bool started, hole;
    uint16_t odd;                   /* the number after a packet from far outside the window */
    uint64_t next, highest;         /* extended: to be given next, highest seen */
    uint8_t *given;                 /* the bytes of the last packet given */
    struct order_slot slots[ORDER_SLOTS];
};
struct order_packet {
    const uint8_t *data; /* valid until the next call */
    size_t len;
    uint32_t ts;
    bool marker;
};
enum order_next { ORDER_NOTHING, ORDER_PACKET, ORDER_HOLE };

void order_init(struct rtp_order *o, int64_t wait_us);
void order_free(struct rtp_order *o);
/* False: a duplicate, too late, too long, or from nowhere near. */
bool order_put(struct rtp_order *o, uint16_t seq, uint32_t ts, bool marker, const uint8_t *payload, size_t len, int64_t now_us);
/* Call until NOTHING. A HOLE stands for any number of packets. */
enum order_next order_take(struct rtp_order *o, int64_t now_us, struct order_packet *ret);
/* The numbers to ask for now, at most max; they count as asked. */
int order_asks(struct rtp_order *o, int64_t now_us, uint16_t *out, int max);
