/* session/timeline.c - what plays where on a running VCR's tape, as its render process is told, and the reels of takes when that asks for them.
 *
 * A take's files are opened on a thread of libuv's pool, which touches nothing but its own struct take_open. */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "session/internal.h"
#include "session/map.h"

enum { OPENING_MAX = 2 * RENDER_TAKES_MAX }; /* a process that died leaves what it had asked for under way */

/* ---- the table ---- */
/* A memfd with the spans, -1: there was no room for it. */
static int table_of(const struct timeline *t)
{
    size_t bytes = t->count * sizeof(struct render_span);
    struct render_span *spans = vcr_calloc(t->count, sizeof(*spans));
    for (size_t i = 0; i < t->count; i++) {
        const struct timeline_span *s = &t->spans[i];
        spans[i] = (struct render_span){ .start_us = s->start_us, .end_us = s->end_us, .take = s->take, .take_start_us = s->take_start_us, .seed = s->seed, .speed = s->speed,
                                         .is_over = s->is_over, .over_us = s->over_us };
    }
    int fd = memfd_create("spans", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0 && pwrite(fd, spans, bytes, 0) != (ssize_t)bytes)
        vcr_close(&fd);
    if (fd >= 0)
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    free(spans);
    return fd;
}

void engine_tell_spans(struct session *x)
{
    const struct session_map *map = x->has_tape ? x->tape.map : NULL;
    int fd = -1;
    if (!map || !x->engine || !x->engine->run)
        return;
    const struct timeline *t = &map->timeline;
    struct render_spans m = { .h = { RENDER_SPANS, x->seat }, .tape = x->insertion, .revision = (uint64_t)map->revision, .count = (uint32_t)t->count };
    if (t->count > RENDER_SPANS_MAX || (t->count > 0 && (fd = table_of(t)) < 0)) {
        log_warn("session", "session %s: what plays where could not be told (%zu spans)", x->id, t->count);
        return;
    }
    run_send(x->engine->run, &m, sizeof(m), &fd, t->count > 0);
    vcr_close(&fd);
}

/* ---- takes ---- */
struct take_open {
    uv_work_t work;
    struct session *session;  /* a reference */
    enum vcr_err (*open)(void *arg, int64_t tape_id, int64_t take, int ret_fds[6], struct vcr_why *why);
    void *arg;
    int64_t tape_id, take;
    uint32_t insertion;
    int fds[TAPE_FDS];        /* from the work on */
};

static void tell_take(struct session *x, int64_t take, const int fds[TAPE_FDS])
{
    static const uint8_t bits[TAPE_FDS / 2] = { RENDER_HAS_VIDEO, RENDER_HAS_AUDIO, RENDER_HAS_CLEAN };
    struct render_take m = { .h = { RENDER_TAKE, x->seat }, .tape = x->insertion, .take = take };
    int pass[TAPE_FDS], count = 0;
    for (int i = 0; fds && i < TAPE_FDS; i += 2) {
        if (fds[i] < 0 || fds[i + 1] < 0)
            continue;
        m.has |= bits[i / 2];
        pass[count++] = fds[i];
        pass[count++] = fds[i + 1];
    }
    if (x->engine && x->engine->run)
        run_send(x->engine->run, &m, sizeof(m), pass, count);
}

static void open_work(uv_work_t *w)
{
    struct take_open *o = w->data;
    struct vcr_why why = { 0 };
    enum vcr_err err = o->open(o->arg, o->tape_id, o->take, o->fds, &why);
    if (err != VCR_OK)
        log_warn("session", "take %" PRId64 " of tape %" PRId64 " cannot be played: %s", o->take, o->tape_id, why.text);
}

static void open_done(uv_work_t *w, int status)
{
    struct take_open *o = w->data;
    struct session *x = o->session;
    struct sessions *owner = x->owner;
    x->takes_opening--;
    if (!x->over && x->has_tape && x->insertion == o->insertion)
        tell_take(x, o->take, o->fds);
    for (int i = 0; i < TAPE_FDS; i++)
        vcr_close(&o->fds[i]);
    free(o);
    actor_unref(x);
    sessions_handle_closed(owner);
}

static bool shows(const struct session *x, int64_t take)
{
    const struct session_map *map = x->tape.map;
    for (size_t i = 0; map && i < map->timeline.count; i++)
        if (map->timeline.spans[i].take == take)
            return true;
    return false;
}

void engine_heard_want(struct engine *e, const struct render_want *m)
{
    struct session *x = e->seats[m->h.seat].session;
    if (!x || !x->has_tape || m->tape != x->insertion)
        return; /* of a tape that left meanwhile */
    const struct sessions_config *c = &x->owner->config;
    if (!c->open_take || x->owner->closing || x->takes_opening >= OPENING_MAX || !shows(x, m->take)) {
        tell_take(x, m->take, NULL);
        return;
    }
    struct take_open *o = vcr_alloc(sizeof(*o));
    *o = (struct take_open){ .session = x, .open = c->open_take, .arg = c->arg, .tape_id = x->tape.tape_id, .take = m->take, .insertion = x->insertion,
                             .fds = { -1, -1, -1, -1, -1, -1 } };
    o->work.data = o;
    x->takes_opening++;
    atomic_fetch_add(&x->refs, 1);
    sessions_handle_opened(x->owner);
    if (uv_queue_work(loop_uv(x->owner->loop), &o->work, open_work, open_done) != 0)
        open_done(&o->work, UV_ENOSYS);
}

void engine_heard_missing(struct engine *e, uint32_t seat, bool missing)
{
    struct session *x = e->seats[seat].session;
    if (!x || x->missing == missing)
        return;
    x->missing = missing;
    watch_publish(x);
}
