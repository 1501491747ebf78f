/* session/pieces.c - made segments of a running VCR's tape, for its render process to show instead of drawing (render/pieces.h).
 *
 * They are found on a thread of libuv's pool, which touches nothing but its own struct piece_open; how they are found and made is config->open_piece's to know. */
#include <string.h>

#include "base/log.h"
#include "session/internal.h"
#include "session/map.h"

enum { OPENING_MAX = 8 }; /* a seat asks for two of pictures and two of sound at a time; a process that died leaves what it had asked for under way */

struct piece_open {
    uv_work_t work;
    struct session *session;      /* a reference */
    enum vcr_err (*open)(void *arg, const struct session_piece *piece, int ret_fds[2], struct vcr_why *why);
    void *arg;
    struct session_piece piece;
    char video_key[208];          /* piece's, whatever becomes of the tape */
    struct render_piece asked;
    int fds[2];                   /* from the work on */
    enum vcr_err err;
};

static void tell_piece(struct session *x, const struct render_piece *asked, enum render_has_piece has, const int fds[2])
{
    struct render_piece m = *asked;
    m.h.type = RENDER_PIECE;
    m.has = (uint8_t)has;
    if (x->engine && x->engine->run)
        run_send(x->engine->run, &m, sizeof(m), fds, has == RENDER_PIECE_HERE ? 2 : 0);
}

static void count(struct sessions *s, bool found)
{
    pthread_mutex_lock(&s->counts_lock);
    s->counts.pieces_asked++;
    s->counts.pieces_found += found;
    pthread_mutex_unlock(&s->counts_lock);
}

static void open_work(uv_work_t *w)
{
    struct piece_open *o = w->data;
    struct vcr_why why = { 0 };
    o->err = o->open(o->arg, &o->piece, o->fds, &why);
    if (o->err != VCR_OK && o->err != VCR_E_BUSY && o->err != VCR_E_NOT_FOUND)
        log_warn("session", "segment %u of tape %lld cannot be had: %s", o->piece.number, (long long)o->piece.tape_id, why.text);
}

static void open_done(uv_work_t *w, int status)
{
    struct piece_open *o = w->data;
    struct session *x = o->session;
    struct sessions *owner = x->owner;
    bool found = o->err == VCR_OK && o->fds[0] >= 0 && o->fds[1] >= 0;
    x->pieces_opening--;
    count(owner, found);
    if (!x->over && x->has_tape && x->insertion == o->asked.tape)
        tell_piece(x, &o->asked, found ? RENDER_PIECE_HERE : o->err == VCR_E_NOT_FOUND ? RENDER_PIECE_NEVER : RENDER_PIECE_NOT_YET, o->fds);
    for (int i = 0; i < 2; i++)
        vcr_close(&o->fds[i]);
    free(o);
    actor_unref(x);
    sessions_handle_closed(owner);
}

/* By the tape as it went in, and the damage that the seat draws. */
static bool describe(const struct session *x, const struct render_piece *m, struct session_piece *ret)
{
    const struct session_tape *t = &x->tape;
    uint64_t spans = t->map ? (uint64_t)t->map->revision : 0;
    *ret = (struct session_piece){ .tape_id = t->tape_id, .asker = x->asker, .video_key = t->video_key, .number = m->number, .sound = m->kind == RENDER_PIECE_SOUND,
                                   .pal = m->pal != 0, .field_rate = m->field_rate != 0, .seed = m->seed, .tape_speed = m->tape_speed, .wear_16 = m->wear_16 };
    return m->kind <= RENDER_PIECE_SOUND && memchr(m->look, '\0', sizeof(m->look)) && vcr_strcpy(ret->look, sizeof(ret->look), m->look) && m->spans == spans && t->video_key[0];
}

void engine_heard_want_piece(struct engine *e, const struct render_piece *m)
{
    struct session *x = e->seats[m->h.seat].session;
    struct session_piece piece;
    if (!x || !x->has_tape || m->tape != x->insertion)
        return; /* of a tape that left meanwhile */
    const struct sessions_config *c = &x->owner->config;
    if (!c->open_piece || x->owner->closing || x->pieces_opening >= OPENING_MAX || !describe(x, m, &piece)) {
        tell_piece(x, m, c->open_piece ? RENDER_PIECE_NOT_YET : RENDER_PIECE_NEVER, NULL);
        return;
    }
    struct piece_open *o = vcr_alloc(sizeof(*o));
    *o = (struct piece_open){ .session = x, .open = c->open_piece, .arg = c->arg, .piece = piece, .asked = *m, .fds = { -1, -1 }, .err = VCR_E_INTERNAL };
    vcr_strcpy(o->video_key, sizeof(o->video_key), x->tape.video_key);
    o->piece.video_key = o->video_key;
    o->work.data = o;
    x->pieces_opening++;
    atomic_fetch_add(&x->refs, 1);
    sessions_handle_opened(x->owner);
    if (uv_queue_work(loop_uv(x->owner->loop), &o->work, open_work, open_done) != 0)
        open_done(&o->work, UV_ENOSYS);
}
