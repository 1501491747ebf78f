/* deliver/live/list.c - the playlists of a live programme (RFC 8216bis, version 9): parts, preload hint, delta updates, rendition report. PURE but for its buffer. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/util.h"
#include "deliver/live/internal.h"

enum { LIST_MAX = 2 << 20, PARTS_US = 3 * PROGRAMME_TARGET_S * 1000000, SKIP_S = 6 * PROGRAMME_TARGET_S, DATE_EVERY = 10 };
static const char *const folders[] = { "video", "audio" };

static void add_seconds(struct buf *b, int64_t us) { buf_addf(b, "%" PRId64 ".%05d", us / 1000000, (int)(us % 1000000 / 10)); }

static void add_map(struct buf *b, int track, int init) { buf_addf(b, "#EXT-X-MAP:URI=\"%s/init-%d.mp4\"\n", folders[track], init); }

static void add_date(struct buf *b, int64_t wall_ms)
{
    char text[CLOCK_RFC3339_BYTES];
    clock_rfc3339(text, wall_ms);
    buf_addf(b, "#EXT-X-PROGRAM-DATE-TIME:%s\n", text);
}

static void add_parts(struct buf *b, int track, const struct live_segment *s)
{
    for (int i = 0; i < s->count; i++) {
        buf_adds(b, "#EXT-X-PART:DURATION=");
        add_seconds(b, s->parts[i].duration_us);
        buf_addf(b, ",URI=\"%s/%" PRId64 ".%d.m4s\"%s\n", folders[track], s->msn, i, s->parts[i].key ? ",INDEPENDENT=YES" : "");
    }
}

static void add_segment(struct buf *b, int track, const struct live_window *w, int i, bool first)
{
    const struct live_segment *s = &w->segments[i];
    bool parts = s->start_us + s->duration_us > w->end_us - PARTS_US;
    if (s->gap)
        buf_adds(b, "#EXT-X-DISCONTINUITY\n");
    if (first || s->init != s[-1].init)
        add_map(b, track, s->init);
    if (s->wall_ms > 0 && (first || s->gap || parts || s->msn % DATE_EVERY == 0))
        add_date(b, s->wall_ms);
    if (parts)
        add_parts(b, track, s);
    if (!s->whole)
        return;
    buf_adds(b, "#EXTINF:");
    add_seconds(b, s->duration_us);
    buf_addf(b, ",\n%s/%" PRId64 ".m4s\n", folders[track], s->msn);
}

static void add_report(struct buf *b, const struct programme *p, int other)
{
    const struct live_window *w = &p->window[other];
    if (!p->track[other].cut || w->first == w->end)
        return;
    const struct live_segment *s = &w->segments[w->end - 1];
    buf_addf(b, "#EXT-X-RENDITION-REPORT:URI=\"%s.m3u8\",LAST-MSN=%" PRId64 ",LAST-PART=%d\n", folders[other], s->msn, VCR_MAX(s->count - 1, 0));
}

/* How many of those listed from `from` on an update may leave out: what ends before the skip boundary. */
static int count_skipped(const struct live_window *w, int from)
{
    int n = 0;
    for (int i = from; i < w->end; i++, n++)
        if (w->segments[i].start_us + w->segments[i].duration_us > w->end_us - SKIP_S * INT64_C(1000000))
            break;
    return n;
}

static struct live_bytes *finish(struct buf *b)
{
    struct live_bytes *text = buf_ok(b) ? live_bytes_make(b->data, b->len) : NULL;
    buf_free(b);
    return text;
}

