/* test_blob.c - the contract of the blob port, for each adapter, and what is the file store's own. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/util.h"
#include "kit.h"
#include "store/blob.h"

#define OK(x) assert_int_equal((x), VCR_OK)

/* Each adapter runs the whole suite: one more is one more row. */
static const struct {
    const char *name, *url;
} adapters[] = { { "file", "file:blobs" } };

struct fixture {
    struct kit kit;
    struct blob_store *s;
};

static int setup(void **state)
{
    struct fixture *f = vcr_alloc(sizeof(*f));
    kit_dir(&f->kit);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    blob_close_store(&f->s);
    kit_remove_dir(&f->kit);
    free(f);
    return 0;
}

static void put(struct blob_store *s, const char *key, const char *text)
{
    struct blob_writer *w;
    OK(blob_begin(s, key, &w, NULL));
    OK(blob_write(w, text, strlen(text), NULL));
    OK(blob_commit(&w, NULL, NULL, NULL));
    assert_null(w);
}

static void expect(struct blob_store *s, const char *key, const char *text)
{
    int fd = -1;
    uint64_t size = 0;
    char got[100] = "";
    if (!text) {
        assert_int_equal(blob_open_fd(s, key, &fd, &size, NULL), VCR_E_NOT_FOUND);
        assert_int_equal(blob_stat(s, key, &size, NULL), VCR_E_NOT_FOUND);
        return;
    }
    OK(blob_open_fd(s, key, &fd, &size, NULL));
    assert_int_equal(size, strlen(text));
    assert_int_equal(read(fd, got, sizeof(got) - 1), strlen(text));
    assert_string_equal(got, text);
    close(fd);
}

static void whole_or_not_at_all(struct fixture *f)
{
    struct blob_writer *w;
    char sha[65];
    uint64_t size = 0;
    put(f->s, "tapes/7/original", "old");
    OK(blob_begin(f->s, "tapes/7/original", &w, NULL));
    OK(blob_write(w, "ab", 2, NULL));
    expect(f->s, "tapes/7/original", "old");
    OK(blob_write(w, "c", 1, NULL));
    OK(blob_commit(&w, sha, &size, NULL));
    assert_string_equal(sha, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(size, 3);
    expect(f->s, "tapes/7/original", "abc");
    OK(blob_begin(f->s, "tapes/8/original", &w, NULL));
    OK(blob_write(w, "lost", 4, NULL));
    blob_abort(&w);
    assert_null(w);
    expect(f->s, "tapes/8/original", NULL);
    put(f->s, "tapes/8/empty", "");
    expect(f->s, "tapes/8/empty", "");
}

static void names_are_checked(struct fixture *f)
{
    static const char *const bad[] = { "", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "A", "a b", "a\\b", "\xC3\xA4", "x.part-1", "a\n" };
    char longest[202];
    struct blob_writer *w = NULL;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int fd;
        assert_int_equal(blob_begin(f->s, bad[i], &w, NULL), VCR_E_INVALID);
        assert_int_equal(blob_open_fd(f->s, bad[i], &fd, NULL, NULL), VCR_E_INVALID);
        assert_int_equal(blob_delete(f->s, bad[i], NULL), VCR_E_INVALID);
    }
    assert_int_equal(blob_delete_prefix(f->s, "tapes", NULL), VCR_E_INVALID);
    assert_int_equal(blob_delete_prefix(f->s, "../", NULL), VCR_E_INVALID);
    assert_int_equal(blob_delete_prefix(f->s, "/", NULL), VCR_E_INVALID);
    memset(longest, 'x', 200);
    longest[200] = '\0';
    put(f->s, longest, "fits");
    longest[200] = 'x';
    longest[201] = '\0';
    assert_int_equal(blob_begin(f->s, longest, &w, NULL), VCR_E_INVALID);
    put(f->s, "...", "three dots are a name");
}

