/* render/out.c - see out.h. */
#include "render/out.h"

#include <unistd.h>

#include "wire/render_msg.h"

bool out_packet(struct out *o, uint32_t seat, const struct packet *p)
{
    struct render_packet head = { .seat = seat, .track = p->track, .flags = p->flags, .command_seq = p->command_seq, .len = (uint32_t)p->len,
                                  .pts_us = p->pts_us, .tape_us = p->tape_us };
    if (ring_write(o->ring, &head, sizeof(head), p->data, p->len, NULL) != VCR_OK)
        return false;
    o->written = true;
    return true;
}

void out_wake(struct out *o)
{
    uint64_t one = 1;
    if (o->written && write(o->wake_fd, &one, sizeof(one)) == (ssize_t)sizeof(one))
        o->written = false; /* a full counter (EAGAIN) wakes its reader all the same; then we write again next time */
}