struct live_bytes *live_write_list(const struct programme *p, int track, bool skip)
{
    const struct live_window *w = &p->window[track];
    struct buf b;
    int from = live_listed_from(w), skipped = skip && !p->over ? count_skipped(w, from) : 0;
    int64_t gaps = w->gaps_gone, part_us = PROGRAMME_PART_US;
    for (int i = w->first; i < from; i++)
        gaps += w->segments[i].gap;
    buf_init(&b, LIST_MAX);
    buf_addf(&b, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:%d\n", PROGRAMME_TARGET_S);
    buf_adds(&b, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=");
    add_seconds(&b, 3 * part_us);
    buf_addf(&b, ",HOLD-BACK=%d,CAN-SKIP-UNTIL=%d\n#EXT-X-PART-INF:PART-TARGET=", 3 * PROGRAMME_TARGET_S, SKIP_S);
    add_seconds(&b, part_us);
    buf_addf(&b, "\n#EXT-X-MEDIA-SEQUENCE:%" PRId64 "\n#EXT-X-DISCONTINUITY-SEQUENCE:%" PRId64 "\n", from < w->end ? w->segments[from].msn : w->next_msn, gaps);
    if (skipped > 0)
        buf_addf(&b, "#EXT-X-SKIP:SKIPPED-SEGMENTS=%d\n", skipped);
    for (int i = from + skipped; i < w->end; i++)
        add_segment(&b, track, w, i, i == from + skipped);
    if (p->over) {
        buf_adds(&b, "#EXT-X-ENDLIST\n");
        return finish(&b);
    }
    const struct live_segment *last = w->first < w->end ? &w->segments[w->end - 1] : NULL;
    bool under_way = last && !last->whole;
    buf_addf(&b, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"%s/%" PRId64 ".%d.m4s\"\n", folders[track], under_way ? last->msn : w->next_msn, under_way ? last->count : 0);
    add_report(&b, p, track == PROGRAMME_VIDEO ? PROGRAMME_AAC : PROGRAMME_VIDEO);
    return finish(&b);
}

static void measure(const struct live_window *w, uint64_t *peak, uint64_t *average)
{
    uint64_t bytes = 0, us = 0;
    for (int i = w->first; i < w->end; i++) {
        const struct live_segment *s = &w->segments[i];
        if (!s->whole || s->bytes == 0 || s->duration_us < 400000)
            continue;
        *peak = VCR_MAX(*peak, s->bytes * 8000000 / (uint64_t)s->duration_us);
        bytes += s->bytes;
        us += (uint64_t)s->duration_us;
    }
    *average = us ? bytes * 8000000 / us : 0;
}

struct live_bytes *live_write_multivariant(const struct programme *p, const char *prefix)
{
    const struct programme_config *c = &p->config;
    bool video = p->track[PROGRAMME_VIDEO].cut, audio = p->track[PROGRAMME_AAC].cut;
    uint64_t peak[2] = { 0 }, average[2] = { 0 };
    struct buf b;
    buf_init(&b, LIST_MAX);
    if (video)
        measure(&p->window[PROGRAMME_VIDEO], &peak[0], &average[0]);
    if (audio)
        measure(&p->window[PROGRAMME_AAC], &peak[1], &average[1]);
    uint64_t guess = c->bandwidth_bps > 0 ? (uint64_t)c->bandwidth_bps : video ? 4000000 : 200000, most = VCR_MAX(peak[0] + peak[1], average[0] ? UINT64_C(1) : guess);
    buf_adds(&b, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    if (video && audio)
        buf_addf(&b, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Sound\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"%d\",URI=\"%saudio.m3u8\"\n", c->channels,
                 prefix);
    buf_addf(&b, "#EXT-X-STREAM-INF:BANDWIDTH=%" PRIu64, VCR_MAX(most, UINT64_C(1)));
    if (average[0] + average[1] > 0)
        buf_addf(&b, ",AVERAGE-BANDWIDTH=%" PRIu64, average[0] + average[1]);
    buf_addf(&b, ",CODECS=\"%s%s%s\"", video ? p->codecs[PROGRAMME_VIDEO] : "", video && audio ? "," : "", audio ? p->codecs[PROGRAMME_AAC] : "");
    if (video) {
        int64_t width = c->sar_num > 0 && c->sar_den > 0 ? ((int64_t)c->width * c->sar_num + c->sar_den / 2) / c->sar_den : c->width;
        if (width > 0 && c->height > 0)
            buf_addf(&b, ",RESOLUTION=%" PRId64 "x%d", width, c->height);
        if (c->frames_per_1000_s > 0)
            buf_addf(&b, ",FRAME-RATE=%u.%03u", c->frames_per_1000_s / 1000, c->frames_per_1000_s % 1000);
    }
    buf_addf(&b, "%s\n%s%s.m3u8\n", video && audio ? ",AUDIO=\"audio\"" : "", prefix, video ? "video" : "audio");
    return finish(&b);
}
