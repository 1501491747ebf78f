/* test_reelcut.c - how samples become parts, fragments and index records, and index files of both versions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/util.h"
#include "wire/reelcut.h"

enum { PART_US = 334000, MAX = 1 << 20, PARTS_KEPT = 8192 };

struct cut {
    struct reelcut *c;
    bool video;
    int64_t lasts_us;         /* what the last sample is said to last */
    uint32_t timescale;
    uint64_t next_tfdt;       /* where the next part must begin */
    uint32_t sequence, samples, parts_in_fragment, parts, fragments;
    struct reelcut_part part[PARTS_KEPT]; /* without bytes */
    struct buf fragment;      /* the parts' bytes since the last fragment */
    struct reelidx_fragment records[256];
    struct buf file;
    struct reelidx_part index_parts[PARTS_KEPT];
    struct reelidx_sample index_samples[PARTS_KEPT];
};

static enum vcr_err on_part(void *arg, const struct reelcut_part *p, struct vcr_why *why)
{
    struct cut *t = arg;
    struct fmp4_fragment f;
    struct fmp4_sample s;
    assert_int_equal(fmp4_parse_fragment(&f, p->bytes, p->len, why), VCR_OK);
    assert_int_equal(f.sequence, ++t->sequence);
    assert_int_equal(f.tfdt, t->next_tfdt);
    assert_int_equal(rd32be(p->bytes + REELCUT_SEQUENCE_AT), f.sequence);
    assert_int_equal(rd64be(p->bytes + REELCUT_TFDT_AT), f.tfdt);
    assert_int_equal(p->first, t->parts_in_fragment == 0);
    fmp4_fragment_sample(&f, 0, &s);
    assert_int_equal(p->key, s.key);
    if (p->first)
        assert_true(p->key);
    for (uint32_t i = 0; i < f.count; i++) {
        fmp4_fragment_sample(&f, i, &s);
        t->next_tfdt += s.duration;
    }
    t->samples += f.count;
    t->parts_in_fragment++;
    t->part[t->parts++] = *p;
    buf_add(&t->fragment, p->bytes, p->len);
    return VCR_OK;
}

static enum vcr_err on_fragment(void *arg, const struct reelcut_fragment *f, struct vcr_why *why)
{
    struct cut *t = arg;
    const struct reelidx_fragment *r = &f->record;
    assert_int_equal(r->size, t->fragment.len);
    assert_memory_equal(f->bytes, t->fragment.data, r->size);
    assert_int_equal(r->crc32, reelidx_crc32(0, f->bytes, r->size));
    assert_int_equal(r->part_count, t->parts_in_fragment);
    assert_int_equal(r->first_part + r->part_count, t->parts);
    assert_int_equal(r->first_sample + r->sample_count, t->samples);
    assert_int_equal(r->offset, t->file.len);
    memcpy(t->index_parts + r->first_part, f->parts, r->part_count * sizeof(*f->parts));
    memcpy(t->index_samples + r->first_sample, f->samples, r->sample_count * sizeof(*f->samples));
    t->records[t->fragments++] = *r;
    buf_add(&t->file, f->bytes, r->size);
    buf_reset(&t->fragment);
    t->parts_in_fragment = 0;
    return VCR_OK;
}

static struct cut *open_cut(enum fmp4_codec codec, int64_t fragment_us, int64_t part_us)
{
    struct cut *t = vcr_alloc(sizeof(*t));
    t->video = codec == FMP4_H264;
    t->timescale = t->video ? 120000 : 48000;
    t->lasts_us = 20000;
    buf_init(&t->fragment, 8 << 20);
    buf_init(&t->file, 64 << 20);
    struct reelcut_config config = { .codec = codec, .timescale = t->timescale, .part_us = part_us, .fragment_us = fragment_us, .fragment_max_bytes = MAX, .part = on_part,
                                     .fragment = on_fragment, .from_zero = true, .arg = t };
    assert_int_equal(reelcut_open(&t->c, &config, NULL), VCR_OK);
    return t;
}
static void close_cut(struct cut *t)
{
    reelcut_close(&t->c);
    buf_free(&t->fragment);
    buf_free(&t->file);
    free(t);
}

