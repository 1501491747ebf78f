/* tests/unit/api/fake_sessions.c - sessions without pictures: real decks, answers at once from the caller's loop. */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "fake_sessions.h"
#include "session/live.h"
#include "session/map.h"
#include "wire/sdp_offered.h"

enum { FAKES = 64 };
struct fake { char id[VCR_UUID_BYTES]; bool used; int64_t owner_id; struct deck deck; int64_t tape_id, length_us; char title[256]; bool wide; };
static struct fake fakes[FAKES];
static struct session_tape last_tape; /* its descriptors are closed */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

bool fake_full;
struct sessions *fake_sessions(void) { return (struct sessions *)(void *)fakes; }

struct session_tape fake_last_tape(void)
{
    pthread_mutex_lock(&lock);
    struct session_tape t = last_tape;
    pthread_mutex_unlock(&lock);
    return t;
}

struct call { struct loop_msg msg; session_done done; void *arg; struct session_reply reply; };

static void deliver(struct loop_msg *m)
{
    struct call *c = container_of(m, struct call, msg);
    c->done(c->arg, &c->reply);
    free(c);
}

static struct fake *find(const char *id)
{
    for (int i = 0; i < FAKES; i++)
        if (fakes[i].used && strcmp(fakes[i].id, id) == 0)
            return &fakes[i];
    return NULL;
}

static void fill(struct fake *f, struct session_info *info)
{
    vcr_strcpy(info->id, sizeof(info->id), f->id);
    info->status = "active";
    deck_state(&f->deck, clock_mono_us(), &info->deck);
    info->tape_id = f->tape_id;
    info->tape_length_us = f->length_us;
    vcr_strcpy(info->tape_title, sizeof(info->tape_title), f->title);
    info->display_aspect_w = f->wide ? 16 : 4;
    info->display_aspect_h = f->wide ? 9 : 3;
}

static struct call *begin(struct loop *l, session_done done, void *arg)
{
    struct call *c = vcr_alloc(sizeof(*c));
    c->msg.fn = deliver;
    c->done = done;
    c->arg = arg;
    pthread_mutex_lock(&lock);
    return c;
}

static void end(struct call *c, struct loop *l)
{
    pthread_mutex_unlock(&lock);
    loop_post(l, &c->msg);
}

static bool need(struct call *c, struct fake *f)
{
    if (!f)
        c->reply.err = vcr_refuse(&c->reply.why, VCR_E_NOT_FOUND, "/session-ended", "not running");
    return f != NULL;
}

static void take_tape(struct fake *f, struct session_tape *t)
{
    f->tape_id = t->tape_id;
    f->deck.tape.map = NULL; /* it goes with the tape, at once */
    f->length_us = t->deck.length_us;
    vcr_strcpy(f->title, sizeof(f->title), t->title);
    f->wide = t->wide;
    last_tape = *t;
}

void session_start(struct sessions *s, const char *id, const struct session_settings *set, struct session_tape *tape, struct loop *l, session_done done, void *arg)
{
    struct call *c = begin(l, done, arg);
    struct fake *f = fakes;
    if (fake_full) {
        if (tape)
            session_tape_close(tape);
        c->reply.err = vcr_fail(&c->reply.why, VCR_E_BUSY, "every deck is in use");
        end(c, l);
        return;
    }
    while (f->used)
        f++;
    f->used = true;
    f->owner_id = set->owner_id;
    vcr_strcpy(f->id, sizeof(f->id), id);
    deck_init(&f->deck, &deck_profile_consumer, &set->deck, clock_mono_us());
    if (tape) {
        struct deck_args a = { .tape = tape->deck };
        deck_command(&f->deck, DECK_CMD_INSERT, &a, clock_mono_us(), NULL);
        take_tape(f, tape);
        session_tape_close(tape);
    }
    fill(f, &c->reply.info);
    end(c, l);
}

void session_start_live(struct sessions *s, const char *id, const struct session_settings *set, int64_t device_id, struct loop *l, session_done done, void *arg)
{
    session_start(s, id, set, NULL, l, done, arg);
}

