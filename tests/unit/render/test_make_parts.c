/* test_make_parts.c - segments of a tape that was recorded over: each place shows its recording, whichever segment it falls into, and what lies between is unrecorded.
 *
 * Every recording is the same numbered film, shown from another place of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "barcode.h"
#include "base/buf.h"
#include "base/util.h"
#include "deck/snapshot.h"
#include "media/canon.h"
#include "render/make.h"
#include "rig.h"
#include "wire/fmp4.h"

enum { BYTES_MAX = 8 << 20, EACH = 120 };

/* Film, take from another place of it, 1.6 s of nothing, film again, a take whose reel is missing. */
static const struct make_part parts[] = {
    { .start_us = 0, .end_us = 1010000, .reel_start_us = 0, .seed = 7, .reel = 0 },
    { .start_us = 1010000, .end_us = 2100000, .reel_start_us = 3000000, .seed = 9, .tape_speed = 2, .reel = 1 },
    { .start_us = 3700000, .end_us = 4500000, .reel_start_us = 3700000, .seed = 7, .reel = 0 },
    { .start_us = 4500000, .end_us = 5500000, .reel_start_us = 0, .seed = 8, .reel = MAKE_REELS_MAX },
};

static struct make_job job_of(enum make_kind kind, uint32_t first, uint32_t count)
{
    struct make_job j = { .h = { MAKE_JOB, 1 }, .kind = (uint8_t)kind, .field_rate = 1, .sound = DECK_SOUND_HIFI, .seed = 7, .first = first, .count = count, .width = 720,
                          .height = 480, .max_bps = kind == MAKE_TAPE_SOUND ? 128000 : 5000000, .look = "good;limiter=off" /* pictures that carry their number flash */ };
    return j;
}

static void with_parts(struct make_job *j, const struct make_part *p, size_t count)
{
    j->has_parts = 1;
    j->reel_count = 2;
    j->part_count = (uint8_t)count;
    memcpy(j->parts, p, count * sizeof(*p));
}

static enum vcr_err make(const struct make_job *j, struct buf *out)
{
    bool sound = j->kind == MAKE_TAPE_SOUND;
    int fds[MAKE_FDS_MAX] = { memfd_create("segment", MFD_CLOEXEC) };
    uint64_t bytes = 0;
    for (int i = 1; i < make_job_fds(j); i++)
        fds[i] = dup(i % 2 ? (sound ? rig_group_tape.sound_fd : rig_group_tape.video_fd) : sound ? rig_group_tape.sound_index_fd : rig_group_tape.video_index_fd);
    enum vcr_err err = make_segment(j, fds, NULL, &bytes, NULL);
    buf_init(out, BYTES_MAX);
    void *to = err == VCR_OK ? buf_reserve(out, bytes) : NULL;
    if (to) {
        assert_int_equal(pread(fds[0], to, bytes, 0), (ssize_t)bytes);
        buf_commit(out, bytes);
    }
    close(fds[0]);
    return err;
}

static void a_film_as_the_one_part_is_the_film(void **state)
{
    static const struct make_part whole[] = { { .start_us = 0, .end_us = 6000000, .seed = 7 } };
    static const struct { enum make_kind kind; uint32_t first, count; } rows[] = { { MAKE_TAPE_VIDEO, 100, 30 }, { MAKE_TAPE_SOUND, 100, 40 } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct make_job j = job_of(rows[i].kind, rows[i].first, rows[i].count);
        struct buf film, cut;
        assert_int_equal(make(&j, &film), VCR_OK);
        with_parts(&j, whole, 1);
        assert_int_equal(make(&j, &cut), VCR_OK);
        assert_true(film.len > 1000 && film.len == cut.len && memcmp(film.data, cut.data, film.len) == 0);
        buf_free(&film);
        buf_free(&cut);
    }
}

/* ---- pictures ---- */
struct eyes {
    struct video_decoder *decoder;
    uint8_t sets[512];
    size_t sets_len;
};

