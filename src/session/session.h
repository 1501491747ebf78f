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
#include "deliver/live/recorder.h"
#include "deliver/webrtc/rtc.h"

struct sessions;
struct session_map;
struct programmes;

/* What is recorded onto a tape in a VCR: another session, or a device. Both empty: what the VCR is connected to already. tab_out: the tape's tab was broken out, perhaps
 * since it went in. */
struct session_source { char session_id[VCR_UUID_BYTES]; int64_t device_id; bool tab_out; };
/* One recording onto a tape, from where the deck begins to where it ends. */
struct session_take {
    char session_id[VCR_UUID_BYTES]; /* of the deck */
    uint64_t number;
    int64_t tape_id, place_us;  /* where it begins */
    int64_t skip_us;            /* of what is recorded, that much does not show: it begins with a key frame */
    uint8_t tape_speed;
    bool follows;               /* the deck did not stop since the take before it: only the input's picture changed */
    bool aac;                   /* besides Opus */
    int width, height, sar_num, sar_den;
    /* where it comes from */
    char source_session_id[VCR_UUID_BYTES]; /* "": a device */
    int64_t source_device_id;   /* 0: none */
    int64_t source_tape_id, source_us; /* what plays there; 0: no tape */
};

/* Segment `number` of the pictures or of the sound that are made of a tape as a deck shows it (wire/make_msg.h), by all that they depend on. */
struct session_piece {
    int64_t tape_id;
    uint64_t asker;             /* the same of all that a session asks for */
    const char *video_key;      /* the reel that the deck plays */
    uint32_t number;
    bool sound, pal, field_rate;
    uint8_t tape_speed, wear_16;
    uint64_t seed;
    char look[32];
};

struct sessions_config {
    struct rtc *rtc;            /* stays the caller's */
    const char *render_program; /* path of vcr-render */
    const char *ingest_program; /* of vcr-ingest, for live pictures; NULL: none */
    int render_processes;       /* 0: one a core */
    /* The tape's place and wear must be kept (once a second while it moves, and at eject and end). On the media loop; must not block. */
    void (*save_position)(void *arg, int64_t tape_id, int64_t position_us);
    /* So much tape passed the heads since it came in: told when it leaves or the session ends, for tapes of the session's owner. On the media loop; must not block. May be NULL. */
    void (*tape_worn)(void *arg, int64_t tape_id, int64_t passed_us);
    /* The session ended by itself (nobody watched, failed). On the media loop; must not block. */
    void (*ended)(void *arg, const char *session_id, const char *status, const char *reason);
    /* A recording onto a tape begins: its row and its files are wanted, then session_take_files. On the media loop; must not block. NULL: none can be made. */
    void (*take)(void *arg, const struct session_take *take);
    /* An index mark was written. take_number 0: while nothing was recorded. The same; may be NULL. */
    void (*mark)(void *arg, const char *session_id, int64_t tape_id, uint64_t take_number, int64_t position_us);
    /* A take's reels for a tape that plays: ret_fds in the order of struct session_tape's, -1 where there is none. NOT_FOUND: it is missing. On a thread of libuv's pool;
     * may block. NULL: no take but the film can be had. */
    enum vcr_err (*open_take)(void *arg, int64_t tape_id, int64_t take, int ret_fds[6], struct vcr_why *why);
    /* A made segment of a tape that plays, and its init segment. BUSY: not there yet; NOT_FOUND: nor will another one of this name be. On a thread of libuv's pool; may block.
     * NULL: there are none, everything is drawn. */
    enum vcr_err (*open_piece)(void *arg, const struct session_piece *piece, int ret_fds[2], struct vcr_why *why);
    /* A device sends now, or no more. Any thread; must not block. May be NULL. */
    void (*device_online)(void *arg, int64_t device_id, bool online);
    void *arg;
    const struct deck_profile *profile; /* NULL: deck_profile_consumer */
    /* Zero: the house's rules (deck.md): 15 min, 1 h, 5 s. For tests. */
    int64_t alone_stop_us, alone_end_us; /* without a viewer: the deck stops, the session ends */
    int64_t retry_us;           /* 2 s: a seat that keeps failing is tried again, then after twice as long, and so on */
    int64_t silence_us;         /* a render process that says nothing for this long is replaced */
    int64_t input_gone_us;      /* 2.5 s: an input without a picture for so long ends the recording of it */
};
enum vcr_err sessions_open(struct sessions **ret, const struct sessions_config *config, struct vcr_why *why);
/* Ends every session (positions saved), stops the render processes. */
void sessions_close(struct sessions **s);

