/* test_demo.c - the demo films' pictures, drawn into planes with guards around: the colours that the bars must have, what moves and what stands still, two fields. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "media/ingest/demo_draw.h"

enum { GUARD = 64, GUARD_BYTE = 0xa5 };

/* A canvas of a film with planes of its own. */
struct sheet {
    struct demo_canvas c;
    const struct demo_film *film;
    uint8_t *memory[3];
    size_t bytes[3];
};

static void sheet_open(struct sheet *s, const char *name, int parity)
{
    s->film = demo_find(name);
    assert_non_null(s->film);
    demo_canvas_open(&s->c, s->film, parity);
    for (int i = 0; i < 3; i++) {
        size_t stride = (size_t)s->c.width / (i ? 2 : 1) + GUARD, rows = (size_t)s->c.height / (i ? 2 : 1);
        s->bytes[i] = stride * (rows + 2);
        s->memory[i] = malloc(s->bytes[i]);
        assert_non_null(s->memory[i]);
        memset(s->memory[i], GUARD_BYTE, s->bytes[i]);
        s->c.plane[i] = s->memory[i] + stride;
        s->c.stride[i] = (ptrdiff_t)stride;
    }
}

/* Nothing but the picture was written, and each pixel of it in studio range. */
static void sheet_check(const struct sheet *s)
{
    for (int i = 0; i < 3; i++) {
        size_t stride = (size_t)s->c.stride[i], width = (size_t)s->c.width / (i ? 2 : 1), rows = (size_t)s->c.height / (i ? 2 : 1);
        for (size_t y = 0; y < rows + 2; y++)
            for (size_t x = 0; x < stride; x++)
                if (y == 0 || y > rows || x >= width)
                    assert_int_equal(s->memory[i][y * stride + x], GUARD_BYTE);
                else
                    assert_in_range(s->memory[i][y * stride + x], 16, 240);
    }
}

static void sheet_draw(struct sheet *s, double t)
{
    s->film->draw(&s->c, t);
    sheet_check(s);
}

static void sheet_close(struct sheet *s)
{
    demo_canvas_close(&s->c);
    for (int i = 0; i < 3; i++)
        free(s->memory[i]);
}

static int luma(const struct sheet *s, int x, int y) { return s->c.plane[0][y * s->c.stride[0] + x]; }

/* Of the rows given, how many pixels of 1000 differ. */
static int differ(const struct sheet *a, const struct sheet *b, int from, int to)
{
    int n = 0;
    for (int y = from; y < to; y++)
        for (int x = 0; x < a->c.width; x++)
            n += abs(luma(a, x, y) - luma(b, x, y)) > 8;
    return n * 1000 / (a->c.width * (to - from));
}

static void bars_have_their_colours(void **state)
{
    /* 75 % bars as ITU-R BT.601 has them: white, yellow, cyan, green, magenta, red, blue */
    static const int wanted[7][3] = { { 180, 128, 128 }, { 162, 44, 142 }, { 131, 156, 44 }, { 112, 72, 58 }, { 84, 184, 198 }, { 65, 100, 212 }, { 35, 212, 114 } };
    struct sheet a, b;
    sheet_open(&a, "bars", -1);
    sheet_open(&b, "bars", -1);
    sheet_draw(&a, 1);
    sheet_draw(&b, 3);
    for (int i = 0; i < 7; i++) {
        int x = 640 * (2 * i + 1) / 14;
        assert_in_range(luma(&a, x, 100), wanted[i][0] - 2, wanted[i][0] + 2);
        for (int k = 1; k < 3; k++)
            assert_in_range(a.c.plane[k][50 * a.c.stride[k] + x / 2], wanted[i][k] - 2, wanted[i][k] + 2);
    }
    assert_int_equal(differ(&a, &b, 0, 460), 0);
    assert_true(luma(&a, 160, 474) > 200 && luma(&b, 160, 474) < 32); /* the mark goes round in four seconds */
    assert_true(luma(&b, 480, 474) > 200);
    sheet_close(&a);
    sheet_close(&b);
}

static void the_leader_counts_down_and_its_hand_turns(void **state)
{
    struct sheet a, b;
    sheet_open(&a, "leader", -1);
    sheet_open(&b, "leader", -1);
    for (int second = 0; second < 19; second++) {
        sheet_draw(&a, second);
        sheet_draw(&b, second + 1);
        assert_in_range(differ(&a, &b, 100, 380), 3, 400);
        sheet_draw(&b, second + 0.5);
        assert_true(luma(&b, 600, 60) < luma(&b, 40, 60)); /* right of noon it has been, on the left not yet */
    }
    sheet_draw(&a, 21);
    sheet_draw(&b, 23);
    assert_int_equal(differ(&a, &b, 0, 480), 0);
    assert_true(luma(&a, 320, 240) < 32);
    sheet_close(&a);
    sheet_close(&b);
}

static void the_scene_moves_on_its_lake(void **state)
{
    struct sheet a, b;
    sheet_open(&a, "scene", -1);
    sheet_open(&b, "scene", -1);
    for (int t = 0; t < 24; t++) {
        sheet_draw(&a, t);
        sheet_draw(&b, t + 0.5);
        assert_in_range(differ(&a, &b, 370, 480), 50, 950);
        assert_in_range(differ(&a, &b, 0, 30), 0, 50); /* the sky at the top */
    }
    sheet_close(&a);
    sheet_close(&b);
}

static void each_field_shows_the_train_elsewhere(void **state)
{
    struct sheet upper, lower, again;
    sheet_open(&upper, "interlaced", 0);
    sheet_open(&lower, "interlaced", 1);
    sheet_open(&again, "interlaced", 1);
    assert_int_equal(upper.c.height, 240);
    for (int n = 0; n < 24 * 30; n += 97) {
        double t = n * 1001.0 / 30000;
        sheet_draw(&upper, t);
        sheet_draw(&lower, t + 1001.0 / 60000);
        sheet_draw(&again, t);
        assert_true(differ(&lower, &again, 165, 225) >= 30);            /* the same lines a field later */
        assert_true(differ(&upper, &again, 165, 225) < differ(&lower, &again, 165, 225) / 2 + 30); /* at one time both fields are one picture */
    }
    sheet_close(&upper);
    sheet_close(&lower);
    sheet_close(&again);
}

static void all_films_sound_and_none_clips(void **state)
{
    static const char *const names[] = { "bars", "leader", "scene", "interlaced" };
    assert_null(demo_find("none"));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct demo_film *f = demo_find(names[i]);
        double energy = 0;
        for (int n = 0; n < 4 * 48000; n++) {
            float v = f->sound(n / 48000.0);
            assert_true(v > -0.95f && v < 0.95f);
            energy += (double)(v * v);
        }
        assert_true(energy / (4 * 48000) > 1e-4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bars_have_their_colours),
        cmocka_unit_test(the_leader_counts_down_and_its_hand_turns),
        cmocka_unit_test(the_scene_moves_on_its_lake),
        cmocka_unit_test(each_field_shows_the_train_elsewhere),
        cmocka_unit_test(all_films_sound_and_none_clips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
