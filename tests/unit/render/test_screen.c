/* tests/unit/render/test_screen.c - pictures through the tape as a session draws them: the bytes of `vcr dub` in settled PLAY; and what a deck shows while it is recorded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "barcode.h"
#include "base/util.h"
#include "render/film.h"
#include "render/grid.h"
#include "render/screen.h"
#include "rig.h"

enum { PICTURES = 8, SEED = 7, W = 720, H_MOST = 576, BYTES_MOST = W * H_MOST * 3 / 2 };

/* Another colour in every picture, so that what comes from the wrong one shows. */
static void draw_colours(struct picture *p, unsigned n)
{
    barcode_draw(p, n * 0x1357);
    for (int i = 1; i < 3; i++)
        for (int y = 0; y < p->height / 2; y++)
            for (int x = 0; x < p->width / 2; x++)
                p->plane[i][y * p->stride[i] + x] = (uint8_t)(70 + (x / 45 * 30 + (int)n * 43 * i + y / 30 * 11) % 120);
}

struct tape {
    struct rig_tape reels;
    struct film *film;
    struct screen *screen;
    struct grid grid;
    bool pal;
    int height;
};

static void tape_open(struct tape *t, bool pal)
{
    rig_tape_make_of(&t->reels, pal, false, PICTURES, draw_colours);
    t->pal = pal;
    t->height = pal ? 576 : 480;
    t->grid = grid_of(pal, false);
    assert_int_equal(film_open(&t->film, dup(t->reels.video_fd), dup(t->reels.video_index_fd), NULL), VCR_OK);
    assert_int_equal(screen_open(&t->screen, pal, &(struct fit_shape){ W, t->height, pal ? 16 : 8, pal ? 15 : 9 }, NULL), VCR_OK);
}

static void tape_close(struct tape *t)
{
    screen_close(&t->screen);
    film_close(&t->film);
    rig_tape_free(&t->reels);
}

static const struct picture *draw_of(struct tape *t, const struct screen_tape *of, int n, const char *look, uint8_t tape_speed)
{
    struct screen_shot shot;
    struct deck_snapshot snap = rig_snap(DECK_PLAY, 1, 0, 1, look);
    struct view view = { .kind = VIEW_TAPE, .rate = 65536, .lock_q16 = 65536, .settled = true, .tape_us = grid_place_us(&t->grid, n) };
    snap.seed = SEED;
    snap.tape_speed = tape_speed;
    snap.wear_16 = 0;
    screen_forget(t->screen);
    assert_int_equal(screen_draw(t->screen, &snap, &view, of, &(struct screen_time){ grid_field(false, n), 0 }, &shot, NULL), VCR_OK);
    assert_false(shot.damaged);
    return shot.picture;
}

static const struct picture *draw(struct tape *t, int n, const char *look, uint8_t tape_speed)
{
    return draw_of(t, &(struct screen_tape){ .film = t->film }, n, look, tape_speed);
}

/* All its bytes, row by row. */
static size_t bytes_of(const struct picture *p, uint8_t *to)
{
    size_t at = 0;
    for (int i = 0; i < 3; i++)
        for (int y = 0; y < (i ? p->height / 2 : p->height); y++, at += (size_t)(i ? p->width / 2 : p->width))
            memcpy(to + at, p->plane[i] + y * p->stride[i], (size_t)(i ? p->width / 2 : p->width));
    return at;
}

/* ---- vcr dub ---- */
static void write_film(struct tape *t, const char *path)
{
    static uint8_t bytes[BYTES_MOST];
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fprintf(f, "YUV4MPEG2 W%d H%d F%d:%d Ip A%s C420mpeg2\n", W, t->height, t->grid.num, t->grid.den, t->pal ? "16:15" : "8:9");
    for (uint32_t n = 0; n < PICTURES; n++) {
        struct frame *frame;
        assert_int_equal(film_picture(t->film, n, FILM_FORWARD, &frame, NULL), VCR_OK);
        size_t size = bytes_of(&frame->picture, bytes);
        fputs("FRAME\n", f);
        assert_int_equal(fwrite(bytes, 1, size, f), size);
    }
    assert_int_equal(fclose(f), 0);
}

