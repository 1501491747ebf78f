/* deliver/live/internal.h - what the files of this folder share. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "deliver/live/programme.h"
#include "wire/reelcut.h"

/* ---- bytes that several hold ---- */
struct live_bytes {
    atomic_int refs;
    size_t len;
    uint8_t data[];
};
struct live_bytes *live_bytes_make(const void *data, size_t len); /* NULL: no memory */
static inline struct live_bytes *live_bytes_ref(struct live_bytes *b)
{
    if (b)
        atomic_fetch_add(&b->refs, 1);
    return b;
}
void live_bytes_unref(struct live_bytes **b);

/* ---- recorder.c ---- */
struct recorders;
enum vcr_err recorders_open(struct recorders **ret, int threads, struct vcr_why *why);
/* Every recorder must have been stopped; waits for what is queued. */
void recorders_close(struct recorders **s);
int recorders_running(struct recorders *s, uint64_t *ret_bytes);

struct recorder;
struct recorder_events {
    /* On a writer thread: this fragment is safe. */
    void (*written)(void *arg, int track, int64_t msn, uint64_t offset, uint32_t size);
    /* On a writer thread, before files.done: no more of the above. */
    void (*over)(void *arg);
    void *arg;
};
struct recorder_track {
    struct reelidx format;   /* codec, timescale, sizes and configuration */
    struct live_bytes *init;
};
/* Takes files over. */
struct recorder *recorder_open(struct recorders *s, const struct recorder_files *files, const struct recorder_events *events);
/* Before the first fragment, once. Tracks without init are not recorded. start_us: the programme's time of tick 0; wall_ms: of that. */
void recorder_begin(struct recorder *r, const struct recorder_track track[RECORDER_TRACKS], int64_t start_us, int64_t wall_ms);
/* A whole fragment, copied; its times are the programme's. BUSY: too much waits for the disk already. */
enum vcr_err recorder_fragment(struct recorder *r, int track, const void *bytes, size_t len, int64_t msn, int64_t wall_ms, bool gap);
/* Seals what has come, unless it is over already; lets go of it. reason: static. */
void recorder_stop(struct recorder **r, const char *reason);
bool recorder_is_over(const struct recorder *r);
int64_t recorder_written_us(const struct recorder *r);

/* ---- the window: what players may ask for ---- */
struct live_file {
    atomic_int refs;
    int fd;
    int64_t start_us;            /* of its tick 0, in the programme's time */
};
void live_file_unref(struct live_file **f);

struct live_part {
    struct live_bytes *bytes;    /* NULL: only in the file */
    uint32_t duration_us;
    bool key;
};
struct live_segment {
    int64_t msn, wall_ms;
    int64_t start_us, duration_us;
    uint64_t bytes;              /* in memory */
    int init;
    bool gap, whole;
    struct live_part *parts;
    int count, cap;
    struct live_file *file;      /* NULL: not there (yet) */
    uint64_t offset;
    uint32_t size;
};
struct live_window {
    struct live_segment *segments; /* from first up to, without, end: one number behind the other */
    int first, end, cap;
    int64_t next_msn;
    int64_t end_us;
    int64_t gaps_gone;           /* discontinuities of segments that were taken out */
    uint64_t bytes;
    struct live_bytes *text[2];  /* the list as it is now, whole and as an update; NULL: to be written */
    struct programme_request *waiters;
};
static inline struct live_segment *live_last(struct live_window *w) { return w->end > w->first ? &w->segments[w->end - 1] : NULL; }
struct live_segment *live_find(struct live_window *w, int64_t msn);
int live_listed_from(const struct live_window *w);

enum { LIVE_VIDEO_TIMESCALE = 120000, LIVE_SOUND_HZ = 48000, LIVE_INITS_MAX = 32, LIVE_BOUNDS = 16, LIVE_QUEUE = 256 };
struct live_queued {
    int64_t pts_us;
    uint16_t len;
    uint8_t data[4096];
};
/* Where the leading track began fragments: the others follow. */
struct live_bound {
    int64_t at_us;
    bool gap;
};
struct live_track {
    struct programme *programme;
    int index;
    struct reelcut *cut;         /* NULL: not in this programme */
    struct reelidx format;
    int64_t frame_us;            /* of its frames; video: between the last two */
    int64_t msn;                 /* of the fragment under way */
    struct live_bound bounds[LIVE_BOUNDS];
    int bound_count;
    struct live_queued *queue;   /* sound that is ahead of the picture; a ring of LIVE_QUEUE */
    int queue_first, queue_count;
};

struct programme {
    /* set by open, then read-only */
    struct programmes *set;
    struct programme_config config;
    char id[64];
    int leader;
    atomic_int refs;
    /* the caller's thread's own */
    struct live_track track[PROGRAMME_TRACKS];
    bool started, waits, ended;  /* a key frame was there; the next one begins a stretch; no packet may come */
    int64_t shift_us;            /* pts - programme's time */
    int64_t date_shift_us;       /* the same for segments that begin now: what waited of the last stretch is cut when the next one's first picture has come */
    int init_next, init_now;     /* of the inits: for the next stretch; of the one that is */
    int64_t last_us, last_key_us; /* of the leader, programme's time */
    struct recorder *recorder;
    int64_t record_from;         /* first segment that is recorded */
    bool record_begun;
    int record_init;
    struct recorder_files record_fds; /* duplicates for reading; not owned */
    /* guarded by lock */
    pthread_mutex_t lock;
    struct live_window window[PROGRAMME_TRACKS];
    struct live_bytes *inits[PROGRAMME_TRACKS][LIVE_INITS_MAX];
    struct live_file *files[PROGRAMME_TRACKS]; /* of the recording that runs */
    char codecs[PROGRAMME_TRACKS][32];
    bool over;
    int64_t over_at_us, first_wall_ms, end_us;
    int64_t asked_us;            /* when a player asked last, 0: never */
    int waiting;
    /* guarded by the set's lock */
    struct programme *next;
};
/* window.c; the lock is held */
void live_add_part(struct programme *p, int track, const struct reelcut_part *part);
void live_end_segment(struct programme *p, int track);
void live_written(struct programme *p, int track, int64_t msn, uint64_t offset, uint32_t size);
void live_window_free(struct live_window *w);
/* list.c; the lock is held. NULL: no memory. */
struct live_bytes *live_write_list(const struct programme *p, int track, bool skip);
struct live_bytes *live_write_multivariant(const struct programme *p, const char *prefix);
/* serve.c: those whose wish is there now, or who waited until now_us (the lock is held); and without it: tells them. */
struct programme_request *live_wake(struct programme *p, int64_t now_us);
void live_post(struct programme_request *woken);
/* programmes.c */
struct recorders *programmes_recorders(struct programmes *s);
enum vcr_err programmes_add(struct programmes *s, struct programme *p, struct vcr_why *why);
/* programme.c */
void programme_ref(struct programme *p);
/* form.c */
enum vcr_err live_check_config(const struct programme_config *c, struct vcr_why *why);
enum vcr_err live_set_sound(struct programme *p, int track, struct vcr_why *why);
/* A new set of init segments for the stretch that comes, at first those that are. False: too many. */
bool live_next_inits(struct programme *p);
/* The parameter sets of a key frame. *ret_new: other ones than before (or the first). */
enum vcr_err live_read_parameters(struct programme *p, const struct packet *packet, bool *ret_new, struct vcr_why *why);
