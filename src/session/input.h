/* session/input.h - what a VCR's input is: another session, or a device; its picture to the viewers (EE), and its packets onto the tape. On the media loop only.
 *
 * input.c  choosing one, its packets, when they are what viewers see      takes.c  the recordings that are made of them
 * Packets  those of the input as its viewers get them, H.264, Opus and (of a device) AAC, in order. From the last key frame on they are kept, at most INPUT_KEPT_BYTES, so that a
 *          recording begins exactly where the deck does: what comes before that in its first group of pictures is in the take and does not show.
 * Pictures what viewers see changes over at a key frame only, and times never go back. */
#pragma once
#include "deliver/live/programme.h"
#include "session/session.h"
#include "wire/h264sps.h"

struct session;
struct live_source;

enum { INPUT_KEPT_BYTES = 24 << 20, INPUT_PARAMETERS_MAX = 512 };

struct input_packet {
    int refs;
    enum programme_track track;
    struct packet packet;          /* its data are the bytes behind */
    uint8_t bytes[];
};
struct input_item {
    struct input_item *next;
    struct input_packet *packet;
};
struct input_list {
    struct input_item *first, *last;
    size_t bytes;
};

/* The form of a picture: its parameter sets, and what they say. */
struct input_form {
    uint8_t parameters[INPUT_PARAMETERS_MAX];
    size_t len;                    /* 0: none */
    struct h264_sps sps;
};

struct take;
struct session_input {
    bool chosen;
    struct session *session;       /* NULL: it is a device */
    struct session *next_tap;      /* of those that take that session's packets */
    int64_t device_id;
    bool aac;                      /* it has AAC, too */
    int64_t heard_us;              /* when its last picture came */
    int64_t key_us, key_asked_us;  /* when a key frame came, and when one was asked for because of a recording */
    /* what viewers see */
    bool wanted, on_air;
    bool mixed;                    /* it has been on the air: two clocks' pictures went out */
    int64_t sent_us[PROGRAMME_TRACKS]; /* pts of what went to the viewers last */
    /* what can be recorded */
    struct input_form form;        /* of its last key frame */
    int64_t last_pts_us;           /* of its picture */
    struct input_list kept;        /* since its last key frame; empty: none has come, or its time jumped */
    struct take *takes;            /* the newest first */
    void (*when_sealed)(void *arg);
    void *when_sealed_arg;
};

/* ---- input.c ---- */
/* CONFLICT "/session-ended", "/device-offline", "/input-loop"; INVALID: none is meant. Nothing changes. */
enum vcr_err input_check(struct session *x, const struct session_source *from, struct vcr_why *why);
void input_choose(struct session *x, const struct session_source *from);
void input_drop(struct session *x);                    /* it has none any more */
void input_source_ends(struct session *source);        /* those that take its packets are told */
void input_device_ends(struct session *x);             /* its device is no more */
/* A packet that this session's viewers are to see, made by its own render process (or device). */
void input_own_packet(struct session *x, enum programme_track track, const struct packet *p);
/* One of the input's. */
void input_packet(struct session *x, enum programme_track track, const struct packet *p);
void input_want_key(struct session *x);                /* a viewer wants one */
void input_changed(struct session *x);                 /* the deck may show something else */
void input_second(struct session *x, int64_t now_us);
void input_info(const struct session *x, struct session_info *ret);
void input_ends(struct session *x);                    /* this session does */

void input_list_add(struct input_list *l, struct input_packet *p); /* takes a reference of its own */
void input_list_free(struct input_list *l);
/* Reads the parameter sets of a key frame. False: it has none, or they cannot be used. */
bool input_form_read(struct input_form *ret, const struct packet *p);

/* ---- takes.c ---- */
/* The deck records from this place of the tape on, since at_us. */
void takes_begin(struct session *x, int64_t place_us, int64_t at_us, uint8_t tape_speed);
/* It does not any more, from at_us on. */
void takes_end(struct session *x, int64_t at_us, const char *reason); /* static */
void takes_mark(struct session *x, int64_t place_us); /* an index mark was written */
void takes_packet(struct session *x, struct input_packet *p);
/* The input's time jumped, or its picture took another form: what is recorded ends, and goes on at its next key frame as another take. */
void takes_break(struct session *x, int64_t at_us, const char *reason);
void takes_rest(struct session *x);                    /* no more packets come for those that have ended */
/* files are taken over; NULL: there are none, for this reason (static). x NULL: the session has ended. */
void takes_files(struct sessions *s, struct session *x, uint64_t number, const struct recorder_files *files, const char *reason);
void takes_sealed(struct session *x, uint64_t number, const char *reason);
/* Ends the recording, if there is one. True: fn is called once, when all is sealed. */
bool takes_seal(struct session *x, void (*fn)(void *arg), void *arg);
void takes_second(struct session *x, int64_t now_us);
void takes_close(struct session *x);                   /* the session ends: what has come is sealed */
bool takes_recording(const struct session *x);         /* something is recorded, or not sealed yet */
