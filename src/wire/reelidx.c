/* wire/reelidx.c - see reelidx.h. One cursor reads, the buffer writes; both walk the same order. */
#include "wire/reelidx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

enum { VERSION = 1, VERSION_PARTS = 2, FLAG_PASS_THROUGH = 1, HEAD_BYTES = 8, FRAGMENT_BYTES = 40, FRAGMENT_PARTS_BYTES = 56, PART_BYTES = 8 };
enum { FRAGMENTS_MAX = 1 << 22, PARTS_MAX = 1 << 24, SAMPLES_MAX = 1 << 26, CODECS = 3, FRAGMENT_DISCONTINUITY = 1 };
#define SAMPLE_KEY UINT32_C(0x80000000)

/* crc_of[k][b]: the remainder of byte b followed by k zero bytes, so that eight bytes go in one step: fragments are checked while sessions wait. */
static uint32_t crc_of[8][256];

__attribute__((constructor)) static void make_crc_table(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t r = b;
        for (int bit = 0; bit < 8; bit++)
            r = r >> 1 ^ (r & 1 ? 0xedb88320 : 0);
        crc_of[0][b] = r;
    }
    for (int k = 1; k < 8; k++)
        for (int b = 0; b < 256; b++)
            crc_of[k][b] = crc_of[k - 1][b] >> 8 ^ crc_of[0][crc_of[k - 1][b] & 255];
}

