/* app/hls_state.h - what app/hls*.c keep in memory; for those files only. */
#pragma once
#include "app/hls.h"
#include "deliver/hls/playlist.h"
#include "wire/reelidx.h"

struct hls_seen;
struct cdn;
struct hls_state {
    /* set by open, then read-only */
    uint8_t key[32];            /* of tokens */
    struct docs *docs;
    struct cdn *cdn;            /* NULL: players come here for segments, too */
    struct hls_seen *seen;
};

/* ---- hls_lists.c, for made_lists.c ---- */
/* A reel's index, and what players are told of it. Free with reelidx_free. */
enum vcr_err hls_read_index(const struct app *a, const struct app_hls_reel *r, struct reelidx *ret, struct vcr_why *why);
enum vcr_err hls_describe_reel(const struct app *a, const struct app_hls_reel *r, struct hls_track *ret, struct vcr_why *why);
/* A tape's captions, as a list of a tape names them. whole: by the file, not by a playlist of it. */
struct hls_texts {
    struct hls_rendition list[APP_HLS_CAPTIONS_MAX];
    char uris[APP_HLS_CAPTIONS_MAX][APP_HLS_LANGUAGE_BYTES + 64];
    size_t count;
};
void hls_cast_texts(struct hls_texts *ret, const struct app_hls *h, bool whole);

/* ---- made_lists.c: lists of what is made on demand ---- */
enum vcr_err made_write_vhs(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, struct buf *out, struct vcr_why *why);
enum vcr_err made_write_vhs_media(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, struct buf *out, struct vcr_why *why);
/* Of a tape that was recorded over. */
enum vcr_err made_write_manifest(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, struct buf *out, struct vcr_why *why);
enum vcr_err made_write_vhs_manifest(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, struct buf *out, struct vcr_why *why);
enum vcr_err made_write_rung(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, struct buf *out, struct vcr_why *why);

/* ---- hls_seen.c: what was found for a tape and a user, and the thread that looks again ---- */
struct hls_seen *hls_seen_open(struct app *a);
void hls_seen_close(struct hls_seen **s);
/* changes: sql_changes before it was read. */
void hls_seen_put(struct hls_state *st, int64_t tape_id, int64_t user_id, const struct app_hls *h, uint64_t changes);

/* ---- hls_cut.c: a list of segments of a tape that was recorded over ---- */
enum vcr_err hls_write_cut(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, struct buf *out, struct vcr_why *why);
/* The segments of that list, one after another: each is of this piece, whose reel has this index. */
typedef void (*hls_cut_each)(void *arg, const struct app_piece *piece, const struct reelidx *index, const struct hls_segment *segment);
enum vcr_err hls_cut_walk(const struct app *a, const struct app_hls *h, const struct app_pieces *pieces, hls_cut_each each, void *arg, struct vcr_why *why);
