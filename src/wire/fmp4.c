/* wire/fmp4.c - see fmp4.h: a writer of nested boxes, and parameter sets of H.264. What reads them again is fmp4_read.c. */
#include "wire/fmp4.h"

#include <string.h>

#include "base/util.h"
#include "wire/fmp4_internal.h"

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

bool fmp4_read_sets(struct buf *out, const uint8_t *avcc, size_t len)
{
    static const uint8_t start_code[4] = { 0, 0, 0, 1 };
    size_t at = 5;
    for (int group = 0; group < 2; group++) {
        if (at >= len)
            return false;
        int count = avcc[at++] & (group == 0 ? 31 : 255);
        for (; count > 0; count--) {
            if (len - at < 2 || len - at - 2 < rd16be(avcc + at))
                return false;
            size_t n = rd16be(avcc + at);
            buf_add(out, start_code, sizeof(start_code));
            buf_add(out, avcc + at + 2, n);
            at += 2 + n;
        }
    }
    return buf_ok(out);
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