void session_record(struct sessions *s, const char *id, const struct session_recording *r, struct loop *l, session_done done, void *arg)
{
    struct call *c = begin(l, done, arg);
    c->reply.err = vcr_refuse(&c->reply.why, VCR_E_CONFLICT, "/busy-recording", "recording");
    end(c, l);
}

void session_record_from(struct sessions *s, const char *id, int64_t asker, const struct session_source *from, struct loop *l, session_done done, void *arg)
{
    session_command(s, id, asker, DECK_CMD_RECORD, NULL, NULL, l, done, arg);
}

void session_take_files(struct sessions *s, const char *id, uint64_t number, const struct recorder_files *files, const char *reason) { }

void session_take_sealed(struct sessions *s, const char *id, uint64_t number, const char *reason) { }

void session_recorded(struct sessions *s, const char *id, int64_t tape_id, const char *reason) { }

void session_person_gone(struct sessions *s, int64_t user_id, bool ends_own) { }
void session_tape_withdraw(struct sessions *s, const char *id, int64_t tape_id, const char *reason) {}
void session_hang_up(struct sessions *s, const char *id, int64_t person) {}
void session_tape_gone(struct sessions *s, int64_t tape_id, const char *reason) { }

void live_drop(struct sessions *s, int64_t device_id, const char *reason, bool end_sessions) { }

void session_command(struct sessions *s, const char *id, int64_t asker, enum deck_cmd cmd, const struct deck_args *args, struct session_tape *tape, struct loop *l,
                     session_done done, void *arg)
{
    struct call *c = begin(l, done, arg);
    struct fake *f = find(id);
    if (need(c, f) && f->owner_id != asker) {
        c->reply.err = vcr_refuse(&c->reply.why, VCR_E_CONFLICT, "/remote-held", "somebody else has it");
        fill(f, &c->reply.info);
    } else if (f) {
        c->reply.err = deck_command(&f->deck, cmd, args, clock_mono_us(), &c->reply.why);
        if (c->reply.err == VCR_OK && tape)
            take_tape(f, tape);
        fill(f, &c->reply.info);
    }
    if (tape)
        session_tape_close(tape);
    end(c, l);
}

void session_get(struct sessions *s, const char *id, struct loop *l, session_done done, void *arg)
{
    struct call *c = begin(l, done, arg);
    struct fake *f = find(id);
    if (need(c, f))
        fill(f, &c->reply.info);
    end(c, l);
}

void session_remote(struct sessions *s, const char *id, int64_t asker, bool is_master, enum session_remote_action action, const char *peer_id, struct loop *l, session_done done,
                    void *arg)
{
    session_get(s, id, l, done, arg);
}

void session_log(struct sessions *s, const char *id, struct loop *l, session_done done, void *arg)
{
    struct call *c = begin(l, done, arg);
    if (need(c, find(id)))
        c->reply.log = vcr_strdup("");
    end(c, l);
}

void session_end(struct sessions *s, const char *id, struct loop *l, session_done done, void *arg)
{
    struct call *c = begin(l, done, arg);
    struct fake *f = find(id);
    if (f)
        memset(f, 0, sizeof(*f));
    end(c, l);
}

void session_offer(struct sessions *s, const char *id, const struct session_person *who, struct loop *l, session_done done, void *arg)
{
    struct call *c = begin(l, done, arg);
    if (need(c, find(id))) {
        c->reply.sdp = vcr_strdup("v=0\r\n");
        vcr_uuid7(c->reply.peer_id);
    }
    end(c, l);
}

void session_answer(struct sessions *s, const char *id, const char *peer_id, const char *sdp, struct loop *l, session_done done, void *arg)
{
    struct call *c = begin(l, done, arg);
    if (need(c, find(id)) && strncmp(sdp, "v=0", 3) != 0)
        c->reply.err = vcr_fail(&c->reply.why, VCR_E_INVALID, "no SDP");
    end(c, l);
}

/* Players by WHEP: offers and fragments are read in earnest, nothing is sent. */
static struct player { char session[VCR_UUID_BYTES], peer_id[VCR_UUID_BYTES], ufrag[SDP_ICE_MAX + 1]; int64_t user_id; } players[16];
bool fake_crowded;

