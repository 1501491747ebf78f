/* wire/fmp4_read.c - see fmp4.h: a reader that accepts only what the writer makes. */
#include "base/util.h"
#include "wire/fmp4.h"
#include "wire/fmp4_internal.h"

#define FOURCC(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/* A stretch of bytes that boxes are cut from. */
struct span {
    const uint8_t *p;
    size_t len;
};

static enum vcr_err bad(struct vcr_why *why, const char *what) { return vcr_fail(why, VCR_E_MALFORMED, "fragment: %s", what); }

/* Cuts the next box, which must be of this type, off *s. */
static bool cut(struct span *s, uint32_t type, struct span *ret)
{
    if (s->len < 8 || rd32be(s->p + 4) != type)
        return false;
    uint32_t size = rd32be(s->p);
    if (size < 8 || size > s->len)
        return false;
    *ret = (struct span){ s->p + 8, size - 8 };
    s->p += size;
    s->len -= size;
    return true;
}
/* The first child of that type among others. */
static bool find(struct span s, uint32_t type, struct span *ret)
{
    while (s.len >= 8) {
        struct span child;
        bool it = rd32be(s.p + 4) == type;
        if (!cut(&s, rd32be(s.p + 4), &child))
            return false;
        if (it) {
            *ret = child;
            return true;
        }
    }
    return false;
}
static bool find_path(struct span s, const uint32_t *types, size_t count, struct span *ret)
{
    for (size_t i = 0; i < count; i++)
        if (!find(s, types[i], &s))
            return false;
    *ret = s;
    return true;
}

enum vcr_err fmp4_parse_part(struct fmp4_fragment *ret, const uint8_t *bytes, size_t len, size_t *ret_used, struct vcr_why *why)
{
    struct span s = { bytes, len }, moof, mfhd, traf, tfhd, tfdt, trun, mdat;
    if (!cut(&s, FOURCC('m', 'o', 'o', 'f'), &moof) || !cut(&s, FOURCC('m', 'd', 'a', 't'), &mdat))
        return bad(why, "not one moof and one mdat");
    if (!cut(&moof, FOURCC('m', 'f', 'h', 'd'), &mfhd) || mfhd.len != 8 || !cut(&moof, FOURCC('t', 'r', 'a', 'f'), &traf) || moof.len != 0)
        return bad(why, "moof");
    if (!cut(&traf, FOURCC('t', 'f', 'h', 'd'), &tfhd) || tfhd.len != 8 || rd32be(tfhd.p) != TFHD_BASE_MOOF)
        return bad(why, "tfhd");
    if (!cut(&traf, FOURCC('t', 'f', 'd', 't'), &tfdt) || tfdt.len != 12 || rd32be(tfdt.p) != UINT32_C(0x1000000))
        return bad(why, "tfdt");
    if (!cut(&traf, FOURCC('t', 'r', 'u', 'n'), &trun) || traf.len != 0 || trun.len < 12 || rd32be(trun.p) != (UINT32_C(0x1000000) | TRUN_FLAGS))
        return bad(why, "trun");
    uint32_t count = rd32be(trun.p + 4);
    if (count == 0 || (uint64_t)count * RECORD_BYTES != trun.len - 12)
        return bad(why, "count of samples");
    if (rd32be(trun.p + 8) != (size_t)(mdat.p - bytes))
        return bad(why, "data offset");
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += rd32be(trun.p + 12 + (size_t)i * RECORD_BYTES + 4);
    if (sum != mdat.len)
        return bad(why, "samples do not fill the data");
    *ret = (struct fmp4_fragment){ rd32be(mfhd.p + 4), count, rd64be(tfdt.p + 4), trun.p + 12, mdat.p, mdat.len };
    *ret_used = len - s.len;
    return VCR_OK;
}

enum vcr_err fmp4_parse_fragment(struct fmp4_fragment *ret, const uint8_t *bytes, size_t len, struct vcr_why *why)
{
    size_t used;
    enum vcr_err err = fmp4_parse_part(ret, bytes, len, &used, why);
    return err == VCR_OK && used != len ? bad(why, "not one moof and one mdat") : err;
}

void fmp4_fragment_sample(const struct fmp4_fragment *f, uint32_t n, struct fmp4_sample *ret)
{
    const uint8_t *r = f->records + (size_t)n * RECORD_BYTES;
    *ret = (struct fmp4_sample){ .duration = rd32be(r), .size = rd32be(r + 4), .cts = (int32_t)rd32be(r + 12),
                                 .key = (rd32be(r + 8) & UINT32_C(0x10000)) == 0 };
}

