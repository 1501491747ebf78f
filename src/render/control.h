/* render/control.h - messages of vcrd, checked, and our answers. Threads: none. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "wire/render_msg.h"

struct control_msg {
    union {
        struct render_head head;
        struct render_open open;
        struct render_tape tape;
        struct render_deck deck;
        struct render_value value;
        struct render_spans spans;
        struct render_take take;
        struct render_piece piece;
    };
    int fds[6];        /* in the order of seat_tape, of RENDER_SPANS the first, of RENDER_PIECE the first two; -1: none; the receiver's to close */
};
enum control_got { CONTROL_NOTHING, CONTROL_MSG, CONTROL_BAD, CONTROL_END };
/* Doesn't wait. BAD: something that is no message; its descriptors are closed. */
enum control_got control_receive(int fd, struct control_msg *ret);
/* False when the message could not be sent: vcrd is gone or doesn't read. */
bool control_send(int fd, const void *msg, size_t len);
bool control_failed(int fd, uint32_t seat, const char *text);