/* What a kept descriptor shows now; NULL: there is no such blob. */
static void expect_kept(struct blob_store *s, const char *key, const char *text)
{
    int fd = -1;
    uint64_t size = 0;
    char got[100] = "";
    if (!text) {
        assert_false(blob_kept_fd(s, key, &fd, &size));
        assert_int_equal(blob_keep_fd(s, key, &fd, &size, NULL), VCR_E_NOT_FOUND);
        return;
    }
    for (int again = 0; again < 2; again++) { /* opened; then, where the adapter keeps it, kept */
        OK(blob_keep_fd(s, key, &fd, &size, NULL));
        assert_int_equal(size, strlen(text));
        assert_int_equal(pread(fd, got, sizeof(got) - 1, 0), strlen(text));
        assert_string_equal(got, text);
        close(fd);
    }
}

static void what_is_kept_open_is_never_old(struct fixture *f)
{
    char key[40];
    int fd = -1;
    uint64_t size;
    put(f->s, "tapes/1/r1/clean.mp4", "first");
    assert_false(blob_kept_fd(f->s, "tapes/1/r1/clean.mp4", &fd, &size));
    expect_kept(f->s, "tapes/1/r1/clean.mp4", "first");
    put(f->s, "tapes/1/r1/clean.mp4", "second one");
    expect_kept(f->s, "tapes/1/r1/clean.mp4", "second one");
    OK(blob_delete(f->s, "tapes/1/r1/clean.mp4", NULL));
    expect_kept(f->s, "tapes/1/r1/clean.mp4", NULL);
    put(f->s, "tapes/1/r1/clean.mp4", "third");
    put(f->s, "tapes/11/r1/clean.mp4", "another tape");
    expect_kept(f->s, "tapes/1/r1/clean.mp4", "third");
    expect_kept(f->s, "tapes/11/r1/clean.mp4", "another tape");
    OK(blob_delete_prefix(f->s, "tapes/1/", NULL));
    expect_kept(f->s, "tapes/1/r1/clean.mp4", NULL);
    expect_kept(f->s, "tapes/11/r1/clean.mp4", "another tape");
    for (int i = 0; i < 200; i++) { /* more than any store keeps */
        snprintf(key, sizeof(key), "many/%d", i);
        put(f->s, key, key);
        expect_kept(f->s, key, key);
    }
    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof(key), "many/%d", i);
        expect_kept(f->s, key, key);
    }
    assert_int_equal(blob_keep_fd(f->s, "../x", &fd, &size, NULL), VCR_E_INVALID);
    blob_tidy(f->s, clock_mono_us());
    expect_kept(f->s, "many/199", "many/199");
    blob_tidy(f->s, clock_mono_us() + 61000000);
    assert_false(blob_kept_fd(f->s, "many/199", &fd, &size));
}

static void deleting_takes_what_was_named(struct fixture *f)
{
    struct blob_writer *w;
    put(f->s, "tapes/1/r5/clean.mp4", "a");
    put(f->s, "tapes/1/original", "b");
    put(f->s, "tapes/10/original", "c");
    OK(blob_delete(f->s, "tapes/1/original", NULL));
    OK(blob_delete(f->s, "tapes/1/original", NULL));
    OK(blob_delete(f->s, "nowhere/at/all", NULL));
    OK(blob_delete(f->s, "tapes/1/r5", NULL)); /* a folder is no blob */
    expect(f->s, "tapes/1/r5", NULL);
    expect(f->s, "tapes/1/r5/clean.mp4/x", NULL);
    expect(f->s, "tapes/1/r5/clean.mp4", "a");
    OK(blob_begin(f->s, "tapes/1/r6/tape.mp4", &w, NULL));
    OK(blob_delete_prefix(f->s, "tapes/1/", NULL));
    assert_int_equal(blob_commit(&w, NULL, NULL, NULL), VCR_E_NOT_FOUND); /* deleted under its writer */
    assert_null(w);
    OK(blob_delete_prefix(f->s, "tapes/1/", NULL));
    expect(f->s, "tapes/1/r5/clean.mp4", NULL);
    expect(f->s, "tapes/10/original", "c");
}

