/* app/made_pieces.c - smaller sizes of a tape that was recorded over: which samples a segment's address names, and which segments its list has behind that one.
 *
 * Both are asked for with each segment, and come from indexes that may be long and many: so what is needed of them is kept, one thing a reel and one a tape, whatever is asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/hls_state.h"
#include "app/made.h"
#include "base/buf.h"
#include "base/util.h"
#include "deliver/hls/made.h"
#include "wire/make_msg.h"

enum { KEPT_MS = 3600 * 1000, RETRY_MS = 10 * 1000, FRAGMENTS_MAX = 1 << 17, REELS_MAX = 512, SEGMENTS_MAX = 1 << 15 };

/* ---- what an address names ---- */
struct kept_fragment { uint32_t first, count; }; /* samples */
struct kept_fragments {
    struct hls_track track;
    uint32_t count;
    struct kept_fragment fragments[];
};

static size_t fragments_bytes(uint32_t count) { return sizeof(struct kept_fragments) + count * sizeof(struct kept_fragment); }

static enum vcr_err read_fragments(const struct app *a, const struct app_hls_reel *reel, struct kept_fragments *ret, struct vcr_why *why)
{
    struct reelidx x;
    enum vcr_err err = hls_read_index(a, reel, &x, why);
    if (err != VCR_OK)
        return err;
    memset(ret, 0, sizeof(*ret));
    hls_describe(&ret->track, &x);
    ret->count = VCR_MIN(x.fragment_count, (uint32_t)FRAGMENTS_MAX);
    for (uint32_t i = 0; i < ret->count; i++)
        ret->fragments[i] = (struct kept_fragment){ x.fragments[i].first_sample, x.fragments[i].sample_count };
    reelidx_free(&x);
    return VCR_OK;
}

/* *ret is freed by the caller. */
static enum vcr_err find_fragments(const struct app *a, const struct app_hls_reel *reel, struct kept_fragments **ret, struct vcr_why *why)
{
    char key[APP_HLS_VERSION_BYTES + 24];
    size_t len;
    struct kept_fragments *k = malloc(fragments_bytes(FRAGMENTS_MAX));
    if (!k)
        return vcr_fail(why, VCR_E_NOMEM, "no memory for a reel's fragments");
    snprintf(key, sizeof(key), "made/fragments/%s", reel->version);
    if (!cache_get(a->config.cache, key, k, fragments_bytes(FRAGMENTS_MAX), &len) || len < sizeof(*k) || len != fragments_bytes(k->count)) {
        enum vcr_err err = read_fragments(a, reel, k, why);
        if (err != VCR_OK) {
            free(k);
            return err;
        }
        cache_set(a->config.cache, key, k, fragments_bytes(k->count), KEPT_MS);
    }
    *ret = k;
    return VCR_OK;
}

enum vcr_err made_piece_samples(const struct app *a, const struct made_ask *ask, struct hls_track *ret_track, struct hls_stretch *ret, struct vcr_why *why)
{
    struct kept_fragments *k = NULL;
    uint32_t n = ask->init ? 0 : ask->n, count = ask->init ? 1 : ask->fragments;
    enum vcr_err err = find_fragments(a, ask->piece, &k, why);
    if (err != VCR_OK)
        return err;
    bool there = count > 0 && count <= MADE_PIECE_FRAGMENTS_MAX && n < k->count && count <= k->count - n;
    *ret_track = k->track;
    *ret = (struct hls_stretch){ .first = there ? k->fragments[n].first : 0 };
    for (uint32_t i = 0; there && i < count; i++) {
        there = k->fragments[n + i].count <= MAKE_COUNT_MAX - ret->count;
        ret->count += k->fragments[n + i].count;
    }
    free(k);
    return there ? VCR_OK : vcr_fail(why, VCR_E_NOT_FOUND, "there is no such segment");
}

/* ---- what its list has behind it ---- */
struct kept_reel {
    struct app_hls_reel reel;
    struct hls_track track;
};
struct kept_segment { uint32_t reel, n, fragments, first_sample, samples; };
/* The list of a tape's clean picture, whose segments its smaller sizes have, too. As it is kept: this, the reels, the segments. */
struct kept_list { uint32_t reel_count, segment_count; };
struct list {
    struct buf bytes;            /* as it is kept */
    struct kept_list head;
    const struct kept_reel *reels;
    const struct kept_segment *segments;
};
enum { LIST_BYTES_MAX = sizeof(struct kept_list) + REELS_MAX * sizeof(struct kept_reel) + SEGMENTS_MAX * sizeof(struct kept_segment) };

static void list_key(const struct app_hls *h, char ret[APP_HLS_VERSION_BYTES + 16]) { snprintf(ret, APP_HLS_VERSION_BYTES + 16, "made/list/%s", h->version); }

bool made_piece_needs_timeline(const struct app *a, const struct app_hls *h)
{
    char key[APP_HLS_VERSION_BYTES + 16], head;
    size_t len;
    list_key(h, key);
    return !cache_get(a->config.cache, key, &head, sizeof(head), &len);
}

