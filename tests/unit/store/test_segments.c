/* test_segments.c - made segments on disk: the budget, the order of use, what a killed process leaves. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/util.h"
#include "kit.h"
#include "store/segments.h"

#define OK(x) assert_int_equal((x), VCR_OK)
enum { EACH = 1000 };

struct fixture {
    struct kit kit;
    char dir[100];
    struct segments *s;
};

static void open_it(struct fixture *f, uint64_t budget) { OK(segments_open(&f->s, f->dir, budget, NULL)); }

static int setup(void **state)
{
    struct fixture *f = vcr_alloc(sizeof(*f));
    kit_dir(&f->kit);
    snprintf(f->dir, sizeof(f->dir), "%s/made", f->kit.dir);
    open_it(f, 10 * EACH);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    segments_close(&f->s);
    kit_remove_dir(&f->kit);
    free(f);
    return 0;
}

static int put(struct fixture *f, const char *key, size_t len)
{
    struct segment_writer *w = NULL;
    uint64_t size;
    int fd;
    char bytes[EACH * 20];
    OK(segments_begin(f->s, key, &w, NULL));
    memset(bytes, key[strlen(key) - 1], sizeof(bytes));
    assert_true(vcr_write_all(segment_writer_fd(w), bytes, len));
    OK(segments_commit(&w, &fd, &size, NULL));
    assert_null(w);
    assert_int_equal(size, len);
    return fd;
}

static void keep(struct fixture *f, const char *key)
{
    int fd = put(f, key, EACH);
    vcr_close(&fd);
}

static bool get(struct fixture *f, const char *key)
{
    int fd = -1;
    uint64_t size = 0;
    char c = 0;
    if (!segments_get(f->s, key, &fd, &size))
        return false;
    assert_int_equal(size, EACH);
    assert_int_equal(pread(fd, &c, 1, EACH - 1), 1);
    assert_int_equal(c, key[strlen(key) - 1]);
    vcr_close(&fd);
    return true;
}

static int files_below(struct fixture *f)
{
    char command[200];
    int n = -1;
    snprintf(command, sizeof(command), "find %s -type f | wc -l", f->dir);
    FILE *p = popen(command, "r");
    assert_int_equal(fscanf(p, "%d", &n), 1);
    pclose(p);
    return n;
}

static void what_was_kept_is_there_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    keep(f, "1/r/a");
    assert_true(get(f, "1/r/a"));
    assert_false(get(f, "1/r/b"));
    assert_false(get(f, "1/q/a"));
    keep(f, "1/r/a"); /* the same again is no second one */
    struct segments_counts c;
    segments_counts(f->s, &c);
    assert_int_equal(c.files, 1);
    assert_int_equal(c.bytes, EACH);
}

static void the_least_recently_read_goes_first(void **state)
{
    struct fixture *f = *state;
    char key[16];
    for (int i = 0; i < 10; i++) {
        snprintf(key, sizeof(key), "1/r/%d", i);
        keep(f, key);
    }
    assert_true(get(f, "1/r/0"));
    keep(f, "1/r/x");
    keep(f, "1/r/y");
    assert_true(get(f, "1/r/0"));
    assert_false(get(f, "1/r/1"));
    assert_false(get(f, "1/r/2"));
    assert_true(get(f, "1/r/3"));
    assert_int_equal(files_below(f), 10);
}

static void the_budget_holds_whatever_comes(void **state)
{
    struct fixture *f = *state;
    struct segments_counts c;
    int fd;
    for (int i = 0; i < 50; i++) {
        char key[24];
        snprintf(key, sizeof(key), "%d/r/%d", i % 3, i);
        fd = put(f, key, (size_t)(i * 37 % EACH) + 1);
        vcr_close(&fd);
        segments_counts(f->s, &c);
        assert_true(c.bytes <= 10 * EACH);
    }
    fd = put(f, "9/r/huge", 11 * EACH); /* served, and not kept */
    char b;
    assert_int_equal(pread(fd, &b, 1, 0), 1);
    vcr_close(&fd);
    segments_counts(f->s, &c);
    assert_int_equal(c.files, 0);
    assert_int_equal(files_below(f), 0);
}

