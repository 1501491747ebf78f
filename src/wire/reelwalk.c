/* wire/reelwalk.c - see reelwalk.h. */
#include "wire/reelwalk.h"

#include <string.h>

#include "base/util.h"
#include "wire/reelcut.h"

#define FOURCC(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
enum { HEAD_MAGIC = 0x5643524a /* VCRJ */, VERSION = 1, RECORD_MAGIC = 0x4a52, GAP = 1, CRC_AT = REELWALK_RECORD_BYTES - 4, BOX_HEAD = 8, MOOF_MAX = 1 << 20 };
/* In a part as fmp4.h makes it: where the first sample's flags stand. */
enum { FIRST_FLAGS_AT = 8 + 16 + 8 + 16 + 20 + 8 + 12 + 8, NON_SYNC = 0x10000 };

void reelwalk_write_head(uint8_t out[REELWALK_HEAD_BYTES], int64_t wall_ms)
{
    memset(out, 0, REELWALK_HEAD_BYTES);
    wr32be(out, HEAD_MAGIC);
    wr16be(out + 4, VERSION);
    wr64be(out + 8, (uint64_t)wall_ms);
}

bool reelwalk_read_head(const uint8_t in[REELWALK_HEAD_BYTES], int64_t *ret_wall_ms)
{
    if (rd32be(in) != HEAD_MAGIC || rd16be(in + 4) != VERSION)
        return false;
    *ret_wall_ms = (int64_t)rd64be(in + 8);
    return true;
}

void reelwalk_write_record(uint8_t out[REELWALK_RECORD_BYTES], const struct reelwalk_record *r)
{
    memset(out, 0, REELWALK_RECORD_BYTES);
    wr16be(out, RECORD_MAGIC);
    out[2] = r->track;
    out[3] = r->discontinuity ? GAP : 0;
    wr32be(out + 4, r->number);
    wr64be(out + 8, r->offset);
    wr32be(out + 16, r->size);
    wr32be(out + 20, r->crc32);
    wr64be(out + 24, (uint64_t)r->start_us);
    wr32be(out + 32, r->duration_us);
    wr64be(out + 40, (uint64_t)r->wall_ms);
    wr32be(out + CRC_AT, reelidx_crc32(0, out, CRC_AT));
}

bool reelwalk_read_record(const uint8_t in[REELWALK_RECORD_BYTES], struct reelwalk_record *ret)
{
    if (rd16be(in) != RECORD_MAGIC || in[2] >= REELWALK_TRACKS_MAX || rd32be(in + CRC_AT) != reelidx_crc32(0, in, CRC_AT))
        return false;
    *ret = (struct reelwalk_record){
        .track = in[2], .discontinuity = (in[3] & GAP) != 0, .number = rd32be(in + 4), .offset = rd64be(in + 8), .size = rd32be(in + 16), .crc32 = rd32be(in + 20),
        .start_us = (int64_t)rd64be(in + 24), .duration_us = rd32be(in + 32), .wall_ms = (int64_t)rd64be(in + 40),
    };
    return true;
}

static enum vcr_err bad(struct vcr_why *why, const char *what) { return vcr_fail(why, VCR_E_MALFORMED, "recording: %s", what); }

enum vcr_err reelwalk_part_bytes(const uint8_t *bytes, size_t len, uint64_t *ret_bytes, bool *ret_key)
{
    if (len < BOX_HEAD)
        return VCR_E_AGAIN;
    uint32_t moof = rd32be(bytes);
    if (rd32be(bytes + 4) != FOURCC('m', 'o', 'o', 'f') || moof < FIRST_FLAGS_AT + 4 || moof > MOOF_MAX)
        return VCR_E_MALFORMED;
    if (len < (size_t)moof + BOX_HEAD)
        return VCR_E_AGAIN;
    uint32_t mdat = rd32be(bytes + moof);
    if (rd32be(bytes + moof + 4) != FOURCC('m', 'd', 'a', 't') || mdat < BOX_HEAD)
        return VCR_E_MALFORMED;
    *ret_bytes = (uint64_t)moof + mdat;
    *ret_key = (rd32be(bytes + FIRST_FLAGS_AT) & NON_SYNC) == 0;
    return VCR_OK;
}

/* Length-prefixed NAL units that fill it, none of them empty or with the forbidden bit. */
static bool is_h264(const uint8_t *p, size_t len)
{
    while (len > 4) {
        uint32_t n = rd32be(p);
        if (n == 0 || n > len - 4 || p[4] & 0x80)
            return false;
        p += 4 + n;
        len -= 4 + (size_t)n;
    }
    return len == 0;
}