static void dub(const char *in, const char *out, const char *profile, uint8_t tape_speed, bool over)
{
    static const char *const speeds[] = { "sp", "lp", "ep" };
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        execl(VCR_DUB, VCR_DUB, "dub", in, out, "--profile", profile, "--set", "limiter=off", "--seed", "7", "--tape-speed", speeds[tape_speed], "--recorded-over", over ? "on" : "off", (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* of: NULL: the film alone; else it lies there as a recording that began over another one. */
static void same_as_dubbed(struct tape *t, const struct screen_tape *of, const char *profile, uint8_t tape_speed)
{
    const struct screen_tape film = { .film = t->film };
    static uint8_t drawn[BYTES_MOST], dubbed[BYTES_MOST];
    char folder[] = "/tmp/test_screen_XXXXXX", in[64], out[64], look[64], line[128];
    assert_non_null(mkdtemp(folder));
    snprintf(in, sizeof(in), "%s/in.y4m", folder);
    snprintf(out, sizeof(out), "%s/out.y4m", folder);
    snprintf(look, sizeof(look), "%s;limiter=off", profile);
    write_film(t, in);
    dub(in, out, profile, tape_speed, of != NULL);
    FILE *f = fopen(out, "rb");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof(line), f));
    for (int n = 0; n < PICTURES; n++) {
        size_t size = bytes_of(draw_of(t, of ? of : &film, n, look, tape_speed), drawn), differ = 0;
        assert_non_null(fgets(line, sizeof(line), f));
        assert_int_equal(fread(dubbed, 1, size, f), size);
        for (size_t i = 0; i < size; i++)
            differ += drawn[i] != dubbed[i];
        if (differ)
            fail_msg("%s, %s, speed %d, picture %d: %zu of %zu bytes differ", profile, t->pal ? "PAL" : "NTSC", tape_speed, n, differ, size);
    }
    fclose(f);
    unlink(in);
    unlink(out);
    rmdir(folder);
}

/* A look that was made for the slow speeds, too: its figures count once. */
static void settled_play_has_the_bytes_of_a_dub(void **state)
{
    for (int pal = 0; pal < 2; pal++) {
        struct tape t = { 0 };
        tape_open(&t, pal);
        same_as_dubbed(&t, NULL, "family", 0);
        same_as_dubbed(&t, NULL, pal ? "rental" : "ep-thin", pal ? 1 : 2);
        tape_close(&t);
    }
}

static void a_recording_over_another_one_shows_that_ones_colour(void **state)
{
    static uint8_t over[BYTES_MOST], under[BYTES_MOST];
    struct render_span span = { .start_us = 0, .end_us = rig_pts_us(2 * PICTURES), .seed = SEED, .is_over = 1, .over_us = 0 };
    struct tape t = { 0 };
    tape_open(&t, false);
    struct recordings *r = recordings_open();
    const struct screen_tape of = { .recordings = r };
    const int fds[6] = { dup(t.reels.video_fd), dup(t.reels.video_index_fd), -1, -1, -1, -1 };
    assert_int_equal(recordings_film(r, fds, NULL), VCR_OK);
    assert_int_equal(recordings_table(r, &span, 1, 1, NULL), VCR_OK);
    same_as_dubbed(&t, &of, "family", 0);
    size_t size = bytes_of(draw_of(&t, &of, 3, "family;limiter=off", 0), over);
    span.is_over = 0;
    assert_int_equal(recordings_table(r, &span, 1, 2, NULL), VCR_OK);
    bytes_of(draw_of(&t, &of, 3, "family;limiter=off", 0), under);
    assert_memory_equal(over, under, (size_t)(W * t.height));
    assert_memory_not_equal(over, under, size);
    recordings_close(&r);
    tape_close(&t);
}

/* How hard its edges are: sum of squares of the second difference in the middle rows. */
static double sharpness(const struct picture *p)
{
    double sum = 0;
    for (int y = 200; y < 220; y++)
        for (int x = 40; x < p->width - 40; x++) {
            const uint8_t *at = p->plane[0] + y * p->stride[0] + x;
            double d = 2 * at[0] - at[-2] - at[2];
            sum += d * d;
        }
    return sum;
}

/* A copy of it is peaked once, where it is looked at. */
static void what_is_recorded_is_not_peaked(void **state)
{
    static const char look[] = "family;limiter=off;noise.luma_db=off", flat[] = "family;limiter=off;noise.luma_db=off;luma.peaking_db=off";
    static uint8_t recorded[BYTES_MOST], unpeaked[BYTES_MOST];
    struct tape t = { 0 };
    tape_open(&t, false);
    double looked_at = sharpness(draw(&t, 3, look, 0));
    screen_edit(t.screen, true);
    const struct picture *p = draw(&t, 3, look, 0);
    assert_true(sharpness(p) < looked_at * 0.8);
    size_t size = bytes_of(p, recorded);
    screen_edit(t.screen, false);
    bytes_of(draw(&t, 3, flat, 0), unpeaked);
    assert_memory_equal(recorded, unpeaked, size);
    assert_true(sharpness(draw(&t, 3, look, 0)) == looked_at);
    tape_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(settled_play_has_the_bytes_of_a_dub), cmocka_unit_test(a_recording_over_another_one_shows_that_ones_colour),
                                        cmocka_unit_test(what_is_recorded_is_not_peaked) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