/* A tape as the caller found it in the store. Descriptors are owned by the callee from the call on; -1: none. */
struct session_tape {
    int64_t tape_id, owner_id; /* owner_id 0: nobody's. Only its owner's sessions keep its place */
    char title[256];
    struct deck_tape deck;
    bool pal, field_rate;
    bool wide;                /* its picture is 16:9: anamorphic on the tape reel */
    char video_key[208];      /* names tape_video_fd among all reels; "": there is none */
    struct session_map *map;  /* a reference, the callee's; deck.map points into it. NULL: nothing is known of its recordings (session/map.h) */
    int tape_video_fd, tape_video_index_fd, tape_audio_fd, tape_audio_index_fd, clean_video_fd, clean_video_index_fd;
};
void session_tape_close(struct session_tape *t); /* closes what was not handed over */

/* Somebody who asks or watches. user_id: negative numbers are for those without an account, 0 is the house itself, which needs no remote control. */
enum { SESSION_NAME_BYTES = 128 };
struct session_person { int64_t user_id; char name[SESSION_NAME_BYTES]; };

struct session_settings {
    int64_t owner_id;           /* whose session it is: has the remote control at first */
    struct deck_settings deck;
    const struct deck_profile *profile; /* NULL: the house's */
    bool has_seed;              /* the picture's damage by this seed instead of the tape's */
    uint64_t seed;
    bool clean;
    bool linear;              /* the look has no Hi-Fi track */
    char look[DECK_LOOK_BYTES];
    int64_t grace_us;           /* PLAY pauses this long after the last viewer left; default 30 s */
};

/* What the picture of a streaming session is, as far as it is known: for the facts of a tape that is recorded from it. width 0: none. */
struct session_picture { int width, height, sar_num, sar_den; uint32_t frames_per_1000_s; bool passed_through; };

/* One who watches, from the offer on. */
struct session_viewer {
    struct rtc_viewer_stats stats; /* beyond peer_id and connected: from session_get alone */
    struct session_person who;
    bool requested, holds_remote;
};
enum { SESSION_VIEWERS_TOLD = 32 };
/* Who holds the remote control: a person, and by which picture; "" the owner by none in particular. */
struct session_remote { int64_t user_id; char peer_id[VCR_UUID_BYTES]; uint32_t revision; };

/* What a client sees of a session: filled on the media loop, given by value. */
struct session_info {
    char id[VCR_UUID_BYTES];
    const char *status;         /* "starting", "active", "ended", "failed" */
    struct deck_state deck;
    bool streaming;             /* its picture is a device's, not a tape's */
    int64_t device_id;
    int64_t tape_id;            /* 0: none in */
    char tape_title[256];
    int64_t tape_length_us;
    bool write_protected;
    struct session_picture picture; /* of a streaming session */
    struct session_source input; /* what the VCR can record; both empty: nothing is connected */
    int display_aspect_w, display_aspect_h; /* 16:9 while a wide tape is watched clean, else 4:3: through the tape it has bars */
    int viewer_count, viewers_told;
    struct session_viewer viewers[SESSION_VIEWERS_TOLD]; /* who has or wants the remote control before the others */
    struct session_remote remote;
};
/* Answer of a request. err != VCR_OK: why says so; info is filled whenever the session exists (a refused command shows the deck, too). sdp: of session_offer and
 * session_view, owned by the receiver. */
struct session_reply {
    enum vcr_err err;
    struct vcr_why why;
    struct session_info info;
    char peer_id[VCR_UUID_BYTES];
    char *sdp;
    char *log;                  /* of session_log alone, owned by the receiver */
};
typedef void (*session_done)(void *arg, struct session_reply *reply); /* reply is valid during the call */

/* id: the caller's UUID (already in the store). tape may be NULL (no tape). VCR_E_BUSY: no seat is free. */
void session_start(struct sessions *s, const char *id, const struct session_settings *settings, struct session_tape *tape, struct loop *loop,
                   session_done done, void *arg);
/* A streaming session on a device: it shows what the device sends (session/live.h). */
void session_start_live(struct sessions *s, const char *id, const struct session_settings *settings, int64_t device_id, struct loop *loop, session_done done, void *arg);
/* What a streaming session shall record onto: files are taken over in any case. */
struct session_recording {
    int64_t tape_id;
    char title[256];
    struct recorder_files files;
};
/* CONFLICT "/device-offline", "/not-in-this-mode" (no picture yet), "/busy-recording". */
void session_record(struct sessions *s, const char *id, const struct session_recording *r, struct loop *loop, session_done done, void *arg);
/* The recording is over and its tape noted; reason has static storage. Any thread. */
void session_recorded(struct sessions *s, const char *id, int64_t tape_id, const char *reason);
/* The key record of a VCR with a tape (session_command would record what is connected). CONFLICT as deck.md says, and "/tape-in-use", "/device-offline", "/session-ended" (of the
 * source), "/input-loop". INVALID: nothing is connected. The caller has checked the rights to both. */
void session_record_from(struct sessions *s, const char *id, int64_t asker, const struct session_source *from, struct loop *loop, session_done done, void *arg);
/* The files that config->take was asked for, taken over in any case (a session that ended meanwhile has them sealed empty); NULL: there are none, for this reason
 * (static), which becomes stop_reason. Any thread; so the next. */
