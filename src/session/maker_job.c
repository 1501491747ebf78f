/* session/maker_job.c - one segment that is wanted: from the wish to the file that is kept, or to the reason why there is none. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "session/maker_internal.h"

static const int64_t hopeless_us = 30000000;

void maker_want_close(struct maker_want *w)
{
    vcr_close(&w->reel_fd);
    vcr_close(&w->index_fd);
    for (int i = 0; i < 2 * w->job.reel_count; i++)
        vcr_close(&w->part_fds[i]);
}

struct maker_want maker_want_take(struct maker_want *w)
{
    struct maker_want taken = *w;
    w->reel_fd = w->index_fd = -1;
    w->job.reel_count = 0;
    return taken;
}

void maker_count(struct maker *m, uint64_t *which, uint64_t n)
{
    pthread_mutex_lock(&m->counts_lock);
    *which += n;
    pthread_mutex_unlock(&m->counts_lock);
}

/* ---- jobs ---- */
struct maker_job *maker_job_find(struct maker *m, const char *key)
{
    struct maker_job *j = m->jobs;
    while (j && strcmp(j->want.key, key) != 0)
        j = j->next;
    return j;
}

struct maker_job *maker_job_new(struct maker *m, struct maker_want *want)
{
    struct maker_job *j = vcr_alloc(sizeof(*j));
    j->want = maker_want_take(want);
    j->number = ++m->next_number;
    j->asked_us = clock_mono_us();
    *m->last = j;
    m->last = &j->next;
    return j;
}

/* Off the list; nobody waits for it and no process has it. */
void maker_job_free(struct maker *m, struct maker_job *j)
{
    struct maker_job **at = &m->jobs;
    while (*at != j)
        at = &(*at)->next;
    *at = j->next;
    if (m->last == &j->next)
        m->last = at;
    maker_want_close(&j->want);
    segments_abort(&j->writer);
    free(j);
}

void maker_job_fail(struct maker *m, struct maker_job *j, enum vcr_err err, const char *text)
{
    maker_count(m, &m->counts.failed, 1);
    for (struct maker_ticket *t = j->tickets, *next; t; t = next) {
        next = t->next;
        maker_refuse(t, err, text);
    }
    maker_job_free(m, j);
}

/* ---- what cannot be made is not tried again at once ---- */
bool maker_hopeless(struct maker *m, const char *key, int64_t now_us)
{
    for (size_t i = 0; i < ARRAY_LEN(m->hopeless); i++)
        if (m->hopeless[i].until_us > now_us && strcmp(m->hopeless[i].key, key) == 0)
            return true;
    return false;
}

void maker_job_give_up(struct maker *m, struct maker_job *j, const char *text)
{
    unsigned n = m->hopeless_next++ % ARRAY_LEN(m->hopeless);
    vcr_strcpy(m->hopeless[n].key, sizeof(m->hopeless[n].key), j->want.key);
    m->hopeless[n].until_us = clock_mono_us() + hopeless_us;
    log_warn("maker", "%s cannot be made: %s", j->want.key, text);
    maker_job_fail(m, j, VCR_E_INTERNAL, text);
}

/* ---- a segment that is made ---- */
static void keep_work(uv_work_t *w)
{
    struct maker_job *j = container_of(w, struct maker_job, keeping);
    if (!atomic_load(&j->given))
        return;
    j->kept_err = segments_commit(&j->writer, &j->kept_fd, &j->kept_size, &j->kept_why);
    atomic_store(&j->kept, true);
}

static void keep_done(uv_work_t *w, int status)
{
    struct maker_job *j = container_of(w, struct maker_job, keeping);
    struct maker *m = w->data;
    m->keeping--;
    if (!atomic_load(&j->kept)) { /* its work was never begun */
        maker_job_fail(m, j, VCR_E_BUSY, "the segment could not be kept; try again");
    } else if (j->kept_err != VCR_OK) {
        log_warn("maker", "%s: %s", j->want.key, j->kept_why.text);
        maker_job_fail(m, j, VCR_E_BUSY, "the segment could not be kept; try again");
    } else {
        maker_count(m, &m->counts.made, 1);
        for (struct maker_ticket *t = j->tickets, *next; t; t = next) {
            next = t->next;
            t->fd = dup(j->kept_fd);
            t->size = j->kept_size;
            t->err = t->fd >= 0 ? VCR_OK : vcr_fail(&t->why, VCR_E_BUSY, "there are too many open files; try again");
            maker_answer(t);
        }
        vcr_close(&j->kept_fd);
        maker_job_free(m, j);
    }
    maker_work(m);
    maker_handle_closed(m);
}

static void keep(struct maker *m, struct maker_job *j)
{
    j->state = MAKER_KEEPING;
    j->keeping.data = m;
    m->keeping++;
    m->open_handles++;
    atomic_store(&j->given, true);
    if (uv_queue_work(loop_uv(m->loop), &j->keeping, keep_work, keep_done) != 0) {
        keep_work(&j->keeping);
        keep_done(&j->keeping, 0);
    }
}

/* Back into the queue, or not wanted any more. */
void maker_job_leave(struct maker *m, struct maker_job *j)
{
    j->life = NULL;
    j->state = MAKER_QUEUED;
    j->cancelled = false;
    segments_abort(&j->writer);
    if (!j->tickets && !j->is_ahead) {
        maker_count(m, &m->counts.left, 1);
        maker_job_free(m, j);
    }
}

void maker_job_done(struct maker *m, struct maker_job *j, const struct make_done *done)
{
    maker_count(m, &m->counts.cpu_us, done->cpu_us);
    if (done->err == VCR_OK) {
        j->life = NULL;
        keep(m, j);
    } else if (done->err == VCR_E_STALE) {
        maker_job_leave(m, j);
    } else if (done->err == VCR_E_FULL && ++j->tries < MAKER_TRIES_MAX) {
        segments_shrink(m->config.segments, MAKER_ROOM_BYTES);
        maker_job_leave(m, j);
    } else {
        maker_job_give_up(m, j, done->text);
    }
    maker_work(m);
}