static void eyes_open(struct eyes *e)
{
    struct make_job j = job_of(MAKE_TAPE_VIDEO, 0, 1);
    struct buf b;
    struct fmp4_track t;
    j.init = 1;
    j.has_parts = 1;
    memset(e, 0, sizeof(*e));
    assert_int_equal(make(&j, &b), VCR_OK);
    assert_int_equal(fmp4_parse_init(&t, (uint8_t *)b.data, b.len, NULL), VCR_OK);
    for (size_t at = 5, set = 0; set < 2; set++) { /* one SPS, one PPS */
        size_t len = rd16be(t.config + at + 1);
        memcpy(e->sets + e->sets_len, "\0\0\0\1", 4);
        memcpy(e->sets + e->sets_len + 4, t.config + at + 3, len);
        e->sets_len += 4 + len;
        at += 3 + len;
    }
    buf_free(&b);
    assert_int_equal(video_decoder_open(&e->decoder, NULL), VCR_OK);
}

static struct frame *see(struct eyes *e, const uint8_t *data, size_t len, bool key)
{
    struct buf unit;
    struct frame *f = NULL;
    buf_init(&unit, BYTES_MAX);
    if (key)
        buf_add(&unit, e->sets, e->sets_len);
    for (size_t at = 0; at < len; at += 4 + rd32be(data + at)) {
        buf_add(&unit, "\0\0\0\1", 4);
        buf_add(&unit, data + at + 4, rd32be(data + at));
    }
    assert_int_equal(video_decode(e->decoder, (uint8_t *)unit.data, unit.len, &f, NULL), VCR_OK);
    buf_free(&unit);
    return f;
}

static bool near_edge(int64_t place_us)
{
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (llabs(place_us - parts[i].start_us) < 20000 || llabs(place_us - parts[i].end_us) < 20000)
            return true;
    return false;
}

static bool is_blue(const struct picture *p)
{
    return abs(p->plane[0][240 * p->stride[0] + 360] - 35) < 8 && abs(p->plane[1][120 * p->stride[1] + 180] - 212) < 8;
}

static void check(const struct picture *p, int64_t place_us, int seen[4])
{
    const struct make_part *part = NULL;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (place_us >= parts[i].start_us && place_us < parts[i].end_us)
            part = &parts[i];
    int number = barcode_read(p, 200, 280), want = part ? (int)((place_us - part->start_us + part->reel_start_us) * 60 / 1001000) : -1;
    if (part && part->reel < MAKE_REELS_MAX) {
        if (number < want - 1 || number > want + 1)
            fail_msg("at %.3f s picture %d instead of %d", (double)place_us / 1e6, number, want);
        seen[part->reel]++;
    } else if (!part && place_us > 3100000 && place_us < 3700000) {
        assert_true(is_blue(p));
        seen[2]++;
    } else {
        assert_true(number < 0 && !is_blue(p)); /* snow */
        seen[3]++;
    }
}

static void every_place_shows_its_recording(void **state)
{
    struct eyes e;
    int seen[4] = { 0 };
    eyes_open(&e);
    for (uint32_t first = 0; first < 310; first += EACH) {
        struct make_job j = job_of(MAKE_TAPE_VIDEO, first, VCR_MIN(EACH, 310 - first));
        struct buf b;
        struct fmp4_fragment f;
        with_parts(&j, parts, ARRAY_LEN(parts));
        assert_int_equal(make(&j, &b), VCR_OK);
        assert_int_equal(fmp4_parse_fragment(&f, (uint8_t *)b.data, b.len, NULL), VCR_OK);
        assert_int_equal(f.count, j.count);
        const uint8_t *at = f.data;
        for (uint32_t i = 0; i < f.count; i++) {
            struct fmp4_sample sample;
            fmp4_fragment_sample(&f, i, &sample);
            struct frame *frame = see(&e, at, sample.size, sample.key);
            if (!near_edge(rig_pts_us((int)(first + i))))
                check(&frame->picture, rig_pts_us((int)(first + i)), seen);
            frame_unref(&frame);
            at += sample.size;
        }
        buf_free(&b);
    }
    assert_true(seen[0] > 90 && seen[1] > 50 && seen[2] > 25 && seen[3] > 50);
    video_decoder_close(&e.decoder);
}

