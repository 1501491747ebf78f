/* session/internal.h - the parts of src/session and how they hold each other. Everything here is touched on the media loop only, unless it says otherwise.
 *
 * calls.c     the public calls as messages                               notes.c       those that have no answer
 * sessions.c  the list of them, opening and closing
 * actor.c     one running VCR: beginning, end, keys, what others see     actor_time.c  its deck in real time, its tape, the rules about nobody watching
 * input.c     what can be recorded, and viewers see meanwhile             takes.c       recordings onto the tape that is in (input.h)
 * log.c       its deck's keys, and the log of them
 * viewers.c   who watches it, remote.c: and which of them has the keys  watch.c       state changes to those who want them
 * wear.c      what the deck does to the tape                             map.c, map_told.c  what the deck knows of the tape
 * timeline.c  what plays where, and its takes' reels                   pieces.c      made segments of it
 * engine.c    the seats of one render process and its restarts           run.c         one life of a render process: spawn, control socket, packet ring */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "base/ring.h"
#include "deck/replay.h"
#include "session/input.h"
#include "session/session.h"
#include "wire/render_msg.h"

enum { ENGINES_MAX = 64, TAPE_FDS = 6, VIDEO_BITRATE_BPS = 2400000 };

struct live_publisher;
struct live_source;
/* What a streaming session has instead of a deck (live_internal.h). */
struct live_session {
    bool is;
    struct live_source *source;
    int64_t device_id;
    uint32_t command_seq;
    const char *stop_reason;      /* of the last recording */
    struct programme *programme;  /* NULL: no picture has come yet */
    /* the new tape */
    int64_t tape_id;              /* 0: none was recorded */
    char tape_title[256];
    bool recording, stopping;     /* stopping: told to, and being sealed */
    const char *end_reason;       /* why it is stopping, when nobody told it to */
    int64_t dark_since_us;        /* when the picture went away, 0: it is there */
    void (*when_sealed)(void *arg);
    void *when_sealed_arg;
};

struct session_log { char *text; size_t len, room, told; }; /* told: of len, what is recorded on tapes */

struct viewer {
    char peer_id[VCR_UUID_BYTES];
    struct session_person who;
    bool up, requested;           /* up: pictures reach it; before that it is only offered */
    bool made_offer, ended;       /* a player by WHEP; it has said that it ends */
};
/* Players that hung up, as some do just before they say that they end: that shall still be well. */
enum { HUNG_UP_KEPT = 8 };
struct hung_up { char peer_id[VCR_UUID_BYTES]; int64_t user_id; };

struct session {
    struct sessions *owner;
    struct session *next;
    char id[VCR_UUID_BYTES];
    atomic_int refs;              /* the list's, and one for each event of the sender under way */
    bool over;                    /* taken off the list; only references keep it */
    /* the VCR */
    struct deck deck;             /* its keys are pressed by log.c alone */
    struct session_log log;
    struct session_settings settings;
    bool has_tape;
    uint32_t insertion;           /* counts the tapes that came in: what a render process says of another one is out of date */
    int takes_opening, pieces_opening;
    uint64_t asker;               /* of made segments: counts sessions */
    bool missing;                 /* as the render process says: a recording is at the heads whose reels are not there */
    const char *tape_gone;        /* its tape is to be put out, or was: why. Until the next comes in */
    int64_t passed_us, passed_at_us; /* tape that passed the heads since it came in, and its place when that was reckoned */
    int64_t kept_us;              /* the place that save_position was last told, or where the tape came in */
    struct session_tape tape;     /* its descriptors are ours as long as the tape is in, so that another render process can have them */
    const char *status;           /* "starting", "active" */
    uv_timer_t timer;             /* the next thing that the deck or a rule does by itself */
    /* what others know */
    struct engine *engine;
    uint32_t seat, told_seq;      /* command_seq that the render process has */
    int64_t seat_failed_us;       /* when it last said that the seat cannot go on */
    int64_t retry_us;             /* in fault: when the seat is tried again, INT64_MAX: when a process is there; -1: no fault */
    int retries;                  /* since it last went well for a while */
    struct watch_entry *watches;
    /* who watches */
    struct rtc_stream *stream;
    struct viewer *viewers;
    int64_t line_bps;             /* what their lines carry; 0: nothing known that limits it */
    int viewer_count, viewer_listed, viewer_room; /* count: those that are up */
    struct hung_up hung_up[HUNG_UP_KEPT]; /* user_id 0: none */
    unsigned hung_up_next;        /* the place of the oldest */
    struct session_remote remote;
    int64_t remote_back_us;       /* its holder left: it goes back to the owner then. INT64_MAX: not */
    bool was_watched;             /* somebody watched once */
    bool graced, alone_stopped;   /* done since the last one left: the pause, the stop. Keys pressed after that are obeyed */
    int64_t alone_since_us;
    /* of a streaming session */
    struct live_session live;      /* its source also of a VCR whose input is a device */
    struct session *live_next;
    /* of a VCR with a tape */
    struct session_input input;
    struct session *taps;         /* whose input this one is, by input.next_tap */
};