/* Finds its parts in its bytes. */
static bool list_open(struct list *l)
{
    size_t at = sizeof(l->head);
    if (!buf_ok(&l->bytes) || l->bytes.len < at)
        return false;
    memcpy(&l->head, l->bytes.data, at);
    l->reels = (const void *)(l->bytes.data + at);
    l->segments = (const void *)(l->reels + l->head.reel_count);
    return l->bytes.len == at + l->head.reel_count * sizeof(*l->reels) + l->head.segment_count * sizeof(*l->segments);
}

static bool list_read(const struct app *a, const char *key, struct list *l)
{
    size_t len;
    void *room = buf_reserve(&l->bytes, LIST_BYTES_MAX);
    if (!room || !cache_get(a->config.cache, key, room, LIST_BYTES_MAX, &len) || len > LIST_BYTES_MAX)
        return false;
    buf_commit(&l->bytes, len);
    return list_open(l);
}

/* What is over the bounds is left out. */
struct making {
    const struct app *app;
    struct kept_list head;
    struct kept_reel *reels;
    struct buf segments;
};

static uint32_t number_of(struct making *m, const struct app_piece *piece, const struct reelidx *index)
{
    uint32_t n = 0;
    while (n < m->head.reel_count && strcmp(m->reels[n].reel.blob_key, piece->blob_key) != 0)
        n++;
    if (n < m->head.reel_count || n == REELS_MAX)
        return n;
    struct app_hls_reel *r = &m->reels[n].reel;
    vcr_strcpy(r->blob_key, sizeof(r->blob_key), piece->blob_key);
    vcr_strcpy(r->index_key, sizeof(r->index_key), piece->index_key);
    app_hls_piece_version(m->app, r->blob_key, r->version);
    hls_describe(&m->reels[n].track, index);
    return m->head.reel_count++;
}

static void add_segment(void *arg, const struct app_piece *piece, const struct reelidx *index, const struct hls_segment *g)
{
    struct making *m = arg;
    struct kept_segment s = { .reel = number_of(m, piece, index), .n = g->first, .fragments = g->count, .first_sample = index->fragments[g->first].first_sample };
    for (uint32_t i = 0; i < g->count; i++)
        s.samples += index->fragments[g->first + i].sample_count;
    if (s.reel == REELS_MAX || m->head.segment_count == SEGMENTS_MAX)
        return;
    buf_add(&m->segments, &s, sizeof(s));
    m->head.segment_count++;
}

static bool list_make(const struct app *a, const struct app_hls *h, const struct app_pieces *timeline, const char *key, struct list *l)
{
    struct making m = { .app = a, .reels = vcr_calloc(REELS_MAX, sizeof(*m.reels)) };
    buf_init(&m.segments, SEGMENTS_MAX * sizeof(struct kept_segment));
    bool good = hls_cut_walk(a, h, timeline, add_segment, &m, NULL) == VCR_OK && buf_ok(&m.segments);
    if (!good) /* for a while nothing is made ahead */
        m.head = (struct kept_list){ 0 };
    buf_reset(&l->bytes);
    buf_add(&l->bytes, &m.head, sizeof(m.head));
    buf_add(&l->bytes, m.reels, m.head.reel_count * sizeof(*m.reels));
    if (good)
        buf_add(&l->bytes, m.segments.data, m.segments.len);
    buf_free(&m.segments);
    free(m.reels);
    if (!list_open(l))
        return false;
    cache_set(a->config.cache, key, l->bytes.data, l->bytes.len, good ? KEPT_MS : RETRY_MS);
    return true;
}

/* Where the list has it: an init segment stands before the first of its reel. */
static bool place_of(const struct list *l, const struct made_ask *ask, uint32_t *ret)
{
    for (uint32_t i = 0; i < l->head.segment_count; i++) {
        const struct kept_segment *s = &l->segments[i];
        if (strcmp(l->reels[s->reel].reel.version, ask->piece->version) != 0 || (!ask->init && (s->n != ask->n || s->fragments != ask->fragments)))
            continue;
        *ret = i;
        return true;
    }
    return false;
}

static int follow(const struct list *l, const struct made_ask *ask, uint32_t at, struct made_follower ret[MADE_AHEAD_MAX])
{
    int count = 0;
    uint32_t reel = l->segments[at].reel, from = ask->init ? at : at + 1;
    for (uint32_t i = from; i - from < MADE_AHEAD && i < l->head.segment_count; i++) {
        const struct kept_segment *s = &l->segments[i];
        const struct kept_reel *r = &l->reels[s->reel];
        if (s->reel != reel)
            ret[count++] = (struct made_follower){ .reel = r->reel, .track = r->track, .init = true };
        ret[count++] = (struct made_follower){ .reel = r->reel, .track = r->track, .n = s->n, .fragments = s->fragments, .first_sample = s->first_sample, .samples = s->samples };
        reel = s->reel;
    }
    return count;
}

int made_piece_followers(const struct app *a, const struct app_hls *h, const struct made_ask *ask, struct made_follower ret[MADE_AHEAD_MAX])
{
    char key[APP_HLS_VERSION_BYTES + 16];
    struct list l = { .reels = NULL };
    uint32_t at;
    int count = 0;
    list_key(h, key);
    buf_init(&l.bytes, LIST_BYTES_MAX);
    if ((list_read(a, key, &l) || (ask->timeline && list_make(a, h, ask->timeline, key, &l))) && place_of(&l, ask, &at))
        count = follow(&l, ask, at, ret);
    buf_free(&l.bytes);
    return count;
}
