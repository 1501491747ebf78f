/* wire/fmp4.c - see fmp4.h: a writer of nested boxes, and a reader that accepts only what the writer makes. */
#include "wire/fmp4.h"

#include <string.h>

#include "base/util.h"

#define FOURCC(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
enum { TRUN_FLAGS = 0xf01 /* data offset; per sample duration, size, flags, composition offset */, RECORD_BYTES = 16, TFHD_BASE_MOOF = 0x20000 };
#define SAMPLE_SYNC UINT32_C(0x02000000)     /* depends on no other */
#define SAMPLE_NON_SYNC UINT32_C(0x01010000) /* depends on others, not a sync sample */

static void p8(struct buf *b, uint8_t v) { buf_addc(b, (char)v); }
static void p16(struct buf *b, uint32_t v)
{
    uint8_t p[2];
    wr16be(p, (uint16_t)v);
    buf_add(b, p, 2);
}
static void p32(struct buf *b, uint32_t v)
{
    uint8_t p[4];
    wr32be(p, v);
    buf_add(b, p, 4);
}
static void p64(struct buf *b, uint64_t v)
{
    p32(b, (uint32_t)(v >> 32));
    p32(b, (uint32_t)v);
}
static void zeros(struct buf *b, size_t n)
{
    while (n-- > 0)
        p8(b, 0);
}
static size_t box(struct buf *b, const char *type)
{
    size_t at = b->len;
    p32(b, 0);
    buf_add(b, type, 4);
    return at;
}
static size_t full_box(struct buf *b, const char *type, uint8_t version, uint32_t flags)
{
    size_t at = box(b, type);
    p32(b, (uint32_t)version << 24 | flags);
    return at;
}
static void end_box(struct buf *b, size_t at)
{
    if (buf_ok(b))
        wr32be((uint8_t *)b->data + at, (uint32_t)(b->len - at));
}
static void matrix(struct buf *b)
{
    static const uint32_t unity[9] = { 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000 };
    for (size_t i = 0; i < ARRAY_LEN(unity); i++)
        p32(b, unity[i]);
}

/* ---- init ---- */
static void write_ftyp(struct buf *b)
{
    size_t at = box(b, "ftyp");
    buf_adds(b, "iso6");
    p32(b, 1);
    buf_adds(b, "iso6cmfcmp41");
    end_box(b, at);
}

static void write_mvhd(struct buf *b, uint32_t timescale)
{
    size_t at = full_box(b, "mvhd", 0, 0);
    zeros(b, 8);
    p32(b, timescale);
    p32(b, 0);
    p32(b, 0x10000);
    p16(b, 0x100);
    zeros(b, 10);
    matrix(b);
    zeros(b, 24);
    p32(b, 2);
    end_box(b, at);
}

static void write_tkhd(struct buf *b, const struct fmp4_track *t)
{
    size_t at = full_box(b, "tkhd", 0, 3);
    zeros(b, 8);
    p32(b, 1);
    zeros(b, 16);
    p16(b, 0); /* layer */
    p16(b, 0); /* alternate group */
    p16(b, t->codec == FMP4_H264 ? 0 : 0x100);
    p16(b, 0);
    matrix(b);
    /* Track size is the size shown: the width in square pixels. */
    uint32_t w = t->width;
    if (t->sar_den > 0)
        w = (uint32_t)(((uint64_t)t->width * t->sar_num + t->sar_den / 2) / t->sar_den);
    p32(b, t->codec == FMP4_H264 ? w << 16 : 0);
    p32(b, t->codec == FMP4_H264 ? (uint32_t)t->height << 16 : 0);
    end_box(b, at);
}

static void write_edts(struct buf *b, const struct fmp4_track *t)
{
    if (t->priming == 0)
        return;
    size_t edts = box(b, "edts"), elst = full_box(b, "elst", 0, 0);
    p32(b, 1);
    p32(b, 0); /* to the end, which a fragmented file does not know */
    p32(b, t->priming);
    p32(b, 0x10000);
    end_box(b, elst);
    end_box(b, edts);
}

static void write_video_entry(struct buf *b, const struct fmp4_track *t)
{
    size_t entry = box(b, "avc1");
    zeros(b, 6);
    p16(b, 1);
    zeros(b, 16);
    p16(b, t->width);
    p16(b, t->height);
    p32(b, 0x480000);
    p32(b, 0x480000);
    p32(b, 0);
    p16(b, 1);
    zeros(b, 32);
    p16(b, 24);
    p16(b, 0xffff);
    size_t avcc = box(b, "avcC");
    buf_add(b, t->config, t->config_len);
    end_box(b, avcc);
    size_t pasp = box(b, "pasp");
    p32(b, t->sar_num ? t->sar_num : 1);
    p32(b, t->sar_den ? t->sar_den : 1);
    end_box(b, pasp);
    end_box(b, entry);
}

