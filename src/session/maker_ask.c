/* session/maker_ask.c - see maker.h: who wants what, who does not want it any more, and what they are told. */
#include "base/clock.h"
#include "base/util.h"
#include "session/maker_internal.h"

/* ---- tickets ---- */
static void ticket_unref(struct maker_ticket *t, int refs)
{
    if (atomic_fetch_sub(&t->refs, refs) == refs)
        free(t);
}

static void on_answer(struct loop_msg *msg)
{
    struct maker_ticket *t = container_of(msg, struct maker_ticket, back);
    if (t->left)
        vcr_close(&t->fd);
    else
        t->done(t->arg, t->err, &t->why, t->fd, t->size);
    ticket_unref(t, 1);
}

void maker_answer(struct maker_ticket *t)
{
    t->job = NULL;
    t->back.fn = on_answer;
    loop_post(t->loop, &t->back);
}

void maker_refuse(struct maker_ticket *t, enum vcr_err err, const char *text)
{
    t->err = vcr_fail(&t->why, err, "%s", text);
    t->fd = -1;
    maker_answer(t);
}

/* ---- asking ---- */
static int jobs_with(const struct maker *m, bool waited)
{
    int n = 0;
    for (const struct maker_job *j = m->jobs; j; j = j->next)
        n += (j->tickets != NULL) == waited && (waited || j->state == MAKER_QUEUED);
    return n;
}

static void join(struct maker *m, struct maker_ticket *t, struct maker_want *want)
{
    struct maker_job *j = maker_job_find(m, want->key);
    if (!j && jobs_with(m, true) >= MAKER_WAITED_MAX) {
        maker_refuse(t, VCR_E_BUSY, "too much of this server's tapes is being made just now; try again");
        return;
    }
    if (!j)
        j = maker_job_new(m, want);
    struct maker_ticket **at = &j->tickets;
    while (*at)
        at = &(*at)->next;
    *at = t;
    t->job = j;
}

static void on_ask(struct loop_msg *msg)
{
    struct maker_ticket *t = container_of(msg, struct maker_ticket, there);
    struct maker *m = t->maker;
    struct maker_want want = t->want; /* a ticket that is answered is no longer ours */
    t->asked_us = clock_mono_us();
    if (m->closing)
        maker_refuse(t, VCR_E_BUSY, "the server is stopping");
    else if (segments_get(m->config.segments, want.key, &t->fd, &t->size)) /* made since he looked */
        maker_answer(t);
    else if (maker_hopeless(m, want.key, t->asked_us))
        maker_refuse(t, VCR_E_INTERNAL, "this part of the tape cannot be made");
    else
        join(m, t, &want);
    maker_want_close(&want);
    maker_work(m);
}

struct maker_ticket *maker_ask(struct maker *m, struct maker_want *want, struct loop *loop, maker_done done, void *arg)
{
    struct maker_ticket *t = vcr_alloc(sizeof(*t));
    *t = (struct maker_ticket){ .maker = m, .loop = loop, .done = done, .arg = arg, .want = maker_want_take(want), .fd = -1 };
    atomic_init(&t->refs, 1);
    t->there.fn = on_ask;
    loop_post(m->loop, &t->there);
    return t;
}

static void on_leave(struct loop_msg *msg)
{
    struct maker_ticket *t = container_of(msg, struct maker_ticket, leaving);
    struct maker *m = t->maker;
    struct maker_job *j = t->job;
    if (j) { /* else the answer is on its way, and finds that nobody is there */
        struct maker_ticket **at = &j->tickets;
        while (*at != t)
            at = &(*at)->next;
        *at = t->next;
    }
    ticket_unref(t, j ? 2 : 1);
    if (!j || j->tickets || j->is_ahead)
        return;
    if (j->state == MAKER_QUEUED) {
        maker_job_leave(m, j);
    } else if (j->state == MAKER_RUNNING && !j->cancelled) {
        j->cancelled = true;
        maker_life_cancel(j->life);
    }
}

void maker_leave(struct maker_ticket *t)
{
    t->left = true;
    atomic_fetch_add(&t->refs, 1);
    t->leaving.fn = on_leave;
    loop_post(t->maker->loop, &t->leaving);
}

struct ahead {
    struct loop_msg msg;
    struct maker *maker;
    struct maker_want want;
};

static void drop_oldest_ahead(struct maker *m)
{
    struct maker_job *j = m->jobs;
    while (j && (j->tickets || j->state != MAKER_QUEUED))
        j = j->next;
    if (j)
        maker_job_free(m, j);
}

static void on_ahead(struct loop_msg *msg)
{
    struct ahead *a = container_of(msg, struct ahead, msg);
    struct maker *m = a->maker;
    struct maker_job *j = maker_job_find(m, a->want.key);
    if (!j && !m->closing && !maker_hopeless(m, a->want.key, clock_mono_us()) && !segments_has(m->config.segments, a->want.key)) {
        if (jobs_with(m, false) >= MAKER_AHEAD_MAX)
            drop_oldest_ahead(m);
        j = maker_job_new(m, &a->want);
    }
    if (j) {
        j->is_ahead = true;
        j->asked_us = clock_mono_us();
    }
    maker_want_close(&a->want);
    free(a);
    maker_work(m);
}

void maker_ahead(struct maker *m, struct maker_want *want)
{
    struct ahead *a = vcr_alloc(sizeof(*a));
    a->maker = m;
    a->want = maker_want_take(want);
    a->msg.fn = on_ahead;
    loop_post(m->loop, &a->msg);
}
