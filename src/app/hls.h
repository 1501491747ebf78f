/* app/hls.h - a tape as HLS: its clean reels, who may have them, tokens for players that send no headers, and the playlists.
 *
 * A token speaks for its maker, for one tape and until a time; nothing of it is stored. What was found for it (is the tape there, does the maker still see it, what is
 * on it) is held in memory: as long as nothing was written to the database it is true, and after that a thread of its own looks it up again once a second, so that
 * segments cost no query and what ended is noticed within two seconds.
 * Threads  any. With a struct sql_tx: inside its transaction. app_hls_doc and app_hls_open block on files. */
#pragma once
#include "app/app.h"
#include "app/docs.h"
#include "app/timeline.h"
#include "base/buf.h"
#include "wire/make_msg.h"

enum {
    APP_HLS_TOKEN_BYTES = 65, APP_HLS_VERSION_BYTES = 33, APP_HLS_KEY_BYTES = 204, APP_HLS_PLAYLIST_MAX = 16 << 20,
    APP_HLS_MORE_MAX = 3, APP_HLS_CAPTIONS_MAX = 16, APP_HLS_LANGUAGE_BYTES = 36, APP_HLS_TITLE_BYTES = 104,
};
/* version names the bytes: another one after each processing. A reel that is not there has an empty one. Plain bytes: it is copied as it is. */
struct app_hls_reel {
    char blob_key[APP_HLS_KEY_BYTES], index_key[APP_HLS_KEY_BYTES], version[APP_HLS_VERSION_BYTES];
    char language[APP_HLS_LANGUAGE_BYTES], title[APP_HLS_TITLE_BYTES]; /* of sounds; "": not known */
    int track;                     /* of sounds; 0: the main one */
};
/* What a deck needs to play it, for what is made on demand (app/made.h). */
struct app_hls_tape {
    bool has, has_sound;           /* something that shows, and something that is heard */
    bool looks_clean;              /* the owner's choice */
    bool pal, field_rate;
    uint8_t tape_speed, wear_16;
    char look[MAKE_LOOK_BYTES];    /* profile */
    uint64_t seed;
    int64_t duration_us;           /* of the tape reel; of what is on a tape that was recorded over */
    struct app_hls_reel video, sound; /* the film's */
    int64_t timeline[3];           /* of a tape that was recorded over, else 0: another one after each change of what shows where, or of the reels that it shows from */
};
struct app_hls_caption { char language[APP_HLS_LANGUAGE_BYTES], version[APP_HLS_VERSION_BYTES]; };
struct app_hls {
    int64_t tape_id;
    struct app_hls_reel video, audio, more[APP_HLS_MORE_MAX];
    int more_count;
    struct app_hls_caption captions[APP_HLS_CAPTIONS_MAX];
    int caption_count;
    struct app_hls_tape tape;
    int64_t recorded_ms;           /* when the recording began, or HLS_NO_WALL */
    int64_t duration_us;
    int64_t newest_span, newest_bridge; /* of a tape that was recorded over: its lists follow its timeline. 0: it is its film */
    char version[APP_HLS_VERSION_BYTES]; /* of all of this */
};
static inline bool app_hls_cut(const struct app_hls *h) { return h->newest_span != 0; }
static inline bool app_hls_has(const struct app_hls_reel *r) { return r->version[0] != '\0'; }

/* The maker of tokens that are in addresses on the CDN. */
enum { APP_HLS_CDN = 0 }; /* the others are persons (app/shares.h) */
#define APP_HLS_DECK INT64_MIN /* no token's: a deck that has the tape in already */
struct hls_state;
struct docs *hls_docs(const struct app *a);
enum vcr_err hls_state_open(struct app *a, struct vcr_why *why);
void hls_state_close(struct app *a);

/* NOT_FOUND: absent, in the bin or not theirs. CONFLICT "/tape-not-ready": nothing to watch on it (yet). */
enum vcr_err app_hls_find(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, struct app_hls *ret, struct vcr_why *why);

void app_hls_token(const struct app *a, int64_t tape_id, int64_t user_id, int64_t expires_ms, char ret[APP_HLS_TOKEN_BYTES]);
/* DENIED: altered, expired ("/token-expired"), or of another tape. */
enum vcr_err app_hls_token_check(const struct app *a, int64_t tape_id, const char *token, int64_t now_ms, int64_t *ret_user_id, int64_t *ret_expires_ms, struct vcr_why *why);
/* What is held for this user. Does not block. */
bool app_hls_remembered(const struct app *a, int64_t tape_id, int64_t user_id, struct app_hls *ret);
/* As app_hls_find for the maker of a token (DENIED when that account has ended), and remembers it. */
enum vcr_err app_hls_find_for(const struct app *a, struct sql_tx *tx, int64_t tape_id, int64_t user_id, struct app_hls *ret, struct vcr_why *why);

/* One of a reel's blobs, for pread and sendfile. NOT_FOUND when the tape was processed anew since it was found. Blocks. */
enum vcr_err app_hls_open(const struct app *a, const char *key, int *ret_fd, uint64_t *ret_size, struct vcr_why *why);
/* The same when it was opened a moment ago, else false. Does not block. */
bool app_hls_opened(const struct app *a, const char *key, int *ret_fd, uint64_t *ret_size);

enum app_hls_list { APP_HLS_MULTIVARIANT, APP_HLS_VIDEO, APP_HLS_AUDIO, APP_HLS_IFRAMES, APP_HLS_MANIFEST, APP_HLS_CAPTIONS,
                    APP_HLS_VHS, APP_HLS_VHS_VIDEO, APP_HLS_VHS_SOUND, APP_HLS_VHS_MANIFEST, APP_HLS_RUNG, APP_HLS_LISTS };
struct app_hls_ask {
    enum app_hls_list list;
    const char *prefix;            /* before the addresses that a multivariant playlist or a manifest names; "" for none. Others are kept for none */
    int track;                     /* of AUDIO; 0: the main one. Of RUNG: its number */
    const char *language;          /* of CAPTIONS */
    int64_t cdn_until_s;           /* app_hls_cdn_until; 0: without a CDN */
    const struct app_pieces *pieces; /* of VIDEO, IFRAMES, RUNG and AUDIO: app_timeline_pieces of that track, where app_hls_cut; else NULL */
};
/* What the address of a piece's reel must say (?v=), so that what was recorded over is not to be had by guessing. */
void app_hls_piece_version(const struct app *a, const char *blob_key, char ret[APP_HLS_VERSION_BYTES]);
bool app_hls_piece_may(const struct app *a, const char *blob_key, const char *asked, char ret_version[APP_HLS_VERSION_BYTES]);
/* Until when addresses on the CDN hold, for one whose token ends then (0: an account's); 0: there is no CDN. Rounded up, so that many get the same list. */
int64_t app_hls_cdn_until(const struct app *a, int64_t now_ms, int64_t expires_ms);
/* The reel of a sound track; NULL: there is none. */
const struct app_hls_reel *app_hls_sound(const struct app_hls *h, int track);
const struct app_hls_caption *app_hls_caption(const struct app_hls *h, const char *language);
/* A list that was rendered before, referenced; NULL: not kept. Does not block. */
const struct doc *app_hls_kept(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask);
/* Renders it, once a version. Referenced. NOT_FOUND: the tape has no such track. Blocks. */
enum vcr_err app_hls_doc(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, const struct doc **ret, struct vcr_why *why);