static void another_process_may_write(struct fixture *f)
{
    struct blob_writer *w;
    char sha[65];
    uint64_t size = 0;
    OK(blob_begin(f->s, "tapes/3/r1/clean.mp4", &w, NULL));
    int fd = blob_writer_fd(w);
    if (fd >= 0)
        assert_int_equal(write(fd, "frames", 6), 6);
    OK(blob_commit(&w, sha, &size, NULL));
    if (fd < 0)
        return;
    assert_string_equal(sha, "");
    assert_int_equal(size, 6);
    expect(f->s, "tapes/3/r1/clean.mp4", "frames");
}

static void tells_room_and_address(struct fixture *f)
{
    uint64_t room = 0;
    char address[300];
    assert_true(blob_free_bytes(f->s, &room) && room > 0);
    blob_address(f->s, "tapes/7/original", address, sizeof(address));
    assert_non_null(strstr(address, "tapes/7/original"));
}

static void the_contract_holds_for_each_adapter(void **state)
{
    struct fixture *f = *state;
    static void (*const cases[])(struct fixture *f) = { whole_or_not_at_all, names_are_checked, deleting_takes_what_was_named,
                                                        what_is_kept_open_is_never_old, another_process_may_write, tells_room_and_address };
    for (size_t a = 0; a < ARRAY_LEN(adapters); a++) {
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            OK(blob_open_store(&f->s, adapters[a].url, f->kit.dir, NULL));
            cases[i](f);
            blob_close_store(&f->s);
        }
    }
    assert_int_equal(blob_open_store(&f->s, "ftp:x", f->kit.dir, NULL), VCR_E_INVALID);
}

/* ---- the file store's own ---- */

static int parts_in(const struct fixture *f)
{
    char *command = vcr_asprintf("exit $(find %s -name '*.part-*' | wc -l)", f->kit.dir);
    int rc = system(command);
    free(command);
    return WEXITSTATUS(rc);
}