static void descriptor(struct buf *b, uint8_t tag, size_t len)
{
    p8(b, tag);
    p8(b, 0x80);
    p8(b, 0x80);
    p8(b, 0x80);
    p8(b, (uint8_t)len);
}

static void write_esds(struct buf *b, const struct fmp4_track *t)
{
    size_t esds = full_box(b, "esds", 0, 0), n = t->config_len;
    descriptor(b, 3, 3 + 5 + 13 + 5 + n + 5 + 1);
    p16(b, 1);
    p8(b, 0);
    descriptor(b, 4, 13 + 5 + n);
    p8(b, 0x40); /* AAC */
    p8(b, 0x15); /* audio */
    zeros(b, 11);
    descriptor(b, 5, n);
    buf_add(b, t->config, n);
    descriptor(b, 6, 1);
    p8(b, 2);
    end_box(b, esds);
}

static void write_audio_entry(struct buf *b, const struct fmp4_track *t)
{
    size_t entry = box(b, t->codec == FMP4_AAC ? "mp4a" : "Opus");
    zeros(b, 6);
    p16(b, 1);
    zeros(b, 8);
    p16(b, t->channels);
    p16(b, 16);
    p32(b, 0);
    p32(b, t->sample_rate << 16);
    if (t->codec == FMP4_AAC) {
        write_esds(b, t);
    } else {
        size_t dops = box(b, "dOps");
        buf_add(b, t->config, t->config_len);
        end_box(b, dops);
    }
    end_box(b, entry);
}

static void write_stbl(struct buf *b, const struct fmp4_track *t)
{
    static const char *const empty[] = { "stts", "stsc", "stco" };
    size_t stbl = box(b, "stbl"), stsd = full_box(b, "stsd", 0, 0);
    p32(b, 1);
    if (t->codec == FMP4_H264)
        write_video_entry(b, t);
    else
        write_audio_entry(b, t);
    end_box(b, stsd);
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        size_t at = full_box(b, empty[i], 0, 0);
        p32(b, 0);
        end_box(b, at);
    }
    size_t stsz = full_box(b, "stsz", 0, 0);
    zeros(b, 8);
    end_box(b, stsz);
    end_box(b, stbl);
}

static void write_minf(struct buf *b, const struct fmp4_track *t)
{
    size_t minf = box(b, "minf");
    size_t head = t->codec == FMP4_H264 ? full_box(b, "vmhd", 0, 1) : full_box(b, "smhd", 0, 0);
    zeros(b, t->codec == FMP4_H264 ? 8 : 4);
    end_box(b, head);
    size_t dinf = box(b, "dinf"), dref = full_box(b, "dref", 0, 0);
    p32(b, 1);
    size_t url = full_box(b, "url ", 0, 1);
    end_box(b, url);
    end_box(b, dref);
    end_box(b, dinf);
    write_stbl(b, t);
    end_box(b, minf);
}

static void write_mdia(struct buf *b, const struct fmp4_track *t)
{
    bool video = t->codec == FMP4_H264;
    size_t mdia = box(b, "mdia"), mdhd = full_box(b, "mdhd", 0, 0);
    zeros(b, 8);
    p32(b, t->timescale);
    p32(b, 0);
    p16(b, 0x55c4); /* und */
    p16(b, 0);
    end_box(b, mdhd);
    size_t hdlr = full_box(b, "hdlr", 0, 0);
    p32(b, 0);
    buf_adds(b, video ? "vide" : "soun");
    zeros(b, 12);
    buf_adds(b, video ? "video" : "sound");
    p8(b, 0);
    end_box(b, hdlr);
    write_minf(b, t);
    end_box(b, mdia);
}

void fmp4_write_init(struct buf *b, const struct fmp4_track *t)
{
    write_ftyp(b);
    size_t moov = box(b, "moov");
    write_mvhd(b, t->timescale);
    size_t trak = box(b, "trak");
    write_tkhd(b, t);
    write_edts(b, t);
    write_mdia(b, t);
    end_box(b, trak);
    size_t mvex = box(b, "mvex"), trex = full_box(b, "trex", 0, 0);
    p32(b, 1);
    p32(b, 1);
    zeros(b, 12);
    end_box(b, trex);
    end_box(b, mvex);
    end_box(b, moov);
}

