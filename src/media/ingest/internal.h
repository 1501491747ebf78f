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
#include "wire/line21.h"

/* ---- source.c: a demuxer on INGEST_FD_ORIGINAL ---- */
enum { SOUNDS_MAX = 4 };
struct source {
    AVFormatContext *format;
    AVIOContext *avio;
    int64_t position, size;
    bool sound_alone;
    int video, audio[SOUNDS_MAX]; /* stream numbers; video -1: none */
    int sounds;
    int caption;               /* a track of CEA-608, -1: none */
    /* the timeline: raw times of each packet are moved so that they go on where a recorder's clock jumped. Of the picture, and of each sound. */
    int64_t shift_us, last_dts_us[1 + SOUNDS_MAX];
    bool started[1 + SOUNDS_MAX];
    bool guessed[1 + SOUNDS_MAX]; /* the last decode time was a time of showing */
    int jumps;
};
enum vcr_err source_open(struct source *s, struct vcr_why *why);
/* The same for the sound, with or without a picture beside it. VCR_E_NOT_FOUND: there is none. */
enum vcr_err source_open_sound(struct source *s, struct vcr_why *why);
void source_close(struct source *s);
AVStream *source_stream(const struct source *s, int which);
/* The next packet of the chosen streams, its times in microseconds on the repaired timeline. *ret_sound: PICTURE, CAPTION, or the number of the sound. VCR_E_END at the end. */
enum { PICTURE = -1, CAPTION = -2 };
enum vcr_err source_read(struct source *s, AVPacket *packet, int *ret_sound, struct vcr_why *why);
/* To the key frame at or before a time, or to a part of the file (0..1) where its clock cannot be trusted. False: it stays where it is, or cannot tell. */
bool source_seek(struct source *s, int64_t at_us);
enum vcr_err source_again(struct source *s, struct vcr_why *why); /* from the beginning */
bool source_seek_part(struct source *s, double part);
/* How much of the file was read, 0..1. */
double source_part(const struct source *s);
enum vcr_err source_decoder(struct source *s, int stream, AVCodecContext **ret, struct vcr_why *why);

/* ---- complaints.c: what decoders and demuxers say of damage that they hide ---- */
void complaints_open(void);    /* instead of what libav would print */
/* How many there were since it was last asked. */
int complaints_take(void);

/* ---- fields.c ---- */
enum field_order { FIELDS_PROGRESSIVE, FIELDS_TFF, FIELDS_BFF, FIELDS_UNKNOWN, FIELDS_MIXED };
extern const char *const field_order_names[];
struct witnesses {
    enum field_order container, flags, lines;
    const char *decided_by;    /* "owner", "lines", "flags", "container" or "none" */
};
/* What the pictures looked at say: in how many places the lines spoke, and for what. */
struct seen {
    int pictures, flagged, flagged_top;
    int places, tff, bff, progressive;
    int in_fields;             /* pictures in places of one parity */
};
struct run;
void fields_look(struct source *s, AVCodecContext *c, struct run *r, struct seen *ret);
enum field_order fields_decide(const struct seen *l, enum AVFieldOrder said, int height, const char *wish, struct witnesses *w);

/* ---- probe.c ---- */
struct facts {
    /* by walking all packets */
    int64_t first_us, end_us, promised_us; /* the first picture's time (once some are decoded: of those), the last one's end, what the header says */
    double counted_rate;       /* pictures a second, 0: unknown */
    double usual_rate;         /* by the step that most of them take, 0: there is none */
    int64_t video_packets, quick_packets, longest_gop_us;
    bool reorders, starts_with_key, discards, untimed;
    int jumps;
    char sha256[65];
    /* by decoding some */
    enum AVCodecID codec;
    enum field_order fields;
    struct witnesses witnesses;
    bool flagged;              /* some picture says that it is made of fields */
    int width, height;
    enum AVColorSpace matrix;  /* guessed by size where nothing tells */
    bool full_range, rgb;
    AVRational sar, rate;
    int turn;                  /* quarter turns clockwise that the picture wants before it is shown: how the telephone was held */
    enum AVPixelFormat pixel_format;
    bool variable_rate;
    /* decided */
    bool pal, wide, reshaped;  /* reshaped: the owner gave another aspect than the file */
    bool remux;
    const char *because;       /* what speaks against keeping the packets, or NULL */
    bool field_rate;           /* pictures come faster than 30 a second, or are fields: sent at 59.94 or 50, else at half of that */
};

