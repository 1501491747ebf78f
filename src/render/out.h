/* render/out.h - where packets leave: the shared ring and the eventfd that wakes its reader. Threads: none. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/packet.h"
#include "base/ring.h"

struct out {
    struct ring *ring;
    int wake_fd;
    bool written;   /* since the last out_wake */
};
/* False when the ring is full (the reader lags): the packet is lost, and video after it is useless until a key frame. */
bool out_packet(struct out *o, uint32_t seat, const struct packet *p);
void out_wake(struct out *o);