void session_view(struct sessions *s, const char *id, const struct session_person *who, const char *offer, size_t len, struct loop *l, session_done done, void *arg)
{
    struct call *c = begin(l, done, arg);
    struct sdp_choice o;
    if (need(c, find(id)))
        c->reply.err = fake_crowded ? vcr_fail(&c->reply.why, VCR_E_BUSY, "too many viewers") : sdp_parse_play(offer, len, &o, &c->reply.why);
    if (c->reply.err == VCR_OK) {
        struct player *p = players;
        while (p->user_id)
            p++;
        vcr_strcpy(p->session, sizeof(p->session), id);
        vcr_uuid7(p->peer_id);
        vcr_strcpy(p->ufrag, sizeof(p->ufrag), o.client.ufrag);
        p->user_id = who->user_id;
        vcr_strcpy(c->reply.peer_id, sizeof(c->reply.peer_id), p->peer_id);
        c->reply.sdp = vcr_strdup("v=0\r\n");
    }
    end(c, l);
}

static struct player *need_player(struct call *c, const char *id, int64_t asker, const char *peer_id)
{
    for (size_t i = 0; i < ARRAY_LEN(players); i++)
        if (players[i].user_id == asker && strcmp(players[i].session, id) == 0 && strcmp(players[i].peer_id, peer_id) == 0)
            return &players[i];
    c->reply.err = vcr_fail(&c->reply.why, VCR_E_NOT_FOUND, "no such viewer");
    return NULL;
}

void session_view_trickle(struct sessions *s, const char *id, int64_t asker, const char *peer_id, const char *fragment, size_t len, struct loop *l, session_done done, void *arg)
{
    struct call *c = begin(l, done, arg);
    struct sdp_fragment f;
    const struct player *p = need_player(c, id, asker, peer_id);
    if (p && fragment)
        c->reply.err = sdp_parse_fragment(fragment, len, &f, &c->reply.why);
    if (p && fragment && c->reply.err == VCR_OK && strcmp(f.ufrag, p->ufrag) != 0)
        c->reply.err = vcr_refuse(&c->reply.why, VCR_E_INVALID, "/no-ice-restart", "a restart");
    end(c, l);
}

void session_view_end(struct sessions *s, const char *id, int64_t asker, const char *peer_id, struct loop *l, session_done done, void *arg)
{
    struct call *c = begin(l, done, arg);
    struct player *p = need_player(c, id, asker, peer_id);
    if (p)
        memset(p, 0, sizeof(*p));
    end(c, l);
}

struct session_watch { struct loop_msg msg; session_event event; void *arg; struct session_info info; bool ended, told, dropped; };

static void tell(struct loop_msg *m)
{
    struct session_watch *w = container_of(m, struct session_watch, msg);
    w->told = true;
    if (!w->dropped)
        w->event(w->arg, &w->info, w->ended);
    if (w->dropped)
        free(w);
}

struct session_watch *session_watch(struct sessions *s, const char *id, int64_t user_id, struct loop *l, session_event event, void *arg)
{
    struct session_watch *w = vcr_alloc(sizeof(*w));
    pthread_mutex_lock(&lock);
    struct fake *f = find(id);
    if (f)
        fill(f, &w->info);
    pthread_mutex_unlock(&lock);
    w->event = event;
    w->arg = arg;
    w->ended = true; /* one state, then the end */
    w->msg.fn = tell;
    loop_post(l, &w->msg);
    return w;
}

void session_unwatch(struct session_watch *w) { w->dropped = true; }

void session_tape_close(struct session_tape *t)
{
    int *fds[] = { &t->tape_video_fd, &t->tape_video_index_fd, &t->tape_audio_fd, &t->tape_audio_index_fd, &t->clean_video_fd, &t->clean_video_index_fd };
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        vcr_close(fds[i]);
    session_map_unref(&t->map);
}

void sessions_map_changed(struct sessions *s, int64_t tape_id, struct session_map *m) { }

struct sessions_counts fake_counts;
void sessions_counts(struct sessions *s, struct sessions_counts *ret) { *ret = fake_counts; }
