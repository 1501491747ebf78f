/* media/bridge.c - see bridge.h: the pictures or sounds of a stretch of a reel as a reel of one fragment. */
#include "media/bridge.h"

#include <string.h>

#include "base/buf.h"
#include "base/util.h"
#include "media/decode.h"
#include "media/encode.h"
#include "wire/fmp4.h"
#include "wire/h264sps.h"
#include "wire/reelidx.h"

enum { SAMPLES_MAX = 4096, BIT_PER_PIXEL = 20, BITRATE_MIN = 2000000, BITRATE_MAX = 20000000, EARLY_US = 1000,
       HELD_MAX_US = 200000 /* a picture stays on for so long; where it is away for longer there is a hole */ };
enum { NAL_AUD = 9, SET_MAX = 128 };

/* The fragment that is being filled. */
struct span {
    struct reel *reel;
    const struct reel_format *format;
    int64_t from_us, to_us;
    struct buf data;
    uint32_t count;
    struct fmp4_sample samples[SAMPLES_MAX];
    int64_t pts_us[SAMPLES_MAX];
    uint8_t config[256];       /* of what is written: pictures encoded anew have parameter sets of their own */
    size_t config_len;
};

static int64_t to_ticks(const struct span *s, int64_t us)
{
    int64_t scaled = us * (int64_t)s->format->timescale;
    return (scaled + (scaled < 0 ? -500000 : 500000)) / 1000000;
}

static enum vcr_err add_sample(struct span *s, size_t len, int64_t pts_us, bool key, struct vcr_why *why)
{
    if (s->count == SAMPLES_MAX || !buf_ok(&s->data))
        return vcr_fail(why, VCR_E_TOO_LARGE, "a bridge is over its limit");
    s->samples[s->count] = (struct fmp4_sample){ .size = (uint32_t)len, .key = key };
    s->pts_us[s->count++] = pts_us;
    return VCR_OK;
}

/* ---- sound: copied ---- */
static enum vcr_err copy_sounds(struct span *s, struct vcr_why *why)
{
    uint32_t total = reel_sample_count(s->reel);
    enum vcr_err err = VCR_OK;
    memcpy(s->config, s->format->config, s->format->config_len);
    s->config_len = s->format->config_len;
    for (uint32_t n = reel_sample_at(s->reel, s->from_us); err == VCR_OK && n < total; n++) {
        struct packet p;
        int64_t pts_us = reel_sample_pts_us(s->reel, n);
        if (pts_us < s->from_us - EARLY_US)
            continue;
        if (pts_us >= s->to_us - EARLY_US)
            break;
        err = reel_read(s->reel, n, &p, why);
        if (err != VCR_OK)
            break;
        buf_add(&s->data, p.data, p.len);
        err = add_sample(s, p.len, pts_us, true, why);
    }
    return err;
}

/* ---- pictures: decoded from the key before, encoded from the cut on ---- */
static enum vcr_err take_sets(struct span *s, const uint8_t *data, size_t len, struct vcr_why *why)
{
    struct h264_sets sets;
    if (!h264_sets_find(&sets, data, len) || sets.sps_len > SET_MAX || sets.pps_len > SET_MAX ||
        !fmp4_make_avcc(s->config, sizeof(s->config), &s->config_len, sets.sps, sets.sps_len, sets.pps, sets.pps_len))
        return vcr_fail(why, VCR_E_INTERNAL, "the parameter sets of a bridge cannot be kept");
    return VCR_OK;
}

static enum vcr_err add_picture(struct span *s, const struct packet *p, struct vcr_why *why)
{
    const uint8_t *nal;
    size_t pos = 0, n, before = s->data.len;
    enum vcr_err err = s->count == 0 ? take_sets(s, p->data, p->len, why) : VCR_OK;
    while (err == VCR_OK && fmp4_next_nal(p->data, p->len, &pos, &nal, &n)) {
        int type = nal[0] & 31;
        uint8_t size[4];
        if (type == NAL_AUD)
            continue;
        wr32be(size, (uint32_t)n);
        buf_add(&s->data, size, sizeof(size));
        buf_add(&s->data, nal, n);
    }
    return err == VCR_OK ? add_sample(s, s->data.len - before, p->pts_us, p->flags & PACKET_KEY, why) : err;
}

