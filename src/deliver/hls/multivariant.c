/* deliver/hls/multivariant.c - see playlist.h: what players are told of reels, and the playlist that names the others. */
#include <inttypes.h>
#include <string.h>

#include "base/util.h"
#include "deliver/hls/playlist.h"

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
    struct hls_track t = { .peak_bps = x->bandwidth_bps, .average_bps = x->average_bps, .channels = x->channels, .sample_rate = x->sample_rate };
    uint64_t us = 0;
    vcr_strcpy(t.codecs, sizeof(t.codecs), x->codecs);
    for (uint32_t i = 0; i < x->fragment_count; i++)
        us += x->fragments[i].duration_us;
    if (x->width > 0 && x->height > 0) {
        bool square = x->sar_num == 0 || x->sar_den == 0;
        int64_t width = square ? x->width : ((int64_t)x->width * x->sar_num + x->sar_den / 2) / x->sar_den;
        t.width = (int)VCR_CLAMP(width, 1, UINT16_MAX);
        t.height = x->height;
        t.coded_width = x->width, t.coded_height = x->height;
        t.sar_num = square ? 1 : x->sar_num, t.sar_den = square ? 1 : x->sar_den;
        t.channels = 0;
        t.frames_per_1000_s = highest_frame_rate(x, us);
        describe_keys(&t, x, us);
    }
    *ret = t;
}

/* A quoted-string holds neither quotes nor line ends (RFC 8216, 4.2). */
static void add_quoted(struct buf *out, const char *name, const char *value)
{
    buf_addf(out, ",%s=\"", name);
    for (const char *p = value; *p; p++)
        buf_addc(out, *p == '"' ? '\'' : (unsigned char)*p < 0x20 || *p == 0x7F ? ' ' : *p);
    buf_addc(out, '"');
}

static void add_codecs(struct buf *out, const struct hls_track *video, const struct hls_track *audio)
{
    buf_addf(out, ",CODECS=\"%s%s%s\"", video ? video->codecs : "", video && audio ? "," : "", audio ? audio->codecs : "");
}

static void add_media(struct buf *out, const struct hls_multivariant *m, const char *type, const char *group, const struct hls_rendition *r, bool first)
{
    buf_addf(out, "#EXT-X-MEDIA:TYPE=%s,GROUP-ID=\"%s\"", type, group);
    if (r->language && *r->language)
        add_quoted(out, "LANGUAGE", r->language);
    add_quoted(out, "NAME", r->name);
    buf_addf(out, ",DEFAULT=%s,AUTOSELECT=YES", first ? "YES" : "NO");
}

static void add_video(struct buf *out, const struct hls_multivariant *m, const struct hls_video *v)
{
    uint64_t sound_peak = 0, sound_average = 0;
    for (size_t i = 0; i < m->sound_count; i++) {
        sound_peak = VCR_MAX(sound_peak, m->sounds[i].track.peak_bps);
        sound_average = VCR_MAX(sound_average, m->sounds[i].track.average_bps);
    }
    const struct hls_track *t = &v->track;
    buf_addf(out, "#EXT-X-STREAM-INF:BANDWIDTH=%" PRIu64 ",AVERAGE-BANDWIDTH=%" PRIu64, VCR_MAX(t->peak_bps + sound_peak, 1), t->average_bps + sound_average);
    add_codecs(out, t, m->sound_count ? &m->sounds[0].track : NULL);
    buf_addf(out, ",RESOLUTION=%dx%d,FRAME-RATE=%u.%03u", t->width, t->height, t->frames_per_1000_s / 1000, t->frames_per_1000_s % 1000);
    buf_addf(out, "%s%s\n%s%s\n", m->sound_count ? ",AUDIO=\"audio\"" : "", m->caption_count ? ",SUBTITLES=\"captions\"" : "", m->prefix, v->uri);
}

static void add_keys(struct buf *out, const struct hls_multivariant *m, const struct hls_video *v)
{
    const struct hls_track *t = &v->track;
    buf_addf(out, "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=%" PRIu64 ",AVERAGE-BANDWIDTH=%" PRIu64, VCR_MAX(t->key_peak_bps, 1), t->key_average_bps);
    add_codecs(out, t, NULL);
    buf_addf(out, ",RESOLUTION=%dx%d,URI=\"%s%s\"\n", t->width, t->height, m->prefix, v->keys_uri);
}

/* Without a picture the sounds are the variants. */
static void add_sounds(struct buf *out, const struct hls_multivariant *m)
{
    for (size_t i = 0; i < m->sound_count; i++) {
        const struct hls_track *t = &m->sounds[i].track;
        buf_addf(out, "#EXT-X-STREAM-INF:BANDWIDTH=%" PRIu64 ",AVERAGE-BANDWIDTH=%" PRIu64, VCR_MAX(t->peak_bps, 1), t->average_bps);
        add_codecs(out, NULL, t);
        buf_addf(out, "%s\n%s%s\n", m->caption_count ? ",SUBTITLES=\"captions\"" : "", m->prefix, m->sounds[i].uri);
    }
}

void hls_write_multivariant(struct buf *out, const struct hls_multivariant *m)
{
    buf_adds(out, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    for (size_t i = 0; i < m->sound_count && m->video_count > 0; i++) {
        add_media(out, m, "AUDIO", "audio", &m->sounds[i], i == 0);
        buf_addf(out, ",CHANNELS=\"%d\",URI=\"%s%s\"\n", VCR_MAX(m->sounds[i].track.channels, 1), m->prefix, m->sounds[i].uri);
    }
    for (size_t i = 0; i < m->caption_count; i++) {
        add_media(out, m, "SUBTITLES", "captions", &m->captions[i], false);
        buf_addf(out, ",FORCED=NO,URI=\"%s%s\"\n", m->prefix, m->captions[i].uri);
    }
    if (m->video_count == 0)
        add_sounds(out, m);
    for (size_t i = 0; i < m->video_count; i++)
        add_video(out, m, &m->videos[i]);
    for (size_t i = 0; i < m->video_count; i++)
        if (m->videos[i].keys_uri)
            add_keys(out, m, &m->videos[i]);
}
