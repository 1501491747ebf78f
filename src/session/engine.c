/* session/engine.c - the seats of one render process. The process may die at any time: its seats stay taken, and the next life is told everything again. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "session/internal.h"

static const int64_t seat_rest_us = 2000000;      /* a freed seat's last packets are long out of the ring by then */
static const int64_t short_life_us = 5000000;     /* a process that lives less is started again after a while, not at once */
static const int64_t retry_default_us = 2000000;
enum { RESTART_AFTER_MS = 500, FAULT_AFTER_LIVES = 2 /* short ones, one after another */ };

_Static_assert(sizeof(struct deck_snapshot) <= RENDER_SNAPSHOT_MAX, "a snapshot fits into its message");

static struct run *run_of(struct session *x) { return x->engine ? x->engine->run : NULL; }

void engine_tell(struct session *x, enum render_msg_type type)
{
    struct render_head h = { type, x->seat };
    if (run_of(x))
        run_send(run_of(x), &h, sizeof(h), NULL, 0);
}

void engine_tell_open(struct session *x)
{
    struct render_open m = {
        .h = { RENDER_OPEN, x->seat },
        .pal = x->has_tape && x->tape.pal,
        .field_rate = !x->has_tape || x->tape.field_rate,
        .pieces = x->owner->config.open_piece != NULL,
        .bitrate_bps = VIDEO_BITRATE_BPS,
    };
    if (run_of(x))
        run_send(run_of(x), &m, sizeof(m), NULL, 0);
}

void engine_tell_tape(struct session *x)
{
    const struct session_tape *t = &x->tape;
    const int fds[3][2] = { { t->tape_video_fd, t->tape_video_index_fd },
                            { t->tape_audio_fd, t->tape_audio_index_fd },
                            { t->clean_video_fd, t->clean_video_index_fd } };
    static const uint8_t bits[3] = { RENDER_HAS_VIDEO, RENDER_HAS_AUDIO, RENDER_HAS_CLEAN };
    struct render_tape m = { .h = { RENDER_TAPE, x->seat }, .in = x->has_tape, .pal = t->pal, .field_rate = t->field_rate, .tape = x->insertion };
    int pass[TAPE_FDS], count = 0;
    for (int i = 0; i < 3 && x->has_tape; i++) {
        if (fds[i][0] < 0 || fds[i][1] < 0)
            continue;
        m.has |= bits[i];
        pass[count++] = fds[i][0];
        pass[count++] = fds[i][1];
    }
    if (run_of(x))
        run_send(run_of(x), &m, sizeof(m), pass, count);
    engine_tell_spans(x);
}

void engine_tell_deck(struct session *x)
{
    struct render_deck m = { .h = { RENDER_DECK, x->seat }, .len = sizeof(struct deck_snapshot) };
    memcpy(m.snapshot, &x->deck.snap, sizeof(x->deck.snap));
    x->told_seq = x->deck.snap.seq;
    if (run_of(x))
        run_send(run_of(x), &m, sizeof(m), NULL, 0);
}

void engine_tell_encode(struct session *x)
{
    struct render_value m = { .h = { RENDER_ENCODE, x->seat }, .value = x->taps != NULL };
    if (run_of(x))
        run_send(run_of(x), &m, sizeof(m), NULL, 0);
}

/* The viewers' lines carry sound, headers and resends, too. */
void engine_tell_rate(struct session *x)
{
    enum { SOUND_BPS = 130000, LEAST_BPS = 200000 };
    int64_t picture_bps = (x->line_bps - SOUND_BPS) * 9 / 10;
    struct render_value m = { .h = { RENDER_RATE, x->seat }, .value = x->line_bps ? VCR_MAX(picture_bps, LEAST_BPS) : 0 };
    if (run_of(x))
        run_send(run_of(x), &m, sizeof(m), NULL, 0);
}

static void tell_everything(struct session *x)
{
    engine_tell_open(x);
    if (x->line_bps)
        engine_tell_rate(x);
    if (x->taps)
        engine_tell_encode(x);
    if (x->has_tape)
        engine_tell_tape(x);
    engine_tell_deck(x);
}

static int free_seat(const struct engine *e, int64_t now_us)
{
    for (int i = 0; i < RENDER_SEAT_MAX; i++) {
        int n = (e->next_seat + i) % RENDER_SEAT_MAX;
        if (!e->seats[n].session && e->seats[n].free_from_us <= now_us)
            return n;
    }
    return -1;
}

