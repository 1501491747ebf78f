/* tests/unit/session/answers.c - see answers.h. */
#include "answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_rtc.h"

void call_answered(void *arg, struct session_reply *reply)
{
    struct call *c = arg;
    c->reply = *reply;
    atomic_fetch_add(&c->answers, 1);
    fake_changed();
}

static bool is_answered(void *arg) { return atomic_load(&((struct call *)arg)->answers) > 0; }

struct session_reply call_wait(struct call *c)
{
    assert_true(fake_wait(is_answered, c));
    return c->reply;
}
