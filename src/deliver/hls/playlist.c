/* deliver/hls/playlist.c - see playlist.h. */
#include "deliver/hls/playlist.h"

#include <inttypes.h>
#include <string.h>

#include "base/util.h"

/* A run of fragments that is addressed as one: a segment, or a fragment's key frame. */
struct stretch {
    uint64_t offset, size;
    int64_t duration_us;
};
struct walk {
    const struct reelidx *x;
    uint32_t next;       /* fragment */
    int64_t at_us;       /* where it begins */
};

/* What is heard or seen of a fragment: the samples before 0 only prime the codec. */
static int64_t shown_us(const struct reelidx_fragment *f)
{
    int64_t us = f->duration_us;
    return f->start_us >= 0 ? us : us + VCR_MAX(f->start_us, -us);
}

static bool next_segment(struct walk *w, struct stretch *ret)
{
    const struct reelidx *x = w->x;
    if (w->next == x->fragment_count)
        return false;
    int64_t end_us = (w->at_us / HLS_GRID_US + 1) * HLS_GRID_US;
    *ret = (struct stretch){ .offset = x->fragments[w->next].offset };
    do {
        const struct reelidx_fragment *f = &x->fragments[w->next++];
        ret->size += f->size;
        ret->duration_us += shown_us(f);
        w->at_us += shown_us(f);
    } while (w->next < x->fragment_count && w->at_us < end_us);
    return true;
}

static bool next_key(struct walk *w, struct stretch *ret)
{
    if (w->next == w->x->fragment_count)
        return false;
    const struct reelidx_fragment *f = &w->x->fragments[w->next++];
    *ret = (struct stretch){ f->offset, f->key_size, shown_us(f) };
    return true;
}

static void write_list(struct buf *out, const struct reelidx *x, const char *uri, const char *extra, bool (*next)(struct walk *w, struct stretch *ret))
{
    struct stretch s;
    int64_t longest_us = 0;
    for (struct walk w = { .x = x }; next(&w, &s);)
        longest_us = VCR_MAX(longest_us, s.duration_us);
    /* Each EXTINF, rounded to whole seconds, may not be above it; 0 is no target. */
    int64_t target_s = VCR_MAX((longest_us + 500000) / 1000000, 1);
    buf_addf(out, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%" PRId64 "\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n%s", target_s, extra);
    buf_addf(out, "#EXT-X-MAP:URI=\"%s\",BYTERANGE=\"%" PRIu32 "@0\"\n", uri, x->init_size);
    for (struct walk w = { .x = x }; next(&w, &s);)
        buf_addf(out, "#EXTINF:%" PRId64 ".%06d,\n#EXT-X-BYTERANGE:%" PRIu64 "@%" PRIu64 "\n%s\n", s.duration_us / 1000000, (int)(s.duration_us % 1000000), s.size,
                 s.offset, uri);
    buf_adds(out, "#EXT-X-ENDLIST\n");
}

void hls_write_media(struct buf *out, const struct reelidx *x, const char *uri)
{
    write_list(out, x, uri, "#EXT-X-INDEPENDENT-SEGMENTS\n", next_segment);
}

void hls_write_iframes(struct buf *out, const struct reelidx *x, const char *uri)
{
    write_list(out, x, uri, "#EXT-X-I-FRAMES-ONLY\n", next_key);
}

/* ---- the multivariant playlist ---- */
enum { RATE_STRETCH_US = 500000 };
/* In thousandths. Times in the index are whole microseconds and the last picture's is a guess: a rate within 0.08 % of a usual one is that one. */
static uint32_t frame_rate(uint64_t samples, uint64_t us)
{
    static const uint32_t usual[] = { 23976, 24000, 25000, 29970, 30000, 50000, 59940, 60000 };
    uint64_t rate = us > 0 ? VCR_MIN((samples * 1000000000 + us / 2) / us, UINT32_MAX) : 0, nearest = rate, off = rate * 8 / 10000;
    for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
        uint64_t d = rate > usual[i] ? rate - usual[i] : usual[i] - rate;
        if (d <= off) {
            nearest = usual[i];
            off = d;
        }
    }
    return (uint32_t)nearest;
}

