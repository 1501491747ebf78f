/* tests/unit/app/test_made_find.c - a segment of a tape's look: which reels are opened for whom. */
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
#include <sodium.h>

#include "app/made.h"
#include "base/util.h"

enum { LAST = 29 /* of a minute, two seconds each */ };

struct fixture {
    char dir[64], revision[MADE_REVISION_BYTES];
    struct app app;
    struct app_hls tape;
    bool wants;           /* what the asker says */
    int asked;
    char key[SEGMENT_KEY_BYTES];
};

static void path_of(const struct fixture *f, const char *key, char ret[400]) { snprintf(ret, 400, "%s/blobs/%s", f->dir, key); }

static int set_up(void **state)
{
    static const char *const names[] = { "tapes", "tapes/1", "tapes/1/tape.mp4", "tapes/1/tape.idx" };
    struct fixture *f = vcr_alloc(sizeof(*f));
    char path[400];
    assert_true(sodium_init() >= 0);
    vcr_strcpy(f->dir, sizeof(f->dir), "/tmp/vcr-find-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(blob_open_store(&f->app.config.blobs, "file:blobs", f->dir, NULL), VCR_OK);
    snprintf(path, sizeof(path), "%s/made", f->dir);
    assert_int_equal(segments_open(&f->app.config.segments, path, 1 << 20, NULL), VCR_OK);
    f->app.config.maker = (struct maker *)f; /* there is one; nobody asks it here */
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        path_of(f, names[i], path);
        if (i < 2)
            mkdir(path, 0700);
        else
            assert_int_equal(fclose(fopen(path, "wb")), 0);
    }
    f->tape = (struct app_hls){ .tape_id = 1, .tape = { .has = true, .field_rate = true, .duration_us = 60000000, .look = "family",
                                                        .video = { "tapes/1/tape.mp4", "tapes/1/tape.idx", .version = "first" } } };
    made_revision_as(&f->app, &f->tape, 3, "family", f->revision);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[100];
    segments_close(&f->app.config.segments);
    blob_close_store(&f->app.config.blobs);
    snprintf(command, sizeof(command), "rm -r %s", f->dir);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static bool wants(void *arg, const char *key)
{
    struct fixture *f = arg;
    f->asked++;
    vcr_strcpy(f->key, sizeof(f->key), key);
    return f->wants;
}

static struct made_ask ask_of(const struct fixture *f, uint32_t n) { return (struct made_ask){ .kind = MADE_VHS_VIDEO, .revision = f->revision, .n = n }; }

static struct made_ask wish_of(struct fixture *f, uint32_t n, bool is_wanted)
{
    struct made_ask ask = ask_of(f, n);
    ask.makes = wants;
    ask.makes_arg = f;
    f->wants = is_wanted;
    f->asked = 0;
    return ask;
}

/* The store keeps open what was opened. */
static bool was_opened(const struct fixture *f, const char *key)
{
    int fd;
    uint64_t size;
    bool is = blob_kept_fd(f->app.config.blobs, key, &fd, &size);
    if (is)
        vcr_close(&fd);
    return is;
}

static bool a_reel_was_opened(const struct fixture *f) { return was_opened(f, "tapes/1/tape.mp4") || was_opened(f, "tapes/1/tape.idx"); }

static void put(const struct fixture *f, const char *key)
{
    struct segment_writer *w;
    int fd;
    uint64_t size;
    assert_int_equal(segments_begin(f->app.config.segments, key, &w, NULL), VCR_OK);
    assert_int_equal(write(segment_writer_fd(w), "made", 4), 4);
    assert_int_equal(segments_commit(&w, &fd, &size, NULL), VCR_OK);
    vcr_close(&fd);
}

static void assert_ahead(const struct made_found *found, uint32_t first, int count)
{
    assert_int_equal(found->ahead_count, count);
    for (int i = 0; i < count; i++) {
        assert_int_equal(found->ahead[i].job.number, first + (uint32_t)i);
        assert_true(found->ahead[i].reel_fd >= 0 && found->ahead[i].index_fd >= 0);
    }
}

static void for_who_has_nothing_made_no_reel_is_opened(void **state)
{
    struct fixture *f = *state;
    struct made_found found;
    struct made_ask ask = wish_of(f, 4, false);
    assert_int_equal(made_find(&f->app, &f->tape, &ask, &found, NULL), VCR_OK);
    assert_int_equal(f->asked, 1);
    assert_string_equal(f->key, found.want.key);
    assert_non_null(strstr(f->key, "/v4.m4s"));
    assert_true(!found.makes && found.fd < 0 && found.want.reel_fd < 0 && found.want.index_fd < 0);
    assert_ahead(&found, 0, 0);
    assert_false(a_reel_was_opened(f));
    made_found_close(&found);

    put(f, f->key); /* he has what is there, and still nothing ahead of it */
    assert_int_equal(made_find(&f->app, &f->tape, &ask, &found, NULL), VCR_OK);
    assert_true(!found.makes && found.fd >= 0 && found.size == 4);
    assert_ahead(&found, 0, 0);
    assert_false(a_reel_was_opened(f));
    made_found_close(&found);

    ask = wish_of(f, LAST + 1, true); /* there is no such segment to be asked about */
    assert_int_equal(made_find(&f->app, &f->tape, &ask, &found, NULL), VCR_E_NOT_FOUND);
    assert_int_equal(f->asked, 0);
}

static void what_is_made_has_its_reels_and_those_ahead_have(void **state)
{
    struct fixture *f = *state;
    struct made_found found;
    struct made_ask ask = ask_of(f, 4); /* a player */
    for (int as_deck = 0; as_deck < 2; as_deck++) {
        assert_int_equal(made_find(&f->app, &f->tape, &ask, &found, NULL), VCR_OK);
        assert_true(found.makes && found.fd < 0 && found.want.reel_fd >= 0 && found.want.index_fd >= 0);
        assert_ahead(&found, 5, MADE_AHEAD);
        made_found_close(&found);
        ask = wish_of(f, 4, true);
    }
    put(f, f->key); /* it is there: then only those ahead */
    assert_int_equal(made_find(&f->app, &f->tape, &ask, &found, NULL), VCR_OK);
    assert_true(found.makes && found.fd >= 0 && found.want.reel_fd < 0);
    assert_ahead(&found, 5, MADE_AHEAD);
    made_found_close(&found);
    ask = ask_of(f, LAST - 1); /* of which there are no more than the tape has */
    assert_int_equal(made_find(&f->app, &f->tape, &ask, &found, NULL), VCR_OK);
    assert_ahead(&found, LAST, 1);
    made_found_close(&found);
}

static void one_alone_has_none_ahead(void **state)
{
    struct fixture *f = *state;
    struct made_found found;
    struct made_ask ask = ask_of(f, 0);
    ask.init = true;
    assert_int_equal(made_find(&f->app, &f->tape, &ask, &found, NULL), VCR_OK);
    assert_ahead(&found, 0, MADE_AHEAD);
    made_found_close(&found);
    ask.alone = true;
    assert_int_equal(made_find(&f->app, &f->tape, &ask, &found, NULL), VCR_OK);
    assert_true(found.makes && found.fd < 0);
    assert_ahead(&found, 0, 0);
    made_found_close(&found);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(for_who_has_nothing_made_no_reel_is_opened),
        CASE(what_is_made_has_its_reels_and_those_ahead_have),
        CASE(one_alone_has_none_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
