/* app/made.h - a tape for players as it looks, and its film in smaller sizes: what is made when it is asked for (session/maker.h).
 *
 * A tape's look has a revision, "w3-family-0123456789abcdef": wear, profile, and a keyed digest of all that its segments depend on. Whoever has an older one (a player
 * that goes on while the tape wears) still gets its segments, as long as the reels are the same; nobody can ask for what was never offered.
 * Threads  any. What is said to block opens files: not on a loop. */
#pragma once
#include "app/hls.h"
#include "app/tapes.h"
#include "deliver/hls/playlist.h"
#include "session/maker.h"

enum {
    MADE_RUNGS = 2, MADE_REVISION_BYTES = 64,
    MADE_AHEAD = 3,                /* segments made ahead of a player */
    MADE_AHEAD_MAX = 2 * MADE_AHEAD, /* with the init segments that stand between them */
};

/* ---- for app/hls*.c ---- */
void made_describe(const struct app_tape *row, struct app_hls_tape *ret);
/* The reels of the tape's film, or what there is of a tape that was recorded over. */
enum vcr_err made_read(struct sql_tx *tx, struct app_hls *h, struct vcr_why *why);
/* Renditions below the clean one, those that are really smaller; returns how many. */
size_t made_rungs(const struct app *a, const struct app_hls *h, const struct hls_track *clean, struct hls_video ret[MADE_RUNGS]);

/* ---- for api ---- */
/* What is on a tape that was recorded over around a segment and those that are made ahead of it. */
struct made_piece {
    int64_t start_us, end_us, reel_start_us;
    uint64_t seed;
    uint8_t tape_speed;
    bool is_over;           /* see struct timeline_span */
    int64_t over_us;
    char blob_key[APP_HLS_KEY_BYTES], index_key[APP_HLS_KEY_BYTES]; /* "": its reel is missing */
};
enum { MADE_PIECES_MAX = 64 };
struct made_pieces {
    size_t count;
    struct made_piece items[MADE_PIECES_MAX];
};
struct made_ask;
/* Whether it is made from pieces. */
bool made_needs_pieces(const struct app_hls *h, const struct made_ask *ask);
/* NOT_FOUND: the tape was recorded over since h was found. */
enum vcr_err made_pieces_read(struct sql_tx *tx, const struct app_hls *h, const struct made_ask *ask, struct made_pieces *ret, struct vcr_why *why);

/* The index of a piece of this tape, by ret->blob_key. NOT_FOUND: its lists do not name it any more. */
enum vcr_err made_piece_read(struct sql_tx *tx, int64_t tape_id, struct app_hls_reel *ret, struct vcr_why *why);
enum { MADE_PIECE_FRAGMENTS_MAX = 64 }; /* of a segment; a list's have about five */

/* Of a rung's name ("480p"); -1: no such. */
int made_rung(const char *name);
/* Whether it can be made here: the look of a tape, and smaller sizes of it. */
bool made_has_look(const struct app *a, const struct app_hls *h);
bool made_has_rungs(const struct app *a, const struct app_hls *h);

enum made_kind { MADE_VHS_VIDEO, MADE_VHS_SOUND, MADE_VHS_OPUS /* for sessions */, MADE_RUNG };
struct made_ask {
    enum made_kind kind;
    int rung;                     /* of RUNG */
    const char *revision;         /* of a look; of a rung its version, or NULL for any */
    bool init;
    uint32_t n;                   /* of the segment; of a piece's, its first fragment */
    uint32_t fragments;           /* of a piece's segment */
    const struct made_pieces *pieces; /* where made_needs_pieces says so */
    const struct app_hls_reel *piece; /* of RUNG, of a tape that was recorded over: the reel, by what its address says (made_piece_read) */
    const struct app_pieces *timeline; /* of the same: its picture's, where made_piece_needs_timeline says so */
    bool alone;                   /* nothing is made ahead of it */
    bool (*makes)(void *arg, const char *key); /* whether anything is to be made for who asks, by the segment's key; asked once, if there is such a segment. NULL: it is */
    void *makes_arg;
};
/* Whether what follows behind a piece's segment is not known any more. */
bool made_piece_needs_timeline(const struct app *a, const struct app_hls *h);
struct made_found {
    int fd;                       /* it is there: the caller's. Else -1, and want is to be asked for, if makes */
    uint64_t size;
    struct maker_want want, ahead[MADE_AHEAD_MAX]; /* ahead: those of the next ones that are not there; descriptors are the caller's */
    int ahead_count;
    bool makes;                   /* false: want has no descriptors, nothing is ahead */
    bool versioned;               /* the address named the version */
    char etag[APP_HLS_VERSION_BYTES + 2];
};
void made_found_close(struct made_found *f);
/* NOT_FOUND: no such segment, or of a film that was replaced. Opens the reels of what is to be made, and no others. Blocks. */
enum vcr_err made_find(const struct app *a, const struct app_hls *h, const struct made_ask *ask, struct made_found *ret, struct vcr_why *why);

/* ---- between made.c, made_cut.c and made_lists.c ---- */
enum vcr_err made_read_cut(struct sql_tx *tx, struct app_hls *h, struct vcr_why *why);
/* The parts of a segment, and their reels. */
enum vcr_err made_open_pieces(const struct app *a, const struct made_pieces *p, struct maker_want *w, struct vcr_why *why);
struct made_rung_kind { const char *name; int height; uint32_t max_bps; };
extern const struct made_rung_kind made_rung_kinds[MADE_RUNGS];
enum { MADE_VIDEO_BPS = 4000000, MADE_SOUND_BPS = 128000 };
void made_revision(const struct app *a, const struct app_hls *h, char ret[MADE_REVISION_BYTES]);
/* Of another wear or profile than the tape's own. */
void made_revision_as(const struct app *a, const struct app_hls *h, unsigned wear_16, const char *look, char ret[MADE_REVISION_BYTES]);
void made_clean_revision(const struct app *a, const struct app_hls *h, char ret[MADE_REVISION_BYTES]);
/* By the version of the reel that it is made of. */
void made_rung_version(const char *reel_version, int rung, char ret[APP_HLS_VERSION_BYTES]);
/* Size of a rung for a picture of that size on display; a take may be smaller than the film, and stays as small. */
void made_rung_size(int rung, const struct hls_track *clean, uint16_t *ret_width, uint16_t *ret_height);
struct hls_grid;
struct hls_grid made_grid(const struct app_hls_tape *t, bool sound); /* sound: AAC */
/* The segments of the clean reel, and what it is; *ret is freed by the caller. Blocks. */
struct hls_stretch;
enum vcr_err made_stretches(const struct app *a, const struct app_hls *h, struct hls_stretch **ret, uint32_t *ret_count, struct hls_track *ret_track,
                             struct vcr_why *why);

/* ---- made_pieces.c: smaller sizes of a tape that was recorded over ---- */
struct hls_stretch;
/* The samples of a piece's segment (init: of its first fragment). NOT_FOUND: its reel has no such fragments, or no segment has so many. Blocks. */
enum vcr_err made_piece_samples(const struct app *a, const struct made_ask *ask, struct hls_track *ret_track, struct hls_stretch *ret, struct vcr_why *why);
/* What the list has behind it. */
struct made_follower {
    struct app_hls_reel reel;
    struct hls_track track;
    bool init;
    uint32_t n, fragments, first_sample, samples; /* unless init */
};
/* Returns how many; none when it is not in the list of now. Blocks. */
int made_piece_followers(const struct app *a, const struct app_hls *h, const struct made_ask *ask, struct made_follower ret[MADE_AHEAD_MAX]);
