/* deliver/hls/hls.c - see hls.h. Times are taken from one clock of microseconds, so that rounding never adds up. */
#include "deliver/hls/hls.h"

#include <inttypes.h>

#include "base/util.h"

/* What is heard or seen of a fragment: an audio codec's priming is not. */
static int64_t shown_from(const struct reelidx_fragment *f) { return VCR_MAX(f->start_us, 0); }
static int64_t shown_until(const struct reelidx *x, uint32_t i)
{
    const struct reelidx_fragment *f = &x->fragments[i];
    return i + 1 < x->fragment_count ? shown_from(&x->fragments[i + 1]) : VCR_MAX(f->start_us + (int64_t)f->duration_us, 0);
}

/* The fragment after the segment that begins with `first`: the last one is never shorter than half a segment. */
static uint32_t segment_end(const struct reelidx *x, uint32_t first)
{
    int64_t from = shown_from(&x->fragments[first]), end = shown_until(x, x->fragment_count - 1);
    for (uint32_t i = first; i < x->fragment_count; i++)
        if (shown_until(x, i) - from >= HLS_SEGMENT_US && end - shown_until(x, i) >= HLS_SEGMENT_US / 2)
            return i + 1;
    return x->fragment_count;
}

static void seconds(struct buf *out, int64_t us) { buf_addf(out, "%" PRId64 ".%06" PRId64, us / 1000000, us % 1000000); }

/* In square pixels: players size their window by it. */
static int shown_width(const struct reelidx *x)
{
    if (x->sar_num == 0 || x->sar_den == 0)
        return x->width;
    return (int)(((int64_t)x->width * x->sar_num + x->sar_den) / (2 * (int64_t)x->sar_den)) * 2;
}

/* Pictures a second over the whole reel, in thousandths. */
static int64_t frame_rate_milli(const struct reelidx *x)
{
    return x->duration_us > 0 ? (int64_t)(((uint64_t)x->sample_count * UINT64_C(1000000000) + (uint64_t)x->duration_us / 2) / (uint64_t)x->duration_us) : 0;
}

/* Bit rates of whole segments: what a player must be able to fetch in their time. */
static void segment_rates(const struct reelidx *x, uint64_t *ret_peak, uint64_t *ret_average)
{
    uint64_t peak = 0, total = 0;
    for (uint32_t i = 0; i < x->fragment_count;) {
        uint32_t end = segment_end(x, i);
        uint64_t bytes = x->fragments[end - 1].offset + x->fragments[end - 1].size - x->fragments[i].offset;
        int64_t us = shown_until(x, end - 1) - shown_from(&x->fragments[i]);
        total += bytes;
        peak = VCR_MAX(peak, bytes * 8000000 / (uint64_t)VCR_MAX(us, 1000));
        i = end;
    }
    *ret_peak = peak;
    *ret_average = total * 8000000 / (uint64_t)VCR_MAX(x->duration_us, 1000);
}

/* Peak of the key frames alone. */
static uint64_t iframe_rate(const struct reelidx *x)
{
    uint64_t peak = 1;
    for (uint32_t i = 0; i < x->fragment_count; i++)
        peak = VCR_MAX(peak, (uint64_t)x->fragments[i].key_size * 8000000 / (uint64_t)VCR_MAX(shown_until(x, i) - shown_from(&x->fragments[i]), 1000));
    return peak;
}

void hls_multivariant(struct buf *out, const struct reelidx *video, const struct reelidx *audio, const char *suffix)
{
    uint64_t peak = 0, average = 0, audio_peak = 0, audio_average = 0;
    segment_rates(video, &peak, &average);
    if (audio)
        segment_rates(audio, &audio_peak, &audio_average);
    buf_adds(out, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    if (audio)
        buf_addf(out, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"Sound\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"%u\",URI=\"audio.m3u8%s\"\n", audio->channels,
                 suffix);
    buf_addf(out, "#EXT-X-STREAM-INF:BANDWIDTH=%" PRIu64 ",AVERAGE-BANDWIDTH=%" PRIu64 ",CODECS=\"%s%s%s\",RESOLUTION=%dx%u", peak + audio_peak,
             average + audio_average, video->codecs, audio ? "," : "", audio ? audio->codecs : "", shown_width(video), video->height);
    int64_t rate = frame_rate_milli(video);
    buf_addf(out, ",FRAME-RATE=%" PRId64 ".%03" PRId64 "%s\nvideo.m3u8%s\n", rate / 1000, rate % 1000, audio ? ",AUDIO=\"sound\"" : "", suffix);
    buf_addf(out, "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=%" PRIu64 ",CODECS=\"%s\",RESOLUTION=%dx%u,URI=\"iframe.m3u8%s\"\n", iframe_rate(video), video->codecs,
             shown_width(video), video->height, suffix);
}

static void head(struct buf *out, const struct reelidx *x, int64_t longest_us, const char *extra, const char *file, const char *suffix)
{
    buf_addf(out, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%" PRId64 "\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n%s", VCR_MAX((longest_us + 500000) / 1000000, 1),
             extra);
    buf_addf(out, "#EXT-X-MAP:URI=\"%s%s\",BYTERANGE=\"%u@0\"\n", file, suffix, x->init_size);
}

void hls_media(struct buf *out, const struct reelidx *x, const char *file, const char *suffix)
{
    int64_t longest = 0;
    for (uint32_t i = 0; i < x->fragment_count;) {
        uint32_t end = segment_end(x, i);
        longest = VCR_MAX(longest, shown_until(x, end - 1) - shown_from(&x->fragments[i]));
        i = end;
    }
    head(out, x, longest, "#EXT-X-INDEPENDENT-SEGMENTS\n", file, suffix);
    for (uint32_t i = 0; i < x->fragment_count;) {
        uint32_t end = segment_end(x, i);
        const struct reelidx_fragment *first = &x->fragments[i], *last = &x->fragments[end - 1];
        buf_adds(out, "#EXTINF:");
        seconds(out, shown_until(x, end - 1) - shown_from(first));
        buf_addf(out, ",\n#EXT-X-BYTERANGE:%" PRIu64 "@%" PRIu64 "\n%s%s\n", last->offset + last->size - first->offset, first->offset, file, suffix);
        i = end;
    }
    buf_adds(out, "#EXT-X-ENDLIST\n");
}

void hls_iframes(struct buf *out, const struct reelidx *x, const char *file, const char *suffix)
{
    int64_t longest = 0;
    for (uint32_t i = 0; i < x->fragment_count; i++)
        longest = VCR_MAX(longest, shown_until(x, i) - shown_from(&x->fragments[i]));
    head(out, x, longest, "#EXT-X-I-FRAMES-ONLY\n", file, suffix);
    for (uint32_t i = 0; i < x->fragment_count; i++) {
        const struct reelidx_fragment *f = &x->fragments[i];
        buf_adds(out, "#EXTINF:");
        seconds(out, shown_until(x, i) - shown_from(f));
        buf_addf(out, ",\n#EXT-X-BYTERANGE:%u@%" PRIu64 "\n%s%s\n", f->key_size, f->offset, file, suffix);
    }
    buf_adds(out, "#EXT-X-ENDLIST\n");
}
