/* tests/unit/app/test_made_pieces.c - smaller sizes of a tape that was recorded over: what may be asked for, what follows it, and how often an index is read for that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/hls_state.h"
#include "app/made.h"
#include "base/util.h"
#include "deliver/hls/made.h"
#include "wire/make_msg.h"

enum { FRAGMENT_US = 1000000, SAMPLES = 100 };

/* A film of a minute and a bit, with a take of four seconds over its eighth second, and the bridge from the cut to the fragment's edge behind it. */
struct fixture {
    char dir[64];
    struct hls_state hls;
    struct app app;
    struct app_hls tape;
    struct app_piece items[4];
    struct app_pieces timeline;
    struct app_hls_reel film, bridge, take;
};

static void path_of(const struct fixture *f, const char *key, char ret[400]) { snprintf(ret, 400, "%s/blobs/%s", f->dir, key); }

static void write_index(const struct fixture *f, const char *key, uint32_t fragments, int64_t start_us)
{
    char path[400];
    struct buf b;
    struct reelidx x = { .timescale = 60000, .width = 640, .height = 480, .sar_num = 1, .sar_den = 1, .init_size = 700, .fragment_count = fragments, .sample_count = fragments * SAMPLES };
    x.fragments = vcr_calloc(fragments, sizeof(*x.fragments));
    x.samples = vcr_calloc(x.sample_count, sizeof(*x.samples));
    for (uint32_t i = 0; i < fragments; i++)
        x.fragments[i] = (struct reelidx_fragment){ .offset = 700 + i * 1000, .size = 1000, .start_us = start_us + (int64_t)i * FRAGMENT_US, .duration_us = FRAGMENT_US,
                                                    .first_sample = i * SAMPLES, .sample_count = SAMPLES, .key_size = 300 };
    for (uint32_t i = 0; i < x.sample_count; i++)
        x.samples[i] = (struct reelidx_sample){ i % SAMPLES * (FRAGMENT_US / SAMPLES), i % SAMPLES == 0 };
    x.duration_us = (int64_t)fragments * FRAGMENT_US;
    vcr_strcpy(x.codecs, sizeof(x.codecs), "avc1.42c01e");
    buf_init(&b, 4 << 20);
    reelidx_write(&b, &x);
    reelidx_free(&x);
    path_of(f, key, path);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(b.data, 1, b.len, out), b.len);
    assert_int_equal(fclose(out), 0);
    buf_free(&b);
}

static void add_reel(struct fixture *f, struct app_hls_reel *r, const char *name, uint32_t fragments, int64_t start_us)
{
    snprintf(r->blob_key, sizeof(r->blob_key), "tapes/1/%s.mp4", name);
    snprintf(r->index_key, sizeof(r->index_key), "tapes/1/%s.idx", name);
    app_hls_piece_version(&f->app, r->blob_key, r->version);
    write_index(f, r->index_key, fragments, start_us);
}

static void add_piece(struct fixture *f, const struct app_hls_reel *r, int64_t tape_us, int64_t from_us, int64_t to_us)
{
    struct app_piece *p = &f->items[f->timeline.count++];
    *p = (struct app_piece){ .take_from_us = from_us, .take_to_us = to_us, .tape_us = tape_us };
    vcr_strcpy(p->blob_key, sizeof(p->blob_key), r->blob_key);
    vcr_strcpy(p->index_key, sizeof(p->index_key), r->index_key);
}

