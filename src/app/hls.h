/* app/hls.h - a tape as HLS: its clean reels, who may have them, tokens for players that send no headers, and the playlists.
 *
 * A token speaks for its maker, for one tape and until a time; nothing of it is stored. Whether the tape is still there and the maker still sees it is asked of the
 * database, and remembered for less than HLS_ENDS_MS, so that segments cost no query.
 * Threads  any. With a struct sql_tx: inside its transaction. app_hls_playlist blocks on files. */
#pragma once
#include "app/app.h"
#include "base/buf.h"

enum { APP_HLS_TOKEN_BYTES = 65, APP_HLS_VERSION_BYTES = 33, APP_HLS_KEY_BYTES = 204, APP_HLS_PLAYLIST_MAX = 4 << 20 };
/* version names the bytes: another one after each processing. A reel that is not there has an empty one. Plain bytes: it is kept in the cache. */
struct app_hls_reel {
    char blob_key[APP_HLS_KEY_BYTES], index_key[APP_HLS_KEY_BYTES], version[APP_HLS_VERSION_BYTES];
};
struct app_hls {
    struct app_hls_reel video, audio;
};
static inline bool app_hls_has(const struct app_hls_reel *r) { return r->version[0] != '\0'; }

/* NOT_FOUND: absent, in the bin or not theirs. CONFLICT "/tape-not-ready": nothing to watch on it (yet). */
enum vcr_err app_hls_find(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, struct app_hls *ret, struct vcr_why *why);

void app_hls_token(const struct app *a, int64_t tape_id, int64_t user_id, int64_t expires_ms, char ret[APP_HLS_TOKEN_BYTES]);
/* DENIED: altered, expired ("/token-expired"), or of another tape. */
enum vcr_err app_hls_token_check(const struct app *a, int64_t tape_id, const char *token, int64_t now_ms, int64_t *ret_user_id, struct vcr_why *why);
/* What was found for this user a moment ago. Does not block. */
bool app_hls_remembered(const struct app *a, int64_t tape_id, int64_t user_id, struct app_hls *ret);
/* As app_hls_find for the maker of a token (DENIED when that account has ended), and remembers it. */
enum vcr_err app_hls_find_for(const struct app *a, struct sql_tx *tx, int64_t tape_id, int64_t user_id, struct app_hls *ret, struct vcr_why *why);

/* One of a reel's blobs, for pread and sendfile. NOT_FOUND when the tape was processed anew since it was found. Blocks. */
enum vcr_err app_hls_open(const struct app *a, const char *key, int *ret_fd, uint64_t *ret_size, struct vcr_why *why);
/* The same when it was opened a moment ago, else false. Does not block. */
bool app_hls_opened(const struct app *a, const char *key, int *ret_fd, uint64_t *ret_size);
enum app_hls_list { APP_HLS_MULTIVARIANT, APP_HLS_VIDEO, APP_HLS_AUDIO, APP_HLS_IFRAMES };
/* prefix: before the addresses in the multivariant playlist. NOT_FOUND: the tape has no such track. */
enum vcr_err app_hls_playlist(const struct app *a, const struct app_hls *h, enum app_hls_list list, const char *prefix, struct buf *out, struct vcr_why *why);
/* Of a playlist, with its quotes: another one for another text. */
void app_hls_etag(const struct buf *playlist, char ret[APP_HLS_VERSION_BYTES + 2]);
