/* tests/unit/session/test_live_session.c - streaming sessions against a publisher and a vcr-ingest that do what a test says, from several threads. */
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "answers.h"
#include "base/log.h"
#include "fake_rtc.h"
#include "session/live.h"
#include "session/session.h"

#define DEVICE 7
enum { SENDERS = 3, ROUNDS = 40 };
static struct loop *caller;
static struct sessions *sessions;
static atomic_int online, drops;
static char render[PATH_MAX + 20], ingest[PATH_MAX + 20];

static void on_online(void *arg, int64_t device_id, bool is) { atomic_fetch_add(&online, is ? 1 : -1); }

static int begin(void **state)
{
    struct vcr_why why;
    struct sessions_config c = { .render_program = render, .ingest_program = ingest, .render_processes = 1, .device_online = on_online };
    atomic_store(&online, 0);
    atomic_store(&drops, 0);
    return sessions_open(&sessions, &c, &why) == VCR_OK ? 0 : -1;
}

static int finish(void **state)
{
    sessions_close(&sessions);
    fake_rtc_reset();
    assert_int_equal(atomic_load(&online), 0);
    return 0;
}

static struct session_reply start(const char *id, int64_t device)
{
    struct call c = { 0 };
    session_start_live(sessions, id, &(struct session_settings){ .clean = true }, device, caller, call_answered, &c);
    return call_wait(&c);
}

static struct session_reply get(const char *id)
{
    struct call c = { 0 };
    session_get(sessions, id, caller, call_answered, &c);
    return call_wait(&c);
}

static struct session_reply press(const char *id, enum deck_cmd cmd)
{
    struct call c = { 0 };
    session_command(sessions, id, 0, cmd, NULL, NULL, caller, call_answered, &c);
    return call_wait(&c);
}

static void end(const char *id)
{
    struct call c = { 0 };
    session_end(sessions, id, caller, call_answered, &c);
    call_wait(&c);
}

static void on_drop(void *arg, const char *reason)
{
    atomic_fetch_add(&drops, 1);
    fake_changed();
}

static struct live_publisher *publish(int64_t device)
{
    struct live_publisher *p = NULL;
    const struct live_events events = { .drop = on_drop };
    assert_int_equal(live_publish(sessions, &p, device, LIVE_TS, &events, NULL), VCR_OK);
    return p;
}

/* Orders are sent again until they show: what comes before vcr-ingest runs is dropped. */
struct hope { struct live_publisher *p; const char *id, *orders, *status; };
static bool comes_true(void *arg)
{
    const struct hope *h = arg;
    if (h->orders)
        live_ts(h->p, (const uint8_t *)h->orders, strlen(h->orders));
    struct session_reply r = get(h->id);
    return r.err == VCR_OK ? strcmp(r.info.status, h->status) == 0 : strcmp(h->status, "gone") == 0;
}
static void hope(struct live_publisher *p, const char *id, const char *orders, const char *status) { assert_true(fake_wait(comes_true, &(struct hope){ p, id, orders, status })); }

static const char *const ids[] = { "11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000002" };