static int set_up(void **state)
{
    struct fixture *f = vcr_alloc(sizeof(*f));
    char path[400];
    vcr_strcpy(f->dir, sizeof(f->dir), "/tmp/vcr-made-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->app.hls = &f->hls;
    assert_int_equal(cache_open(&f->app.config.cache, "memory:", NULL), VCR_OK);
    assert_int_equal(blob_open_store(&f->app.config.blobs, "file:blobs", f->dir, NULL), VCR_OK);
    path_of(f, "tapes", path);
    mkdir(path, 0700);
    path_of(f, "tapes/1", path);
    assert_int_equal(mkdir(path, 0700), 0);
    f->tape = (struct app_hls){ .tape_id = 1, .newest_span = 1, .recorded_ms = HLS_NO_WALL, .version = "first" };
    f->timeline.items = f->items;
    add_reel(f, &f->film, "film", 70, 0);
    add_reel(f, &f->take, "take", 4, 0);
    add_reel(f, &f->bridge, "bridge", 1, 7000000);
    add_piece(f, &f->film, 0, 0, 7300000);
    add_piece(f, &f->bridge, 0, 0, 0);
    add_piece(f, &f->take, 7300000, 0, 4000000);
    add_piece(f, &f->film, 11300000, 12000000, 70000000);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[100];
    cache_close(&f->app.config.cache);
    blob_close_store(&f->app.config.blobs);
    snprintf(command, sizeof(command), "rm -r %s", f->dir);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static struct made_ask ask_of(const struct fixture *f, const struct app_hls_reel *r, uint32_t n, uint32_t fragments)
{
    return (struct made_ask){ .kind = MADE_RUNG, .rung = 1, .init = fragments == 0, .n = n, .fragments = fragments, .piece = r, .timeline = &f->timeline };
}

static enum vcr_err samples_of(const struct fixture *f, uint32_t n, uint32_t fragments, struct hls_stretch *ret)
{
    struct hls_track track;
    struct made_ask ask = ask_of(f, &f->film, n, fragments);
    ask.init = false;
    return made_piece_samples(&f->app, &ask, &track, ret, NULL);
}

static void a_segment_has_no_more_pictures_than_can_be_made(void **state)
{
    const struct fixture *f = *state;
    struct hls_stretch s;
    uint32_t most = MAKE_COUNT_MAX / SAMPLES;
    assert_true(most < MADE_PIECE_FRAGMENTS_MAX);
    assert_int_equal(samples_of(f, 2, most, &s), VCR_OK);
    assert_int_equal(s.first, 2 * SAMPLES);
    assert_int_equal(s.count, most * SAMPLES);
    assert_int_equal(samples_of(f, 69, 1, &s), VCR_OK);
    static const struct { uint32_t n, fragments; } bad[] = { { 2, MAKE_COUNT_MAX / SAMPLES + 1 }, { 0, MADE_PIECE_FRAGMENTS_MAX }, { 0, MADE_PIECE_FRAGMENTS_MAX + 1 }, { 0, 0 }, { 70, 1 },
                                                             { 69, 2 }, { UINT32_MAX, 1 }, { UINT32_MAX, UINT32_MAX }, { 1, UINT32_MAX } };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(samples_of(f, bad[i].n, bad[i].fragments, &s), VCR_E_NOT_FOUND);
}

/* Who asks for what is not there may ask as often as he likes. */
static void an_index_is_read_once(void **state)
{
    const struct fixture *f = *state;
    struct made_follower next[MADE_AHEAD_MAX];
    struct hls_stretch s;
    char path[400];
    struct made_ask ask = ask_of(f, &f->film, 0, 5);
    assert_int_equal(samples_of(f, 4000, 2, &s), VCR_E_NOT_FOUND);
    assert_true(made_piece_needs_timeline(&f->app, &f->tape));
    assert_int_equal(made_piece_followers(&f->app, &f->tape, &ask, next), 5);
    path_of(f, f->film.index_key, path);
    assert_int_equal(truncate(path, 0), 0);
    for (uint32_t n = 4000; n < 4010; n++)
        assert_int_equal(samples_of(f, n, 2, &s), VCR_E_NOT_FOUND);
    assert_int_equal(samples_of(f, 0, 5, &s), VCR_OK);
    assert_false(made_piece_needs_timeline(&f->app, &f->tape));
    ask.timeline = NULL;
    assert_int_equal(made_piece_followers(&f->app, &f->tape, &ask, next), 5);
}

static void assert_follows(const struct made_follower *f, const struct app_hls_reel *r, bool init, uint32_t n, uint32_t fragments)
{
    assert_string_equal(f->reel.blob_key, r->blob_key);
    assert_string_equal(f->reel.index_key, r->index_key);
    assert_string_equal(f->reel.version, r->version);
    assert_int_equal(f->track.height, 480);
    assert_int_equal(f->init, init);
    if (init)
        return;
    assert_int_equal(f->n, n);
    assert_int_equal(f->fragments, fragments);
    assert_int_equal(f->first_sample, n * SAMPLES);
    assert_int_equal(f->samples, fragments * SAMPLES);
}

static void what_follows_goes_over_the_cuts(void **state)
{
    const struct fixture *f = *state;
    struct made_follower next[MADE_AHEAD_MAX];
    struct made_ask ask = ask_of(f, &f->film, 0, 5);
    assert_int_equal(made_piece_followers(&f->app, &f->tape, &ask, next), 5);
    assert_follows(&next[0], &f->film, false, 5, 2);
    assert_follows(&next[1], &f->bridge, true, 0, 0);
    assert_follows(&next[2], &f->bridge, false, 0, 1);
    assert_follows(&next[3], &f->take, true, 0, 0);
    assert_follows(&next[4], &f->take, false, 0, 2); /* the list's grid: to its tenth second */
    ask = ask_of(f, &f->take, 0, 0); /* an init segment: the first of its reel */
    assert_int_equal(made_piece_followers(&f->app, &f->tape, &ask, next), 4);
    assert_follows(&next[0], &f->take, false, 0, 2);
    assert_follows(&next[1], &f->take, false, 2, 2);
    assert_follows(&next[2], &f->film, true, 0, 0);
    assert_int_equal(next[3].n, 12);
    ask = ask_of(f, &f->film, 65, 5); /* the last of the list */
    assert_int_equal(made_piece_followers(&f->app, &f->tape, &ask, next), 0);
    ask = ask_of(f, &f->film, 1, 5); /* not in the list */
    assert_int_equal(made_piece_followers(&f->app, &f->tape, &ask, next), 0);
}

/* A reel that cannot be read costs what is made ahead, and nothing else. */
static void without_an_index_nothing_follows(void **state)
{
    const struct fixture *f = *state;
    struct made_follower next[MADE_AHEAD_MAX];
    char path[400];
    struct made_ask ask = ask_of(f, &f->film, 0, 5);
    path_of(f, f->take.index_key, path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(made_piece_followers(&f->app, &f->tape, &ask, next), 0);
    assert_false(made_piece_needs_timeline(&f->app, &f->tape));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_segment_has_no_more_pictures_than_can_be_made),
        CASE(an_index_is_read_once),
        CASE(what_follows_goes_over_the_cuts),
        CASE(without_an_index_nothing_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
