/* session/internal.h - the parts of src/session and how they hold each other. Everything here is touched on the media loop only, unless it says otherwise.
 *
 * sessions.c  the public calls as messages, opening and closing          actor.c   one running VCR: deck, tape, viewers, the rules about nobody watching
 * engine.c    the seats of one render process and its restarts           run.c     one life of a render process: spawn, control socket, packet ring
 * watch.c     state changes to those who want them */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "base/ring.h"
#include "session/session.h"
#include "wire/render_msg.h"

enum { ENGINES_MAX = 64, TAPE_FDS = 6, VIDEO_BITRATE_BPS = 2400000 };

struct session {
    struct sessions *owner;
    struct session *next;
    char id[VCR_UUID_BYTES];
    atomic_int refs;              /* the list's, and one for each event of the sender under way */
    bool over;                    /* taken off the list; only references keep it */
    /* the VCR */
    struct deck deck;
    struct session_settings settings;
    bool has_tape;
    int64_t kept_us;              /* the place that save_position was last told, or where the tape came in */
    struct session_tape tape;     /* its descriptors are ours as long as the tape is in, so that another render process can have them */
    const char *status;           /* "starting", "active" */
    uv_timer_t timer;             /* the next thing that the deck or a rule does by itself */
    /* what others know */
    struct engine *engine;
    uint32_t seat, told_seq;      /* command_seq that the render process has */
    int64_t seat_failed_us;       /* when it last said that the seat cannot go on */
    struct watch_entry *watches;
    /* who watches */
    struct rtc_stream *stream;
    char (*viewers)[VCR_UUID_BYTES];
    int viewer_count, viewer_room;
    bool was_watched;             /* somebody watched once */
    bool graced, alone_stopped;   /* done since the last one left: the pause, the stop. Keys pressed after that are obeyed */
    int64_t alone_since_us;
};

struct seat {
    struct session *session;
    int64_t free_from_us;         /* taken again only after this, when no packet of its last holder can come any more */
};

struct engine {
    struct sessions *owner;
    int index, taken, next_seat;
    struct seat seats[RENDER_SEAT_MAX];
    struct run *run;              /* NULL: between two lives */
    uv_timer_t restart;
};

struct sessions {
    struct sessions_config config;
    char *render_program;
    struct loop *loop;
    struct session *list;
    struct engine engines[ENGINES_MAX];
    int engine_count;
    uv_timer_t second;
    int open_handles;             /* of libuv; the loop may end when there is none */
    bool closing;
    pthread_mutex_t counts_lock;  /* guards counts: any thread reads */
    struct sessions_counts counts;
};

/* sessions.c */
struct session *sessions_find(struct sessions *s, const char *id);
void sessions_count(struct sessions *s);
void sessions_handle_opened(struct sessions *s);
void sessions_handle_closed(struct sessions *s);

/* actor.c */
enum vcr_err actor_start(struct sessions *s, const char *id, const struct session_settings *settings, struct session_tape *tape,
                         struct session **ret, struct vcr_why *why);
enum vcr_err actor_command(struct session *x, enum deck_cmd cmd, const struct deck_args *args, struct session_tape *tape,
                           struct vcr_why *why);
/* Ends it: position kept, watches told, stream and seat given back. reason NULL: somebody asked, and no one needs to be told. */
void actor_end(struct session *x, const char *status, const char *reason);
void actor_info(struct session *x, struct session_info *ret);
void actor_second(struct session *x); /* once a second */
void actor_seated(struct session *x);  /* its render process is ready */
void actor_unref(struct session *x);

/* engine.c */
enum vcr_err engine_seat(struct sessions *s, struct session *x, struct vcr_why *why);
void engine_unseat(struct session *x);
void engine_open(struct engine *e, struct sessions *owner, int index);
void engine_close(struct engine *e);
void engine_second(struct engine *e);
void engine_tell_open(struct session *x);
void engine_tell_tape(struct session *x);
void engine_tell_deck(struct session *x);
void engine_tell(struct session *x, enum render_msg_type type); /* a message of the seat alone */
void engine_heard_ready(struct engine *e);
void engine_heard_failed(struct engine *e, uint32_t seat, const char *text);
void engine_packet(struct engine *e, uint32_t seat, const struct packet *p);
void engine_run_ended(struct engine *e, int64_t lived_us);

/* run.c */
struct run *run_start(struct engine *e);
/* fds stay the caller's. Silently nothing when the process is dying. */
void run_send(struct run *r, const void *msg, size_t len, const int *fds, int fd_count);
void run_kill(struct run *r, const char *reason);
bool run_is_ready(const struct run *r);
void run_check_silence(struct run *r, int64_t now_us);
void run_stats(const struct run *r, struct render_stats *ret);

/* watch.c */
void watch_add(struct session_watch *w, struct session *x); /* x NULL: no such session */
void watch_publish(struct session *x);
void watch_prune(struct session *x); /* lets go of those that were unwatched */
void watch_publish_end(struct session *x);
