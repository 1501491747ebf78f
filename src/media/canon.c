/* media/canon.c - see canon.h: libx264. */
#include "media/canon.h"

#include <stdlib.h>
#include <string.h>
#include <x264.h>

#include "base/util.h"
#include "wire/fmp4.h"

enum { BPS_MIN = 100000, BPS_MAX = 20000000, KEYS_BY_ITSELF = 1 << 20 };

struct canon {
    x264_t *x264;
    x264_param_t param;
};

static bool config_ok(const struct canon_config *c)
{
    return c->width >= 16 && c->width <= 1920 && c->height >= 16 && c->height <= 1088 && c->width % 2 == 0 && c->height % 2 == 0 && c->rate_num > 0 && c->rate_den > 0 &&
           c->rate_num / c->rate_den <= 120 && c->max_bps >= BPS_MIN && c->max_bps <= BPS_MAX && c->crf > 0 && c->crf <= 51 && c->sar_num > 0 && c->sar_den > 0 && c->timescale > 0;
}

static void describe(x264_param_t *p, const struct canon_config *c)
{
    p->i_width = c->width;
    p->i_height = c->height;
    p->i_csp = X264_CSP_I420;
    p->vui.i_sar_width = c->sar_num;
    p->vui.i_sar_height = c->sar_den;
    p->vui.i_colorprim = c->colour.primaries;
    p->vui.i_transfer = c->colour.transfer;
    p->vui.i_colmatrix = c->colour.matrix;
    p->vui.b_fullrange = c->colour.full_range;
    p->i_fps_num = (uint32_t)c->rate_num;
    p->i_fps_den = (uint32_t)c->rate_den;
    p->i_timebase_num = 1;
    p->i_timebase_den = c->timescale;
    p->b_vfr_input = c->variable;
    p->i_level_idc = c->level;
}

static enum vcr_err configure(x264_param_t *p, const struct canon_config *c, struct vcr_why *why)
{
    if (x264_param_default_preset(p, "superfast", NULL) < 0)
        return vcr_fail(why, VCR_E_INTERNAL, "x264 lacks a preset");
    describe(p, c);
    p->i_log_level = X264_LOG_NONE;
    p->i_threads = 1;
    p->i_lookahead_threads = 1;
    p->b_sliced_threads = 0;
    p->b_deterministic = 1;
    p->b_stitchable = 1; /* the parameter sets do not hang on the quality: one init segment fits every look */
    p->b_cpu_independent = 1;
    p->i_keyint_max = KEYS_BY_ITSELF; /* only where asked */
    p->i_keyint_min = 1;
    p->i_scenecut_threshold = 0;
    p->b_intra_refresh = 0;
    p->b_open_gop = 0;
    p->i_bframe = 0;
    p->i_frame_reference = 1;
    p->b_repeat_headers = 0;
    p->b_annexb = 0;
    p->b_aud = 0;
    p->rc.i_rc_method = X264_RC_CRF;
    p->rc.f_rf_constant = (float)c->crf;
    p->rc.i_vbv_max_bitrate = (int)(c->max_bps / 1000);
    p->rc.i_vbv_buffer_size = (int)(c->max_bps / 2000);
    p->rc.f_vbv_buffer_init = 0.5f;
    if (x264_param_apply_profile(p, "baseline") < 0)
        return vcr_fail(why, VCR_E_INTERNAL, "x264 lacks the baseline profile");
    return VCR_OK;
}

enum vcr_err canon_open(struct canon **ret, const struct canon_config *config, struct vcr_why *why)
{
    if (!config_ok(config))
        return vcr_fail(why, VCR_E_INVALID, "cannot encode %dx%d below %u bit/s", config->width, config->height, config->max_bps);
    struct canon *c = vcr_alloc(sizeof(*c));
    enum vcr_err err = configure(&c->param, config, why);
    if (err == VCR_OK && !(c->x264 = x264_encoder_open(&c->param)))
        err = vcr_fail(why, VCR_E_INTERNAL, "x264 refused %dx%d", config->width, config->height);
    if (err != VCR_OK)
        canon_close(&c);
    else
        *ret = c;
    return err;
}

void canon_close(struct canon **c)
{
    if (!*c)
        return;
    if ((*c)->x264)
        x264_encoder_close((*c)->x264);
    free(*c);
    *c = NULL;
}

enum vcr_err canon_avcc(struct canon *c, uint8_t *out, size_t size, size_t *ret_len, struct vcr_why *why)
{
    x264_nal_t *nals = NULL;
    int count = 0;
    const uint8_t *sps = NULL, *pps = NULL;
    size_t sps_len = 0, pps_len = 0;
    if (x264_encoder_headers(c->x264, &nals, &count) < 0)
        return vcr_fail(why, VCR_E_INTERNAL, "x264 gave no parameter sets");
    for (int i = 0; i < count; i++) { /* four bytes of length before each */
        const uint8_t *nal = nals[i].p_payload + 4;
        size_t len = (size_t)nals[i].i_payload - 4;
        if (nals[i].i_type == NAL_SPS)
            sps = nal, sps_len = len;
        else if (nals[i].i_type == NAL_PPS)
            pps = nal, pps_len = len;
    }
    if (!sps || !pps || !fmp4_make_avcc(out, size, ret_len, sps, sps_len, pps, pps_len))
        return vcr_fail(why, VCR_E_INTERNAL, "x264 gave parameter sets that cannot be kept");
    return VCR_OK;
}

enum vcr_err canon_encode(struct canon *c, const struct picture *picture, int64_t pts, bool key, struct packet *ret, struct vcr_why *why)
{
    *ret = (struct packet){ .track = PACKET_VIDEO, .tape_us = -1 };
    if (picture && (picture->width != c->param.i_width || picture->height != c->param.i_height))
        return vcr_fail(why, VCR_E_INVALID, "a picture of %dx%d for an encode of %dx%d", picture->width, picture->height, c->param.i_width, c->param.i_height);
    if (!picture && x264_encoder_delayed_frames(c->x264) == 0)
        return VCR_OK;
    x264_picture_t in, out;
    x264_picture_init(&in);
    in.i_type = key ? X264_TYPE_IDR : X264_TYPE_AUTO;
    in.i_pts = pts;
    in.img.i_csp = X264_CSP_I420;
    in.img.i_plane = 3;
    for (int i = 0; picture && i < 3; i++) {
        in.img.plane[i] = picture->plane[i];
        in.img.i_stride[i] = (int)picture->stride[i];
    }
    x264_nal_t *nals = NULL;
    int count = 0, bytes = x264_encoder_encode(c->x264, &nals, &count, picture ? &in : NULL, &out);
    if (bytes < 0)
        return vcr_fail(why, VCR_E_INTERNAL, "x264 failed");
    if (bytes > 0) {
        ret->flags = out.b_keyframe ? PACKET_KEY : 0;
        ret->len = (size_t)bytes;
        ret->data = nals[0].p_payload;
    }
    return VCR_OK;
}
