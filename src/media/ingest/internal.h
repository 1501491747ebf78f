/* media/ingest/internal.h - the parts of ingest: source (demuxing through a descriptor), probe, picture, sound, report. */
#pragma once
#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavformat/avformat.h>
#include <stdbool.h>

#include "base/io.h"
#include "media/ingest/ingest.h"
#include "media/reel.h"
#include "wire/json.h"

/* ---- source.c: a demuxer on INGEST_FD_ORIGINAL ---- */
struct source {
    AVFormatContext *format;
    AVIOContext *avio;
    int64_t position, size;
    int video, audio;          /* stream numbers, -1: none */
    /* the timeline: raw times of each packet are moved so that they go on where a recorder's clock jumped */
    int64_t shift_us, last_dts_us[2];
    bool started[2];
    int jumps;
};
enum vcr_err source_open(struct source *s, struct vcr_why *why);
void source_close(struct source *s);
AVStream *source_stream(const struct source *s, int which);
/* The next packet of the chosen streams, its times in microseconds on the repaired timeline. VCR_E_END at the end. */
enum vcr_err source_read(struct source *s, AVPacket *packet, bool *ret_video, struct vcr_why *why);
enum vcr_err source_decoder(struct source *s, int stream, AVCodecContext **ret, struct vcr_why *why);

/* ---- probe.c ---- */
enum field_order { FIELDS_PROGRESSIVE, FIELDS_TFF, FIELDS_BFF };
struct facts {
    /* by walking all packets */
    int64_t first_us, end_us, promised_us; /* the first picture's time (once some are decoded: of those), the last one's end, what the header says */
    double counted_rate;       /* pictures a second, 0: unknown */
    int64_t video_packets, quick_packets, video_bytes, longest_gop_us, shortest_us, longest_us;
    bool reorders, starts_with_key, discards;
    int jumps;
    char sha256[65];
    /* by decoding some */
    enum field_order fields;
    int width, height;
    AVRational sar, rate;
    int turn;                  /* quarter turns clockwise that the picture wants before it is shown: how the telephone was held */
    enum AVPixelFormat pixel_format;
    bool variable_rate;
    /* decided */
    bool pal, wide, remux;
    bool field_rate;           /* pictures come faster than 30 a second, or are fields: sent at 59.94 or 50, else at half of that */
};

/* ---- the run ---- */
struct run {
    struct facts facts;
    struct io *outputs[INGEST_OUTPUTS];
    struct source source;
    int64_t zero_us;           /* raw time of the first picture */
    int64_t begun_us, told_us; /* monotonic: for speed and for not telling too often */
    int64_t decode_errors, frames;
};
enum vcr_err probe_run(struct run *r, struct vcr_why *why);
void report_progress(struct run *r, const char *stage, double progress, int64_t done_us);
void report_error(const char *sentence);
enum vcr_err report_result(struct run *r, const struct reel_format *clean, const struct reel_format *tape, int64_t duration_us, bool audio);

/* ---- picture.c: decode, de-interlace, scale, encode both video reels and the thumbnail ---- */
struct picture_track;
enum vcr_err picture_open(struct picture_track **ret, struct run *r, struct vcr_why *why);
enum vcr_err picture_packet(struct picture_track *p, const AVPacket *packet, struct vcr_why *why); /* NULL: the end */
enum vcr_err picture_finish(struct picture_track *p, int64_t *ret_duration_us, struct vcr_why *why);
int64_t picture_end_us(const struct picture_track *p);
void picture_close(struct picture_track **p);
const struct reel_format *picture_clean_format(const struct picture_track *p);
const struct reel_format *picture_tape_format(const struct picture_track *p);

/* ---- graph.c ---- */
struct graph {
    AVFilterGraph *graph;
    AVFilterContext *in, *clean, *tape;
};
enum vcr_err graph_open(struct graph *g, const struct facts *f, const AVFrame *first, struct vcr_why *why);
void graph_close(struct graph *g);
/* The raster of the tape reel and where the picture lies in it. */
void graph_raster(const struct facts *f, int *w, int *h, AVRational *sar);
/* Width over height as it is shown. */
double graph_shape(const struct facts *f);
/* Whether the picture has the raster's shape, so that it fills it without bars. */
bool graph_fills(const struct facts *f);

/* ---- sound.c ---- */
struct sound_track;
enum vcr_err sound_open(struct sound_track **ret, struct run *r, struct vcr_why *why);
enum vcr_err sound_packet(struct sound_track *s, const AVPacket *packet, struct vcr_why *why);
/* Fills with silence or cuts so that it ends with the picture. */
enum vcr_err sound_finish(struct sound_track *s, int64_t end_us, struct vcr_why *why);
void sound_close(struct sound_track **s);

/* ---- thumb.c ---- */
struct thumb {
    AVFrame *best;
    int best_luma;
    bool settled;
};
void thumb_offer(struct thumb *t, const AVFrame *frame, int64_t at_us, int64_t length_us);
enum vcr_err thumb_write(struct thumb *t, struct io *out, struct vcr_why *why);