/* ---- fragments ---- */
void fmp4_write_fragment_head(struct buf *b, uint32_t sequence, uint64_t tfdt, const struct fmp4_sample *samples, size_t count, bool video)
{
    uint64_t bytes = 8;
    size_t moof = box(b, "moof"), mfhd = full_box(b, "mfhd", 0, 0);
    p32(b, sequence);
    end_box(b, mfhd);
    size_t traf = box(b, "traf"), tfhd = full_box(b, "tfhd", 0, TFHD_BASE_MOOF);
    p32(b, 1);
    end_box(b, tfhd);
    size_t at = full_box(b, "tfdt", 1, 0);
    p64(b, tfdt);
    end_box(b, at);
    size_t trun = full_box(b, "trun", 1, TRUN_FLAGS);
    p32(b, (uint32_t)count);
    p32(b, (uint32_t)(b->len - moof + 4 + count * RECORD_BYTES + 8)); /* first data byte, from the moof */
    for (size_t i = 0; i < count; i++) {
        p32(b, samples[i].duration);
        p32(b, samples[i].size);
        p32(b, samples[i].key || !video ? SAMPLE_SYNC : SAMPLE_NON_SYNC);
        p32(b, (uint32_t)samples[i].cts);
        bytes += samples[i].size;
    }
    end_box(b, trun);
    end_box(b, traf);
    end_box(b, moof);
    p32(b, (uint32_t)bytes);
    buf_adds(b, "mdat");
}

/* ---- reading: a stretch of bytes that boxes are cut from ---- */
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

enum vcr_err fmp4_parse_fragment(struct fmp4_fragment *ret, const uint8_t *bytes, size_t len, struct vcr_why *why)
{
    struct span s = { bytes, len }, moof, mfhd, traf, tfhd, tfdt, trun, mdat;
    if (!cut(&s, FOURCC('m', 'o', 'o', 'f'), &moof) || !cut(&s, FOURCC('m', 'd', 'a', 't'), &mdat) || s.len != 0)
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
    return VCR_OK;
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

/* ---- H.264 ---- */
bool fmp4_make_avcc(uint8_t *out, size_t out_size, size_t *ret_len, const uint8_t *sps, size_t sps_len, const uint8_t *pps, size_t pps_len)
{
    bool high = sps_len >= 4 && sps[1] >= 100;
    size_t need = 11 + sps_len + pps_len + (high ? 4 : 0);
    if (sps_len < 4 || pps_len < 1 || sps_len > 0xffff || pps_len > 0xffff || need > out_size)
        return false;
    uint8_t *p = out;
    *p++ = 1;
    memcpy(p, sps + 1, 3);
    p += 3;
    *p++ = 0xff; /* lengths of four bytes */
    *p++ = 0xe1;
    wr16be(p, (uint16_t)sps_len);
    memcpy(p + 2, sps, sps_len);
    p += 2 + sps_len;
    *p++ = 1;
    wr16be(p, (uint16_t)pps_len);
    memcpy(p + 2, pps, pps_len);
    p += 2 + pps_len;
    if (high) {
        static const uint8_t yuv420_8bit[4] = { 0xfd, 0xf8, 0xf8, 0 };
        memcpy(p, yuv420_8bit, sizeof(yuv420_8bit));
        p += sizeof(yuv420_8bit);
    }
    *ret_len = (size_t)(p - out);
    return true;
}

static size_t start_code(const uint8_t *bytes, size_t len, size_t from)
{
    for (size_t i = from; i + 3 <= len; i++)
        if (bytes[i] == 0 && bytes[i + 1] == 0 && bytes[i + 2] == 1)
            return i;
    return len;
}

bool fmp4_next_nal(const uint8_t *bytes, size_t len, size_t *pos, const uint8_t **ret_nal, size_t *ret_len)
{
    while (*pos < len) {
        size_t begin = start_code(bytes, len, *pos);
        if (begin == len)
            break;
        begin += 3;
        size_t end = start_code(bytes, len, begin);
        *pos = end;
        while (end > begin && bytes[end - 1] == 0) /* trailing zeros belong to the next start code */
            end--;
        if (end > begin) {
            *ret_nal = bytes + begin;
            *ret_len = end - begin;
            return true;
        }
    }
    *pos = len;
    return false;
}
