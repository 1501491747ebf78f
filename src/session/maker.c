/* session/maker.c - see maker.h: what is made next, by which process, and what becomes of it. Who asks is maker_ask.c. */
#include "session/maker.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "session/maker_internal.h"

enum { TICK_MS = 200, TRIES_MAX = 2 };
static const int64_t wait_default_us = 9000000, silence_default_us = 10000000, patience_default_us = 4000000, idle_default_us = 60000000;
static const int64_t ahead_us = 15000000;      /* a player that has not come for it by then is elsewhere */
static const int64_t hopeless_us = 30000000, short_life_us = 3000000, rest_us = 500000;
static const uint64_t room_bytes = UINT64_C(64) << 20;

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

static void count(struct maker *m, uint64_t *which, uint64_t n)
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

static void job_fail(struct maker *m, struct maker_job *j, enum vcr_err err, const char *text)
{
    count(m, &m->counts.failed, 1);
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

static void give_up(struct maker *m, struct maker_job *j, const char *text)
{
    unsigned n = m->hopeless_next++ % ARRAY_LEN(m->hopeless);
    vcr_strcpy(m->hopeless[n].key, sizeof(m->hopeless[n].key), j->want.key);
    m->hopeless[n].until_us = clock_mono_us() + hopeless_us;
    log_warn("maker", "%s cannot be made: %s", j->want.key, text);
    job_fail(m, j, VCR_E_INTERNAL, text);
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
        job_fail(m, j, VCR_E_BUSY, "the segment could not be kept; try again");
    } else if (j->kept_err != VCR_OK) {
        log_warn("maker", "%s: %s", j->want.key, j->kept_why.text);
        job_fail(m, j, VCR_E_BUSY, "the segment could not be kept; try again");
    } else {
        count(m, &m->counts.made, 1);
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
        count(m, &m->counts.left, 1);
        maker_job_free(m, j);
    }
}

void maker_job_done(struct maker *m, struct maker_job *j, const struct make_done *done)
{
    count(m, &m->counts.cpu_us, done->cpu_us);
    if (done->err == VCR_OK) {
        j->life = NULL;
        keep(m, j);
    } else if (done->err == VCR_E_STALE) {
        maker_job_leave(m, j);
    } else if (done->err == VCR_E_FULL && ++j->tries < TRIES_MAX) {
        segments_shrink(m->config.segments, room_bytes);
        maker_job_leave(m, j);
    } else {
        give_up(m, j, done->text);
    }
    maker_work(m);
}

/* ---- processes ---- */
static struct maker_life *idle_life(struct maker *m)
{
    for (int i = 0; i < m->lives_max; i++)
        if (m->lives[i] && maker_life_is_idle(m->lives[i]))
            return m->lives[i];
    return NULL;
}

static void start_life(struct maker *m)
{
    struct vcr_why why;
    int place = 0;
    while (place < m->lives_max && m->lives[place])
        place++;
    if (place == m->lives_max || clock_mono_us() < m->start_again_us)
        return;
    m->lives[place] = maker_life_start(m, &why);
    if (!m->lives[place]) {
        log_error("maker", "%s", why.text);
        m->start_again_us = clock_mono_us() + rest_us;
    }
}

void maker_life_ready(struct maker *m) { maker_work(m); }

void maker_life_over(struct maker *m, struct maker_life *l, struct maker_job *j, int64_t lived_us)
{
    for (int i = 0; i < m->lives_max; i++)
        if (m->lives[i] == l)
            m->lives[i] = NULL;
    if (lived_us < short_life_us)
        m->start_again_us = clock_mono_us() + rest_us;
    if (j)
        count(m, &m->counts.restarts, 1);
    if (j && m->closing)
        maker_job_free(m, j);
    else if (j && ++j->tries >= TRIES_MAX)
        give_up(m, j, "the process that makes it ended again and again");
    else if (j)
        maker_job_leave(m, j);
    maker_work(m);
}

/* ---- what is next ---- */
static bool is_late(struct maker *m) { return m->config.live_is_late && m->config.live_is_late(m->config.arg); }

static bool any_running(const struct maker *m)
{
    const struct maker_job *j = m->jobs;
    while (j && j->state != MAKER_RUNNING)
        j = j->next;
    return j != NULL;
}

static struct maker_job *next_job(struct maker *m)
{
    struct maker_job *ahead = NULL;
    bool late = is_late(m);
    for (struct maker_job *j = m->jobs; j; j = j->next) {
        if (j->state != MAKER_QUEUED)
            continue;
        if (j->tickets && (!late || (clock_mono_us() - j->tickets->asked_us > m->config.patience_us && !any_running(m))))
            return j;
        if (!j->tickets && !ahead)
            ahead = j;
    }
    return late ? NULL : ahead;
}

/* False: it could not be begun now. */
static bool begin(struct maker *m, struct maker_job *j, struct maker_life *l)
{
    struct vcr_why why;
    enum vcr_err err = segments_begin(m->config.segments, j->want.key, &j->writer, &why);
    if (err == VCR_E_FULL) {
        segments_shrink(m->config.segments, room_bytes);
        err = segments_begin(m->config.segments, j->want.key, &j->writer, &why);
    }
    if (err != VCR_OK) {
        log_warn("maker", "%s", why.text);
        job_fail(m, j, err == VCR_E_FULL ? VCR_E_FULL : VCR_E_BUSY, err == VCR_E_FULL ? "the storage is full" : "the segment cannot be written; try again");
        return true;
    }
    if (!maker_life_give(l, j)) {
        segments_abort(&j->writer);
        return false;
    }
    j->state = MAKER_RUNNING;
    j->life = l;
    return true;
}

