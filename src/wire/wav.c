/* wire/wav.c - see wav.h. */
#include "wire/wav.h"

#include <math.h>
#include <string.h>

#include "base/util.h"

enum { PCM = 1, FLOAT = 3, EXTENSIBLE = 0xFFFE, FMT_BYTES = 16, FMT_MOST = 40 };

static uint16_t le16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static uint32_t le32(const uint8_t *p) { return (uint32_t)le16(p) | (uint32_t)le16(p + 2) << 16; }
static void put16(uint8_t *p, unsigned v) { p[0] = (uint8_t)v, p[1] = (uint8_t)(v >> 8); }
static void put32(uint8_t *p, uint32_t v) { put16(p, v & 0xFFFF), put16(p + 2, v >> 16); }

static enum vcr_err parse_format(struct wav *w, const uint8_t *p, size_t len, struct vcr_why *why)
{
    static const struct { bool is_float; int bits; } kinds[] = { { false, 8 }, { false, 16 }, { false, 24 }, { false, 32 }, { true, 32 } };
    unsigned tag = le16(p);
    if (tag == EXTENSIBLE && len >= FMT_MOST)
        tag = le16(p + 24);
    w->channels = le16(p + 2);
    w->rate = (int)VCR_MIN(le32(p + 4), (uint32_t)INT32_MAX);
    w->bits = le16(p + 14);
    w->is_float = tag == FLOAT;
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        known |= (tag == PCM || tag == FLOAT) && kinds[i].is_float == w->is_float && kinds[i].bits == w->bits;
    if (!known || w->channels < 1 || w->channels > 2)
        return vcr_fail(why, VCR_E_UNSUPPORTED, "WAV of format %u, %d bits, %d channels: only PCM of 8 to 32 bits or floats of 32, one or two channels", tag, w->bits, w->channels);
    if (w->rate < WAV_RATE_MIN || w->rate > WAV_RATE_MAX)
        return vcr_fail(why, VCR_E_UNSUPPORTED, "WAV of %d samples a second: %d to %d", w->rate, WAV_RATE_MIN, WAV_RATE_MAX);
    return VCR_OK;
}

static void place_samples(struct wav *w, uint64_t at, uint64_t promised, uint64_t size)
{
    uint64_t there = size > at ? size - at : 0, each = (uint64_t)w->channels * (uint64_t)w->bits / 8;
    bool open_ended = promised == UINT32_MAX || promised == 0; /* written to a pipe: nobody knew how long it becomes */
    w->at = at;
    w->cut = !open_ended && promised > there;
    uint64_t bytes = open_ended ? there : VCR_MIN(promised, there);
    w->frames = (int64_t)(bytes / each);
    w->cut |= bytes % each != 0;
}

enum vcr_err wav_open(struct wav *ret, struct io *io, struct vcr_why *why)
{
    uint8_t b[FMT_MOST];
    uint64_t at = 12, size = io_size(io);
    bool has_format = false;
    *ret = (struct wav){ 0 };
    if (size < 12 || io_pread_all(io, b, 12, 0, NULL) != VCR_OK || memcmp(b, "RIFF", 4) != 0 || memcmp(b + 8, "WAVE", 4) != 0)
        return vcr_fail(why, VCR_E_MALFORMED, "this is not a WAV file: it does not begin with RIFF and WAVE");
    for (int i = 0; i < WAV_CHUNKS_MAX && size - at >= 8; i++) {
        enum vcr_err err = io_pread_all(io, b, 8, at, why);
        if (err != VCR_OK)
            return err;
        uint64_t len = le32(b + 4);
        bool is_data = memcmp(b, "data", 4) == 0, is_format = memcmp(b, "fmt ", 4) == 0;
        at += 8;
        if (is_data && has_format) {
            place_samples(ret, at, len, size);
            return VCR_OK;
        }
        if (len > size - at)
            break;
        if (is_format) {
            size_t n = (size_t)VCR_MIN(len, FMT_MOST);
            err = n < FMT_BYTES ? vcr_fail(why, VCR_E_MALFORMED, "WAV: its format is %zu bytes", n) : io_pread_all(io, b, n, at, why);
            if (err == VCR_OK)
                err = parse_format(ret, b, n, why);
            if (err != VCR_OK)
                return err;
            has_format = true;
        }
        at += len + (len & 1);
        if (at > size)
            break;
    }
    return vcr_fail(why, VCR_E_MALFORMED, "WAV: no %s in it", has_format ? "samples" : "format");
}

static int16_t from_float(const uint8_t *p)
{
    float f;
    uint32_t u = le32(p);
    memcpy(&f, &u, sizeof(f));
    if (!(f > -1.0f)) /* a NaN, too */
        return f <= -1.0f ? INT16_MIN : 0;
    return f >= 1.0f ? INT16_MAX : (int16_t)VCR_CLAMP(lrintf(f * 32768.0f), INT16_MIN, INT16_MAX);
}

static int16_t narrow(int64_t v, int bits)
{
    int64_t half = INT64_C(1) << (bits - 17);
    return (int16_t)VCR_MIN((v + half) >> (bits - 16), INT16_MAX);
}

void wav_to_int16(const struct wav *w, const uint8_t *data, int n, int16_t *out)
{
    int bytes = w->bits / 8;
    for (int i = 0; i < n * w->channels; i++, data += bytes)
        switch (w->bits) {
        case 8:
            out[i] = (int16_t)((data[0] - 128) * 256);
            break;
        case 16:
            out[i] = (int16_t)le16(data);
            break;
        case 24:
            out[i] = narrow((int32_t)((uint32_t)le16(data) << 8 | (uint32_t)data[2] << 24) >> 8, 24);
            break;
        default:
            out[i] = w->is_float ? from_float(data) : narrow((int32_t)le32(data), 32);
        }
}

bool wav_write_head(uint8_t out[WAV_HEAD_BYTES], int rate, int channels, int64_t frames)
{
    uint64_t bytes = (uint64_t)frames * (uint64_t)channels * 2;
    if (bytes > UINT32_MAX - WAV_HEAD_BYTES)
        return false;
    memcpy(out, "RIFF", 4);
    put32(out + 4, (uint32_t)bytes + WAV_HEAD_BYTES - 8);
    memcpy(out + 8, "WAVEfmt ", 8);
    put32(out + 16, FMT_BYTES);
    put16(out + 20, PCM);
    put16(out + 22, (unsigned)channels);
    put32(out + 24, (uint32_t)rate);
    put32(out + 28, (uint32_t)(rate * channels * 2));
    put16(out + 32, (unsigned)channels * 2);
    put16(out + 34, 16);
    memcpy(out + 36, "data", 4);
    put32(out + 40, (uint32_t)bytes);
    return true;
}