/* An MPEG-4 descriptor with its length in at most four bytes. */
static bool cut_descriptor(struct span *s, uint8_t tag, struct span *ret)
{
    size_t at = 1, size = 0;
    if (s->len < 2 || s->p[0] != tag)
        return false;
    for (;; at++) {
        if (at >= s->len || at > 4)
            return false;
        size = size << 7 | (s->p[at] & 0x7f);
        if (!(s->p[at] & 0x80))
            break;
    }
    at++;
    if (size > s->len - at)
        return false;
    *ret = (struct span){ s->p + at, size };
    s->p += at + size;
    s->len -= at + size;
    return true;
}
static bool skip(struct span *s, size_t n)
{
    if (s->len < n)
        return false;
    s->p += n;
    s->len -= n;
    return true;
}

static bool parse_audio_entry(struct span entry, bool aac, struct fmp4_track *t)
{
    struct span box, es, config;
    if (entry.len < 28)
        return false;
    t->channels = rd16be(entry.p + 16);
    t->sample_rate = rd32be(entry.p + 24) >> 16;
    skip(&entry, 28);
    if (!aac) {
        if (!find(entry, FOURCC('d', 'O', 'p', 's'), &config))
            return false;
    } else if (!find(entry, FOURCC('e', 's', 'd', 's'), &box) || !skip(&box, 4) || !cut_descriptor(&box, 3, &es) || !skip(&es, 3) ||
               !cut_descriptor(&es, 4, &box) || !skip(&box, 13) || !cut_descriptor(&box, 5, &config)) {
        return false;
    }
    t->config = config.p;
    t->config_len = config.len;
    return true;
}

static bool parse_video_entry(struct span entry, struct fmp4_track *t)
{
    struct span avcc, pasp;
    if (entry.len < 78)
        return false;
    t->width = rd16be(entry.p + 24);
    t->height = rd16be(entry.p + 26);
    skip(&entry, 78);
    if (!find(entry, FOURCC('a', 'v', 'c', 'C'), &avcc) || !find(entry, FOURCC('p', 'a', 's', 'p'), &pasp) || pasp.len != 8)
        return false;
    t->sar_num = (uint16_t)rd32be(pasp.p);
    t->sar_den = (uint16_t)rd32be(pasp.p + 4);
    t->config = avcc.p;
    t->config_len = avcc.len;
    return true;
}

enum vcr_err fmp4_parse_init(struct fmp4_track *ret, const uint8_t *bytes, size_t len, struct vcr_why *why)
{
    static const uint32_t to_mdhd[] = { FOURCC('m', 'd', 'i', 'a'), FOURCC('m', 'd', 'h', 'd') };
    static const uint32_t to_stsd[] = { FOURCC('m', 'd', 'i', 'a'), FOURCC('m', 'i', 'n', 'f'), FOURCC('s', 't', 'b', 'l'), FOURCC('s', 't', 's', 'd') };
    static const uint32_t to_elst[] = { FOURCC('e', 'd', 't', 's'), FOURCC('e', 'l', 's', 't') };
    struct span s = { bytes, len }, ftyp, moov, trak, mdhd, stsd, elst, entry;
    struct fmp4_track t = { 0 };
    if (!cut(&s, FOURCC('f', 't', 'y', 'p'), &ftyp) || !cut(&s, FOURCC('m', 'o', 'o', 'v'), &moov) || s.len != 0)
        return bad(why, "not one ftyp and one moov");
    if (!find(moov, FOURCC('t', 'r', 'a', 'k'), &trak) || !find_path(trak, to_mdhd, ARRAY_LEN(to_mdhd), &mdhd) || mdhd.len < 16)
        return bad(why, "no track");
    t.timescale = rd32be(mdhd.p + 12);
    if (find_path(trak, to_elst, ARRAY_LEN(to_elst), &elst)) {
        if (elst.len != 20)
            return bad(why, "edit list");
        t.priming = rd32be(elst.p + 12);
    }
    if (!find_path(trak, to_stsd, ARRAY_LEN(to_stsd), &stsd) || !skip(&stsd, 8))
        return bad(why, "no sample description");
    bool ok = false;
    if (cut(&stsd, FOURCC('a', 'v', 'c', '1'), &entry)) {
        t.codec = FMP4_H264;
        ok = parse_video_entry(entry, &t);
    } else if (cut(&stsd, FOURCC('m', 'p', '4', 'a'), &entry)) {
        t.codec = FMP4_AAC;
        ok = parse_audio_entry(entry, true, &t);
    } else if (cut(&stsd, FOURCC('O', 'p', 'u', 's'), &entry)) {
        t.codec = FMP4_OPUS;
        ok = parse_audio_entry(entry, false, &t);
    }
    if (!ok || t.timescale == 0)
        return bad(why, "sample description");
    *ret = t;
    return VCR_OK;
}