struct walk {
    struct reelwalk_fragment *f;
    enum fmp4_codec codec;
    uint32_t timescale;
    int64_t pts[REELWALK_SAMPLES_MAX];
};

static enum vcr_err walk_part(struct walk *w, const uint8_t *bytes, size_t at, size_t len, struct vcr_why *why)
{
    struct reelidx_fragment *r = &w->f->record;
    struct fmp4_fragment part;
    struct fmp4_sample s;
    enum vcr_err err = fmp4_parse_fragment(&part, bytes + at, len, why);
    if (err != VCR_OK)
        return err;
    if (r->part_count == 0)
        w->f->tfdt = w->f->end_ticks = part.tfdt;
    if (part.tfdt > INT64_MAX / 1000000 || part.tfdt != w->f->end_ticks)
        return bad(why, "decode times do not follow one another");
    if (part.count > REELWALK_SAMPLES_MAX - r->sample_count)
        return bad(why, "too many samples in a fragment");
    const uint8_t *data = part.data;
    for (uint32_t i = 0; i < part.count; i++) {
        fmp4_fragment_sample(&part, i, &s);
        if (w->codec == FMP4_H264 && !w->f->heads_only && !is_h264(data, s.size))
            return bad(why, "a picture is not whole");
        if (r->sample_count == 0 && !s.key)
            return bad(why, "a fragment does not begin with a key frame");
        if (r->sample_count == 0)
            r->key_size = (uint32_t)((size_t)(data - bytes) + s.size);
        w->pts[r->sample_count] = reelcut_us(w->timescale, (int64_t)w->f->end_ticks + s.cts);
        w->f->samples[r->sample_count++].key = s.key;
        w->f->end_ticks += s.duration;
        data += s.size;
    }
    int64_t from_us = reelcut_us(w->timescale, (int64_t)part.tfdt), to_us = reelcut_us(w->timescale, (int64_t)w->f->end_ticks);
    if (to_us - from_us > UINT32_MAX)
        return bad(why, "a picture cannot last that long");
    w->f->parts[r->part_count++] = (struct reelidx_part){ (uint32_t)len, (uint32_t)(to_us - from_us) };
    return VCR_OK;
}

enum vcr_err reelwalk_fragment(struct reelwalk_fragment *f, enum fmp4_codec codec, uint32_t timescale, const uint8_t *bytes, size_t len, struct vcr_why *why)
{
    struct walk w = { .f = f, .codec = codec, .timescale = timescale };
    f->record = (struct reelidx_fragment){ .size = (uint32_t)len };
    for (size_t at = 0; at < len;) {
        uint64_t n;
        bool key;
        if (reelwalk_part_bytes(bytes + at, len - at, &n, &key) != VCR_OK || n > len - at)
            return bad(why, "not whole parts");
        enum vcr_err err = walk_part(&w, bytes, at, (size_t)n, why);
        if (err != VCR_OK)
            return err;
        at += (size_t)n;
    }
    struct reelidx_fragment *r = &f->record;
    if (r->sample_count == 0 || len > UINT32_MAX)
        return bad(why, "a fragment without samples");
    r->start_us = w.pts[0];
    for (uint32_t i = 1; i < r->sample_count; i++)
        r->start_us = VCR_MIN(r->start_us, w.pts[i]);
    for (uint32_t i = 0; i < r->sample_count; i++)
        f->samples[i].pts_delta_us = (uint32_t)VCR_MIN(w.pts[i] - r->start_us, INT32_MAX);
    r->duration_us = (uint32_t)(reelcut_us(timescale, (int64_t)f->end_ticks) - reelcut_us(timescale, (int64_t)f->tfdt));
    r->crc32 = f->heads_only ? 0 : reelidx_crc32(0, bytes, len);
    return VCR_OK;
}

enum vcr_err reelwalk_init_bytes(const uint8_t *bytes, size_t len, uint32_t *ret_bytes)
{
    if (len < BOX_HEAD)
        return VCR_E_AGAIN;
    uint32_t ftyp = rd32be(bytes);
    if (rd32be(bytes + 4) != FOURCC('f', 't', 'y', 'p') || ftyp < BOX_HEAD || ftyp > 1024)
        return VCR_E_MALFORMED;
    if (len < (size_t)ftyp + BOX_HEAD)
        return VCR_E_AGAIN;
    uint32_t moov = rd32be(bytes + ftyp);
    if (rd32be(bytes + ftyp + 4) != FOURCC('m', 'o', 'o', 'v') || moov < BOX_HEAD || moov > 1 << 16)
        return VCR_E_MALFORMED;
    if (len < (size_t)ftyp + moov)
        return VCR_E_AGAIN;
    *ret_bytes = ftyp + moov;
    return VCR_OK;
}