/* ---- notice.c: proposed index marks ---- */
enum { NOTICE_COLUMNS = 90, NOTICE_ROWS = 72, NOTICE_POINTS = NOTICE_COLUMNS * NOTICE_ROWS, NOTICE_MARKS_MAX = 500 };
struct notice_mark {
    int64_t at_us;
    bool gap;                  /* else a cut */
    const char *title;
};
struct notice {
    int64_t length_us, apart_us;
    struct notice_mark marks[NOTICE_MARKS_MAX]; /* in order */
    int count;
    /* of the picture before */
    bool seen, calm;
    uint8_t luma[NOTICE_POINTS];
    float bins[64], before[64];
    int gap;
    int64_t gap_from_us, gap_end_us, cut_us, last_cut_us;
};
void notice_open(struct notice *n, int64_t length_us);
void notice_look(struct notice *n, const AVFrame *f, int64_t at_us);

/* ---- story.c: the storyboard ---- */
enum { STORY_SHEETS_MAX = 64 };
struct SwsContext;
struct story {
    struct io *out;
    bool wide;
    int64_t interval_us, tiles;
    AVFrame *sheet;
    struct SwsContext *sws;
    int64_t bytes[STORY_SHEETS_MAX];
    int sheets;
};
void story_open(struct story *s, const struct facts *f, struct io *out);
enum vcr_err story_look(struct story *s, const AVFrame *f, int64_t at_us, struct vcr_why *why);
enum vcr_err story_finish(struct story *s, struct vcr_why *why);
void story_write(const struct story *s, struct jsonw *j); /* nothing where there is no sheet */
void story_close(struct story *s);

/* ---- captions.c: closed captions found in the film ---- */
enum { CAPTION_CHANNELS = 4 };
struct captions {
    struct io *out;            /* while the film is read: pairs with their times */
    enum vcr_err err;          /* of writing them */
    int64_t from_us;           /* pairs of pictures before it are there already */
    struct line21 line21;
    struct captions_made {
        int channel;           /* 1: CC1 … 4: CC4 */
        uint32_t cues;
        uint64_t bytes;
    } made[CAPTION_CHANNELS];
    int count;
};
struct run;
void captions_open(struct captions *c, struct io *out, int64_t from_us);
/* A decoded picture, before anything is done with it; takes the captions off it. */
enum vcr_err captions_look(struct run *r, AVFrame *f, int64_t at_us, struct vcr_why *why);
enum vcr_err captions_packet(struct run *r, const AVPacket *p, struct vcr_why *why);
/* What an attempt before left in its output: what is of pictures before that time stays. How many bytes it is then; negative: it is nothing to go on with. */
int64_t captions_keep(int fd, int64_t before_us);
/* The pairs become WebVTT. */
enum vcr_err captions_finish(struct run *r, int64_t duration_us, struct vcr_why *why);

/* ---- the run ---- */
struct run {
    struct ingest_wish wish;
    struct facts facts;
    struct io *outputs[INGEST_OUTPUTS];
    struct source source;
    int64_t zero_us;           /* raw time of the first picture */
    int64_t begun_us, told_us; /* monotonic: for speed and for not telling too often */
    double progress;           /* as told, never falls */
    int64_t decode_errors, frames;
    struct notice notice;
    struct story story;
    struct captions captions;
    /* what an attempt that broke off left, by output */
    bool resumed;
    struct reel_kept kept[INGEST_OUTPUTS];
    bool has_kept[INGEST_OUTPUTS];
    int64_t resume_us;         /* pictures before it (on the reel's clock) need not even be filtered; 0: from the beginning */
    int64_t resume_words_us;   /* a seek may go past resume_us, but never past this: captions are gone on with from there */
};

enum vcr_err run_within_limits(struct run *r, struct vcr_why *why);

/* ---- resume.c ---- */
/* Opens the outputs: behind what is kept, or (fresh) empty. */
enum vcr_err resume_prepare(struct run *r, bool fresh, struct vcr_why *why);
void resume_close(struct run *r);
/* Opens an output anew behind so many bytes of it. */
enum vcr_err resume_output(struct run *r, int output, uint64_t bytes, struct vcr_why *why);
/* Where the reel of an output ends that is kept, in its ticks; 0: there is none. */
uint64_t resume_ticks(const struct run *r, int output);
/* A reel from what is kept of it, or from its beginning. */
enum vcr_err resume_writer(struct run *r, int output, struct reel_format *f, struct reel_writer **ret, struct vcr_why *why);
/* The same without an encoder, where nothing more came: the format is the kept one's. */
enum vcr_err resume_revive(struct run *r, int output, struct reel_format *f, struct reel_writer **ret, struct vcr_why *why);
/* Marks and storyboard of what is kept. */
enum vcr_err resume_look(struct run *r, struct vcr_why *why);
/* Whether a tape has a key picture at this place: each fifteenth field. */
bool tape_is_key(const struct facts *f, int64_t pts_us);
/* The key pictures of the tape reel, also those kept. */
enum vcr_err picture_look(struct run *r, const AVFrame *f, int64_t pts_us, struct vcr_why *why);
enum vcr_err probe_run(struct run *r, struct vcr_why *why);
void probe_first_picture(struct run *r, const AVFrame *frame);
void report_progress(struct run *r, const char *stage, double progress, int64_t done_us);
void report_error(const char *sentence);
enum vcr_err report_result(struct run *r, const struct reel_format *clean, const struct reel_format *tape, int64_t duration_us, const bool *sounds);

