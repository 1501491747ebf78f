/* media/ingest/report.c - JSON lines for vcrd. */
#include <errno.h>
#include <libavutil/pixdesc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "media/ingest/internal.h"

enum { LINE_MAX_BYTES = 120 << 10, TELL_EVERY_US = 250000, TITLE_MAX = 100, LANGUAGE_MAX = 35 };

static void send_line(struct buf *line)
{
    buf_addc(line, '\n');
    size_t at = 0;
    while (buf_ok(line) && at < line->len) {
        ssize_t n = write(INGEST_FD_REPORT, line->data + at, line->len - at);
        if (n < 0 && errno == EPIPE)
            _exit(1); /* nobody waits for the reels any more */
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    buf_free(line);
}

void report_progress(struct run *r, const char *stage, double progress, int64_t done_us)
{
    int64_t now = clock_mono_us();
    r->progress = VCR_MAX(r->progress, VCR_MIN(progress, 1.0));
    if (r->told_us && now - r->told_us < TELL_EVERY_US)
        return;
    r->told_us = now;
    struct buf line;
    struct jsonw j;
    buf_init(&line, LINE_MAX_BYTES);
    jsonw_init(&j, &line);
    jsonw_open(&j, NULL);
    jsonw_str(&j, "stage", stage);
    jsonw_num(&j, "progress", r->progress);
    jsonw_num(&j, "speed", now > r->begun_us ? (double)done_us / (double)(now - r->begun_us) : 0);
    jsonw_close(&j);
    send_line(&line);
}

void report_error(const char *sentence)
{
    struct buf line;
    struct jsonw j;
    buf_init(&line, LINE_MAX_BYTES);
    jsonw_init(&j, &line);
    jsonw_open(&j, NULL);
    jsonw_str(&j, "error", sentence);
    jsonw_close(&j);
    send_line(&line);
}

static void aspect(struct jsonw *j, const char *key, AVRational a)
{
    char text[32];
    snprintf(text, sizeof(text), "%d:%d", a.num, a.den);
    jsonw_str(j, key, text);
}

static AVRational display_aspect(int width, int height, AVRational sar)
{
    AVRational d;
    av_reduce(&d.num, &d.den, (int64_t)width * sar.num, (int64_t)height * sar.den, 1024);
    double shape = av_q2d(d);
    /* 704x480 at 10:11, 720x576 at 12:11 and their kin are meant as these */
    if (shape > 1.30 && shape < 1.38)
        return (AVRational){ 4, 3 };
    if (shape > 1.74 && shape < 1.83)
        return (AVRational){ 16, 9 };
    return d;
}

/* Of the picture upright. */
static void write_shape(struct jsonw *j, const struct facts *f)
{
    bool turned = f->turn & 1;
    int width = turned ? f->height : f->width, height = turned ? f->width : f->height;
    AVRational sar = turned ? av_inv_q(f->sar) : f->sar;
    jsonw_int(j, "width", width);
    jsonw_int(j, "height", height);
    aspect(j, "sample_aspect", sar);
    aspect(j, "display_aspect", display_aspect(width, height, sar));
}

static void write_media(struct jsonw *j, struct run *r)
{
    const struct facts *f = &r->facts;
    AVStream *video = source_stream(&r->source, r->source.video);
    char container[32];
    vcr_strcpy(container, sizeof(container), r->source.format->iformat->name);
    container[strcspn(container, ",")] = 0;
    jsonw_open(j, "media");
    jsonw_str(j, "container", container);
    jsonw_open(j, "video");
    jsonw_str(j, "codec", avcodec_get_name(video->codecpar->codec_id));
    write_shape(j, f);
    jsonw_num(j, "frame_rate", av_q2d(f->rate));
    jsonw_bool(j, "variable_frame_rate", f->variable_rate);
    jsonw_str(j, "field_order", field_order_names[f->fields]);
    jsonw_str(j, "pixel_format", av_get_pix_fmt_name(f->pixel_format));
    jsonw_close(j);
    jsonw_open_array(j, "audio");
    for (int i = 0; i < r->source.sounds; i++) {
        const AVStream *audio = source_stream(&r->source, r->source.audio[i]);
        jsonw_open(j, NULL);
        jsonw_str(j, "codec", avcodec_get_name(audio->codecpar->codec_id));
        jsonw_int(j, "channels", audio->codecpar->ch_layout.nb_channels);
        jsonw_int(j, "sample_rate", audio->codecpar->sample_rate);
        jsonw_close(j);
    }
    jsonw_close_array(j);
    jsonw_str(j, "sha256", f->sha256);
    jsonw_int(j, "size_bytes", r->source.size);
    jsonw_bool(j, "recovered", false);
    int64_t found = f->end_us - f->first_us;
    bool early = f->promised_us > 0 && found < f->promised_us - VCR_MAX(1000000, f->promised_us / 50);
    if (r->decode_errors == 0 && f->jumps == 0 && !early) {
        jsonw_null(j, "damage");
    } else {
        jsonw_open(j, "damage");
        jsonw_int(j, "decode_errors", r->decode_errors);
        jsonw_int(j, "timestamp_jumps", f->jumps);
        jsonw_bool(j, "ends_early", early);
        if (early)
            jsonw_seconds(j, "promised_duration", f->promised_us);
        jsonw_close(j);
    }
    jsonw_close(j);
}

/* What only the tape's raster decides: the shape and rate at which a session shows it. */
static void write_raster(struct jsonw *j, const struct facts *f)
{
    jsonw_str(j, "display_aspect", f->wide ? "16:9" : "4:3");
    jsonw_bool(j, "field_rate", f->field_rate);
}

/* ISO 639-2 as containers have it, as HTML and HLS want it. */
static const char *language_tag(const char *three)
{
    static const char pairs[][2][4] = {
        { "eng", "en" }, { "ger", "de" }, { "deu", "de" }, { "fre", "fr" }, { "fra", "fr" }, { "spa", "es" }, { "ita", "it" }, { "por", "pt" }, { "dut", "nl" },
        { "nld", "nl" }, { "swe", "sv" }, { "nor", "no" }, { "dan", "da" }, { "fin", "fi" }, { "pol", "pl" }, { "cze", "cs" }, { "ces", "cs" }, { "hun", "hu" },
        { "rus", "ru" }, { "jpn", "ja" }, { "chi", "zh" }, { "zho", "zh" }, { "kor", "ko" }, { "tur", "tr" }, { "gre", "el" }, { "ell", "el" }, { "ara", "ar" },
        { "heb", "he" }, { "und", "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if (strcmp(three, pairs[i][0]) == 0)
            return pairs[i][1];
    return three;
}

/* Letters, digits and hyphens only; a title's first bytes, up to a whole character. */
static void write_names(struct jsonw *j, const AVStream *st)
{
    const AVDictionaryEntry *language = av_dict_get(st->metadata, "language", NULL, 0), *title = av_dict_get(st->metadata, "title", NULL, 0);
    const char *tag = language ? language_tag(language->value) : "";
    bool plain = strlen(tag) >= 2 && strlen(tag) <= LANGUAGE_MAX && strspn(tag, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == strlen(tag);
    if (plain)
        jsonw_str(j, "language", tag);
    if (title) {
        size_t len = strnlen(title->value, TITLE_MAX + 1);
        while (len > TITLE_MAX || (len > 0 && len == TITLE_MAX && ((unsigned char)title->value[len] & 0xC0) == 0x80))
            len--;
        jsonw_strn(j, "title", title->value, len);
    }
}

static void write_reel(struct jsonw *j, struct run *r, const char *kind, int output, const struct reel_format *f, int sound)
{
    jsonw_open(j, NULL);
    jsonw_str(j, "kind", kind);
    if (sound >= 0) {
        jsonw_int(j, "track", sound);
        write_names(j, source_stream(&r->source, r->source.audio[sound]));
    }
    jsonw_int(j, "size_bytes", (int64_t)io_size(r->outputs[output]));
    jsonw_open(j, "info");
    if (f) {
        jsonw_str(j, "codecs", f->codecs);
        jsonw_int(j, "width", f->width);
        jsonw_int(j, "height", f->height);
        jsonw_int(j, "sar_num", f->sar_num);
        jsonw_int(j, "sar_den", f->sar_den);
        if (output == INGEST_TAPE)
            write_raster(j, &r->facts);
    } else {
        jsonw_str(j, "codecs", output == INGEST_OPUS ? "opus" : "mp4a.40.2");
        jsonw_int(j, "sample_rate", 48000);
        jsonw_int(j, "channels", 2);
    }
    jsonw_close(j);
    jsonw_close(j);
}

/* Why the reels are what they are: for the tape's history. */
static void write_decision(struct jsonw *j, const struct facts *f, bool resumed)
{
    jsonw_bool(j, "remuxed", f->remux);
    if (resumed)
        jsonw_bool(j, "resumed", true);
    if (f->because)
        jsonw_str(j, "because", f->because);
    jsonw_open(j, "witnesses");
    jsonw_str(j, "container", field_order_names[f->witnesses.container]);
    jsonw_str(j, "flags", field_order_names[f->witnesses.flags]);
    jsonw_str(j, "lines", field_order_names[f->witnesses.lines]);
    jsonw_str(j, "decided_by", f->witnesses.decided_by);
    jsonw_close(j);
}

static void write_marks(struct jsonw *j, const struct notice *n, int64_t duration_us)
{
    jsonw_open_array(j, "marks");
    for (int i = 0; i < n->count && n->marks[i].at_us < duration_us; i++) {
        jsonw_open(j, NULL);
        jsonw_int(j, "at_us", n->marks[i].at_us);
        jsonw_str(j, "source", n->marks[i].gap ? "gap" : "scene");
        jsonw_str(j, "title", n->marks[i].title);
        jsonw_close(j);
    }
    jsonw_close_array(j);
}

/* The language is that of the captions' track, or of the first sound, where they tell: of CC1 only. */
static void write_captions(struct jsonw *j, const struct run *r)
{
    const struct source *s = &r->source;
    const AVStream *st = s->caption >= 0 ? source_stream(s, s->caption) : s->sounds > 0 ? source_stream(s, s->audio[0]) : NULL;
    if (r->captions.count == 0)
        return;
    jsonw_open_array(j, "captions");
    for (int i = 0; i < r->captions.count; i++) {
        const struct captions_made *m = &r->captions.made[i];
        jsonw_open(j, NULL);
        jsonw_int(j, "channel", m->channel);
        jsonw_int(j, "cues", m->cues);
        jsonw_int(j, "bytes", (int64_t)m->bytes);
        if (st && m->channel == 1)
            write_names(j, st);
        jsonw_close(j);
    }
    jsonw_close_array(j);
}

enum vcr_err report_result(struct run *r, const struct reel_format *clean, const struct reel_format *tape, int64_t duration_us, const bool *sounds)
{
    struct buf line;
    struct jsonw j;
    struct reel_format formats[2] = { *clean, *tape };
    for (int i = 0; i < 2; i++)
        snprintf(formats[i].codecs, sizeof(formats[i].codecs), "avc1.%02x%02x%02x", formats[i].config[1], formats[i].config[2], formats[i].config[3]);
    buf_init(&line, LINE_MAX_BYTES);
    jsonw_init(&j, &line);
    jsonw_open(&j, NULL);
    jsonw_open(&j, "result");
    jsonw_int(&j, "duration_us", duration_us);
    jsonw_str(&j, "standard", r->facts.pal ? "pal" : "ntsc");
    write_decision(&j, &r->facts, r->resumed);
    write_marks(&j, &r->notice, duration_us);
    story_write(&r->story, &j);
    write_captions(&j, r);
    write_media(&j, r);
    jsonw_open_array(&j, "reels");
    if (!r->wish.finish)
        write_reel(&j, r, "clean_video", INGEST_CLEAN, &formats[0], -1);
    write_reel(&j, r, "tape_video", INGEST_TAPE, &formats[1], -1);
    if (sounds[0]) {
        write_reel(&j, r, "clean_audio", INGEST_AUDIO, NULL, 0);
        write_reel(&j, r, "opus", INGEST_OPUS, NULL, 0);
    }
    for (int i = 1; i < SOUNDS_MAX; i++)
        if (sounds[i])
            write_reel(&j, r, "clean_audio", INGEST_AUDIO_2 + 2 * (i - 1), NULL, i);
    jsonw_close_array(&j);
    jsonw_close(&j);
    jsonw_close(&j);
    bool ok = buf_ok(&line);
    send_line(&line);
    return ok ? VCR_OK : VCR_E_INTERNAL;
}
