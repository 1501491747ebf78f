/* tests/unit/signal/arm/cmocka.h - as much of cmocka as the tests of src/signal use, for processors that this system has no libcmocka for. TAP on stdout. */
#pragma once
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
    int (*setup)(void **state);
    int (*teardown)(void **state);
    void *state;
};
extern jmp_buf stand_in_end; /* 1: failed, 2: skipped */
#define cmocka_unit_test(f) { #f, f, NULL, NULL, NULL }
#define print_message printf
#define print_error printf
#define skip() longjmp(stand_in_end, 2)
#define fail_msg(...) (printf("# " __VA_ARGS__), putchar('\n'), longjmp(stand_in_end, 1))
#define assert_true(x) ((x) ? (void)0 : (void)fail_msg("%s:%d: %s", __FILE__, __LINE__, #x))
#define assert_false(x) assert_true(!(x))
#define assert_non_null(x) assert_true((x) != NULL)
#define assert_int_equal(a, b) assert_true((long long)(a) == (long long)(b))
#define assert_in_range(x, a, b) assert_true((x) >= (a) && (x) <= (b))
#define assert_memory_equal(a, b, n) assert_true(!memcmp(a, b, n))
int stand_in_run(const struct CMUnitTest *tests, int n);
#define cmocka_run_group_tests(tests, setup, teardown) stand_in_run(tests, (int)(sizeof(tests) / sizeof((tests)[0])))
