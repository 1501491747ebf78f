/* tests/unit/test_base.c - errors, text, buffers, clocks, ring, pool and loop, as their users see them. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/loop.h"
#include "base/pool.h"
#include "base/ring.h"
#include "base/util.h"
#include "base/why.h"

static void long_reasons_end_between_characters(void **state)
{
    struct vcr_why why;
    char text[600];
    for (size_t pad = 0; pad < 4; pad++) {
        memset(text, 'x', pad);
        for (size_t i = 0; i < 120; i++)
            memcpy(text + pad + 3 * i, "\xE2\x82\xAC", 3); /* euro sign */
        text[pad + 360] = '\0';
        assert_int_equal(vcr_fail(&why, VCR_E_INVALID, "%s", text), VCR_E_INVALID);
        assert_true(strlen(why.text) >= sizeof(why.text) - 4);
        assert_true(vcr_utf8_ok(why.text, strlen(why.text)));
    }
}

static void utf8_is_strict(void **state)
{
    static const char *const good[] = { "", "abc", "\xC3\xA9", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF" };
    static const char *const bad[] = { "\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\xFF" };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(vcr_utf8_ok(good[i], strlen(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(vcr_utf8_ok(bad[i], strlen(bad[i])));
}

static void base64url_round_trips_and_refuses(void **state)
{
    uint8_t in[40], back[40];
    char text[VCR_B64URL_BYTES(40)];
    vcr_random(in, sizeof(in));
    for (size_t n = 0; n <= sizeof(in); n++) {
        vcr_b64url_encode(text, in, n);
        assert_int_equal(strlen(text), VCR_B64URL_BYTES(n) - 1);
        assert_int_equal(vcr_b64url_decode(back, sizeof(back), text, strlen(text)), n);
        assert_memory_equal(in, back, n);
    }
    assert_int_equal(vcr_b64url_decode(back, sizeof(back), "AB=", 3), -1);
    assert_int_equal(vcr_b64url_decode(back, sizeof(back), "AB+/", 4), -1);
    assert_int_equal(vcr_b64url_decode(back, sizeof(back), "A", 1), -1);
    assert_int_equal(vcr_b64url_decode(back, sizeof(back), "AB", 2), -1); /* non-canonical tail bits */
    assert_int_equal(vcr_b64url_decode(back, 2, "AAAA", 4), -1);
}

static void uuids_are_ordered_and_checked(void **state)
{
    char a[VCR_UUID_BYTES], b[VCR_UUID_BYTES];
    vcr_uuid7(a);
    vcr_uuid7(b);
    assert_true(vcr_is_uuid(a));
    assert_true(strncmp(a, b, 13) <= 0);
    assert_int_equal(a[14], '7');
    assert_false(vcr_is_uuid("0193-bad"));
    a[5] = 'G';
    assert_false(vcr_is_uuid(a));
}

static void a_buffer_never_passes_its_ceiling(void **state)
{
    struct buf b;
    buf_init(&b, 10);
    buf_adds(&b, "12345");
    buf_addf(&b, "%d", 67890);
    assert_true(buf_ok(&b));
    assert_string_equal(b.data, "1234567890");
    buf_addc(&b, 'x');
    assert_false(buf_ok(&b));
    buf_adds(&b, "");
    assert_false(buf_ok(&b));
    assert_int_equal(b.len, 10);
    buf_reset(&b);
    buf_adds(&b, "abc");
    buf_consume(&b, 2);
    assert_string_equal(b.data, "c");
    buf_free(&b);
    buf_init(&b, 5000);
    char big[1001];
    memset(big, 'q', 1000);
    big[1000] = '\0';
    buf_addf(&b, "%s!", big);
    assert_int_equal(b.len, 1001);
    buf_free(&b);
}

static void times_are_rfc3339(void **state)
{
    char out[CLOCK_RFC3339_BYTES];
    static const struct { const char *in, *out; } good[] = {
        { "2026-11-22T12:00:00Z", "2026-11-22T12:00:00.000Z" },
        { "2024-02-29T23:59:59.9999+02:30", "2024-02-29T21:29:59.999Z" },
        { "1969-12-31t23:00:00.5-01:00", "1970-01-01T00:00:00.500Z" },
        { "1896-01-01T00:00:00Z", "1896-01-01T00:00:00.000Z" },
    };
    static const char *const bad[] = { "2023-02-29T00:00:00Z", "2023-02-28 00:00:00Z", "2023-02-28T24:00:00Z", "2023-02-28T00:00:00", "",
                                       "2023-02-28T00:00:00.Z", "2023-02-28T00:00:00Zx", "2023-13-01T00:00:00Z" };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        int64_t ms;
        assert_true(clock_parse_rfc3339(good[i].in, &ms));
        clock_rfc3339(out, ms);
        assert_string_equal(out, good[i].out);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t ms;
        assert_false(clock_parse_rfc3339(bad[i], &ms));
    }
}

static void memory_files_read_what_was_appended(void **state)
{
    struct buf b;
    struct io *io = NULL;
    char got[8] = "";
    size_t n;
    buf_init(&b, 6);
    assert_int_equal(io_mem_open(&io, &b, NULL), VCR_OK);
    assert_int_equal(io_append(io, "abcdef", 6, NULL), VCR_OK);
    assert_int_equal(io_append(io, "g", 1, NULL), VCR_E_FULL);
    assert_int_equal(io_pread(io, got, 8, 4, &n, NULL), VCR_OK);
    assert_int_equal(n, 2);
    struct vcr_why why;
    assert_int_equal(io_pread_all(io, got, 3, 4, &why), VCR_E_IO);
    io_close(&io);
    buf_free(&b);
}

static void the_ring_keeps_order_over_many_rounds(void **state)
{
    struct ring *w = NULL, *r = NULL;
    int fd = -1;
    const uint8_t *got;
    size_t len;
    assert_int_equal(ring_create(&r, &fd, 64 << 10, NULL), VCR_OK);
    assert_int_equal(ring_attach(&w, fd, NULL), VCR_OK);
    close(fd);
    assert_int_equal(ring_peek(r, &got, &len, NULL), VCR_E_AGAIN);
    uint8_t body[9000];
    uint32_t written = 0, read = 0;
    for (int round = 0; round < 2000; round++) {
        while (written - read < 40) {
            size_t n = written * 7919u % sizeof(body);
            memset(body, (int)(written & 255), n);
            if (ring_write(w, &written, sizeof(written), body, n, NULL) != VCR_OK)
                break; /* full */
            written++;
        }
        assert_true(written > read);
        assert_int_equal(ring_peek(r, &got, &len, NULL), VCR_OK);
        size_t n = read * 7919u % sizeof(body);
        assert_int_equal(len, n + 4);
        assert_memory_equal(got, &read, 4);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(got[4 + i], read & 255);
        ring_next(r);
        read++;
    }
    assert_int_equal(ring_write(w, body, sizeof(body), body, 8 << 10, NULL), VCR_E_TOO_LARGE);
    ring_close(&w);
    ring_close(&r);
}

static void a_ring_broken_by_its_writer_is_an_error_not_a_crash(void **state)
{
    struct ring *r = NULL, *w = NULL;
    int fd = -1;
    const uint8_t *got;
    size_t len;
    assert_int_equal(ring_create(&r, &fd, 64 << 10, NULL), VCR_OK);
    assert_int_equal(ring_attach(&w, fd, NULL), VCR_OK);
    assert_int_equal(ring_write(w, "head", 4, "body", 4, NULL), VCR_OK);
    uint32_t lie = 60000;
    assert_int_equal(pwrite(fd, &lie, 4, 4096), 4);
    struct vcr_why why;
    assert_int_equal(ring_peek(r, &got, &len, &why), VCR_E_IO);
    lie = 4; /* a head far beyond */
    uint64_t head = UINT64_C(1) << 40;
    assert_int_equal(pwrite(fd, &head, 8, 0), 8);
    assert_int_equal(ring_peek(r, &got, &len, &why), VCR_E_IO);
    close(fd);
    ring_close(&w);
    ring_close(&r);
}

struct count {
    struct pool_job job;
    struct loop *loop;
    int *left;
    pthread_t worked_on;
};
static enum vcr_err count_work(struct pool_job *j, void *worker, struct vcr_why *why)
{
    struct count *c = container_of(j, struct count, job);
    c->worked_on = pthread_self();
    return vcr_fail(why, VCR_E_CONFLICT, "as asked");
}
static void count_done(struct pool_job *j)
{
    struct count *c = container_of(j, struct count, job);
    assert_true(loop_is_mine(c->loop));
    assert_false(pthread_equal(c->worked_on, pthread_self()));
    assert_int_equal(j->err, VCR_E_CONFLICT);
    assert_string_equal(j->why.text, "as asked");
    if (--*c->left == 0)
        loop_stop(c->loop);
}

static void pool_jobs_come_back_to_their_loop(void **state)
{
    struct loop *l = NULL;
    struct pool *p = NULL;
    assert_int_equal(loop_open(&l, "test", NULL), VCR_OK);
    assert_int_equal(pool_open(&p, &(struct pool_config){ .name = "test", .threads = 3, .queue_max = 100 }, NULL), VCR_OK);
    struct count jobs[50] = { 0 };
    int left = 50;
    for (int i = 0; i < 50; i++) {
        jobs[i] = (struct count){ .job = { .work = count_work, .done = count_done }, .loop = l, .left = &left };
        assert_int_equal(pool_submit(p, &jobs[i].job, l, NULL), VCR_OK);
    }
    loop_run(l);
    assert_int_equal(left, 0);
    pool_close(&p);
    loop_close(&l);
}

struct gate {
    struct pool_job job;
    pthread_mutex_t *lock;
    enum vcr_err seen;
};
static enum vcr_err gate_work(struct pool_job *j, void *worker, struct vcr_why *why)
{
    struct gate *g = container_of(j, struct gate, job);
    pthread_mutex_lock(g->lock);
    pthread_mutex_unlock(g->lock);
    return VCR_OK;
}
static void gate_done(struct pool_job *j) { container_of(j, struct gate, job)->seen = j->err; }

static void a_full_pool_refuses_and_late_jobs_are_not_run(void **state)
{
    struct pool *p = NULL;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    assert_int_equal(pool_open(&p, &(struct pool_config){ .name = "test", .threads = 1, .queue_max = 2 }, NULL), VCR_OK);
    struct gate g[5];
    pthread_mutex_lock(&lock);
    int taken = 0;
    for (int i = 0; i < 5; i++) {
        g[i] = (struct gate){ .job = { .work = gate_work, .done = gate_done }, .lock = &lock, .seen = VCR_E_INTERNAL };
        if (i == 1)
            g[i].job.deadline_us = 1; /* long past */
        struct vcr_why why;
        if (pool_submit(p, &g[i].job, NULL, &why) == VCR_OK)
            taken++;
        else
            assert_int_equal(why.code, VCR_E_BUSY);
    }
    assert_true(taken == 2 || taken == 3); /* one may already run */
    pthread_mutex_unlock(&lock);
    pool_close(&p);
    assert_int_equal(g[0].seen, VCR_OK);
    assert_int_equal(g[1].seen, VCR_E_TIMEOUT);
    assert_int_equal(g[4].seen, VCR_E_INTERNAL); /* was refused, never touched */
}

/* How a child ends that asks to end with its parent, when the other end of its line is open or closed. */
static int child_of(bool parent_there)
{
    int line[2], status = 0;
    assert_int_equal(pipe(line), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(line[0]); /* its copy of our end */
        if (!parent_there)
            poll(&(struct pollfd){ .fd = line[1] }, 1, -1); /* until our end is closed */
        bool ok = vcr_end_with_parent(line[1]);
        _exit(ok ? 10 : errno == ESRCH ? 11 : 12);
    }
    if (!parent_there)
        close(line[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (parent_there)
        close(line[0]);
    close(line[1]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_parent_gone_too_early_is_noticed(void **state)
{
    assert_int_equal(child_of(true), 10);
    assert_int_equal(child_of(false), 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_reasons_end_between_characters),
        cmocka_unit_test(utf8_is_strict),
        cmocka_unit_test(base64url_round_trips_and_refuses),
        cmocka_unit_test(a_parent_gone_too_early_is_noticed),
        cmocka_unit_test(uuids_are_ordered_and_checked),
        cmocka_unit_test(a_buffer_never_passes_its_ceiling),
        cmocka_unit_test(times_are_rfc3339),
        cmocka_unit_test(memory_files_read_what_was_appended),
        cmocka_unit_test(the_ring_keeps_order_over_many_rounds),
        cmocka_unit_test(a_ring_broken_by_its_writer_is_an_error_not_a_crash),
        cmocka_unit_test(pool_jobs_come_back_to_their_loop),
        cmocka_unit_test(a_full_pool_refuses_and_late_jobs_are_not_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