enum vcr_err engine_seat(struct sessions *s, struct session *x, struct vcr_why *why)
{
    struct engine *best = NULL;
    int64_t now_us = clock_mono_us();
    for (int i = 0; i < s->engine_count; i++) {
        struct engine *e = &s->engines[i];
        if ((!best || e->taken < best->taken) && free_seat(e, now_us) >= 0)
            best = e;
    }
    if (!best)
        return vcr_fail(why, VCR_E_BUSY, "Every deck of this server is in use.");
    x->engine = best;
    x->seat = (uint32_t)free_seat(best, now_us);
    best->seats[x->seat].session = x;
    best->taken++;
    best->next_seat = ((int)x->seat + 1) % RENDER_SEAT_MAX;
    tell_everything(x);
    if (best->run && run_is_ready(best->run))
        actor_seated(x);
    return VCR_OK;
}

void engine_unseat(struct session *x)
{
    struct engine *e = x->engine;
    if (!e)
        return;
    engine_tell(x, RENDER_CLOSE);
    e->seats[x->seat] = (struct seat){ .free_from_us = clock_mono_us() + seat_rest_us };
    e->taken--;
    x->engine = NULL;
}

void engine_heard_ready(struct engine *e)
{
    for (int i = 0; i < RENDER_SEAT_MAX; i++) {
        struct session *x = e->seats[i].session;
        if (!x)
            continue;
        actor_seated(x);
        if (x->retry_us == INT64_MAX)
            actor_recovered(x);
    }
}

void engine_retry(struct session *x)
{
    engine_tell(x, RENDER_CLOSE);
    tell_everything(x);
}

static int64_t retry_delay_us(const struct session *x)
{
    int64_t first_us = x->owner->config.retry_us ? x->owner->config.retry_us : retry_default_us;
    return x->retries > 0 ? first_us << VCR_MIN(x->retries - 1, 5) : 0;
}

/* One seat cannot go on: it is set up anew at once. One that fails again soon is in fault, and tried again after a while that grows. */
void engine_heard_failed(struct engine *e, uint32_t seat, const char *text)
{
    struct session *x = e->seats[seat].session;
    if (!x)
        return;
    int64_t now_us = clock_mono_us();
    bool again = x->seat_failed_us && now_us - x->seat_failed_us < short_life_us + retry_delay_us(x);
    x->seat_failed_us = now_us;
    x->retries = again ? x->retries + 1 : 0;
    log_warn("session", "session %s: its seat failed: %s", x->id, text);
    if (again)
        actor_fault(x, "renderer", now_us + retry_delay_us(x));
    else
        engine_retry(x);
}

void engine_packet(struct engine *e, uint32_t seat, const struct packet *p)
{
    struct session *x = e->seats[seat].session;
    if (x)
        input_own_packet(x, p->track == PACKET_VIDEO ? PROGRAMME_VIDEO : PROGRAMME_OPUS, p);
}

static void start(struct engine *e)
{
    if (e->run || e->owner->closing)
        return;
    e->run = run_start(e);
    if (!e->run)
        return;
    for (int i = 0; i < RENDER_SEAT_MAX; i++)
        if (e->seats[i].session)
            tell_everything(e->seats[i].session);
}

static void on_restart(uv_timer_t *t) { start(t->data); }

void engine_run_ended(struct engine *e, int64_t lived_us)
{
    e->run = NULL;
    if (e->owner->closing)
        return;
    e->short_lives = lived_us < short_life_us ? e->short_lives + 1 : 0;
    for (int i = 0; i < RENDER_SEAT_MAX && e->short_lives >= FAULT_AFTER_LIVES; i++)
        if (e->seats[i].session && e->seats[i].session->retry_us < 0)
            actor_fault(e->seats[i].session, "renderer", INT64_MAX);
    pthread_mutex_lock(&e->owner->counts_lock);
    e->owner->counts.render_restarts++;
    pthread_mutex_unlock(&e->owner->counts_lock);
    uv_timer_start(&e->restart, on_restart, lived_us < short_life_us ? RESTART_AFTER_MS : 0, 0);
}

void engine_open(struct engine *e, struct sessions *owner, int index)
{
    e->owner = owner;
    e->index = index;
    uv_timer_init(loop_uv(owner->loop), &e->restart);
    e->restart.data = e;
    sessions_handle_opened(owner);
    start(e);
}

static void restart_closed(uv_handle_t *h)
{
    struct engine *e = h->data;
    sessions_handle_closed(e->owner);
}

void engine_close(struct engine *e)
{
    uv_close((uv_handle_t *)&e->restart, restart_closed);
    if (e->run)
        run_kill(e->run, NULL);
}

void engine_second(struct engine *e)
{
    if (e->run)
        run_check_silence(e->run, clock_mono_us());
}