static enum vcr_err give(struct cut *t, int64_t at_us, unsigned flags)
{
    static const uint8_t key[] = { 0, 0, 0, 1, 0x65, 7, 7, 7 }, other[] = { 0, 0, 0, 1, 0x41, 9, 9 }, sound[] = { 1, 2, 3, 4, 5 };
    const uint8_t *data = !t->video ? sound : flags & REELCUT_KEY ? key : other;
    return reelcut_sample(t->c, data, !t->video ? sizeof(sound) : flags & REELCUT_KEY ? sizeof(key) : sizeof(other), at_us, at_us, t->lasts_us, flags, NULL);
}

/* At every usual rate, also with its times rounded to microseconds, parts keep both bounds: none is over the target, none but a fragment's last under 85 %. */
static void steady_pictures_make_even_parts(void **state)
{
    (void)state;
    static const struct { int num, den; } rates[] = { { 24000, 1001 }, { 24, 1 }, { 25, 1 }, { 30000, 1001 }, { 30, 1 }, { 50, 1 }, { 60000, 1001 }, { 60, 1 } };
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        struct cut *t = open_cut(FMP4_H264, 500000, PART_US);
        t->lasts_us = 1000000LL * rates[i].den / rates[i].num;
        int gop = (rates[i].num + rates[i].den - 1) / rates[i].den;
        for (int n = 0; n < gop * 20; n++)
            assert_int_equal(give(t, (int64_t)n * 1000000 * rates[i].den / rates[i].num, n % gop == 0 ? REELCUT_KEY : 0), VCR_OK);
        assert_int_equal(reelcut_finish(t->c, NULL), VCR_OK);
        assert_int_equal(t->fragments, 20);
        for (uint32_t n = 0; n < t->parts; n++) {
            bool last = n + 1 == t->parts || t->part[n + 1].first;
            assert_true(t->part[n].duration_us <= PART_US);
            assert_true(last || t->part[n].duration_us * 100LL >= PART_US * 85LL);
        }
        close_cut(t);
    }
}

static void sound_is_cut_where_it_is_told(void **state)
{
    (void)state;
    struct cut *t = open_cut(FMP4_AAC, INT64_MAX, PART_US);
    for (int n = 0; n < 200; n++)
        assert_int_equal(give(t, n * 64000 / 3, REELCUT_KEY | (n % 47 == 0 ? REELCUT_NEW : 0)), VCR_OK);
    assert_int_equal(reelcut_finish(t->c, NULL), VCR_OK);
    assert_int_equal(t->fragments, 5);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(t->records[i].sample_count, 47);
        assert_in_range(t->records[i].duration_us, 1002665, 1002668);
    }
    close_cut(t);
}

/* A picture that stands is one long sample, alone in its part when that gets too long; a jump that the caller closed is only marked. */
static void pauses_and_jumps(void **state)
{
    (void)state;
    struct cut *t = open_cut(FMP4_H264, 500000, PART_US);
    for (int n = 0; n < 5; n++)
        assert_int_equal(give(t, n * 40000, n == 0 ? REELCUT_KEY : 0), VCR_OK);
    assert_int_equal(give(t, 800000, 0), VCR_OK);                 /* the fifth stood for 640 ms */
    assert_int_equal(t->parts, 2);
    assert_int_equal(t->part[0].duration_us, 160000);
    assert_int_equal(t->part[1].duration_us, 640000);
    assert_int_equal(give(t, 840000, REELCUT_KEY | REELCUT_GAP), VCR_OK);
    assert_int_equal(t->fragments, 1);
    assert_false(t->records[0].discontinuity);
    assert_int_equal(reelcut_end_us(t->c), 860000);
    assert_int_equal(reelcut_finish(t->c, NULL), VCR_OK);
    assert_int_equal(t->fragments, 2);
    assert_true(t->records[1].discontinuity && t->part[t->parts - 1].gap);
    assert_int_equal(t->records[1].start_us, 840000);
    /* After the end it goes on without a hole, with a key frame only. */
    assert_int_equal(give(t, 9000000, 0), VCR_E_INVALID);
    assert_int_equal(give(t, 9000000, REELCUT_KEY), VCR_OK);
    assert_int_equal(reelcut_finish(t->c, NULL), VCR_OK);
    assert_int_equal(t->part[t->parts - 1].start_us, 860000);
    close_cut(t);
}

