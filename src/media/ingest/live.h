/* media/ingest/live.h - the parts of vcr-ingest --live: what comes in (live_in), the picture (live_picture, live_encode), the sound (live_sound), what goes out (live).
 *
 * Way of a picture: undecided, its packets are decoded to see what they are; then either they are passed through as they are, or what is decoded is encoded anew.
 * Pass through: H.264 of 8-bit 4:2:0, baseline to high, level <= 3.1, progressive, not reordered, a key frame at least every second, <= 8 Mbit/s.
 * Threads  one.     Bounds  everything is one packet or picture at a time; the ring takes what its reader has not read yet. */
#pragma once
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/ring.h"
#include "base/why.h"
#include "media/ingest/ingest.h"
#include "media/ingest/live_times.h"
#include "wire/live_msg.h"

/* ---- live.c: what goes out ---- */
struct live_out {
    struct ring *ring;
    int64_t woken_us;     /* when the reader was woken last */
    bool lost_video;      /* the ring was full: nothing of the picture until a key frame */
};
void live_out_packet(struct live_out *o, enum live_track track, unsigned flags, int64_t pts_us, int64_t duration_us, const uint8_t *data, size_t len);
void live_out_format(struct live_out *o, enum live_track track, const struct live_format *f);
__attribute__((format(printf, 2, 3))) void live_out_note(struct live_out *o, const char *fmt, ...);
bool live_wants_key(void); /* somebody asked for a key frame since the last call */

/* ---- live_in.c: what comes in ---- */
enum { LIVE_IN_VIDEO, LIVE_IN_AUDIO };
struct live_in {
    bool ts;
    AVFormatContext *format;
    AVIOContext *avio;
    struct live_times times;
    int stream[2];                 /* numbers of those chosen, -1: none yet */
    int64_t heard_us[2];           /* when their last packets came */
    AVCodecParameters *par[2];     /* of the chosen ones */
    bool lost;                     /* so much came without a picture that it is looked at anew */
    int64_t bytes, seen_bytes, patience_bytes;
};
enum vcr_err live_in_open(struct live_in *in, bool ts, struct vcr_why *why);
/* The next packet of picture or sound; pts and dts are on the common clock, in microseconds, or not told. *ret_new: it is of another stream or codec than the last of its kind (par);
 * *ret_jumped: its times do not follow. VCR_E_END: the publisher has gone. */
enum vcr_err live_in_read(struct live_in *in, AVPacket *packet, int *ret_kind, bool *ret_new, bool *ret_jumped, struct vcr_why *why);
/* What comes makes no sense as what it was taken for. */
enum vcr_err live_in_look_again(struct live_in *in, struct vcr_why *why);
void live_in_saw_picture(struct live_in *in);
void live_in_close(struct live_in *in);

/* ---- live_sound.c ---- */
struct live_sound;
enum vcr_err live_sound_open(struct live_sound **ret, struct live_out *out, struct vcr_why *why);
void live_sound_close(struct live_sound **s);
void live_sound_codec(struct live_sound *s, const AVCodecParameters *par);
void live_sound_packet(struct live_sound *s, const AVPacket *packet, bool jumped);
/* The picture has come so far: sound begins with it, and where none comes silence does. */
void live_sound_picture_at(struct live_sound *s, int64_t pts_us);

/* ---- live_encode.c: decoded pictures to H.264 ---- */
struct live_encode;
struct live_encode *live_encode_open(struct live_out *out);
void live_encode_close(struct live_encode **e);
/* rate 0/1: not known. False: this picture cannot be encoded. */
bool live_encode_frame(struct live_encode *e, AVFrame *frame, bool interlaced, AVRational rate);
void live_encode_jumped(struct live_encode *e); /* the next picture does not follow the last */

/* ---- live_picture.c ---- */
struct live_picture;
struct live_picture *live_picture_open(struct live_out *out, struct live_sound *sound);
void live_picture_close(struct live_picture **p);
void live_picture_codec(struct live_picture *p, const AVCodecParameters *par);
void live_picture_packet(struct live_picture *p, const AVPacket *packet, bool jumped);
/* For a while nothing of what came was a picture. Says so once a while. */
bool live_picture_is_lost(struct live_picture *p);
bool live_picture_was_seen(const struct live_picture *p); /* in the last packet */