/* ---- aside.c: work on pictures, one after the other, on a thread of its own ---- */
struct aside;
/* NULL: that was all. Never called again after it failed. */
typedef enum vcr_err aside_work(void *arg, AVFrame *f, struct vcr_why *why);
enum vcr_err aside_open(struct aside **ret, aside_work *work, void *arg, struct vcr_why *why);
/* Takes what is in f; waits while several wait. Fails as a picture before did. */
enum vcr_err aside_give(struct aside *a, AVFrame *f, struct vcr_why *why);
enum vcr_err aside_finish(struct aside **a, struct vcr_why *why); /* when all is done */
void aside_close(struct aside **a);                               /* what waits is left undone */

/* ---- picture_out.c ---- */
enum { TAPE_GOP = 15 /* fields from key to key */ };
struct reel_encoder {
    /* set when it is opened; then the thread's, until that has ended */
    AVCodecContext *encoder;  /* NULL where packets are kept as they are */
    struct reel_writer *writer;
    AVPacket *packet;
    /* set when it is opened, then read-only */
    struct aside *thread;     /* has the encoder and the writer */
    struct reel_format format;
    int64_t duration_us;      /* of a frame, for the last one */
    AVRational time_base;
    /* of who gives pictures */
    int64_t last_pts, last_key;
    AVFrame *last;            /* of the tape: what was encoded last; NULL: nothing, or no memory for it */
    int64_t left_out_pts;     /* of its last repeat, which was not; -1: none */
    int64_t from_ticks;       /* what comes before is in the reel already */
};
void reel_encoder_format(struct reel_format *f, int w, int h, AVRational sar);
bool reel_encoder_may_pass(const struct reel_format *f, const struct facts *facts, bool tape);
/* Opens the reel; extra: parameter sets as Annex B. */
enum vcr_err reel_encoder_writer(struct reel_encoder *e, struct run *r, const uint8_t *extra, size_t len, bool tape, struct vcr_why *why);
/* The first picture opens the encoder. */
enum vcr_err reel_encoder_give(struct reel_encoder *e, struct run *r, AVFrame *f, int64_t pts_us, bool tape, struct vcr_why *why);
enum vcr_err reel_encoder_finish(struct reel_encoder *e, struct run *r, bool tape, int64_t *ret_duration_us, struct vcr_why *why);
void reel_encoder_close(struct reel_encoder *e);

/* ---- reshape.c: pictures that change size, format or shape in the middle of the film become like the first one ---- */
struct reshape {
    struct SwsContext *sws;
    int width, height;
    enum AVPixelFormat format;
    AVRational sar;
    bool fields;
};
enum vcr_err reshape_open(struct reshape *s, const struct facts *f, const AVFrame *first);
enum vcr_err reshape_frame(struct reshape *s, AVFrame *f, struct vcr_why *why);
void reshape_close(struct reshape *s);

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
enum vcr_err graph_open(struct graph *g, const struct facts *f, const AVFrame *first, double start_s, struct vcr_why *why);
void graph_close(struct graph *g);
/* The raster of the tape reel and where the picture lies in it. */
void graph_raster(const struct facts *f, int *w, int *h, AVRational *sar);
/* Width over height as it is shown. */
double graph_shape(const struct facts *f);
/* Whether the picture has the raster's shape, so that it fills it without bars. */
bool graph_fills(const struct facts *f);

/* ---- sound.c ---- */
struct sound_track;
/* number: which of the source's sounds. The first becomes AAC and Opus, the others AAC. */
enum vcr_err sound_open(struct sound_track **ret, struct run *r, int number, struct vcr_why *why);
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
/* A picture of 4:2:0 and full range; quality as JPEG encoders of libav have it, 2 (best) to 31. */
enum vcr_err jpeg_append(AVFrame *picture, int quality, struct io *out, struct vcr_why *why);
enum vcr_err thumb_write(struct thumb *t, struct io *out, struct vcr_why *why);