static enum vcr_err open_encoder(const struct span *s, struct video_encoder **ret, struct vcr_why *why)
{
    const struct reel_format *f = s->format;
    int64_t length_us = reel_duration_us(s->reel);
    double rate = length_us > 0 ? (double)reel_sample_count(s->reel) * 1e6 / (double)length_us : 25;
    struct video_encoder_config c = {
        .width = f->width, .height = f->height, .sar_num = f->sar_num, .sar_den = f->sar_den, .rate_num = (int)(VCR_CLAMP(rate, 1.0, 120.0) * 1000),
        .rate_den = 1000, .bitrate_bps = (uint32_t)VCR_CLAMP(f->width * f->height * BIT_PER_PIXEL, BITRATE_MIN, BITRATE_MAX), .effort = VIDEO_EFFORT_SUPERFAST,
        .pal = f->height == 576, .gop_frames = SAMPLES_MAX /* one key, at the cut */,
    };
    return video_encoder_open(ret, &c, why);
}

static int64_t next_pts_us(const struct span *s, uint32_t n)
{
    return n + 1 < reel_sample_count(s->reel) ? reel_sample_pts_us(s->reel, n + 1) : reel_duration_us(s->reel);
}

/* When picture n is shown, INT64_MIN: not at all. The first that begins in the stretch is on from the cut; where none does, the one that is on there is. One that would be on
 * for less than its time at the end makes way for the one before it: no two are nearer to each other than the film's own, which who makes it into an even rate stumbles over. */
static int64_t shown_at(const struct span *s, uint32_t n)
{
    int64_t pts_us = reel_sample_pts_us(s->reel, n), next_us = next_pts_us(s, n);
    if (pts_us >= s->from_us - EARLY_US)
        return s->count == 0 && pts_us - s->from_us < HELD_MAX_US ? s->from_us : s->count > 0 && next_us > s->to_us + EARLY_US ? INT64_MIN : pts_us;
    return next_us >= s->to_us - EARLY_US && s->from_us - pts_us < HELD_MAX_US ? s->from_us : INT64_MIN;
}

static enum vcr_err encode_pictures(struct span *s, struct vcr_why *why)
{
    struct video_decoder *decoder = NULL;
    struct video_encoder *encoder = NULL;
    uint32_t total = reel_sample_count(s->reel), n = reel_key_at(s->reel, reel_sample_at(s->reel, s->from_us));
    enum vcr_err err = video_decoder_open(&decoder, why);
    if (err == VCR_OK)
        err = open_encoder(s, &encoder, why);
    for (; err == VCR_OK && n < total; n++) {
        struct packet in, out;
        struct frame *frame = NULL;
        if (reel_sample_pts_us(s->reel, n) >= s->to_us - EARLY_US)
            break;
        int64_t at_us = shown_at(s, n);
        err = reel_read(s->reel, n, &in, why);
        if (err == VCR_OK)
            err = video_decode(decoder, in.data, in.len, &frame, why);
        if (err == VCR_OK && at_us != INT64_MIN)
            err = (err = video_encode(encoder, &frame->picture, at_us, s->count == 0, &out, why)) == VCR_OK ? add_picture(s, &out, why) : err;
        frame_unref(&frame);
    }
    video_encoder_close(&encoder);
    video_decoder_close(&decoder);
    return err;
}

/* ---- the file ---- */
static void measure_samples(struct span *s)
{
    int64_t end_us = s->to_us;
    for (uint32_t i = s->count; i-- > 0; end_us = s->pts_us[i])
        s->samples[i].duration = (uint32_t)VCR_MAX(to_ticks(s, end_us) - to_ticks(s, s->pts_us[i]), 1);
    /* A sound is never longer or shorter than the others: the last may reach over the cut. */
    if (s->format->codec != REEL_H264 && s->count > 0) {
        uint32_t one = s->format->codec == REEL_AAC ? 1024 : (uint32_t)(s->format->timescale / 50);
        for (uint32_t i = 0; i < s->count; i++)
            s->samples[i].duration = one;
    }
}

static void name_codec(const struct span *s, struct reelidx *x)
{
    static const char hex[] = "0123456789abcdef";
    if (s->format->codec != REEL_H264) {
        memcpy(x->codecs, s->format->codecs, sizeof(x->codecs));
        return;
    }
    memcpy(x->codecs, "avc1.", 6);
    for (int i = 0; i < 3; i++) {
        x->codecs[5 + 2 * i] = hex[s->config[1 + i] >> 4];
        x->codecs[6 + 2 * i] = hex[s->config[1 + i] & 15];
    }
}

