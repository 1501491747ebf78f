/* session/live_internal.h - the parts of live pictures and how they hold each other. On the media loop only, unless it says otherwise.
 *
 * live.c          publishers: the way in from other threads, the pipe into vcr-ingest      live_source.c   a device that is watched: who watches, packets to them
 * live_run.c      one life of a vcr-ingest --live: spawn, packet ring                      live_session.c  a streaming session: its deck, its commands */
#pragma once
#include "base/buf.h"
#include "deliver/live/programme.h"
#include "session/internal.h"
#include "session/live.h"
#include "wire/live_msg.h"

struct live_publisher {
    /* set by live_publish, then read-only */
    struct sessions *owner;
    int64_t device_id;
    enum live_kind kind;
    atomic_int refs;              /* the publisher's, the source's, and one for each message under way */
    /* guarded by the registry's lock */
    struct live_publisher *next;
    /* guarded by lock */
    pthread_mutex_t lock;
    int fd;                       /* of the pipe into the run that reads it; -1: nobody does */
    struct buf backlog;           /* what the pipe does not take yet */
    bool lossy;                   /* something was left out: whole packets wait for a key frame */
    uint64_t bytes;
    /* guarded by events_lock, which is held while one is called */
    pthread_mutex_t events_lock;
    struct live_events events;
};

struct live_run;
struct live_source {
    struct sessions *owner;
    struct live_source *next;
    int64_t device_id;
    struct session *watchers;     /* by live_next: streaming sessions, and VCRs whose input it is */
    struct live_publisher *publisher;
    struct live_run *run;
    uv_timer_t restart;
    bool closing;
    struct live_format formats[LIVE_TRACKS];
    bool has_format[LIVE_TRACKS];
    /* the picture */
    bool playing;
    int64_t picture_us;           /* when its last packet came */
    /* supervision */
    int64_t heard_us;             /* when the run last said something, or was given nothing to do */
    uint64_t bytes_seen;
};

/* live.c */
void live_publisher_unref(struct live_publisher *p);
void live_publisher_connect(struct live_publisher *p, int fd); /* takes fd; -1: nobody reads any more */
void live_publisher_want_key(struct live_publisher *p);
void live_publisher_drop(struct live_publisher *p, const char *reason);
uint64_t live_publisher_bytes(struct live_publisher *p);
struct live_publisher *live_publisher_find(struct sessions *s, int64_t device_id); /* with a reference, or NULL */

/* live_source.c */
extern const enum programme_track live_tracks[LIVE_TRACKS];
struct live_source *live_source_find(struct sessions *s, int64_t device_id);
struct live_source *live_source_join(struct sessions *s, int64_t device_id, struct session *x);
void live_source_leave(struct session *x);
void live_source_publisher(struct live_source *src, struct live_publisher *p); /* takes the reference; NULL: it went */
void live_source_second(struct sessions *s);
void live_source_want_key(struct live_source *src);
void live_source_format(struct live_source *src, unsigned track, const struct live_format *f);
void live_source_packet(struct live_source *src, unsigned track, const struct packet *p);
void live_source_run_ended(struct live_source *src, int64_t lived_us);

/* live_run.c */
struct live_run *live_run_start(struct live_source *src, enum live_kind kind, int *ret_input_fd);
void live_run_leave(struct live_run *r); /* its source wants no more of it: it ends when its input does, or is made to */
void live_run_kill(struct live_run *r, const char *reason);
void live_run_key(struct live_run *r);

/* live_session.c */
enum vcr_err live_session_start(struct sessions *s, const char *id, const struct session_settings *settings, int64_t device_id, struct session **ret, struct vcr_why *why);
void live_session_end(struct session *x);
enum vcr_err live_session_record(struct session *x, const struct session_recording *r, struct vcr_why *why); /* takes the files */
void live_session_recorded(struct session *x, int64_t tape_id, const char *reason);
/* True: it records, and fn is called once that is sealed. */
bool live_session_seal(struct session *x, void (*fn)(void *arg), void *arg);
void live_session_second(struct session *x, int64_t now_us);
void live_session_info(struct session *x, struct session_info *ret);
enum vcr_err live_session_command(struct session *x, enum deck_cmd cmd, struct vcr_why *why);
void live_session_playing(struct session *x, bool playing);
void live_session_packet(struct session *x, unsigned track, const struct packet *p);