static void a_picture_comes_and_goes(void **state)
{
    char last[128];
    uint8_t flags;
    struct session_reply r = start(ids[0], DEVICE);
    assert_string_equal(r.info.status, "starting");
    assert_int_equal(r.info.deck.mode, DECK_STOP);
    assert_int_equal(r.info.device_id, DEVICE);
    assert_int_equal(press(ids[0], DECK_CMD_RECORD).err, VCR_E_CONFLICT);
    struct live_publisher *p = publish(DEVICE), *second = NULL;
    assert_true(live_is_online(sessions, DEVICE) && !live_is_online(sessions, DEVICE + 1));
    const struct live_events none = { 0 };
    struct vcr_why why;
    assert_int_equal(live_publish(sessions, &second, DEVICE, LIVE_TS, &none, &why), VCR_E_CONFLICT);
    assert_string_equal(why.slug, "/device-busy");
    hope(p, ids[0], "VA", "active");
    r = get(ids[0]);
    assert_int_equal(r.info.deck.mode, DECK_PLAY);
    assert_int_equal(r.info.deck.picture, DECK_PICTURE_INPUT);
    assert_true(fake_last_packet(0, last, &flags) > 0);
    assert_int_equal(start(ids[1], DEVICE).err, VCR_OK); /* a second one watches the same picture */
    hope(p, ids[1], "V", "active");
    assert_string_equal(press(ids[0], DECK_CMD_PLAY).why.slug, "/not-supported-by-deck");
    live_unpublish(&p);
    assert_null(p);
    assert_false(live_is_online(sessions, DEVICE));
    hope(NULL, ids[0], NULL, "starting");
    p = publish(DEVICE);
    hope(p, ids[1], "V", "active");
    end(ids[0]);
    end(ids[1]);
    live_unpublish(&p);
}

static void a_vcr_ingest_that_dies_or_lies_is_replaced(void **state)
{
    static const char *const ways[] = { "D", "B", "F" };
    start(ids[0], DEVICE);
    struct live_publisher *p = publish(DEVICE);
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        hope(p, ids[0], "V", "active");
        live_ts(p, (const uint8_t *)ways[i], 1);
        hope(p, ids[0], NULL, "starting"); /* two seconds without a picture */
    }
    hope(p, ids[0], "V", "active");
    live_unpublish(&p);
}

static bool was_dropped(void *arg) { return atomic_load(&drops) > 0; }

static void a_device_that_is_gone(void **state)
{
    start(ids[0], DEVICE);
    struct live_publisher *p = publish(DEVICE);
    hope(p, ids[0], "V", "active");
    live_drop(sessions, DEVICE, "removed", true);
    assert_true(fake_wait(was_dropped, NULL));
    hope(NULL, ids[0], NULL, "gone");
    live_unpublish(&p);
}

/* Publishers come, send and go on their own threads while sessions begin and end. */
static void *send_in_rounds(void *arg)
{
    int64_t device = (int64_t)(intptr_t)arg;
    uint8_t orders[2000];
    memset(orders, 'V', sizeof(orders));
    for (int i = 0; i < ROUNDS; i++) {
        struct live_publisher *p = publish(device);
        for (int k = 0; k < 20; k++)
            live_ts(p, orders, 1 + (size_t)(k * 7 % 50));
        get(ids[0]); /* there is none: the media loop has had a turn */
        live_unpublish(&p);
    }
    return NULL;
}

static void from_many_threads(void **state)
{
    pthread_t threads[SENDERS];
    for (intptr_t i = 0; i < SENDERS; i++)
        pthread_create(&threads[i], NULL, send_in_rounds, (void *)(i + 1));
    for (int i = 0; i < ROUNDS / 2; i++) {
        char id[VCR_UUID_BYTES];
        vcr_uuid7(id);
        assert_int_equal(start(id, 1 + i % SENDERS).err, VCR_OK);
        get(id);
        if (i % 3)
            end(id);
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, finish)
int main(int argc, char **argv)
{
    struct vcr_why why;
    char here[PATH_MAX];
    log_setup(LOG_JSON, LOG_ERROR, "test");
    if (!realpath(argv[0], here) || loop_open(&caller, "caller", &why) != VCR_OK || loop_start(caller, &why) != VCR_OK)
        return 1;
    const char *folder = dirname(here);
    snprintf(render, sizeof(render), "%s/unit/session/fake_render", folder);
    snprintf(ingest, sizeof(ingest), "%s/unit/session/fake_live", folder);
    const struct CMUnitTest tests[] = {
        CASE(a_picture_comes_and_goes), CASE(a_vcr_ingest_that_dies_or_lies_is_replaced), CASE(a_device_that_is_gone), CASE(from_many_threads),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    loop_stop(caller);
    loop_join(caller);
    loop_close(&caller);
    return failed;
}
