/* session/maker.c - see maker.h: what is made next, and by which process. Who asks is maker_ask.c, what becomes of it maker_job.c. */
#include "session/maker.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "session/maker_internal.h"

enum { TICK_MS = 200 };
static const int64_t wait_default_us = 9000000, silence_default_us = 10000000, patience_default_us = 4000000, idle_default_us = 60000000;
static const int64_t ahead_us = 15000000;      /* a player that has not come for it by then is elsewhere */
static const int64_t short_life_us = 3000000, rest_us = 500000;

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
        maker_count(m, &m->counts.restarts, 1);
    if (j && m->closing)
        maker_job_free(m, j);
    else if (j && ++j->tries >= MAKER_TRIES_MAX)
        maker_job_give_up(m, j, "the process that makes it ended again and again");
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
        segments_shrink(m->config.segments, MAKER_ROOM_BYTES);
        err = segments_begin(m->config.segments, j->want.key, &j->writer, &why);
    }
    if (err != VCR_OK) {
        log_warn("maker", "%s", why.text);
        maker_job_fail(m, j, err == VCR_E_FULL ? VCR_E_FULL : VCR_E_BUSY, err == VCR_E_FULL ? "the storage is full" : "the segment cannot be written; try again");
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