static void leftovers_of_a_killed_process_are_swept(void **state)
{
    struct fixture *f = *state;
    OK(blob_open_store(&f->s, "file:blobs", f->kit.dir, NULL));
    put(f->s, "tapes/1/original", "kept");
    pid_t pid = fork();
    if (pid == 0) {
        struct blob_writer *w;
        if (blob_begin(f->s, "tapes/1/r2/clean.mp4", &w, NULL) == VCR_OK && blob_write(w, "half", 4, NULL) == VCR_OK)
            kill(getpid(), SIGKILL);
        _exit(1);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(parts_in(f), 1);
    OK(blob_sweep(f->s, NULL));
    assert_int_equal(parts_in(f), 0);
    expect(f->s, "tapes/1/original", "kept");
    expect(f->s, "tapes/1/r2/clean.mp4", NULL);
}

static void links_lead_nowhere(void **state)
{
    struct fixture *f = *state;
    OK(blob_open_store(&f->s, "file:blobs", f->kit.dir, NULL));
    put(f->s, "tapes/1/original", "mine");
    char *outside = vcr_asprintf("%s/outside", f->kit.dir), *secret = vcr_asprintf("%s/outside/secret", f->kit.dir);
    char *link_dir = vcr_asprintf("%s/blobs/tapes/2", f->kit.dir), *link_file = vcr_asprintf("%s/blobs/tapes/1/link", f->kit.dir);
    assert_int_equal(mkdir(outside, 0700), 0);
    int fd = open(secret, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(symlink(outside, link_dir) | symlink(secret, link_file), 0);
    expect(f->s, "tapes/2/secret", NULL);
    expect(f->s, "tapes/1/link", NULL);
    struct blob_writer *w = NULL;
    assert_int_not_equal(blob_begin(f->s, "tapes/2/new", &w, NULL), VCR_OK);
    OK(blob_delete(f->s, "tapes/2/secret", NULL));
    OK(blob_delete_prefix(f->s, "tapes/", NULL));
    assert_int_equal(access(secret, F_OK), 0);
    assert_int_not_equal(access(link_dir, F_OK), 0);
    free(outside), free(secret), free(link_dir), free(link_file);
}

static void a_write_that_fails_leaves_the_older_blob_and_no_bytes(void **state)
{
    struct fixture *f = *state;
    struct rlimit old, small;
    struct blob_writer *w;
    static char block[65536];
    OK(blob_open_store(&f->s, "file:blobs", f->kit.dir, NULL));
    put(f->s, "tapes/1/original", "older");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_IGN);
    small = old;
    small.rlim_cur = 100000;
    OK(blob_begin(f->s, "tapes/1/original", &w, NULL));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum vcr_err first = blob_write(w, block, sizeof(block), NULL), second = blob_write(w, block, sizeof(block), NULL);
    setrlimit(RLIMIT_FSIZE, &old);
    OK(first);
    assert_int_equal(second, VCR_E_IO);
    assert_int_equal(blob_commit(&w, NULL, NULL, NULL), VCR_E_IO); /* also when the caller overlooked it */
    assert_null(w);
    assert_int_equal(parts_in(f), 0);
    expect(f->s, "tapes/1/original", "older");
}

static void remember(void *arg, const char *key)
{
    char(*keys)[200] = arg;
    for (int i = 0; i < 4; i++) {
        if (!keys[i][0]) {
            vcr_strcpy(keys[i], sizeof(keys[i]), key);
            return;
        }
    }
}

/* A recording is there until it is sealed, whatever happens, and nobody takes it for a blob. */
static void what_grows_survives_a_restart(void **state)
{
    struct fixture *f = *state;
    int fd = -1, other = -1;
    char keys[4][200] = { { 0 } };
    OK(blob_open_store(&f->s, "file:blobs", f->kit.dir, NULL));
    OK(blob_grow(f->s, "tapes/7/c1/journal", true, &fd, NULL));
    assert_int_equal(write(fd, "some", 4), 4);
    assert_int_equal(blob_grow(f->s, "tapes/7/c1/journal", true, &other, NULL), VCR_E_IO); /* there is one */
    OK(blob_grow(f->s, "tapes/7/c1/clean.mp4", true, &other, NULL));
    vcr_close(&fd);
    vcr_close(&other);
    assert_int_equal(blob_grow(f->s, "tapes/../x", true, &other, NULL), VCR_E_INVALID);
    assert_int_equal(blob_grow(f->s, "tapes/8/journal", false, &other, NULL), VCR_E_NOT_FOUND);
    blob_close_store(&f->s);
    OK(blob_open_store(&f->s, "file:blobs", f->kit.dir, NULL));
    OK(blob_sweep(f->s, NULL));
    expect(f->s, "tapes/7/c1/journal", NULL);
    OK(blob_unfinished(f->s, "journal", remember, keys, NULL));
    assert_string_equal(keys[0], "tapes/7/c1/journal");
    assert_string_equal(keys[1], "");
    OK(blob_grow(f->s, "tapes/7/c1/journal", false, &fd, NULL));
    assert_int_equal(pwrite(fd, "body", 4, 4), 4);
    vcr_close(&fd);
    OK(blob_seal(f->s, "tapes/7/c1/journal", NULL));
    OK(blob_seal(f->s, "tapes/7/c1/journal", NULL)); /* twice is once */
    expect(f->s, "tapes/7/c1/journal", "somebody");
    OK(blob_grow(f->s, "tapes/7/c1/journal", false, &fd, NULL)); /* sealed, and opened again by a recovery that was killed */
    vcr_close(&fd);
    assert_int_equal(blob_seal(f->s, "tapes/7/c1/nothing", NULL), VCR_E_NOT_FOUND);
    OK(blob_delete_prefix(f->s, "tapes/7/", NULL));
    memset(keys, 0, sizeof(keys));
    OK(blob_unfinished(f->s, "clean.mp4", remember, keys, NULL));
    assert_string_equal(keys[0], "");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_contract_holds_for_each_adapter),
        T(leftovers_of_a_killed_process_are_swept),
        T(links_lead_nowhere),
        T(what_grows_survives_a_restart),
        T(a_write_that_fails_leaves_the_older_blob_and_no_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
