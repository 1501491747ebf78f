/* tests/unit/session/answers.h - calls to sessions, and their answers, which come on another thread. */
#pragma once
#include <stdatomic.h>

#include "session/session.h"

struct call {
    atomic_int answers;
    struct session_reply reply; /* its sdp and log are the asker's to free */
};
/* A session_done; arg is the struct call. */
void call_answered(void *arg, struct session_reply *reply);
/* Waits for the answer, which must come. */
struct session_reply call_wait(struct call *c);
