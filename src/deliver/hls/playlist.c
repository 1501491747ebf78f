/* deliver/hls/playlist.c - see playlist.h: media lists, lists of key frames, lists of captions. */
#include "deliver/hls/playlist.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/util.h"

/* What is heard or seen of a fragment: the samples before 0 only prime the codec. */
static int64_t shown_us(const struct reelidx_fragment *f)
{
    int64_t us = f->duration_us;
    return f->start_us >= 0 ? us : us + VCR_MAX(f->start_us, -us);
}

int64_t hls_span_us(const struct hls_span *s)
{
    int64_t us = 0;
    for (uint32_t i = 0; i < s->count; i++)
        us += shown_us(&s->index->fragments[s->first + i]);
    return us;
}

bool hls_next_segment(struct hls_walk *w, struct hls_segment *ret)
{
    const struct hls_span *s = w->span;
    if (w->next == s->count)
        return false;
    const struct reelidx_fragment *fragments = s->index->fragments + s->first;
    int64_t end_us = (w->at_us / HLS_GRID_US + 1) * HLS_GRID_US;
    const struct reelidx_fragment *begin = &fragments[w->next];
    *ret = (struct hls_segment){ .offset = begin->offset, .first = s->first + w->next, .discontinuity = begin->discontinuity, .wall_ms = begin->wall_ms };
    do {
        const struct reelidx_fragment *f = &fragments[w->next++];
        ret->size += f->size;
        ret->count++;
        ret->duration_us += shown_us(f);
        w->at_us += shown_us(f);
    } while (w->next < s->count && w->at_us < end_us && !fragments[w->next].discontinuity);
    return true;
}

static bool next_key(struct hls_walk *w, struct hls_segment *ret)
{
    if (w->next == w->span->count)
        return false;
    uint32_t n = w->span->first + w->next++;
    const struct reelidx_fragment *f = &w->span->index->fragments[n];
    *ret = (struct hls_segment){ f->offset, f->key_size, n, 1, shown_us(f), f->discontinuity, f->wall_ms };
    return true;
}

void hls_write_date(struct buf *out, int64_t wall_ms)
{
    char date[CLOCK_RFC3339_BYTES];
    clock_rfc3339(date, wall_ms);
    buf_addf(out, "#EXT-X-PROGRAM-DATE-TIME:%s\n", date);
}

void hls_date_segment(struct buf *out, bool begins, bool discontinuity, int64_t own_ms, int64_t wall_ms)
{
    if ((begins || discontinuity) && own_ms != 0)
        hls_write_date(out, own_ms);
    else if (begins && wall_ms != HLS_NO_WALL)
        hls_write_date(out, wall_ms);
}

/* What a list names of a reel. */
struct form {
    const char *head;
    bool (*next)(struct hls_walk *w, struct hls_segment *ret);
    bool made;
};

static void write_map(struct buf *out, const struct hls_span *s, bool made)
{
    int stem = (int)strcspn(s->uri, "?");
    if (made)
        buf_addf(out, "#EXT-X-MAP:URI=\"%.*s/init.mp4%s\"\n", stem, s->uri, s->uri + stem);
    else
        buf_addf(out, "#EXT-X-MAP:URI=\"%s\",BYTERANGE=\"%" PRIu32 "@0\"\n", s->uri, s->index->init_size);
}

static void write_segment(struct buf *out, const struct hls_span *s, const struct hls_segment *g, bool made)
{
    int stem = (int)strcspn(s->uri, "?");
    buf_addf(out, "#EXTINF:%" PRId64 ".%06d,\n", g->duration_us / 1000000, (int)(g->duration_us % 1000000));
    if (made)
        buf_addf(out, "%.*s/%" PRIu32 "-%" PRIu32 ".m4s%s\n", stem, s->uri, g->first, g->count, s->uri + stem);
    else
        buf_addf(out, "#EXT-X-BYTERANGE:%" PRIu64 "@%" PRIu64 "\n%s\n", g->size, g->offset, s->uri);
}

static void write_span(struct buf *out, struct hls_walk *w, bool cut, const struct form *form)
{
    const struct hls_span *s = w->span;
    struct hls_segment g;
    bool begins = true;
    if (s->count == 0)
        return;
    if (cut && !s->goes_on)
        buf_adds(out, "#EXT-X-DISCONTINUITY\n");
    write_map(out, s, form->made);
    for (; form->next(w, &g); begins = false) {
        if (g.discontinuity && !begins)
            buf_adds(out, "#EXT-X-DISCONTINUITY\n");
        hls_date_segment(out, begins, g.discontinuity, g.wall_ms, s->wall_ms);
        write_segment(out, s, &g, form->made);
    }
}

static void write_list(struct buf *out, const struct hls_span *spans, size_t count, const struct form *form)
{
    struct hls_segment g;
    struct hls_walk w = { 0 };
    int64_t longest_us = 0;
    for (size_t i = 0; i < count; i++) {
        w.span = &spans[i], w.next = 0;
        while (form->next(&w, &g))
            longest_us = VCR_MAX(longest_us, g.duration_us);
    }
    /* Each EXTINF, rounded to whole seconds, may not be above it; 0 is no target. */
    int64_t target_s = VCR_MAX((longest_us + 500000) / 1000000, 1);
    buf_addf(out, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%" PRId64 "\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n%s", target_s, form->head);
    w = (struct hls_walk){ 0 };
    bool begun = false;
    for (size_t i = 0; i < count; i++) {
        w.span = &spans[i], w.next = 0;
        write_span(out, &w, begun, form);
        begun = begun || spans[i].count > 0;
    }
    buf_adds(out, "#EXT-X-ENDLIST\n");
}

#define INDEPENDENT "#EXT-X-INDEPENDENT-SEGMENTS\n"

void hls_write_media(struct buf *out, const struct hls_span *spans, size_t count)
{
    write_list(out, spans, count, &(struct form){ INDEPENDENT, hls_next_segment, false });
}

void hls_write_made(struct buf *out, const struct hls_span *spans, size_t count)
{
    write_list(out, spans, count, &(struct form){ INDEPENDENT, hls_next_segment, true });
}

void hls_write_iframes(struct buf *out, const struct hls_span *spans, size_t count)
{
    write_list(out, spans, count, &(struct form){ "#EXT-X-I-FRAMES-ONLY\n", next_key, false });
}

void hls_write_captions(struct buf *out, const char *uri, int64_t duration_us, int64_t wall_ms)
{
    buf_addf(out, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%" PRId64 "\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n",
             VCR_MAX((duration_us + 500000) / 1000000, (int64_t)1));
    if (wall_ms != HLS_NO_WALL)
        hls_write_date(out, wall_ms);
    buf_addf(out, "#EXTINF:%" PRId64 ".%06d,\n%s\n#EXT-X-ENDLIST\n", duration_us / 1000000, (int)(duration_us % 1000000), uri);
}
