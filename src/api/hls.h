/* api/hls.h - what lies below a tape's HLS root, for the files of this folder that serve it.
 *
 * Each thing is one row of the table in hls.c and has two addresses: below /hls/:id/ for an account, and below /hls/:id/t/:token/ for players that send no headers.
 * Whoever asks, its begin() is called when it is known that they may: it never asks again.
 * To add   a row in HLS_THINGS, its begin(), and both addresses in api/openapi.yaml.     Threads  a request's loop, and pools as api.h says. */
#pragma once
#include "api/internal.h"
#include "app/hls.h"

struct hls_thing {
    const char *below;         /* "video.m3u8", "r/:rung/:file" */
    /* On the loop: answers now or later, as an api_then does; hls_of(c) says what was found. It must not block. */
    api_then begin;
    bool looks;                /* takes ?look=, which is told before the state of the tape */
    enum app_hls_list list;    /* what hls_clean.c makes of it */
};

/* c->own of each such call. */
struct hls_call {
    /* set before begin, then read-only */
    const struct hls_thing *thing;
    struct app_hls hls;
    int64_t tape_id, user_id;  /* user_id: who asks, or who made the token */
    const char *token;         /* of the path or ?token=; NULL: an account or a cookie */
    int64_t expires_ms;        /* of the token; 0: none */
    char minted[APP_HLS_TOKEN_BYTES]; /* token, for who came by a link */
    /* the thing's own */
    int fd;                    /* of hls_send_file, closed at the end if it was not sent */
    uint64_t size;
    char etag[APP_HLS_VERSION_BYTES + 2];
    const char *type;
    bool versioned;            /* the address names the version: it may be kept for ever */
    const struct doc *doc;     /* of hls_send_doc; let go at the end */
    struct app_hls_ask ask;
    char language[APP_HLS_LANGUAGE_BYTES];
    void *own;
    void (*free_own)(void *own);
};
static inline struct hls_call *hls_of(const struct api_call *c) { return c->own; }

/* Both answer, on the loop; ranges and preconditions are looked after. A file: fd, size, etag, type, versioned. A text: doc, type, versioned; compressed for who takes
 * that. Playlists are never versioned. */
void hls_send_file(struct api_call *c);
void hls_send_doc(struct api_call *c);
/* What stands before addresses in the body: "" but for an address that has the token in its query. */
void hls_prefix(const struct api_call *c, char ret[APP_HLS_TOKEN_BYTES + 8]);
/* Splits :file at its last dot: "2.m3u8" with kind "m3u8" gives "2". False: it is of another kind, or longer than fits. */
bool hls_file_stem(const struct api_call *c, const char *kind, char *out, size_t size);
/* There is nothing at this address. */
void hls_absent(struct api_call *c);
/* ?v= against what there is: NOT_FOUND when it names another version; sets versioned. */
enum vcr_err hls_version(struct api_call *c, const char *version, struct vcr_why *why);

/* ---- hls_clean.c: playlists over the clean reels, and those ---- */
extern const char hls_playlist_type[];
void hls_list(struct api_call *c);           /* the list that ask says */
void hls_clean_list(struct api_call *c);     /* that of the thing */
void hls_clean_reel(struct api_call *c);
void hls_clean_sound(struct api_call *c);    /* audio/:file, further sound tracks */
/* ---- hls_made.c: what is made when it is asked for ---- */
void hls_playlist(struct api_call *c);       /* where players begin, in the look that they ask for or the tape has */
void hls_manifest(struct api_call *c);       /* manifest.mpd */
void hls_vhs_list(struct api_call *c);       /* vhs/:file */
void hls_vhs_segment(struct api_call *c);    /* vhs/:rev/:file */
void hls_rung(struct api_call *c);           /* r/:rung/:file */
void hls_rung_piece(struct api_call *c);     /* r/:rung/p/:folder/:reel/:file */
/* ---- hls_pieces.c: a tape that was recorded over ---- */
void hls_pieces(struct api_call *c, api_then then); /* finds the pieces of ask's track for it, then goes on */
void hls_piece(struct api_call *c);          /* p/:folder/:file, a reel of one */
/* The reel that the path's folder and stem name, if ?v= says that it may be had; ret: blob_key and version. */
bool hls_piece_named(struct api_call *c, const char *stem, struct app_hls_reel *ret);
void hls_piece_absent(struct api_call *c);
/* ---- hls_captions.c ---- */
void hls_captions(struct api_call *c);       /* captions/:file */