/* A player that begins in the middle gets what one that plays through gets: also when only what is near is told. */
static void what_is_far_away_changes_nothing(void **state)
{
    static const struct { enum make_kind kind; uint32_t first, count; } rows[] = { { MAKE_TAPE_VIDEO, 195, 30 }, { MAKE_TAPE_SOUND, 152, 20 } }; /* from 3.25 s on */
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct make_job j = job_of(rows[i].kind, rows[i].first, rows[i].count);
        struct buf all, near;
        with_parts(&j, parts, ARRAY_LEN(parts));
        assert_int_equal(make(&j, &all), VCR_OK);
        with_parts(&j, parts + 2, 1); /* nothing a second before, the end a second after */
        assert_int_equal(make(&j, &near), VCR_OK);
        assert_true(all.len == near.len && memcmp(all.data, near.data, all.len) == 0);
        buf_free(&all);
        buf_free(&near);
    }
}

/* Without the tape's machine: what was recorded, and blue between. */
static void the_clean_look_has_no_machine(void **state)
{
    static const struct { uint32_t picture; int number; } rows[] = { { 30, 30 }, { 90, 209 }, { 240, 240 } }; /* 0.5, 1.5, 4 s */
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct eyes e;
        struct make_job j = job_of(MAKE_TAPE_VIDEO, rows[i].picture, 1);
        struct buf b;
        struct fmp4_fragment f;
        eyes_open(&e);
        vcr_strcpy(j.look, sizeof(j.look), MAKE_CLEAN);
        with_parts(&j, parts, ARRAY_LEN(parts));
        assert_int_equal(make(&j, &b), VCR_OK);
        assert_int_equal(fmp4_parse_fragment(&f, (uint8_t *)b.data, b.len, NULL), VCR_OK);
        struct frame *frame = see(&e, f.data, f.data_len, true);
        assert_int_equal(barcode_read(&frame->picture, 20, 460), rows[i].number);
        int black = frame->picture.plane[0][240 * frame->picture.stride[0] + 710]; /* the highest bit is 0 */
        assert_in_range(black, BARCODE_BLACK - 3, BARCODE_BLACK + 3);
        frame_unref(&frame);
        buf_free(&b);
        video_decoder_close(&e.decoder);
    }
}

/* ---- sound ---- */
static size_t sound_bytes(int64_t from_us, int64_t to_us)
{
    uint32_t first = (uint32_t)(from_us * 48 / 1000 / MAKE_SOUND_FRAME), end = (uint32_t)(to_us * 48 / 1000 / MAKE_SOUND_FRAME);
    struct make_job j = job_of(MAKE_TAPE_SOUND, first, end - first);
    struct buf b;
    struct fmp4_fragment f;
    with_parts(&j, parts, ARRAY_LEN(parts));
    assert_int_equal(make(&j, &b), VCR_OK);
    assert_int_equal(fmp4_parse_fragment(&f, (uint8_t *)b.data, b.len, NULL), VCR_OK);
    size_t each = f.data_len / f.count;
    buf_free(&b);
    return each;
}

/* AAC of nothing has hardly any bytes. */
static void sound_is_where_recordings_are(void **state)
{
    size_t film = sound_bytes(300000, 900000), take = sound_bytes(1100000, 2000000), nothing = sound_bytes(2300000, 3500000), missing = sound_bytes(4700000, 5400000);
    assert_true(film > 100 && take > 100);
    assert_true(nothing < 20 && missing < 20);
}

static void parts_that_make_no_sense_are_refused(void **state)
{
    struct make_job bad[6];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        bad[i] = job_of(MAKE_TAPE_VIDEO, 0, 1);
        with_parts(&bad[i], parts, 2);
    }
    bad[0].parts[1].start_us = 500000; /* over the first */
    bad[1].parts[0].end_us = 0;
    bad[2].parts[1].reel = 2; /* of two */
    bad[3].part_count = MAKE_PARTS_MAX + 1;
    bad[4].reel_count = MAKE_REELS_MAX + 1;
    bad[5].kind = MAKE_CLEAN_VIDEO;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct buf b;
        assert_int_equal(make(&bad[i], &b), VCR_E_INVALID);
        buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_film_as_the_one_part_is_the_film), cmocka_unit_test(every_place_shows_its_recording), cmocka_unit_test(what_is_far_away_changes_nothing),
        cmocka_unit_test(the_clean_look_has_no_machine), cmocka_unit_test(sound_is_where_recordings_are),
        cmocka_unit_test(parts_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, rig_group_make, rig_group_free);
}
