/* tests/unit/api/test_ready.c - /readyz: ready, degraded and why, not ready, and ready again by itself. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_sessions.h"
#include "kit.h"

static struct kit kit;

static int open_kit(void **state)
{
    kit_api.disk_short_bytes = 1; /* so that the machine's disk is no matter */
    kit_api.disk_low_bytes = 1;
    kit_open(&kit, NULL);
    return 0;
}

static int open_nearly_full(void **state)
{
    kit_api.disk_short_bytes = UINT64_MAX;
    kit_api.disk_low_bytes = 1;
    kit_open(&kit, NULL);
    return 0;
}

static int open_full(void **state)
{
    kit_api.disk_short_bytes = kit_api.disk_low_bytes = UINT64_MAX;
    kit_open(&kit, NULL);
    return 0;
}

static int close_kit(void **state)
{
    memset(&fake_counts, 0, sizeof(fake_counts));
    kit_close(&kit);
    return 0;
}

static const char *part(const struct answer *a, const char *name)
{
    return json_string_value(json_object_get(json_object_get(a->json, "dependencies"), name));
}

/* reason: how the only one begins, NULL for none. */
static void expect_ready(int status, const char *word, const char *reason)
{
    struct answer a = ask(&kit, NULL, "GET", "/readyz", NULL);
    const json_t *reasons = json_object_get(a.json, "reasons");
    char after[20];
    assert_int_equal(a.status, status);
    assert_string_equal(text_at(&a, "status"), word);
    assert_int_equal(json_array_size(reasons), reason ? 1 : 0);
    if (reason)
        assert_int_equal(strncmp(json_string_value(json_array_get(reasons, 0)), reason, strlen(reason)), 0);
    assert_int_equal(json_object_size(json_object_get(a.json, "dependencies")), 5);
    assert_true(head_value(&a, "Retry-After", after, sizeof(after)) == (status == 503));
    answer_free(&a);
}

static void a_healthy_server_is_ready(void **state)
{
    expect_ready(200, "ok", NULL);
    assert_int_equal(ask_status(&kit, NULL, "HEAD", "/readyz", NULL), 200);
}

static void a_disk_that_fills_is_told_before_it_is_full(void **state) { expect_ready(200, "degraded", "the disk is nearly full: "); }

static void a_full_disk_is_named(void **state)
{
    expect_ready(503, "unavailable", "the disk is full: ");
    struct answer a = ask(&kit, NULL, "GET", "/readyz", NULL);
    assert_string_equal(part(&a, "disk"), "down");
    assert_string_equal(part(&a, "database"), "ok");
    answer_free(&a);
}

static void missing_render_processes_degrade(void **state)
{
    fake_counts = (struct sessions_counts){ .render_processes = 1, .render_wanted = 2 };
    expect_ready(200, "degraded", "1 of 2 render processes run");
    fake_counts.render_processes = 2;
    expect_ready(200, "ok", NULL);
}

static void a_stopping_server_is_not_ready(void **state)
{
    api_set_draining(kit.api);
    expect_ready(503, "unavailable", "the server is stopping");
    assert_int_equal(ask_status(&kit, NULL, "GET", "/healthz", NULL), 200); /* but it lives */
}

/* Reading still works then: only a change shows it. */
static void a_database_that_cannot_write_is_not_ready(void **state)
{
    struct rlimit old, none;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    none = old;
    none.rlim_cur = 1;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    struct answer a = ask(&kit, NULL, "GET", "/readyz", NULL);
    int reading = ask_status(&kit, NULL, "GET", "/api/v1/server", NULL);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(reading, 200);
    assert_int_equal(a.status, 503);
    assert_string_equal(part(&a, "database"), "down");
    assert_string_equal(part(&a, "queue"), "down");
    assert_string_equal(part(&a, "disk"), "ok");
    answer_free(&a);
    while (ask_status(&kit, NULL, "GET", "/readyz", NULL) != 200) /* it comes back by itself */
        usleep(20000);
    expect_ready(200, "ok", NULL);
}

#define CASE(fn, open) cmocka_unit_test_setup_teardown(fn, open, close_kit)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_healthy_server_is_ready, open_kit),
        CASE(a_disk_that_fills_is_told_before_it_is_full, open_nearly_full),
        CASE(a_full_disk_is_named, open_full),
        CASE(missing_render_processes_degrade, open_kit),
        CASE(a_stopping_server_is_not_ready, open_kit),
        CASE(a_database_that_cannot_write_is_not_ready, open_kit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