void session_take_files(struct sessions *s, const char *id, uint64_t number, const struct recorder_files *files, const char *reason);
/* It is sealed and noted, and the tape's timeline told; reason has static storage. */
void session_take_sealed(struct sessions *s, const char *id, uint64_t number, const char *reason);
/* Live programmes by the ids of their sessions, for HLS; lives as long as the sessions. */
struct programmes *sessions_programmes(struct sessions *s);
/* tape: for DECK_CMD_INSERT only. asker: a person's user_id; one who does not hold the remote control: CONFLICT "/remote-held".
 * To a session that is not running: VCR_E_CONFLICT with slug "/session-ended", as for offer and answer; get and end say
 * VCR_E_NOT_FOUND. */
void session_command(struct sessions *s, const char *id, int64_t asker, enum deck_cmd cmd, const struct deck_args *args, struct session_tape *tape,
                     struct loop *loop, session_done done, void *arg);
/* request: peer_id is a viewer of the asker's own; grant: a viewer's, by who holds it; release: by who holds it, or has a right to it (is_master: the owner, an admin).
 * NOT_FOUND: no such viewer; CONFLICT "/remote-held", and "/only-watches" for a grant to one without an account. */
enum session_remote_action { SESSION_REMOTE_REQUEST, SESSION_REMOTE_GRANT, SESSION_REMOTE_RELEASE };
void session_remote(struct sessions *s, const char *id, int64_t asker, bool is_master, enum session_remote_action action, const char *peer_id, struct loop *loop,
                    session_done done, void *arg);
/* The tape is on no shelf any more (reason: static storage, such as "tape_trashed"): every deck that has it in stops, puts it out and runs on empty. Any thread. */
void session_tape_gone(struct sessions *s, int64_t tape_id, const char *reason);
/* The same of one session alone, whose owner may not have that tape in any more. Any thread. */
void session_tape_withdraw(struct sessions *s, const char *id, int64_t tape_id, const char *reason);
/* That person may not watch any more: its pictures and its watches of this session end. Nothing happens when it has none. Any thread. */
void session_hang_up(struct sessions *s, const char *id, int64_t person);
/* A person may not watch any more what it watches: its viewers and watches in others' sessions end, and with ends_own its own sessions, too. Who still may comes back. Any thread. */
void session_person_gone(struct sessions *s, int64_t user_id, bool ends_own);
void session_get(struct sessions *s, const char *id, struct loop *loop, session_done done, void *arg);
/* Its event log (deck/replay.h): the newest 256 KiB of keys, and up to 2 MiB of what is recorded on its tapes. */
void session_log(struct sessions *s, const char *id, struct loop *loop, session_done done, void *arg);
void session_end(struct sessions *s, const char *id, struct loop *loop, session_done done, void *arg);
void session_offer(struct sessions *s, const char *id, const struct session_person *who, struct loop *loop, session_done done, void *arg);
void session_answer(struct sessions *s, const char *id, const char *peer_id, const char *sdp, struct loop *loop, session_done done, void *arg);
/* A viewer who makes the offer (a WHEP player): reply.peer_id and, in reply.sdp, the answer; errors as rtc_view. To a session that is not running: as session_offer.
 * What becomes of it is its own person's to say; another's, one who did not offer, and a session that is not running are VCR_E_NOT_FOUND. fragment NULL: whether it is still there;
 * errors as rtc_view_trickle. The end of one that has hung up by itself is well once. */
void session_view(struct sessions *s, const char *id, const struct session_person *who, const char *offer, size_t len, struct loop *loop, session_done done, void *arg);
void session_view_trickle(struct sessions *s, const char *id, int64_t asker, const char *peer_id, const char *fragment, size_t len, struct loop *loop, session_done done, void *arg);
void session_view_end(struct sessions *s, const char *id, int64_t asker, const char *peer_id, struct loop *loop, session_done done, void *arg);

/* State changes as they happen, and once a second while the counter runs: event is called on `loop` until session_unwatch or the session's end (then once with
 * ended = true; at once when there is no such session); the first call tells the state as it is now. Under load calls are merged: the newest state is told.
 * user_id: whose it is, for session_person_gone.
 * What is returned must be given to session_unwatch once, on that same loop, also after the end; after it returns no call comes. Closing the sessions ends
 * them, too, but a watch outlives that until it is unwatched. */
struct session_watch;
typedef void (*session_event)(void *arg, const struct session_info *info, bool ended);
struct session_watch *session_watch(struct sessions *s, const char *id, int64_t user_id, struct loop *loop, session_event event, void *arg);
void session_unwatch(struct session_watch *w);

struct sessions_counts { int sessions, viewers, render_processes, render_wanted, render_restarts; uint32_t frames_per_s, late_per_s, passed_per_s; uint64_t pieces_asked, pieces_found; };
void sessions_counts(struct sessions *s, struct sessions_counts *ret); /* any thread */
