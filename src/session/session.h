/* session/session.h - the running VCRs: each session is an actor with a deck, a tape, its viewers and a seat in a render process.
 *
 * struct sessions holds them all: it starts and watches the vcr-render processes (one a core), owns the media loop on which every actor runs, and hands
 * packets from the render rings to the WebRTC streams. Requests are messages: each call posts to the media loop and its answer comes back on the loop named.
 * Threads  any thread may call; call-backs come on the loop given. Actors touch their state only on the media loop.
 * Bounds   sessions_max (64 a render process), mailbox one command a request; packets dropped when a stream lags (then a key frame). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/util.h"
#include "base/why.h"
#include "deck/deck.h"
#include "deliver/webrtc/rtc.h"

struct sessions;

struct sessions_config {
    struct rtc *rtc;            /* stays the caller's */
    const char *render_program; /* path of vcr-render */
    int render_processes;       /* 0: one a core */
    /* The tape's place and wear must be kept (once a second while it moves, and at eject and end). On the media loop; must not block. */
    void (*save_position)(void *arg, int64_t tape_id, int64_t position_us);
    /* The session ended by itself (nobody watched, failed). On the media loop; must not block. */
    void (*ended)(void *arg, const char *session_id, const char *status, const char *reason);
    void *arg;
    const struct deck_profile *profile; /* NULL: deck_profile_consumer */
    /* Zero: the house's rules (deck.md): 15 min, 1 h, 5 s. For tests. */
    int64_t alone_stop_us, alone_end_us; /* without a viewer: the deck stops, the session ends */
    int64_t silence_us;         /* a render process that says nothing for this long is replaced */
};
enum vcr_err sessions_open(struct sessions **ret, const struct sessions_config *config, struct vcr_why *why);
/* Ends every session (positions saved), stops the render processes. */
void sessions_close(struct sessions **s);

/* A tape as the caller found it in the store. Descriptors are owned by the callee from the call on; -1: none. */
struct session_tape {
    int64_t tape_id;
    char title[256];
    struct deck_tape deck;
    bool pal, field_rate;
    bool wide;                /* its picture is 16:9: anamorphic on the tape reel */
    int tape_video_fd, tape_video_index_fd, tape_audio_fd, tape_audio_index_fd, clean_video_fd, clean_video_index_fd;
};
void session_tape_close(struct session_tape *t); /* closes what was not handed over */

struct session_settings {
    struct deck_settings deck;
    bool clean;
    char look[DECK_LOOK_BYTES];
    int64_t grace_us;           /* PLAY pauses this long after the last viewer left; default 30 s */
};

/* What a client sees of a session: filled on the media loop, given by value. */
struct session_info {
    char id[VCR_UUID_BYTES];
    const char *status;         /* "starting", "active", "ended", "failed" */
    struct deck_state deck;
    int64_t tape_id;            /* 0: none in */
    char tape_title[256];
    int64_t tape_length_us;
    bool write_protected;
    int display_aspect_w, display_aspect_h; /* 16:9 while a wide tape is watched clean, else 4:3: through the tape it has bars */
    int viewer_count;
    struct rtc_viewer_stats viewers[16];
};
/* Answer of a request. err != VCR_OK: why says so; info is filled whenever the session exists (a refused command shows the deck, too). sdp: of an offer, owned by
 * the receiver. */
struct session_reply {
    enum vcr_err err;
    struct vcr_why why;
    struct session_info info;
    char peer_id[VCR_UUID_BYTES];
    char *sdp;
};
typedef void (*session_done)(void *arg, struct session_reply *reply); /* reply is valid during the call */

/* id: the caller's UUID (already in the store). tape may be NULL (no tape). VCR_E_BUSY: no seat is free. */
void session_start(struct sessions *s, const char *id, const struct session_settings *settings, struct session_tape *tape, struct loop *loop,
                   session_done done, void *arg);
/* tape: for DECK_CMD_INSERT only. To a session that is not running: VCR_E_CONFLICT with slug "/session-ended", as for offer and answer; get and end say
 * VCR_E_NOT_FOUND. */
void session_command(struct sessions *s, const char *id, enum deck_cmd cmd, const struct deck_args *args, struct session_tape *tape,
                     struct loop *loop, session_done done, void *arg);
void session_get(struct sessions *s, const char *id, struct loop *loop, session_done done, void *arg);
void session_end(struct sessions *s, const char *id, struct loop *loop, session_done done, void *arg);
void session_offer(struct sessions *s, const char *id, struct loop *loop, session_done done, void *arg);
void session_answer(struct sessions *s, const char *id, const char *peer_id, const char *sdp, struct loop *loop, session_done done, void *arg);

/* State changes as they happen, and once a second while the counter runs: event is called on `loop` until session_unwatch or the session's end (then once with
 * ended = true; at once when there is no such session); the first call tells the state as it is now. Under load calls are merged: the newest state is told.
 * What is returned must be given to session_unwatch once, on that same loop, also after the end; after it returns no call comes. Closing the sessions ends
 * them, too, but a watch outlives that until it is unwatched. */
struct session_watch;
typedef void (*session_event)(void *arg, const struct session_info *info, bool ended);
struct session_watch *session_watch(struct sessions *s, const char *id, struct loop *loop, session_event event, void *arg);
void session_unwatch(struct session_watch *w);

struct sessions_counts { int sessions, viewers, render_processes, render_wanted, render_restarts; uint32_t frames_per_s, late_per_s; };
void sessions_counts(struct sessions *s, struct sessions_counts *ret); /* any thread */