/* The highest of any good stretch: a film with gaps, or with pictures that last, still has its own rate elsewhere. */
static uint32_t highest_frame_rate(const struct reelidx *x, uint64_t total_us)
{
    uint32_t highest = 0;
    for (uint32_t i = 0; i + 1 < x->fragment_count; i++)
        if (x->fragments[i].duration_us >= RATE_STRETCH_US)
            highest = VCR_MAX(highest, frame_rate(x->fragments[i].sample_count, x->fragments[i].duration_us));
    return highest > 0 ? highest : frame_rate(x->sample_count, total_us);
}

static void describe_keys(struct hls_track *t, const struct reelidx *x, uint64_t total_us)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < x->fragment_count; i++) {
        const struct reelidx_fragment *f = &x->fragments[i];
        bytes += f->key_size;
        if (f->duration_us > 0)
            t->key_peak_bps = VCR_MAX(t->key_peak_bps, (uint64_t)f->key_size * 8000000 / f->duration_us);
    }
    t->key_average_bps = total_us > 0 ? bytes * 8000000 / total_us : 0;
    t->key_peak_bps = VCR_MAX(t->key_peak_bps, t->key_average_bps);
}

void hls_describe(struct hls_track *ret, const struct reelidx *x)
{
    struct hls_track t = { .peak_bps = x->bandwidth_bps, .average_bps = x->average_bps, .channels = x->channels };
    uint64_t us = 0;
    vcr_strcpy(t.codecs, sizeof(t.codecs), x->codecs);
    for (uint32_t i = 0; i < x->fragment_count; i++)
        us += x->fragments[i].duration_us;
    if (x->width > 0 && x->height > 0) {
        bool square = x->sar_num == 0 || x->sar_den == 0;
        int64_t width = square ? x->width : ((int64_t)x->width * x->sar_num + x->sar_den / 2) / x->sar_den;
        t.width = (int)VCR_CLAMP(width, 1, UINT16_MAX);
        t.height = x->height;
        t.channels = 0;
        t.frames_per_1000_s = highest_frame_rate(x, us);
        describe_keys(&t, x, us);
    }
    *ret = t;
}

static void add_codecs(struct buf *out, const struct hls_track *video, const struct hls_track *audio)
{
    buf_addf(out, ",CODECS=\"%s%s%s\"", video ? video->codecs : "", video && audio ? "," : "", audio ? audio->codecs : "");
}

void hls_write_multivariant(struct buf *out, const struct hls_track *video, const struct hls_track *audio, const char *prefix)
{
    const struct hls_track none = { 0 }, *v = video ? video : &none, *a = audio ? audio : &none;
    buf_adds(out, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    if (video && audio)
        buf_addf(out, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Sound\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"%d\",URI=\"%saudio.m3u8\"\n",
                 VCR_MAX(audio->channels, 1), prefix);
    buf_addf(out, "#EXT-X-STREAM-INF:BANDWIDTH=%" PRIu64 ",AVERAGE-BANDWIDTH=%" PRIu64, VCR_MAX(v->peak_bps + a->peak_bps, 1), v->average_bps + a->average_bps);
    add_codecs(out, video, audio);
    if (video)
        buf_addf(out, ",RESOLUTION=%dx%d,FRAME-RATE=%u.%03u", video->width, video->height, video->frames_per_1000_s / 1000, video->frames_per_1000_s % 1000);
    if (video && audio)
        buf_adds(out, ",AUDIO=\"audio\"");
    buf_addf(out, "\n%s%s\n", prefix, video ? "video.m3u8" : "audio.m3u8");
    if (video) {
        buf_addf(out, "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=%" PRIu64 ",AVERAGE-BANDWIDTH=%" PRIu64, VCR_MAX(video->key_peak_bps, 1), video->key_average_bps);
        add_codecs(out, video, NULL);
        buf_addf(out, ",RESOLUTION=%dx%d,URI=\"%siframe.m3u8\"\n", video->width, video->height, prefix);
    }
}
