/* media/encode.c - see encode.h: libx264 and libopus. */
#include "media/encode.h"

#include <opus/opus.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <x264.h>

#include "base/util.h"

enum { BITRATE_MIN = 64000, BITRATE_MAX = 20000000 };

struct video_encoder {
    x264_t *x264;
    x264_param_t param;
    int64_t frame;          /* pictures so far: x264's own clock */
};

/* H.264 table A-1: the lowest level that holds this many macroblocks a second and a picture. */
static int level_of(const struct video_encoder_config *c)
{
    static const struct { int level, per_second, per_picture; } levels[] = {
        { 13, 11880, 396 }, { 21, 19800, 792 }, { 30, 40500, 1620 }, { 31, 108000, 3600 }, { 32, 216000, 5120 }, { 40, 245760, 8192 }, { 42, 522240, 8704 },
    };
    int64_t picture = (int64_t)((c->width + 15) / 16) * ((c->height + 15) / 16);
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (picture <= levels[i].per_picture && picture * c->rate_num <= (int64_t)levels[i].per_second * c->rate_den)
            return levels[i].level;
    return 52;
}

static bool config_ok(const struct video_encoder_config *c)
{
    return c->width >= 16 && c->width <= 1920 && c->height >= 16 && c->height <= 1088 && c->width % 2 == 0 && c->height % 2 == 0 && c->rate_num > 0 &&
           c->rate_den > 0 && c->rate_num / c->rate_den <= 120 && c->bitrate_bps >= BITRATE_MIN && c->bitrate_bps <= BITRATE_MAX && c->sar_num > 0 &&
           c->sar_den > 0 && (int)c->effort >= 0 && c->effort < VIDEO_EFFORTS && c->gop_frames >= 0;
}

static void set_rate(x264_param_t *p, uint32_t bitrate_bps)
{
    p->rc.i_rc_method = X264_RC_ABR;
    p->rc.i_bitrate = (int)(bitrate_bps / 1000);
    p->rc.i_vbv_max_bitrate = p->rc.i_bitrate;
    p->rc.i_vbv_buffer_size = p->rc.i_bitrate / 2;  /* half a second: what a viewer's jitter buffer forgives */
    p->rc.f_vbv_buffer_init = 0.9f;
}

static enum vcr_err configure(x264_param_t *p, const struct video_encoder_config *c, struct vcr_why *why)
{
    static const char *const presets[VIDEO_EFFORTS] = { "superfast", "ultrafast", "ultrafast" };
    if (x264_param_default_preset(p, presets[c->effort], "zerolatency") < 0)
        return vcr_fail(why, VCR_E_INTERNAL, "x264 lacks preset %s", presets[c->effort]);
    if (c->effort == VIDEO_EFFORT_BRISK) {
        p->b_deblocking_filter = 1;
        p->rc.i_aq_mode = X264_AQ_VARIANCE;
    }
    p->i_log_level = X264_LOG_NONE;
    p->i_threads = 1;
    p->i_lookahead_threads = 1;
    p->b_sliced_threads = 0;
    p->i_width = c->width;
    p->i_height = c->height;
    p->i_csp = X264_CSP_I420;
    p->vui.i_sar_width = c->sar_num;
    p->vui.i_sar_height = c->sar_den;
    p->vui.i_colorprim = c->pal ? 5 : 6;
    p->vui.i_transfer = 6;
    p->vui.i_colmatrix = c->pal ? 5 : 6;
    p->vui.b_fullrange = 0;
    p->i_fps_num = (uint32_t)c->rate_num;
    p->i_fps_den = (uint32_t)c->rate_den;
    p->b_vfr_input = 0;
    p->i_keyint_max = c->gop_frames > 0 ? c->gop_frames : VCR_MAX(2 * c->rate_num / c->rate_den, 1);
    p->i_keyint_min = 1;
    p->i_scenecut_threshold = 0;    /* a cut costs a fat P, not an IDR that nobody asked for */
    p->b_intra_refresh = 0;
    p->i_bframe = 0;
    p->i_frame_reference = 1;
    p->b_repeat_headers = 1;
    p->b_annexb = 1;
    p->b_aud = 0;
    p->i_level_idc = level_of(c);
    set_rate(p, c->bitrate_bps);
    if (x264_param_apply_profile(p, "baseline") < 0)
        return vcr_fail(why, VCR_E_INTERNAL, "x264 lacks the baseline profile");
    return VCR_OK;
}

enum vcr_err video_encoder_open(struct video_encoder **ret, const struct video_encoder_config *config, struct vcr_why *why)
{
    if (!config_ok(config))
        return vcr_fail(why, VCR_E_INVALID, "cannot encode %dx%d at %d/%d with %u bit/s", config->width, config->height, config->rate_num,
                        config->rate_den, config->bitrate_bps);
    struct video_encoder *e = vcr_alloc(sizeof(*e));
    enum vcr_err err = configure(&e->param, config, why);
    if (err == VCR_OK) {
        e->x264 = x264_encoder_open(&e->param);
        if (!e->x264)
            err = vcr_fail(why, VCR_E_INTERNAL, "x264 refused %dx%d", config->width, config->height);
    }
    if (err != VCR_OK)
        video_encoder_close(&e);
    else
        *ret = e;
    return err;
}

