/* wire/h264sps.c - see h264sps.h; ITU-T H.264, 7.3.2.1.1 and E.1.1. */
#include "wire/h264sps.h"

#include <stdbool.h>
#include <string.h>

#include "base/util.h"
#include "wire/fmp4.h"

enum { NAL_SLICE = 1, NAL_IDR = 5, NAL_SPS = 7, NAL_PPS = 8, SPS_MAX = 1024, SIZE_MAX_PIXELS = 8192, EXTENDED_SAR = 255 };

struct bits {
    const uint8_t *data;
    size_t len, at;          /* in bits */
    bool over;
};

static uint32_t bit(struct bits *b)
{
    if (b->at >= b->len * 8) {
        b->over = true;
        return 0;
    }
    uint32_t v = (b->data[b->at / 8] >> (7 - b->at % 8)) & 1u;
    b->at++;
    return v;
}

static uint32_t fixed(struct bits *b, int n)
{
    uint32_t v = 0;
    for (int i = 0; i < n; i++)
        v = v << 1 | bit(b);
    return v;
}

/* Exp-Golomb; what is longer than 32 bits is an error. */
static uint32_t ue(struct bits *b)
{
    int zeros = 0;
    while (!b->over && bit(b) == 0)
        zeros++;
    if (zeros > 31)
        b->over = true;
    return b->over ? 0 : (uint32_t)((UINT64_C(1) << zeros) - 1 + fixed(b, zeros));
}

static bool has_chroma(int profile)
{
    static const uint8_t with[] = { 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135 };
    return memchr(with, profile, sizeof(with)) != NULL;
}

/* False: not what we show. */
static bool read_chroma(struct bits *b)
{
    if (ue(b) != 1 || ue(b) != 0 || ue(b) != 0)
        return false;
    bit(b);
    return bit(b) == 0; /* scaling lists: no encoder of ours writes them */
}

static void read_order(struct bits *b)
{
    ue(b);
    uint32_t type = ue(b);
    if (type == 0) {
        ue(b);
    } else if (type == 1) {
        bit(b);
        ue(b);
        ue(b);
        uint32_t cycle = ue(b);
        for (uint32_t i = 0; i < cycle && i < 256 && !b->over; i++)
            ue(b);
        b->over = b->over || cycle > 255;
    }
}

static void read_shape(struct bits *b, struct h264_sps *s)
{
    static const uint8_t shapes[][2] = { { 1, 1 }, { 1, 1 }, { 12, 11 }, { 10, 11 }, { 16, 11 }, { 40, 33 }, { 24, 11 }, { 20, 11 }, { 32, 11 },
                                         { 80, 33 }, { 18, 11 }, { 15, 11 }, { 64, 33 }, { 160, 99 }, { 4, 3 }, { 3, 2 }, { 2, 1 } };
    s->sar_num = s->sar_den = 1;
    if (!bit(b) || !bit(b)) /* no VUI, or nothing about the shape in it */
        return;
    uint32_t known = fixed(b, 8);
    int num = 1, den = 1;
    if (known == EXTENDED_SAR) {
        num = (int)fixed(b, 16);
        den = (int)fixed(b, 16);
    } else if (known < ARRAY_LEN(shapes)) {
        num = shapes[known][0], den = shapes[known][1];
    }
    if (num > 0 && den > 0)
        s->sar_num = num, s->sar_den = den;
}

static enum vcr_err read_size(struct bits *b, struct h264_sps *s, struct vcr_why *why)
{
    uint32_t across = ue(b), down = ue(b), crop[4] = { 0 };
    uint32_t frames = bit(b);
    if (!frames)
        bit(b);
    bit(b);
    if (bit(b))
        for (int i = 0; i < 4; i++)
            crop[i] = ue(b);
    if (b->over || across >= SIZE_MAX_PIXELS / 16 || down >= SIZE_MAX_PIXELS / 16)
        return vcr_fail(why, b->over ? VCR_E_MALFORMED : VCR_E_UNSUPPORTED, "a picture of %u by %u blocks", across, down);
    int64_t unit = frames ? 2 : 4, width = (across + 1) * INT64_C(16) - 2 * ((int64_t)crop[0] + crop[1]), height = (down + 1) * (frames ? 16 : 32) - unit * ((int64_t)crop[2] + crop[3]);
    if (width <= 0 || height <= 0 || height > SIZE_MAX_PIXELS)
        return vcr_fail(why, VCR_E_MALFORMED, "nothing is left of the picture");
    s->width = (int)width;
    s->height = (int)height;
    return VCR_OK;
}

enum vcr_err h264_sps_read(struct h264_sps *ret, const uint8_t *sps, size_t len, struct vcr_why *why)
{
    uint8_t plain[SPS_MAX];
    struct bits b = { plain, 0, 0, false };
    if (len < 4 || len > SPS_MAX || (sps[0] & 31) != NAL_SPS)
        return vcr_fail(why, VCR_E_MALFORMED, "no sequence parameter set");
    for (size_t i = 1, zeros = 0; i < len; i++) {
        if (zeros >= 2 && sps[i] == 3) {
            zeros = 0;
            continue;
        }
        zeros = sps[i] == 0 ? zeros + 1 : 0;
        plain[b.len++] = sps[i];
    }
    *ret = (struct h264_sps){ .profile = (uint8_t)fixed(&b, 8) };
    fixed(&b, 8);
    ret->level = (uint8_t)fixed(&b, 8);
    ue(&b);
    if (has_chroma(ret->profile) && !read_chroma(&b))
        return vcr_fail(why, VCR_E_UNSUPPORTED, "not 4:2:0 of 8 bits");
    read_order(&b);
    ue(&b);
    bit(&b);
    enum vcr_err err = read_size(&b, ret, why);
    if (err == VCR_OK)
        read_shape(&b, ret);
    return err != VCR_OK ? err : b.over ? vcr_fail(why, VCR_E_MALFORMED, "it ends too early") : VCR_OK;
}

enum vcr_err h264_sps_find(struct h264_sps *ret, const uint8_t *unit, size_t len, struct vcr_why *why)
{
    const uint8_t *nal;
    size_t pos = 0, n;
    while (fmp4_next_nal(unit, len, &pos, &nal, &n))
        if (n > 0 && (nal[0] & 31) == NAL_SPS)
            return h264_sps_read(ret, nal, n, why);
    return vcr_fail(why, VCR_E_NOT_FOUND, "no sequence parameter set");
}

bool h264_sets_find(struct h264_sets *ret, const uint8_t *unit, size_t len)
{
    const uint8_t *nal;
    size_t pos = 0, n;
    *ret = (struct h264_sets){ 0 };
    while (!(ret->sps && ret->pps) && fmp4_next_nal(unit, len, &pos, &nal, &n)) {
        int type = n > 0 ? nal[0] & 31 : 0;
        if (type == NAL_SLICE || type == NAL_IDR)
            break;
        if (type == NAL_SPS && !ret->sps)
            ret->sps = nal, ret->sps_len = n;
        else if (type == NAL_PPS && !ret->pps)
            ret->pps = nal, ret->pps_len = n;
    }
    return ret->sps && ret->pps;
}
