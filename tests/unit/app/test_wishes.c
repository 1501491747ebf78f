/* test_wishes.c - a segment is made at the second wish: of another deck, or of one that comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "app/wishes.h"

static void who_watches_alone_has_nothing_made(void **state)
{
    struct wishes *w = wishes_open();
    char key[64];
    for (int n = 0; n < 3600; n++) /* a film of two hours, each segment asked for four times */
        for (int k = 0; k < 4; k++) {
            snprintf(key, sizeof(key), "7/w3-family-0123456789abcdef/v%d.m4s", n);
            assert_false(wishes_again(w, key, 1, n * INT64_C(2000000) + k * 600000));
        }
    wishes_close(&w);
}

static void the_second_deck_has_it_made_and_the_third(void **state)
{
    struct wishes *w = wishes_open();
    int64_t now_us = 1000000;
    assert_false(wishes_again(w, "7/w0-family-x/v1.m4s", 1, now_us));
    assert_false(wishes_again(w, "7/w0-family-x/o1.m4s", 2, now_us));
    assert_false(wishes_again(w, "7/w1-family-x/v1.m4s", 2, now_us));
    assert_true(wishes_again(w, "7/w0-family-x/v1.m4s", 2, now_us + 600000));
    assert_true(wishes_again(w, "7/w0-family-x/v1.m4s", 1, now_us + 700000)); /* it is on its way for the first one, too */
    assert_true(wishes_again(w, "7/w0-family-x/v1.m4s", 3, now_us + 800000));
    wishes_close(&w);
}

static void who_comes_back_has_it_made(void **state)
{
    struct wishes *w = wishes_open();
    assert_false(wishes_again(w, "a", 1, 0));
    assert_false(wishes_again(w, "a", 1, WISHES_REVISIT_US - 1));
    assert_false(wishes_again(w, "a", 1, 2 * WISHES_REVISIT_US - 2));
    assert_true(wishes_again(w, "a", 1, 3 * WISHES_REVISIT_US));
    wishes_close(&w);
}

/* However many there are, it has its bound, and what was forgotten is a first wish again. */
static void wishes_have_a_bound(void **state)
{
    struct wishes *w = wishes_open();
    char key[64];
    int made = 0;
    for (int round = 0; round < 2; round++)
        for (int n = 0; n < 10 * WISHES_MAX; n++) {
            snprintf(key, sizeof(key), "%d", n);
            made += wishes_again(w, key, (uint64_t)round, 0);
        }
    assert_in_range(made, 0, WISHES_MAX);
    wishes_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_watches_alone_has_nothing_made), cmocka_unit_test(the_second_deck_has_it_made_and_the_third), cmocka_unit_test(who_comes_back_has_it_made),
        cmocka_unit_test(wishes_have_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