struct seat {
    struct session *session;
    int64_t free_from_us;         /* taken again only after this, when no packet of its last holder can come any more */
};

struct engine {
    struct sessions *owner;
    int index, taken, next_seat;
    int short_lives;              /* of its processes, one after another */
    struct seat seats[RENDER_SEAT_MAX];
    struct run *run;              /* NULL: between two lives */
    uv_timer_t restart;
};

struct sessions {
    struct sessions_config config;
    char *render_program, *ingest_program;
    struct loop *loop;
    struct session *list;
    struct live_source *sources;
    struct programmes *programmes; /* set by open, then read-only */
    uint64_t take_number;         /* of the last one */
    uint64_t askers;              /* sessions that there were */
    struct engine engines[ENGINES_MAX];
    int engine_count;
    uv_timer_t second;
    bool odd;
    int open_handles;             /* of libuv; the loop may end when there is none */
    bool closing;
    pthread_mutex_t counts_lock;  /* guards counts: any thread reads */
    struct sessions_counts counts;
    pthread_mutex_t publishers_lock; /* guards publishers: any thread */
    struct live_publisher *publishers;
};

/* sessions.c */
struct session *sessions_find(struct sessions *s, const char *id);
void sessions_count(struct sessions *s);
/* A session but x that has the tape in its deck, or records it; NULL: none. recording: only who records onto it. */
struct session *sessions_tape_elsewhere(struct sessions *s, int64_t tape_id, const struct session *x, bool recording);
/* CONFLICT "/tape-in-use" saying where: x wants to record onto its tape; x (NULL: one that begins) wants to put it in. */
enum vcr_err sessions_may_record(struct session *x, struct vcr_why *why);
enum vcr_err sessions_may_insert(struct sessions *s, int64_t tape_id, const struct session *x, struct vcr_why *why);
void sessions_handle_opened(struct sessions *s);
void sessions_handle_closed(struct sessions *s);

/* actor.c */
enum vcr_err actor_start(struct sessions *s, const char *id, const struct session_settings *settings, struct session_tape *tape,
                         struct session **ret, struct vcr_why *why);
/* A streaming session without its source yet. */
enum vcr_err actor_start_live(struct sessions *s, const char *id, const struct session_settings *settings, struct session **ret, struct vcr_why *why);
enum vcr_err actor_command(struct session *x, enum deck_cmd cmd, const struct deck_args *args, struct session_tape *tape,
                           struct vcr_why *why);
/* The key record, from this source (both empty: what is connected). */
enum vcr_err actor_record(struct session *x, const struct session_source *from, struct vcr_why *why);
/* Ends it: position kept, watches told, stream and seat given back. reason NULL: somebody asked, and no one needs to be told. */
void actor_end(struct session *x, const char *status, const char *reason);
void actor_info(struct session *x, struct session_info *ret);
void actor_seated(struct session *x);  /* its render process is ready */
void actor_unref(struct session *x);

/* actor_time.c */
int64_t actor_advance(struct session *x); /* runs the deck up to now, which it returns: nothing of the deck is due then */
void actor_changed(struct session *x); /* after anything: tells who must know, and sets the timer anew */
/* The machine behind the deck is lost until retry_us, or until actor_recovered. */
void actor_fault(struct session *x, const char *reason, int64_t retry_us);
void actor_recovered(struct session *x);
void actor_tape_gone(struct session *x, const char *reason);
void actor_second(struct session *x);  /* once a second */
void actor_keep_position(struct session *x);
bool actor_keeps_tape(const struct session *x); /* a tape's place and wear are its owner's sessions' to write */
void actor_tape_in(struct session *x, struct session_tape *t); /* takes its descriptors */

