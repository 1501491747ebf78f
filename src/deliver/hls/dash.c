/* deliver/hls/dash.c - see dash.h. */
#include "deliver/hls/dash.h"

#include <inttypes.h>

#include "base/util.h"

/* Text as an attribute's value. */
static void add_text(struct buf *out, const char *text)
{
    static const struct { char c; const char *escaped; } marks[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" } };
    for (const char *p = text; *p; p++) {
        const char *escaped = NULL;
        for (size_t i = 0; i < ARRAY_LEN(marks); i++)
            if (*p == marks[i].c)
                escaped = marks[i].escaped;
        if (escaped)
            buf_adds(out, escaped);
        else
            buf_addc(out, (unsigned char)*p < 0x20 ? ' ' : *p);
    }
}

static void add_attribute(struct buf *out, const char *name, const char *value)
{
    buf_addf(out, " %s=\"", name);
    add_text(out, value);
    buf_addc(out, '"');
}

static void add_duration(struct buf *out, const char *name, int64_t us) { buf_addf(out, " %s=\"PT%" PRId64 ".%06dS\"", name, us / 1000000, (int)(us % 1000000)); }

/* An element for each segment, also where they are of the same length: GStreamer 1.22 gives those that r="…" repeats one and the same address of the list. */
static void add_timeline(struct buf *out, const struct hls_span *s, int64_t start_us, int64_t begin_us)
{
    struct hls_segment g;
    struct hls_walk w = { .span = s, .at_us = start_us };
    buf_adds(out, "<SegmentTimeline>");
    for (bool first = true; hls_next_segment(&w, &g); first = false) {
        if (first)
            buf_addf(out, "<S t=\"%" PRId64 "\" d=\"%" PRId64 "\"/>", begin_us, g.duration_us);
        else
            buf_addf(out, "<S d=\"%" PRId64 "\"/>", g.duration_us);
    }
    buf_adds(out, "</SegmentTimeline>\n");
}

static void add_segments(struct buf *out, const struct hls_span *s, int64_t start_us)
{
    struct hls_segment g;
    struct hls_walk w = { .span = s, .at_us = start_us };
    int64_t begin_us = s->count ? VCR_MAX(s->index->fragments[s->first].start_us, 0) : 0;
    buf_addf(out, "<SegmentList timescale=\"1000000\" presentationTimeOffset=\"%" PRId64 "\">\n<Initialization", begin_us);
    add_attribute(out, "sourceURL", s->uri);
    buf_addf(out, " range=\"0-%" PRIu32 "\"/>\n", s->index->init_size - 1);
    add_timeline(out, s, start_us, begin_us);
    while (hls_next_segment(&w, &g)) {
        buf_adds(out, "<SegmentURL");
        add_attribute(out, "media", s->uri);
        buf_addf(out, " mediaRange=\"%" PRIu64 "-%" PRIu64 "\"/>\n", g.offset, g.offset + g.size - 1);
    }
    buf_adds(out, "</SegmentList>\n");
}

/* In units, so that no length is rounded. */
static void add_made(struct buf *out, const struct dash_made *m)
{
    uint32_t first, count;
    buf_addf(out, "<SegmentTemplate timescale=\"%" PRIu32 "\" startNumber=\"0\"", m->grid.rate_num);
    buf_adds(out, " initialization=\"");
    add_text(out, m->base);
    buf_adds(out, "init.mp4\" media=\"");
    add_text(out, m->base);
    buf_adds(out, "$Number$.m4s\">\n<SegmentTimeline>");
    for (uint32_t n = 0; hls_grid_segment(&m->grid, n, &first, &count); n++)
        buf_addf(out, n ? "<S d=\"%" PRIu64 "\"/>" : "<S t=\"0\" d=\"%" PRIu64 "\"/>", (uint64_t)count * m->grid.rate_den);
    buf_adds(out, "</SegmentTimeline>\n</SegmentTemplate>\n");
}

static void add_media(struct buf *out, const struct dash_track *t, const struct hls_span *s, int64_t start_us)
{
    if (t->made)
        add_made(out, t->made);
    else
        add_segments(out, s, start_us);
}

static void add_video(struct buf *out, const struct dash_track *v, const struct hls_span *s, int64_t start_us)
{
    const struct hls_track *t = &v->track;
    buf_adds(out, "<AdaptationSet id=\"1\" contentType=\"video\" mimeType=\"video/mp4\" segmentAlignment=\"true\" startWithSAP=\"1\">\n<Representation id=\"video\"");
    add_attribute(out, "codecs", t->codecs);
    buf_addf(out, " bandwidth=\"%" PRIu64 "\" width=\"%d\" height=\"%d\" sar=\"%d:%d\" frameRate=\"%u/1000\">\n", VCR_MAX(t->peak_bps, 1), t->coded_width, t->coded_height,
             t->sar_num, t->sar_den, t->frames_per_1000_s);
    add_media(out, v, s, start_us);
    buf_adds(out, "</Representation>\n</AdaptationSet>\n");
}

static void add_sound(struct buf *out, const struct dash_track *a, size_t n, const struct hls_span *s, int64_t start_us)
{
    const struct hls_track *t = &a->track;
    buf_addf(out, "<AdaptationSet id=\"%zu\" contentType=\"audio\" mimeType=\"audio/mp4\" segmentAlignment=\"true\" startWithSAP=\"1\"", n + 2);
    if (a->language && *a->language)
        add_attribute(out, "lang", a->language);
    buf_adds(out, ">\n");
    if (n == 0)
        buf_adds(out, "<Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"main\"/>\n");
    buf_adds(out, "<Label>");
    add_text(out, a->name);
    buf_addf(out, "</Label>\n<Representation id=\"audio%zu\"", n + 1);
    add_attribute(out, "codecs", t->codecs);
    buf_addf(out, " bandwidth=\"%" PRIu64 "\" audioSamplingRate=\"%" PRIu32 "\">\n", VCR_MAX(t->peak_bps, 1), t->sample_rate);
    buf_addf(out, "<AudioChannelConfiguration schemeIdUri=\"urn:mpeg:dash:23003:3:audio_channel_configuration:2011\" value=\"%d\"/>\n", VCR_MAX(t->channels, 1));
    add_media(out, a, s, start_us);
    buf_adds(out, "</Representation>\n</AdaptationSet>\n");
}

static void add_captions(struct buf *out, const struct hls_rendition *r, size_t n)
{
    buf_addf(out, "<AdaptationSet id=\"%zu\" contentType=\"text\" mimeType=\"text/vtt\"", n + 20);
    add_attribute(out, "lang", r->language);
    buf_adds(out, ">\n<Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"subtitle\"/>\n<Label>");
    add_text(out, r->name);
    buf_addf(out, "</Label>\n<Representation id=\"captions%zu\" bandwidth=\"256\"><BaseURL>", n + 1);
    add_text(out, r->uri);
    buf_adds(out, "</BaseURL></Representation>\n</AdaptationSet>\n");
}

void dash_write(struct buf *out, const struct dash_manifest *m)
{
    int64_t total_us = 0, start_us = 0;
    for (size_t i = 0; i < m->period_count; i++)
        total_us += m->periods[i].duration_us;
    buf_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" profiles=\"urn:mpeg:dash:profile:isoff-main:2011\" type=\"static\"");
    add_duration(out, "mediaPresentationDuration", total_us);
    buf_adds(out, " minBufferTime=\"PT6S\">\n");
    if (*m->base) {
        buf_adds(out, "<BaseURL>");
        add_text(out, m->base);
        buf_adds(out, "</BaseURL>\n");
    }
    for (size_t i = 0; i < m->period_count; i++) {
        const struct dash_period *p = &m->periods[i];
        buf_addf(out, "<Period id=\"%zu\"", i + 1);
        add_duration(out, "start", start_us);
        add_duration(out, "duration", p->duration_us);
        buf_adds(out, ">\n");
        if (m->video && (p->video || m->video->made))
            add_video(out, m->video, p->video, start_us);
        for (size_t n = 0; n < m->sound_count && n < DASH_TRACKS_MAX; n++)
            if (p->sounds[n] || m->sounds[n].made)
                add_sound(out, &m->sounds[n], n, p->sounds[n], start_us);
        for (size_t n = 0; n < m->caption_count && m->period_count == 1; n++)
            add_captions(out, &m->captions[n], n);
        buf_adds(out, "</Period>\n");
        start_us += p->duration_us;
    }
    buf_adds(out, "</MPD>\n");
}