static void count_now(struct maker *m)
{
    int waiting = 0, ahead = 0, processes = 0;
    for (const struct maker_job *j = m->jobs; j; j = j->next)
        *(j->tickets ? &waiting : &ahead) += 1;
    for (int i = 0; i < m->lives_max; i++)
        processes += m->lives[i] != NULL;
    pthread_mutex_lock(&m->counts_lock);
    m->counts.waiting = waiting;
    m->counts.ahead = ahead;
    m->counts.processes = processes;
    pthread_mutex_unlock(&m->counts_lock);
}

static void on_tick(uv_timer_t *t);

void maker_work(struct maker *m)
{
    struct maker_job *j;
    while (!m->closing && (j = next_job(m)) != NULL) {
        struct maker_life *l = idle_life(m);
        if (!l)
            start_life(m);
        if (!l || !begin(m, j, l))
            break;
    }
    count_now(m);
    if (!m->closing && !uv_is_active((uv_handle_t *)&m->tick) && (m->jobs || m->counts.processes > 0))
        uv_timer_start(&m->tick, on_tick, TICK_MS, TICK_MS);
}

/* Who waited too long is sent away; the work goes on, as he will come back. */
static void send_away(struct maker *m, struct maker_job *j, int64_t now_us)
{
    for (struct maker_ticket **at = &j->tickets, *t; (t = *at) != NULL;) {
        if (now_us - t->asked_us < m->config.wait_us) {
            at = &t->next;
            continue;
        }
        *at = t->next;
        j->is_ahead = true;
        j->asked_us = now_us;
        maker_refuse(t, VCR_E_BUSY, "this part of the tape is not ready yet; try again");
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct maker *m = timer->data;
    int64_t now_us = clock_mono_us();
    for (struct maker_job *j = m->jobs, *next; j; j = next) {
        next = j->next;
        send_away(m, j, now_us);
        if (j->state == MAKER_QUEUED && !j->tickets && now_us - j->asked_us > ahead_us)
            maker_job_free(m, j);
    }
    for (int i = 0; i < m->lives_max; i++)
        if (m->lives[i])
            maker_life_check(m->lives[i], now_us);
    maker_work(m);
    if (!m->jobs && m->counts.processes == 0)
        uv_timer_stop(&m->tick);
}

void maker_counts(struct maker *m, struct maker_counts *ret)
{
    pthread_mutex_lock(&m->counts_lock);
    *ret = m->counts;
    pthread_mutex_unlock(&m->counts_lock);
}

/* ---- opening and closing ---- */
void maker_handle_closed(struct maker *m)
{
    if (--m->open_handles == 0 && m->closing)
        loop_stop(m->loop);
}

static void open_on_loop(void *arg)
{
    struct maker *m = arg;
    if (m->closing)
        return; /* the loop's thread could not be started */
    uv_timer_init(loop_uv(m->loop), &m->tick);
    m->tick.data = m;
    m->open_handles++;
}

enum vcr_err maker_open(struct maker **ret, const struct maker_config *config, struct vcr_why *why)
{
    struct maker *m = vcr_alloc(sizeof(*m));
    m->config = *config;
    m->config.wait_us = config->wait_us ? config->wait_us : wait_default_us;
    m->config.silence_us = config->silence_us ? config->silence_us : silence_default_us;
    m->config.patience_us = config->patience_us ? config->patience_us : patience_default_us;
    m->config.idle_us = config->idle_us ? config->idle_us : idle_default_us;
    m->program = vcr_strdup(config->render_program);
    m->last = &m->jobs;
    long wanted = config->processes > 0 ? config->processes : sysconf(_SC_NPROCESSORS_ONLN) - 1;
    m->lives_max = (int)VCR_CLAMP(wanted, 1, MAKER_LIVES_MAX);
    pthread_mutex_init(&m->counts_lock, NULL);
    enum vcr_err err = loop_open(&m->loop, "maker", why);
    if (err == VCR_OK) {
        loop_call(m->loop, open_on_loop, m);
        err = loop_start(m->loop, why);
    }
    if (err == VCR_OK) {
        *ret = m;
        return VCR_OK;
    }
    m->closing = true;
    loop_close(&m->loop);
    pthread_mutex_destroy(&m->counts_lock);
    free(m->program);
    free(m);
    return err;
}

static void tick_closed(uv_handle_t *h) { maker_handle_closed(h->data); }

static void close_on_loop(void *arg)
{
    struct maker *m = arg;
    m->closing = true;
    for (struct maker_job *j = m->jobs, *next; j; j = next) {
        next = j->next;
        for (struct maker_ticket *t; (t = j->tickets) != NULL;) {
            j->tickets = t->next;
            maker_refuse(t, VCR_E_BUSY, "the server is stopping");
        }
        if (j->state == MAKER_QUEUED)
            maker_job_free(m, j);
    }
    for (int i = 0; i < m->lives_max; i++)
        if (m->lives[i])
            maker_life_kill(m->lives[i], NULL);
    uv_close((uv_handle_t *)&m->tick, tick_closed);
}

void maker_close(struct maker **mp)
{
    struct maker *m = *mp;
    if (!m)
        return;
    loop_call(m->loop, close_on_loop, m);
    loop_join(m->loop);
    loop_close(&m->loop);
    pthread_mutex_destroy(&m->counts_lock);
    free(m->program);
    free(m);
    *mp = NULL;
}