static void what_cannot_be_taken_is_left_out(void **state)
{
    (void)state;
    struct cut *t = open_cut(FMP4_H264, 500000, PART_US);
    static uint8_t big[MAX];
    assert_int_equal(give(t, 0, 0), VCR_E_INVALID);
    assert_int_equal(give(t, 0, REELCUT_KEY), VCR_OK);
    assert_int_equal(give(t, 0, 0), VCR_E_INVALID);
    assert_int_equal(give(t, -40000, 0), VCR_E_INVALID);
    memset(big, 0x55, sizeof(big));
    memcpy(big, "\0\0\0\1\x41", 5);
    assert_int_equal(reelcut_sample(t->c, big, sizeof(big), 40000, 40000, 40000, 0, NULL), VCR_E_TOO_LARGE);
    for (int n = 1; n < REELCUT_SAMPLES_MAX; n++)
        assert_int_equal(give(t, n * 40, 0), VCR_OK);
    assert_int_equal(give(t, 200000, 0), VCR_E_TOO_LARGE);        /* no key frame for far too long */
    assert_int_equal(give(t, 500000, REELCUT_KEY), VCR_OK);
    assert_int_equal(reelcut_finish(t->c, NULL), VCR_OK);
    assert_int_equal(t->fragments, 2);
    assert_int_equal(t->records[0].sample_count, REELCUT_SAMPLES_MAX);
    close_cut(t);
}

/* The records of a cut with parts are an index of version 2 that comes back as it was; a part more or less is noticed. */
static void an_index_keeps_parts(void **state)
{
    (void)state;
    struct cut *t = open_cut(FMP4_H264, 500000, PART_US);
    for (int n = 0; n < 100; n++)
        assert_int_equal(give(t, n * 40000, n % 25 == 0 ? REELCUT_KEY | (n == 50 ? REELCUT_GAP : 0) : 0), VCR_OK);
    assert_int_equal(reelcut_finish(t->c, NULL), VCR_OK);
    struct reelidx x = { .version = 2, .timescale = 120000, .fragment_count = t->fragments, .sample_count = t->samples, .part_count = t->parts, .fragments = t->records,
                         .samples = t->index_samples, .parts = t->index_parts }, back;
    t->records[3].wall_ms = 1732540000123;
    struct buf b;
    buf_init(&b, 1 << 20);
    reelidx_write(&b, &x);
    assert_int_equal(reelidx_parse(&back, (uint8_t *)b.data, b.len, NULL), VCR_OK);
    assert_int_equal(back.version, 2);
    assert_memory_equal(back.parts, t->index_parts, t->parts * sizeof(*back.parts));
    assert_memory_equal(back.fragments, t->records, t->fragments * sizeof(*back.fragments));
    assert_true(back.fragments[2].discontinuity);
    assert_int_equal(back.fragments[3].wall_ms, 1732540000123);
    reelidx_free(&back);
    t->index_parts[0].size++;
    buf_reset(&b);
    reelidx_write(&b, &x);
    assert_int_equal(reelidx_parse(&back, (uint8_t *)b.data, b.len, NULL), VCR_E_MALFORMED);
    t->index_parts[0].size--;
    t->records[1].part_count++;
    buf_reset(&b);
    reelidx_write(&b, &x);
    assert_int_equal(reelidx_parse(&back, (uint8_t *)b.data, b.len, NULL), VCR_E_MALFORMED);
    buf_free(&b);
    close_cut(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steady_pictures_make_even_parts), cmocka_unit_test(sound_is_cut_where_it_is_told), cmocka_unit_test(pauses_and_jumps),
        cmocka_unit_test(what_cannot_be_taken_is_left_out), cmocka_unit_test(an_index_keeps_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
