/* tests/unit/session/test_takes.c - what a VCR records onto its tape while the one who opens its files is slow. */
#include <libgen.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "answers.h"
#include "base/log.h"
#include "fake_rtc.h"
#include "session/live.h"
#include "session/session.h"

#define DEVICE 7
#define VCR_ID "11111111-0000-4000-8000-000000000001"
enum { FLOOD = 40 }; /* pictures of 1 MiB; a VCR keeps 24 MiB for files that are not there yet */
static struct loop *caller;
static struct sessions *sessions;
static char render[PATH_MAX + 20], ingest[PATH_MAX + 20];
static _Atomic uint64_t asked; /* for files, by this number */
static atomic_int sealed;
static struct recorder_result result;

static void on_take(void *arg, const struct session_take *take)
{
    atomic_store(&asked, take->number);
    fake_changed();
}
static bool is_asked(void *arg) { return atomic_load(&asked) != 0; }

static enum vcr_err on_seal(void *arg, const struct recorder_result *r, struct vcr_why *why) { return VCR_OK; }
static void on_done(void *arg, const struct recorder_result *r)
{
    result = *r;
    session_take_sealed(sessions, VCR_ID, atomic_load(&asked), r->stop_reason);
    atomic_fetch_add(&sealed, 1);
    fake_changed();
}
static bool is_sealed(void *arg) { return atomic_load(&sealed) > 0; }

static struct deck_state deck(void)
{
    struct call c = { 0 };
    session_get(sessions, VCR_ID, caller, call_answered, &c);
    struct session_reply r = call_wait(&c);
    assert_int_equal(r.err, VCR_OK);
    return r.info.deck;
}

static int file(void)
{
    int fd = memfd_create("file", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void send_picture(struct live_publisher *p) { live_ts(p, (const uint8_t *)"W", 1); }

struct wait { struct live_publisher *p; enum deck_mode mode; };
static bool is_in_mode(void *arg)
{
    const struct wait *w = arg;
    if (w->p)
        send_picture(w->p);
    return deck().mode == w->mode;
}

/* Of the input's pictures, as viewers of the VCR get them: those that came. */
static int pictures(void)
{
    char last[128];
    uint8_t flags;
    return fake_last_packet(0, last, &flags);
}
struct flood { struct live_publisher *p; int until; };
static bool has_come(void *arg)
{
    const struct flood *f = arg;
    send_picture(f->p);
    deck(); /* the media loop has had its turn */
    return pictures() >= f->until;
}

/* The device sends on. */
static bool is_sealed_meanwhile(void *arg)
{
    send_picture(arg);
    deck();
    return is_sealed(NULL);
}

static int begin(void **state)
{
    struct vcr_why why;
    struct sessions_config c = { .render_program = render, .ingest_program = ingest, .render_processes = 1, .take = on_take,
                                 .input_gone_us = 60000000 /* a picture of 1 MiB takes its time under ThreadSanitizer */ };
    atomic_store(&asked, 0);
    atomic_store(&sealed, 0);
    return sessions_open(&sessions, &c, &why) == VCR_OK ? 0 : -1;
}

static int finish(void **state)
{
    sessions_close(&sessions);
    fake_rtc_reset();
    return 0;
}

static struct live_publisher *record_the_device(void)
{
    struct live_publisher *p = NULL;
    const struct live_events none = { 0 };
    struct session_tape t = { .tape_id = 17, .title = "Christmas", .deck = { .length_us = 7200000000, .frame_us = 40000 }, .pal = true };
    t.tape_video_fd = file(), t.tape_video_index_fd = file();
    t.tape_audio_fd = t.tape_audio_index_fd = t.clean_video_fd = t.clean_video_index_fd = -1;
    struct call started = { 0 }, recording = { 0 };
    assert_int_equal(live_publish(sessions, &p, DEVICE, LIVE_TS, &none, NULL), VCR_OK);
    session_start(sessions, VCR_ID, &(struct session_settings){ .clean = true }, &t, caller, call_answered, &started);
    assert_int_equal(call_wait(&started).err, VCR_OK);
    assert_true(fake_wait(is_in_mode, &(struct wait){ NULL, DECK_STOP }));
    session_record_from(sessions, VCR_ID, 0, &(struct session_source){ .device_id = DEVICE }, caller, call_answered, &recording);
    assert_int_equal(call_wait(&recording).err, VCR_OK);
    assert_true(fake_wait(is_in_mode, &(struct wait){ p, DECK_RECORD }));
    while (!is_asked(NULL)) {
        send_picture(p);
        deck();
    }
    return p;
}

static void files_that_come_too_late_end_it(void **state)
{
    struct live_publisher *p = record_the_device();
    assert_true(fake_wait(has_come, &(struct flood){ p, pictures() + FLOOD }));
    struct recorder_files files = { .journal_fd = file(), .seal = on_seal, .done = on_done };
    for (int i = 0; i < RECORDER_TRACKS; i++)
        files.track[i].fd = i == RECORDER_AAC ? -1 : file(), files.track[i].index_fd = i == RECORDER_AAC ? -1 : file();
    session_take_files(sessions, VCR_ID, atomic_load(&asked), &files, NULL);
    assert_true(fake_wait(is_sealed_meanwhile, p));
    assert_string_equal(result.stop_reason, "too_slow");
    assert_true(result.sealed && result.track[RECORDER_VIDEO].size_bytes > 16 << 20); /* what had come is kept */
    assert_true(result.track[RECORDER_VIDEO].size_bytes < 32 << 20);
    assert_true(fake_wait(is_in_mode, &(struct wait){ NULL, DECK_STOP }));
    assert_string_equal(deck().stop_reason, "too_slow");
    live_unpublish(&p);
}

static void files_that_never_come_end_it(void **state)
{
    struct live_publisher *p = record_the_device();
    session_take_files(sessions, VCR_ID, atomic_load(&asked), NULL, "disk_full");
    assert_true(fake_wait(is_in_mode, &(struct wait){ NULL, DECK_STOP }));
    assert_string_equal(deck().stop_reason, "disk_full");
    assert_int_equal(atomic_load(&sealed), 0);
    live_unpublish(&p);
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
    const struct CMUnitTest tests[] = { CASE(files_that_come_too_late_end_it), CASE(files_that_never_come_end_it) };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    loop_stop(caller);
    loop_join(caller);
    loop_close(&caller);
    return failed;
}