static void another_process_finds_them_in_their_order(void **state)
{
    struct fixture *f = *state;
    char path[200];
    static const char *const keys[] = { "1/r/a", "1/r/b", "2/r/c" };
    static const int ages[] = { 100, 300, 200 };
    for (int i = 0; i < 3; i++) {
        keep(f, keys[i]);
        snprintf(path, sizeof(path), "%s/%s", f->dir, keys[i]);
        struct timespec t[2] = { { .tv_sec = time(NULL) - ages[i] }, { .tv_sec = time(NULL) - ages[i] } };
        assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
    }
    segments_close(&f->s);
    open_it(f, 2 * EACH); /* the oldest has no room any more */
    assert_false(get(f, "1/r/b"));
    assert_true(get(f, "2/r/c")); /* now read: younger than a, and its file says so */
    segments_close(&f->s);
    open_it(f, EACH);
    assert_false(get(f, "1/r/a"));
    assert_true(get(f, "2/r/c"));
}

static void what_a_killed_process_was_writing_goes(void **state)
{
    struct fixture *f = *state;
    keep(f, "1/r/a");
    pid_t child = fork();
    if (child == 0) {
        struct segment_writer *w = NULL;
        segments_begin(f->s, "1/r/torn", &w, NULL);
        vcr_write_all(segment_writer_fd(w), "half", 4);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(files_below(f), 2);
    segments_close(&f->s);
    open_it(f, 10 * EACH);
    assert_int_equal(files_below(f), 1);
    assert_false(get(f, "1/r/torn"));
    assert_true(get(f, "1/r/a"));
}

static void given_up_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct segment_writer *w = NULL;
    OK(segments_begin(f->s, "1/r/a", &w, NULL));
    assert_int_equal(files_below(f), 1);
    assert_false(segments_has(f->s, "1/r/a"));
    segments_abort(&w);
    assert_int_equal(files_below(f), 0);
}

static void a_tape_goes_with_all_of_its_own(void **state)
{
    struct fixture *f = *state;
    keep(f, "1/r/a");
    keep(f, "1/q/b");
    keep(f, "11/r/c");
    segments_drop_tape(f->s, 1);
    assert_false(get(f, "1/r/a"));
    assert_false(get(f, "1/q/b"));
    assert_true(get(f, "11/r/c"));
    assert_int_equal(files_below(f), 1);
}

static void a_file_taken_away_by_hand_is_made_again(void **state)
{
    struct fixture *f = *state;
    char path[200];
    keep(f, "1/r/a");
    snprintf(path, sizeof(path), "%s/1/r/a", f->dir);
    assert_int_equal(unlink(path), 0);
    assert_false(get(f, "1/r/a"));
    assert_false(segments_has(f->s, "1/r/a"));
    keep(f, "1/r/a");
    assert_true(get(f, "1/r/a"));
}

static void names_that_are_none_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = { "", "a", "a/b", "a/b/c/d", "../b/c", "a/../c", "a/b/..", "/b/c", "a//c", "a/b/", "a/b/C", "a/b/c d", "a/b/c.part-1" };
    struct segment_writer *w = NULL;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(segments_begin(f->s, bad[i], &w, NULL), VCR_E_INVALID);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_kept_is_there_and_nothing_else), TEST(the_least_recently_read_goes_first), TEST(the_budget_holds_whatever_comes),
        TEST(another_process_finds_them_in_their_order), TEST(what_a_killed_process_was_writing_goes), TEST(given_up_leaves_nothing),
        TEST(a_tape_goes_with_all_of_its_own), TEST(a_file_taken_away_by_hand_is_made_again), TEST(names_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