static enum vcr_err write_index(const struct span *s, const struct buf *init, const struct buf *whole, size_t key_size, uint64_t ticks, struct io *index, struct vcr_why *why)
{
    const struct reel_format *f = s->format;
    struct buf out;
    struct reelidx_sample *samples = f->codec == REEL_H264 ? vcr_calloc(s->count, sizeof(*samples)) : NULL;
    struct reelidx_fragment one = {
        .offset = init->len, .size = (uint32_t)whole->len, .crc32 = reelidx_crc32(0, (const uint8_t *)whole->data, whole->len), .start_us = s->pts_us[0],
        .duration_us = (uint32_t)((ticks * 1000000 + f->timescale / 2) / f->timescale), .sample_count = s->count, .key_size = (uint32_t)key_size,
    };
    uint32_t rate = (uint32_t)VCR_MIN(whole->len * UINT64_C(8000000) / VCR_MAX(one.duration_us, 1u), UINT32_MAX);
    struct reelidx x = {
        .codec = (uint8_t)f->codec, .timescale = f->timescale, .bandwidth_bps = rate, .average_bps = rate, .width = (uint16_t)f->width, .height = (uint16_t)f->height,
        .sar_num = (uint16_t)f->sar_num, .sar_den = (uint16_t)f->sar_den, .channels = (uint16_t)f->channels, .sample_rate = (uint32_t)f->sample_rate,
        .config_len = (uint16_t)s->config_len, .init_size = (uint32_t)init->len, .duration_us = one.start_us + one.duration_us, .fragment_count = 1,
        .sample_count = s->count, .fragments = &one, .samples = samples,
    };
    for (uint32_t i = 0; samples && i < s->count; i++)
        samples[i] = (struct reelidx_sample){ (uint32_t)(s->pts_us[i] - s->pts_us[0]), s->samples[i].key };
    memcpy(x.config, s->config, s->config_len);
    name_codec(s, &x);
    buf_init(&out, 1 << 20);
    reelidx_write(&out, &x);
    enum vcr_err err = buf_ok(&out) ? io_append(index, out.data, out.len, why) : vcr_fail(why, VCR_E_NOMEM, "no memory for a bridge");
    buf_free(&out);
    free(samples);
    return err;
}

static enum vcr_err write_file(struct span *s, struct io *file, struct io *index, struct vcr_why *why)
{
    const struct reel_format *f = s->format;
    struct fmp4_track track = {
        .codec = (enum fmp4_codec)f->codec, .timescale = f->timescale, .width = (uint16_t)f->width, .height = (uint16_t)f->height, .sar_num = (uint16_t)f->sar_num,
        .sar_den = (uint16_t)f->sar_den, .channels = (uint16_t)f->channels, .sample_rate = (uint32_t)f->sample_rate, .priming = (uint32_t)f->priming,
        .config = s->config, .config_len = s->config_len,
    };
    struct buf init, whole;
    uint64_t ticks = 0;
    buf_init(&init, 4096);
    buf_init(&whole, REEL_FRAGMENT_MAX_BYTES + (1 << 20));
    fmp4_write_init(&init, &track);
    measure_samples(s);
    for (uint32_t i = 0; i < s->count; i++)
        ticks += s->samples[i].duration;
    fmp4_write_fragment_head(&whole, 1, (uint64_t)(to_ticks(s, s->pts_us[0]) + f->priming), s->samples, s->count, f->codec == REEL_H264);
    size_t key_size = whole.len + s->samples[0].size;
    buf_add(&whole, s->data.data, s->data.len);
    enum vcr_err err = buf_ok(&init) && buf_ok(&whole) ? io_append(file, init.data, init.len, why) : vcr_fail(why, VCR_E_NOMEM, "no memory for a bridge");
    if (err == VCR_OK)
        err = io_append(file, whole.data, whole.len, why);
    if (err == VCR_OK)
        err = write_index(s, &init, &whole, key_size, ticks, index, why);
    buf_free(&init);
    buf_free(&whole);
    return err;
}

enum vcr_err bridge_make(struct reel *r, int64_t from_us, int64_t to_us, struct io *file, struct io *index, struct vcr_why *why)
{
    if (to_us <= from_us || to_us - from_us > BRIDGE_MAX_US)
        return vcr_fail(why, VCR_E_INVALID, "a bridge of %lld microseconds", (long long)(to_us - from_us));
    struct span *s = vcr_alloc(sizeof(*s));
    s->reel = r;
    s->format = reel_format(r);
    s->from_us = from_us;
    s->to_us = VCR_MIN(to_us, reel_duration_us(r));
    buf_init(&s->data, REEL_FRAGMENT_MAX_BYTES);
    enum vcr_err err = s->format->codec == REEL_H264 ? encode_pictures(s, why) : copy_sounds(s, why);
    if (err == VCR_OK)
        err = s->count > 0 ? write_file(s, file, index, why) : vcr_fail(why, VCR_E_END, "nothing begins there");
    buf_free(&s->data);
    free(s);
    return err;
}