void video_encoder_close(struct video_encoder **e)
{
    if (!*e)
        return;
    if ((*e)->x264)
        x264_encoder_close((*e)->x264);
    free(*e);
    *e = NULL;
}

enum vcr_err video_encoder_set_bitrate(struct video_encoder *e, uint32_t bitrate_bps, struct vcr_why *why)
{
    set_rate(&e->param, VCR_CLAMP(bitrate_bps, BITRATE_MIN, BITRATE_MAX));
    if (x264_encoder_reconfig(e->x264, &e->param) < 0)
        return vcr_fail(why, VCR_E_INTERNAL, "x264 refused %u bit/s", bitrate_bps);
    return VCR_OK;
}

enum vcr_err video_encode(struct video_encoder *e, const struct picture *picture, int64_t pts_us, bool key, struct packet *ret, struct vcr_why *why)
{
    if (picture->width != e->param.i_width || picture->height != e->param.i_height)
        return vcr_fail(why, VCR_E_INVALID, "a picture of %dx%d for an encoder of %dx%d", picture->width, picture->height, e->param.i_width,
                        e->param.i_height);
    x264_picture_t in, out;
    x264_picture_init(&in);
    in.i_type = key ? X264_TYPE_IDR : X264_TYPE_AUTO;
    in.i_pts = e->frame++;
    in.img.i_csp = X264_CSP_I420;
    in.img.i_plane = 3;
    for (int i = 0; i < 3; i++) {
        in.img.plane[i] = picture->plane[i];
        in.img.i_stride[i] = (int)picture->stride[i];
    }
    x264_nal_t *nals = NULL;
    int count = 0;
    int bytes = x264_encoder_encode(e->x264, &nals, &count, &in, &out);
    if (bytes <= 0)
        return vcr_fail(why, VCR_E_INTERNAL, "x264 gave no picture");
    *ret = (struct packet){ .track = PACKET_VIDEO, .flags = out.b_keyframe ? PACKET_KEY : 0, .pts_us = pts_us, .tape_us = -1,
                            .len = (size_t)bytes, .data = nals[0].p_payload };
    return VCR_OK;
}

struct audio_encoder {
    OpusEncoder *opus;
    int64_t delay_us;
    uint8_t packet[AUDIO_PACKET_MAX];
};

enum vcr_err audio_encoder_open(struct audio_encoder **ret, uint32_t bitrate_bps, struct vcr_why *why)
{
    int bad = 0;
    OpusEncoder *opus = opus_encoder_create(48000, 2, OPUS_APPLICATION_AUDIO, &bad);
    if (!opus)
        return vcr_fail(why, VCR_E_INTERNAL, "Opus encoder: %s", opus_strerror(bad));
    opus_int32 lookahead = 0;
    if (opus_encoder_ctl(opus, OPUS_SET_BITRATE((opus_int32)VCR_CLAMP(bitrate_bps, 16000, 256000))) != OPUS_OK ||
        opus_encoder_ctl(opus, OPUS_SET_COMPLEXITY(5)) != OPUS_OK || opus_encoder_ctl(opus, OPUS_SET_INBAND_FEC(1)) != OPUS_OK ||
        opus_encoder_ctl(opus, OPUS_SET_PACKET_LOSS_PERC(2)) != OPUS_OK || opus_encoder_ctl(opus, OPUS_GET_LOOKAHEAD(&lookahead)) != OPUS_OK) {
        opus_encoder_destroy(opus);
        return vcr_fail(why, VCR_E_INTERNAL, "the Opus encoder refused its settings");
    }
    *ret = vcr_alloc(sizeof(**ret));
    (*ret)->opus = opus;
    (*ret)->delay_us = (int64_t)lookahead * 1000000 / 48000;
    return VCR_OK;
}

void audio_encoder_close(struct audio_encoder **e)
{
    if (!*e)
        return;
    opus_encoder_destroy((*e)->opus);
    free(*e);
    *e = NULL;
}

int64_t audio_encoder_delay_us(const struct audio_encoder *e) { return e->delay_us; }

enum vcr_err audio_encode(struct audio_encoder *e, const int16_t *pcm, int64_t pts_us, struct packet *ret, struct vcr_why *why)
{
    opus_int32 n = opus_encode(e->opus, pcm, AUDIO_FRAME, e->packet, sizeof(e->packet));
    if (n < 0)
        return vcr_fail(why, VCR_E_INTERNAL, "Opus encoder: %s", opus_strerror((int)n));
    *ret = (struct packet){ .track = PACKET_AUDIO, .flags = PACKET_KEY, .pts_us = pts_us, .tape_us = -1, .len = (size_t)n, .data = e->packet };
    return VCR_OK;
}
