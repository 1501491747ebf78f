/* fuzz_reelcut.c - any run of samples: every part is whole, decode times never break, fragments are their parts and fill an index that can be read. */
#include <string.h>

#include "base/util.h"
#include "wire/reelcut.h"

#define MUST(x) do { if (!(x)) __builtin_trap(); } while (0)

struct state {
    bool begun;
    uint64_t tfdt, offset;
    uint32_t parts, samples, part_of_fragment;
};

static enum vcr_err on_part(void *arg, const struct reelcut_part *p, struct vcr_why *why)
{
    struct state *s = arg;
    struct fmp4_fragment f;
    struct fmp4_sample sample;
    MUST(fmp4_parse_fragment(&f, p->bytes, p->len, why) == VCR_OK && f.count > 0);
    MUST(!s->begun || f.tfdt == s->tfdt);
    s->begun = true;
    s->tfdt = f.tfdt;
    for (uint32_t i = 0; i < f.count; i++) {
        fmp4_fragment_sample(&f, i, &sample);
        s->tfdt += sample.duration;
    }
    MUST(p->first == (s->part_of_fragment == 0) && (!p->first || p->key));
    s->part_of_fragment++;
    s->parts++;
    s->samples += f.count;
    return VCR_OK;
}

static enum vcr_err on_fragment(void *arg, const struct reelcut_fragment *f, struct vcr_why *why)
{
    struct state *s = arg;
    MUST(f->record.offset == s->offset && f->record.part_count == s->part_of_fragment);
    MUST(f->record.first_part + f->record.part_count == s->parts && f->record.first_sample + f->record.sample_count == s->samples);
    MUST(f->record.crc32 == reelidx_crc32(0, f->bytes, f->record.size) && f->record.key_size <= f->record.size);
    s->offset += f->record.size;
    s->part_of_fragment = 0;
    return VCR_OK;
}

/* Of each sample: flags, how long after the last in milliseconds, length; then its bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct state s = { 0 };
    struct reelcut *c = NULL;
    if (size < 2)
        return 0;
    struct reelcut_config config = {
        .codec = data[0] & 1 ? FMP4_AAC : FMP4_H264, .timescale = data[0] & 2 ? 48000 : 120000, .part_us = data[0] & 4 ? 0 : 334000, .fragment_us = data[0] & 8 ? 0 : 500000,
        .fragment_max_bytes = data[0] & 16 ? 2000 : 1 << 20, .from_zero = data[0] & 32, .part = on_part, .fragment = on_fragment, .arg = &s,
    };
    if (reelcut_open(&c, &config, NULL) != VCR_OK)
        return 0;
    int64_t dts_us = data[1] * INT64_C(1000);
    for (size_t at = 2; at + 4 <= size;) {
        unsigned flags = data[at] & 7;
        size_t len = VCR_MIN(rd16be(data + at + 2) & 1023, size - at - 4);
        dts_us += data[at + 1] * INT64_C(1000);
        if (data[at] & 128)
            reelcut_finish(c, NULL);
        else
            reelcut_sample(c, data + at + 4, len, dts_us + (data[at] & 64 ? 33000 : 0), dts_us, data[at + 1] * INT64_C(1000), flags, NULL);
        at += 4 + len;
    }
    reelcut_finish(c, NULL);
    reelcut_close(&c);
    return 0;
}
