/* session/notes.c - what is told to a session and has no answer: recordings that are over, takes whose files are open or sealed, tapes and people that are gone. */
#include "session/live_internal.h"

/* ---- recordings of streaming sessions ---- */
struct recorded {
    struct loop_msg msg;
    struct sessions *owner;
    char id[VCR_UUID_BYTES];
    int64_t tape_id;
    const char *reason;
};

static void on_recorded(struct loop_msg *m)
{
    struct recorded *n = container_of(m, struct recorded, msg);
    struct session *x = sessions_find(n->owner, n->id);
    if (x)
        live_session_recorded(x, n->tape_id, n->reason);
    free(n);
}

void session_recorded(struct sessions *s, const char *id, int64_t tape_id, const char *reason)
{
    struct recorded *n = vcr_alloc(sizeof(*n));
    n->owner = s;
    n->tape_id = tape_id;
    n->reason = reason;
    vcr_strcpy(n->id, sizeof(n->id), id);
    n->msg.fn = on_recorded;
    loop_post(s->loop, &n->msg);
}

/* ---- tapes ---- */
struct gone {
    struct loop_msg msg;
    struct sessions *owner;
    int64_t tape_id;
    const char *reason;
};

static void on_gone(struct loop_msg *m)
{
    struct gone *g = container_of(m, struct gone, msg);
    for (struct session *x = g->owner->list; x; x = x->next)
        if (x->has_tape && x->tape.tape_id == g->tape_id)
            actor_tape_gone(x, g->reason);
    free(g);
}

void session_tape_gone(struct sessions *s, int64_t tape_id, const char *reason)
{
    struct gone *g = vcr_alloc(sizeof(*g));
    *g = (struct gone){ .msg.fn = on_gone, .owner = s, .tape_id = tape_id, .reason = reason };
    loop_post(s->loop, &g->msg);
}

struct unshared {
    struct loop_msg msg;
    struct sessions *owner;
    char id[VCR_UUID_BYTES];
    int64_t tape_id, person; /* one of them; 0: the other */
    const char *reason;
};

static void on_unshared(struct loop_msg *m)
{
    struct unshared *u = container_of(m, struct unshared, msg);
    struct session *x = sessions_find(u->owner, u->id);
    if (x && u->tape_id && x->has_tape && x->tape.tape_id == u->tape_id)
        actor_tape_gone(x, u->reason);
    if (x && u->person) {
        viewers_person_gone(x, u->person);
        watch_person_gone(x, u->person);
    }
    free(u);
}

static void post_unshared(struct sessions *s, const char *id, int64_t tape_id, int64_t person, const char *reason)
{
    struct unshared *u = vcr_alloc(sizeof(*u));
    *u = (struct unshared){ .msg.fn = on_unshared, .owner = s, .tape_id = tape_id, .person = person, .reason = reason };
    vcr_strcpy(u->id, sizeof(u->id), id);
    loop_post(s->loop, &u->msg);
}

void session_tape_withdraw(struct sessions *s, const char *id, int64_t tape_id, const char *reason) { post_unshared(s, id, tape_id, 0, reason); }
void session_hang_up(struct sessions *s, const char *id, int64_t person) { post_unshared(s, id, 0, person, NULL); }

/* ---- people ---- */
struct left {
    struct loop_msg msg;
    struct sessions *owner;
    int64_t user_id;
    bool ends_own;
};

static void on_left(struct loop_msg *m)
{
    struct left *n = container_of(m, struct left, msg);
    for (struct session *x = n->owner->list, *next; x; x = next) {
        next = x->next;
        if (x->settings.owner_id != n->user_id) {
            viewers_person_gone(x, n->user_id);
            watch_person_gone(x, n->user_id);
        } else if (n->ends_own) {
            actor_end(x, "ended", "its owner's account has ended");
        }
    }
    free(n);
}

void session_person_gone(struct sessions *s, int64_t user_id, bool ends_own)
{
    struct left *n = vcr_alloc(sizeof(*n));
    *n = (struct left){ .msg.fn = on_left, .owner = s, .user_id = user_id, .ends_own = ends_own };
    loop_post(s->loop, &n->msg);
}

/* ---- takes ---- */
struct take_note {
    struct loop_msg msg;
    struct sessions *owner;
    char id[VCR_UUID_BYTES];
    uint64_t number;
    bool sealed, has_files;
    struct recorder_files files;
    const char *reason;
};

static void on_take_note(struct loop_msg *m)
{
    struct take_note *n = container_of(m, struct take_note, msg);
    struct session *x = sessions_find(n->owner, n->id);
    if (!n->sealed)
        takes_files(n->owner, x, n->number, n->has_files ? &n->files : NULL, n->reason);
    else if (x)
        takes_sealed(x, n->number, n->reason);
    free(n);
}

static void post_take_note(struct sessions *s, const char *id, uint64_t number, bool sealed, const struct recorder_files *files, const char *reason)
{
    struct take_note *n = vcr_alloc(sizeof(*n));
    n->owner = s;
    n->number = number;
    n->sealed = sealed;
    n->has_files = files != NULL;
    n->files = files ? *files : n->files;
    n->reason = reason;
    vcr_strcpy(n->id, sizeof(n->id), id);
    n->msg.fn = on_take_note;
    loop_post(s->loop, &n->msg);
}

void session_take_files(struct sessions *s, const char *id, uint64_t number, const struct recorder_files *files, const char *reason)
{
    post_take_note(s, id, number, false, files, reason);
}

void session_take_sealed(struct sessions *s, const char *id, uint64_t number, const char *reason) { post_take_note(s, id, number, true, NULL, reason); }