uint32_t reelidx_crc32(uint32_t crc, const uint8_t *bytes, size_t len)
{
    crc = ~crc;
    for (; len >= 8; len -= 8, bytes += 8) {
        uint32_t low = crc ^ ((uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24);
        crc = crc_of[7][low & 255] ^ crc_of[6][low >> 8 & 255] ^ crc_of[5][low >> 16 & 255] ^ crc_of[4][low >> 24] ^ crc_of[3][bytes[4]] ^
              crc_of[2][bytes[5]] ^ crc_of[1][bytes[6]] ^ crc_of[0][bytes[7]];
    }
    for (; len > 0; len--, bytes++)
        crc = crc >> 8 ^ crc_of[0][(crc ^ *bytes) & 255];
    return ~crc;
}

void reelidx_name_codec(struct reelidx *x)
{
    static const char *const names[CODECS] = { NULL, "mp4a.40.2", "opus" };
    if (names[x->codec])
        vcr_strcpy(x->codecs, sizeof(x->codecs), names[x->codec]);
    else
        snprintf(x->codecs, sizeof(x->codecs), "avc1.%02x%02x%02x", x->config[1], x->config[2], x->config[3]);
}

void reelidx_find_rates(struct reelidx *x)
{
    uint64_t total = 0, peak = 0;
    for (uint32_t i = 0; i < x->fragment_count; i++) {
        uint64_t bytes = 0, us = 0;
        for (uint32_t k = i; k < x->fragment_count && us < 1000000; k++) {
            bytes += x->fragments[k].size;
            us += x->fragments[k].duration_us;
        }
        total += x->fragments[i].size;
        if (us >= 900000 || i == 0)
            peak = VCR_MAX(peak, us ? bytes * 8000000 / us : 0);
    }
    x->average_bps = (uint32_t)(x->duration_us > 0 ? total * 8000000 / (uint64_t)x->duration_us : 0);
    x->bandwidth_bps = (uint32_t)VCR_MAX(VCR_MIN(peak, UINT32_MAX), x->average_bps);
}

static void put16(struct buf *b, uint16_t v)
{
    uint8_t p[2];
    wr16be(p, v);
    buf_add(b, p, sizeof(p));
}
static void put32(struct buf *b, uint32_t v)
{
    uint8_t p[4];
    wr32be(p, v);
    buf_add(b, p, sizeof(p));
}
static void put64(struct buf *b, uint64_t v)
{
    uint8_t p[8];
    wr64be(p, v);
    buf_add(b, p, sizeof(p));
}

static void put_fragment(struct buf *out, const struct reelidx_fragment *f, bool parts)
{
    put64(out, f->offset);
    put64(out, (uint64_t)f->start_us);
    put32(out, f->size);
    put32(out, f->crc32);
    put32(out, f->duration_us);
    put32(out, f->first_sample);
    put32(out, f->sample_count);
    put32(out, f->key_size);
    if (!parts)
        return;
    put32(out, f->part_count);
    put32(out, f->discontinuity ? FRAGMENT_DISCONTINUITY : 0);
    put64(out, (uint64_t)f->wall_ms);
}

void reelidx_write(struct buf *out, const struct reelidx *x)
{
    size_t start = out->len;
    bool parts = x->version >= VERSION_PARTS;
    buf_adds(out, "VCRX");
    put16(out, parts ? VERSION_PARTS : VERSION);
    put16(out, x->pass_through ? FLAG_PASS_THROUGH : 0);
    put32(out, x->codec);
    put32(out, x->timescale);
    put32(out, x->bandwidth_bps);
    put32(out, x->average_bps);
    put16(out, x->width);
    put16(out, x->height);
    put16(out, x->sar_num);
    put16(out, x->sar_den);
    put16(out, x->channels);
    put16(out, x->config_len);
    put32(out, x->sample_rate);
    buf_add(out, x->codecs, sizeof(x->codecs));
    buf_add(out, x->config, x->config_len);
    put32(out, x->init_size);
    put64(out, (uint64_t)x->duration_us);
    put32(out, x->fragment_count);
    put32(out, x->sample_count);
    put32(out, x->samples ? 1 : 0);
    if (parts)
        put32(out, x->part_count);
    for (uint32_t i = 0; i < x->fragment_count; i++)
        put_fragment(out, &x->fragments[i], parts);
    for (uint32_t i = 0; parts && i < x->part_count; i++) {
        put32(out, x->parts[i].size);
        put32(out, x->parts[i].duration_us);
    }
    for (uint32_t i = 0; x->samples && i < x->sample_count; i++)
        put32(out, (x->samples[i].pts_delta_us & ~SAMPLE_KEY) | (x->samples[i].key ? SAMPLE_KEY : 0));
    if (buf_ok(out))
        put32(out, reelidx_crc32(0, (const uint8_t *)out->data + start, out->len - start));
}

/* ---- reading ---- */
struct cursor {
    const uint8_t *p, *end;
    bool short_read;
};
static const uint8_t *take(struct cursor *c, size_t n)
{
    static const uint8_t zero[8];
    if (c->short_read || (size_t)(c->end - c->p) < n) {
        c->short_read = true;
        return n <= sizeof(zero) ? zero : NULL;
    }
    c->p += n;
    return c->p - n;
}
static uint16_t get16(struct cursor *c) { return rd16be(take(c, 2)); }
static uint32_t get32(struct cursor *c) { return rd32be(take(c, 4)); }
static uint64_t get64(struct cursor *c) { return rd64be(take(c, 8)); }

static enum vcr_err bad(struct vcr_why *why, const char *what) { return vcr_fail(why, VCR_E_MALFORMED, "reel index: %s", what); }

static enum vcr_err get_head(struct cursor *c, struct reelidx *x, bool *ret_has_samples, struct vcr_why *why)
{
    if (get32(c) != UINT32_C(0x56435258))
        return bad(why, "not a reel index");
    uint16_t version = get16(c);
    if (version != VERSION && version != VERSION_PARTS)
        return bad(why, "unknown version");
    x->version = (uint8_t)version;
    x->pass_through = (get16(c) & FLAG_PASS_THROUGH) != 0;
    uint32_t codec = get32(c);
    if (codec >= CODECS)
        return bad(why, "unknown codec");
    x->codec = (uint8_t)codec;
    x->timescale = get32(c);
    x->bandwidth_bps = get32(c);
    x->average_bps = get32(c);
    x->width = get16(c);
    x->height = get16(c);
    x->sar_num = get16(c);
    x->sar_den = get16(c);
    x->channels = get16(c);
    x->config_len = get16(c);
    x->sample_rate = get32(c);
    const uint8_t *codecs = take(c, sizeof(x->codecs));
    if (!codecs || codecs[sizeof(x->codecs) - 1] != 0)
        return bad(why, "codec string");
    memcpy(x->codecs, codecs, sizeof(x->codecs));
    const uint8_t *config = x->config_len <= sizeof(x->config) ? take(c, x->config_len) : NULL;
    if (!config)
        return bad(why, "codec configuration");
    memcpy(x->config, config, x->config_len);
    x->init_size = get32(c);
    x->duration_us = (int64_t)get64(c);
    x->fragment_count = get32(c);
    x->sample_count = get32(c);
    uint32_t has = get32(c);
    x->part_count = version == VERSION_PARTS ? get32(c) : 0;
    if (c->short_read)
        return bad(why, "ends inside the header");
    if (x->timescale == 0 || x->duration_us < 0 || has > 1)
        return bad(why, "impossible header");
    if (x->fragment_count > FRAGMENTS_MAX || x->sample_count > SAMPLES_MAX || x->part_count > PARTS_MAX)
        return bad(why, "too many fragments, parts or samples");
    *ret_has_samples = has == 1;
    return VCR_OK;
}

static bool get_fragment_parts(struct cursor *c, const struct reelidx *x, struct reelidx_fragment *f, uint32_t *part)
{
    f->first_part = *part;
    f->part_count = get32(c);
    uint32_t flags = get32(c);
    f->discontinuity = (flags & FRAGMENT_DISCONTINUITY) != 0;
    f->wall_ms = (int64_t)get64(c);
    if ((flags & ~(uint32_t)FRAGMENT_DISCONTINUITY) != 0 || f->wall_ms < 0 || f->part_count == 0 || f->part_count > x->part_count - *part)
        return false;
    *part += f->part_count;
    return true;
}

/* Those of a fragment fill it. */
static enum vcr_err get_parts(struct cursor *c, struct reelidx *x, struct vcr_why *why)
{
    for (uint32_t i = 0; i < x->fragment_count; i++) {
        const struct reelidx_fragment *f = &x->fragments[i];
        uint64_t size = 0;
        for (uint32_t k = 0; k < f->part_count; k++) {
            struct reelidx_part *p = &x->parts[f->first_part + k];
            p->size = get32(c);
            p->duration_us = get32(c);
            size += p->size;
            if (p->size == 0)
                return bad(why, "a part without bytes");
        }
        if (size != f->size)
            return bad(why, "parts do not fill their fragment");
    }
    return VCR_OK;
}

/* Fragments lie one behind the other from init_size on, in bytes and in samples, and their times never go back. */
static enum vcr_err get_fragments(struct cursor *c, struct reelidx *x, struct vcr_why *why)
{
    uint64_t offset = x->init_size;
    uint32_t sample = 0, part = 0;
    int64_t start_us = INT64_MIN;
    for (uint32_t i = 0; i < x->fragment_count; i++) {
        struct reelidx_fragment *f = &x->fragments[i];
        f->offset = get64(c);
        f->start_us = (int64_t)get64(c);
        f->size = get32(c);
        f->crc32 = get32(c);
        f->duration_us = get32(c);
        f->first_sample = get32(c);
        f->sample_count = get32(c);
        f->key_size = get32(c);
        if (x->version == VERSION_PARTS && !get_fragment_parts(c, x, f, &part))
            return bad(why, "parts do not follow one another");
        if (f->offset != offset || f->first_sample != sample || f->sample_count == 0 || f->sample_count > x->sample_count - sample)
            return bad(why, "fragments do not follow one another");
        if (f->start_us < start_us || f->start_us < -INT64_C(10000000) || f->start_us > INT64_C(1) << 52)
            return bad(why, "fragment times go back");
        if (f->key_size > f->size || f->size == 0)
            return bad(why, "fragment sizes");
        offset += f->size;
        sample += f->sample_count;
        start_us = f->start_us;
    }
    return sample == x->sample_count && part == x->part_count ? VCR_OK : bad(why, "samples or parts are missing");
}

static uint64_t records_bytes(const struct reelidx *x)
{
    if (x->version != VERSION_PARTS)
        return (uint64_t)x->fragment_count * FRAGMENT_BYTES;
    return (uint64_t)x->fragment_count * FRAGMENT_PARTS_BYTES + (uint64_t)x->part_count * PART_BYTES;
}

enum vcr_err reelidx_measure(struct reelidx_shape *ret, const uint8_t *head, size_t len, uint64_t file_bytes, struct vcr_why *why)
{
    struct reelidx x = { 0 };
    struct cursor c = { head, head + len, false };
    bool has_samples = false;
    if (len < HEAD_BYTES)
        return bad(why, "too short");
    enum vcr_err err = get_head(&c, &x, &has_samples, why);
    if (err != VCR_OK)
        return err;
    uint64_t samples_at = (uint64_t)(c.p - head) + records_bytes(&x);
    if (samples_at + (has_samples ? (uint64_t)x.sample_count * REELIDX_SAMPLE_BYTES : 0) + REELIDX_CRC_BYTES != file_bytes)
        return bad(why, "length does not fit its counts");
    *ret = (struct reelidx_shape){ samples_at, has_samples };
    return VCR_OK;
}

enum vcr_err reelidx_parse_fragments(struct reelidx *ret, const uint8_t *bytes, size_t samples_at, struct vcr_why *why)
{
    struct reelidx x = { 0 };
    struct cursor c = { bytes, bytes + samples_at, false };
    bool has_samples;
    enum vcr_err err = get_head(&c, &x, &has_samples, why);
    if (err != VCR_OK)
        return err;
    if (records_bytes(&x) != (uint64_t)(c.end - c.p))
        return bad(why, "length does not fit its counts");
    x.fragments = calloc(x.fragment_count + 1, sizeof(*x.fragments));
    x.parts = x.version == VERSION_PARTS ? calloc((size_t)x.part_count + 1, sizeof(*x.parts)) : NULL;
    if (!x.fragments || (x.version == VERSION_PARTS && !x.parts))
        err = vcr_fail(why, VCR_E_NOMEM, "reel index: no memory");
    if (err == VCR_OK)
        err = get_fragments(&c, &x, why);
    if (err == VCR_OK && x.parts)
        err = get_parts(&c, &x, why);
    if (err != VCR_OK)
        reelidx_free(&x);
    else
        *ret = x;
    return err;
}

struct reelidx_sample reelidx_sample(const uint8_t record[REELIDX_SAMPLE_BYTES])
{
    uint32_t v = rd32be(record);
    return (struct reelidx_sample){ v & ~SAMPLE_KEY, (v & SAMPLE_KEY) != 0 };
}

enum vcr_err reelidx_parse(struct reelidx *ret, const uint8_t *bytes, size_t len, struct vcr_why *why)
{
    struct reelidx x;
    struct reelidx_shape shape = { 0 };
    enum vcr_err err = reelidx_measure(&shape, bytes, VCR_MIN(len, REELIDX_HEAD_MAX), len, why);
    if (err != VCR_OK)
        return err;
    if (reelidx_crc32(0, bytes, len - REELIDX_CRC_BYTES) != rd32be(bytes + len - REELIDX_CRC_BYTES))
        return bad(why, "checksum");
    err = reelidx_parse_fragments(&x, bytes, (size_t)shape.samples_at, why);
    if (err != VCR_OK)
        return err;
    if (shape.has_samples) {
        x.samples = calloc((size_t)x.sample_count + 1, sizeof(*x.samples));
        if (!x.samples) {
            reelidx_free(&x);
            return vcr_fail(why, VCR_E_NOMEM, "reel index: no memory");
        }
        for (uint32_t i = 0; i < x.sample_count; i++)
            x.samples[i] = reelidx_sample(bytes + shape.samples_at + (size_t)i * REELIDX_SAMPLE_BYTES);
    }
    *ret = x;
    return VCR_OK;
}

void reelidx_free(struct reelidx *x)
{
    free(x->fragments);
    free(x->samples);
    free(x->parts);
    x->fragments = NULL;
    x->samples = NULL;
    x->parts = NULL;
}