/* viewers.c */
enum vcr_err viewers_open(struct session *x, struct vcr_why *why);
enum vcr_err viewers_offer(struct session *x, const struct session_person *who, char ret_peer_id[VCR_UUID_BYTES], char **ret_sdp, struct vcr_why *why);
enum vcr_err viewers_view(struct session *x, const struct session_person *who, const char *offer, size_t len, char ret_peer_id[VCR_UUID_BYTES], char **ret_answer, struct vcr_why *why);
/* What becomes of one who made the offer, by whom it is. NOT_FOUND: there is none of that name and person, or it has ended. fragment NULL: only whether it is there. */
enum vcr_err viewers_trickle(struct session *x, int64_t asker, const char *peer_id, const char *fragment, size_t len, struct vcr_why *why);
enum vcr_err viewers_end(struct session *x, int64_t asker, const char *peer_id, struct vcr_why *why);
void viewers_person_gone(struct session *x, int64_t user_id);
void viewers_info(struct session *x, struct session_info *ret);
void viewers_stats(struct session *x, struct session_info *info); /* asks the sender's thread: not for what happens every second */

/* log.c: the deck's functions by the same names, noted. t_us never goes back. */
void key_start(struct session *x, const struct deck_profile *profile, int64_t t_us);
enum vcr_err key_press(struct session *x, enum deck_cmd cmd, const struct deck_args *args, int64_t t_us, struct vcr_why *why);
bool key_rule_stop(struct session *x, const char *reason, int64_t t_us);
bool key_fault(struct session *x, const char *reason, int64_t t_us);
bool key_recover(struct session *x, int64_t t_us);
void key_input(struct session *x, bool on, int64_t t_us);
void key_map(struct session *x, const struct deck_map *map, int64_t t_us);
char *log_text(struct session *x, int64_t t_us); /* free it */
void log_free(struct session_log *l);

/* remote.c */
bool remote_is_with(const struct session *x, int64_t asker);
enum vcr_err remote_need(const struct session *x, int64_t asker, struct vcr_why *why);
bool remote_is_by(const struct session *x, const struct viewer *v);
enum vcr_err remote_act(struct session *x, int64_t asker, bool is_master, enum session_remote_action action, const char *peer_id, struct vcr_why *why);
void remote_viewer_came(struct session *x, const struct viewer *v);
void remote_viewer_left(struct session *x, const struct viewer *v); /* it is off the list already */
void remote_check(struct session *x, int64_t now_us);

/* engine.c */
enum vcr_err engine_seat(struct sessions *s, struct session *x, struct vcr_why *why);
void engine_unseat(struct session *x);
void engine_open(struct engine *e, struct sessions *owner, int index);
void engine_close(struct engine *e);
void engine_second(struct engine *e);
void engine_tell_open(struct session *x);
void engine_tell_tape(struct session *x);
void engine_tell_deck(struct session *x);
void engine_retry(struct session *x); /* the seat is set up once more */
void engine_tell_rate(struct session *x);  /* what the picture may have */
void engine_tell_encode(struct session *x); /* whether it is somebody's input */
void engine_tell(struct session *x, enum render_msg_type type); /* a message of the seat alone */
void engine_heard_ready(struct engine *e);
void engine_heard_failed(struct engine *e, uint32_t seat, const char *text);
void engine_packet(struct engine *e, uint32_t seat, const struct packet *p);
void engine_run_ended(struct engine *e, int64_t lived_us);

/* timeline.c */
void engine_tell_spans(struct session *x);
void engine_heard_want(struct engine *e, const struct render_want *m);
void engine_heard_missing(struct engine *e, uint32_t seat, bool missing);

/* pieces.c */
void engine_heard_want_piece(struct engine *e, const struct render_piece *m);

/* run.c */
struct run *run_start(struct engine *e);
/* fds stay the caller's. Silently nothing when the process is dying. */
void run_send(struct run *r, const void *msg, size_t len, const int *fds, int fd_count);
void run_kill(struct run *r, const char *reason);
bool run_is_ready(const struct run *r);
void run_check_silence(struct run *r, int64_t now_us);
void run_stats(const struct run *r, struct render_stats *ret);

/* wear.c */
void wear_begin(struct session *x);   /* a tape came in */
void wear_account(struct session *x, int64_t now_us); /* before anything changes what the deck does */
void wear_tell(struct session *x);    /* it leaves */

/* watch.c */
void watch_add(struct session_watch *w, struct session *x); /* x NULL: no such session */
void watch_publish(struct session *x);
void watch_prune(struct session *x); /* lets go of those that were unwatched */
void watch_publish_end(struct session *x);
void watch_person_gone(struct session *x, int64_t user_id);
