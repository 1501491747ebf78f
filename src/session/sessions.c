/* session/sessions.c - all running VCRs: the list, the counts, the second, and opening and closing it all. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "session/live_internal.h"

enum { TICK_MS = 500 /* of programmes; everything else has its turn every second time */ };

struct session *sessions_find(struct sessions *s, const char *id)
{
    struct session *x = s->list;
    while (x && strcmp(x->id, id) != 0)
        x = x->next;
    return x;
}

/* A tape may play in many decks; who records onto it has it alone. */

static bool records_onto(const struct session *x, int64_t tape_id)
{
    if (x->live.is)
        return x->live.recording && x->live.tape_id == tape_id;
    return x->has_tape && x->tape.tape_id == tape_id && (x->deck.snap.mode == DECK_RECORD || x->deck.snap.mode == DECK_RECORD_PAUSE);
}

struct session *sessions_tape_elsewhere(struct sessions *s, int64_t tape_id, const struct session *x, bool recording)
{
    for (struct session *y = s->list; y; y = y->next)
        if (y != x && (records_onto(y, tape_id) || (!recording && y->has_tape && y->tape.tape_id == tape_id)))
            return y;
    return NULL;
}

enum vcr_err sessions_may_record(struct session *x, struct vcr_why *why)
{
    const struct session *y = x->has_tape ? sessions_tape_elsewhere(x->owner, x->tape.tape_id, x, false) : NULL;
    if (!y)
        return VCR_OK;
    return vcr_refuse(why, VCR_E_CONFLICT, "/tape-in-use", "This tape is in another VCR, too (session %s); recording onto it needs it alone.", y->id);
}

enum vcr_err sessions_may_insert(struct sessions *s, int64_t tape_id, const struct session *x, struct vcr_why *why)
{
    const struct session *y = sessions_tape_elsewhere(s, tape_id, x, true);
    if (!y)
        return VCR_OK;
    return vcr_refuse(why, VCR_E_CONFLICT, "/tape-in-use", "This tape is being recorded onto in another VCR (session %s).", y->id);
}

/* Counts for the metrics, and the loop's open handles */

void sessions_count(struct sessions *s)
{
    struct sessions_counts c = { 0 };
    for (struct session *x = s->list; x; x = x->next) {
        c.sessions++;
        c.viewers += x->viewer_count;
    }
    for (int i = 0; i < s->engine_count; i++) {
        struct run *r = s->engines[i].run;
        if (!r || !run_is_ready(r))
            continue;
        struct render_stats stats;
        run_stats(r, &stats);
        c.render_processes++;
        c.frames_per_s += stats.frames;
        c.late_per_s += stats.late_frames;
        c.passed_per_s += stats.passed_frames;
    }
    c.render_wanted = s->engine_count;
    pthread_mutex_lock(&s->counts_lock);
    c.render_restarts = s->counts.render_restarts;
    c.pieces_asked = s->counts.pieces_asked;
    c.pieces_found = s->counts.pieces_found;
    s->counts = c;
    pthread_mutex_unlock(&s->counts_lock);
}

void sessions_counts(struct sessions *s, struct sessions_counts *ret)
{
    pthread_mutex_lock(&s->counts_lock);
    *ret = s->counts;
    pthread_mutex_unlock(&s->counts_lock);
}

void sessions_handle_opened(struct sessions *s) { s->open_handles++; }

void sessions_handle_closed(struct sessions *s)
{
    if (--s->open_handles == 0 && s->closing)
        loop_stop(s->loop);
}

static void on_second(uv_timer_t *t)
{
    struct sessions *s = t->data;
    programmes_tick(s->programmes, clock_mono_us());
    s->odd = !s->odd;
    if (s->odd)
        return;
    for (struct session *x = s->list, *next; x; x = next) {
        next = x->next;
        actor_second(x);
    }
    for (int i = 0; i < s->engine_count; i++)
        engine_second(&s->engines[i]);
    live_source_second(s);
    sessions_count(s);
}

static void open_on_loop(void *arg)
{
    struct sessions *s = arg;
    if (s->closing)
        return; /* the loop's thread could not be started */
    uv_timer_init(loop_uv(s->loop), &s->second);
    s->second.data = s;
    sessions_handle_opened(s);
    uv_timer_start(&s->second, on_second, TICK_MS, TICK_MS);
    for (int i = 0; i < s->engine_count; i++)
        engine_open(&s->engines[i], s, i);
}

enum vcr_err sessions_open(struct sessions **ret, const struct sessions_config *config, struct vcr_why *why)
{
    if (access(config->render_program, X_OK) != 0)
        return vcr_fail(why, VCR_E_IO, "the program vcr-render is not where it should be: %s", config->render_program);
    struct sessions *s = vcr_alloc(sizeof(*s));
    s->config = *config;
    s->render_program = vcr_strdup(config->render_program);
    s->ingest_program = vcr_strdup(config->ingest_program);
    pthread_mutex_init(&s->publishers_lock, NULL);
    long cores = config->render_processes > 0 ? config->render_processes : sysconf(_SC_NPROCESSORS_ONLN);
    s->engine_count = (int)VCR_CLAMP(cores, 1, ENGINES_MAX);
    pthread_mutex_init(&s->counts_lock, NULL);
    enum vcr_err err = loop_open(&s->loop, "media", why);
    if (err == VCR_OK)
        err = programmes_open(&s->programmes, &(struct programmes_config){ .loop = NULL }, why);
    if (err == VCR_OK) {
        loop_call(s->loop, open_on_loop, s);
        err = loop_start(s->loop, why);
    }
    if (err != VCR_OK)
        goto fail;
    *ret = s;
    return VCR_OK;

fail:
    s->closing = true;
    programmes_close(&s->programmes);
    loop_close(&s->loop);
    pthread_mutex_destroy(&s->counts_lock);
    pthread_mutex_destroy(&s->publishers_lock);
    free(s->render_program);
    free(s->ingest_program);
    free(s);
    return err;
}

static void second_closed(uv_handle_t *h) { sessions_handle_closed(h->data); }

static void close_on_loop(void *arg)
{
    struct sessions *s = arg;
    s->closing = true;
    while (s->list)
        actor_end(s->list, "ended", NULL);
    programmes_close(&s->programmes); /* what is recorded is sealed, and noted by its callers */
    for (int i = 0; i < s->engine_count; i++)
        engine_close(&s->engines[i]);
    uv_close((uv_handle_t *)&s->second, second_closed);
}

void sessions_close(struct sessions **sp)
{
    struct sessions *s = *sp;
    if (!s)
        return;
    loop_call(s->loop, close_on_loop, s);
    loop_join(s->loop);
    loop_close(&s->loop);
    pthread_mutex_destroy(&s->counts_lock);
    pthread_mutex_destroy(&s->publishers_lock);
    free(s->render_program);
    free(s->ingest_program);
    free(s);
    *sp = NULL;
}
