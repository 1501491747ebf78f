/* test_hls_live.c - the live picture of a session over HTTP: who may have it, what is held and for how long, what may be kept. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/hls_live.h"
#include "base/clock.h"
#include "deliver/live/programme.h"
#include "kit.h"
#include "wire/reelcut.h"

enum { FRAME_US = 40000, GOP = 25 };
static struct kit kit;
static struct programmes *set;
static struct programme *programme;
static char owner[1200], stranger[1200], id[40], token[80];
static int frame;
static int64_t sound_us;

static void with_programmes(struct app_config *c) { c->programmes = set; }

/* The next pictures and their sound. */
static void play(int frames)
{
    static const uint8_t sps[] = { 0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0x95, 0xa0, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80 };
    static const uint8_t aac[] = { 0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80 };
    for (int end = frame + frames; frame < end; frame++) {
        uint8_t data[64];
        bool key = frame % GOP == 0;
        size_t n = key ? sizeof(sps) : 0;
        memcpy(data, sps, n);
        memcpy(data + n, "\0\0\0\1", 4);
        data[n + 4] = key ? 0x65 : 0x41;
        memset(data + n + 5, 0x81, 20);
        struct packet p = { .track = PACKET_VIDEO, .flags = key ? PACKET_KEY : 0, .pts_us = frame * (int64_t)FRAME_US, .len = n + 25, .data = data };
        for (; sound_us <= p.pts_us; sound_us += 21333) {
            struct packet a = { .track = PACKET_AUDIO, .flags = PACKET_KEY, .pts_us = sound_us, .len = sizeof(aac), .data = aac };
            assert_int_equal(programme_packet(programme, PROGRAMME_AAC, &a, NULL), VCR_OK);
        }
        assert_int_equal(programme_packet(programme, PROGRAMME_VIDEO, &p, NULL), VCR_OK);
    }
}

static void on_the_air(void)
{
    struct programme_config c = { .id = id, .track = { true, true, false }, .width = 720, .height = 576, .sar_num = 16, .sar_den = 15, .channels = 2, .wall_of_zero_ms = 1732540000000 };
    assert_int_equal(programme_open(set, &programme, &c, NULL), VCR_OK);
    frame = 0;
    sound_us = 0;
}

static int setup(void **state)
{
    struct programmes_config c = { 0 };
    assert_int_equal(programmes_open(&set, &c, NULL), VCR_OK);
    kit_open(&kit, with_programmes);
    sign_up(&kit, "owner@example.org", owner);
    sign_up(&kit, "other@example.org", stranger);
    struct answer a = ask(&kit, owner, "POST", "/api/v1/sessions", "{\"type\":\"emulation\"}");
    assert_int_equal(a.status, 201);
    vcr_strcpy(id, sizeof(id), text_at(&a, "id"));
    answer_free(&a);
    return 0;
}
static int teardown(void **state)
{
    kit_close(&kit);
    programme_close(&programme);
    programmes_close(&set);
    return 0;
}

static const char *at(const char *rest)
{
    static _Thread_local char path[300];
    snprintf(path, sizeof(path), "/api/v1/hls/live/%s/%s", id, rest);
    return path;
}
static const char *below(const char *with, const char *rest)
{
    static _Thread_local char path[300];
    snprintf(path, sizeof(path), "/api/v1/hls/live/%s/t/%s/%s", id, with, rest);
    return path;
}
static struct answer get(const char *path) { return ask(&kit, owner, "GET", path, NULL); }

static void only_who_sees_the_session_has_it(void **state)
{
    kit_expect(&kit, NULL, "GET", at("playlist.m3u8"), NULL, 401, NULL);
    kit_expect(&kit, stranger, "GET", at("playlist.m3u8"), NULL, 404, NULL);
    kit_expect(&kit, stranger, "POST", at("token"), NULL, 404, NULL);
    kit_expect(&kit, owner, "GET", at("playlist.m3u8"), NULL, 409, "/not-on-air");
    kit_expect(&kit, owner, "GET", "/api/v1/hls/live/01890000-0000-7000-8000-000000000000/video.m3u8", NULL, 404, NULL);
    struct answer a = ask(&kit, owner, "POST", at("token"), "{\"expires_in\":600}");
    assert_int_equal(a.status, 201);
    vcr_strcpy(token, sizeof(token), text_at(&a, "token"));
    answer_free(&a);
    on_the_air();
    play(80);
    kit_expect(&kit, stranger, "GET", at("video/0.m4s"), NULL, 404, NULL);
    assert_int_equal(ask_status(&kit, NULL, "GET", below(token, "video.m3u8"), NULL), 200);
    assert_int_equal(ask_status(&kit, NULL, "GET", below(token, "video/0.m4s"), NULL), 200);
    for (size_t i = 0; token[i]; i += 7) {
        char bad[80];
        memcpy(bad, token, sizeof(bad));
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        kit_expect(&kit, NULL, "GET", below(bad, "video.m3u8"), NULL, 403, NULL);
    }
    char path[500];
    snprintf(path, sizeof(path), "%s?token=%s", at("playlist.m3u8"), token);
    a = ask(&kit, NULL, "GET", path, NULL);
    assert_int_equal(a.status, 200);
    snprintf(path, sizeof(path), "\nt/%s/video.m3u8\n", token);
    assert_non_null(strstr(a.body, path));
    answer_free(&a);
    char brief[APP_HLS_LIVE_TOKEN_BYTES];
    app_hls_live_token(kit.app, id, 1, clock_wall_ms() - 1, brief);
    kit_expect(&kit, NULL, "GET", below(brief, "video.m3u8"), NULL, 403, "/token-expired");
}

static void what_may_be_kept(void **state)
{
    static const struct { const char *path, *control, *type; } all[] = {
        { "playlist.m3u8", "private, no-cache", "application/vnd.apple.mpegurl" }, { "video.m3u8", "private, no-cache", "application/vnd.apple.mpegurl" },
        { "audio.m3u8?_HLS_msn=0", "private, max-age=12", "application/vnd.apple.mpegurl" }, { "video/init-0.mp4", "private, max-age=31536000, immutable", "video/mp4" },
        { "video/1.m4s", "private, max-age=31536000, immutable", "video/mp4" }, { "audio/1.0.m4s", "private, max-age=31536000, immutable", "audio/mp4" },
    };
    char value[200];
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct answer a = get(at(all[i].path));
        assert_int_equal(a.status, 200);
        assert_true(head_value(&a, "Cache-Control", value, sizeof(value)));
        assert_string_equal(value, all[i].control);
        assert_true(head_value(&a, "Content-Type", value, sizeof(value)));
        assert_string_equal(value, all[i].type);
        answer_free(&a);
    }
}

static void nonsense_is_told(void **state)
{
    static const struct { const char *path; int status; } all[] = {
        { "video.m3u8?_HLS_part=1", 400 }, { "video.m3u8?_HLS_msn=x", 400 }, { "video.m3u8?_HLS_msn=-1", 400 }, { "video.m3u8?_HLS_msn=99999999999999999999", 400 },
        { "video.m3u8?_HLS_msn=900", 400 }, { "video.m3u8?_HLS_msn=3&_HLS_part=40", 400 }, { "video.m3u8?_HLS_skip=maybe", 200 }, { "video.m3u8?_HLS_skip=YES", 200 },
        { "video/99.m4s", 404 }, { "video/x.m4s", 404 }, { "video/0.mp4", 404 }, { "video/0.0.0.m4s", 404 }, { "video/.m4s", 404 }, { "video/init-9.mp4", 404 },
        { "video/init-.mp4", 404 }, { "video/0.99.m4s", 404 }, { "sound.m3u8", 404 }, { "audio/0.m4s", 200 },
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        int status = ask_status(&kit, owner, "GET", at(all[i].path), NULL);
        if (status != all[i].status)
            fail_msg("%s: %d", all[i].path, status);
    }
}

struct waiter {
    const char *rest;
    pthread_t thread;
    atomic_int done;
    struct answer answer;
};
static void *wait_for(void *arg)
{
    struct waiter *w = arg;
    w->answer = ask(&kit, NULL, "GET", below(token, w->rest), NULL);
    atomic_store(&w->done, 1);
    return NULL;
}

static int waiting(void)
{
    struct programmes_counts n;
    programmes_counts(set, &n);
    return n.waiters;
}

/* Another thread gets there, within a minute however busy the machine is. */
#define WAIT_UNTIL(is)                                                   \
    do {                                                                 \
        int64_t until_us = clock_mono_us() + INT64_C(60000000);          \
        while (!(is) && clock_mono_us() < until_us)                      \
            usleep(1000);                                                \
        assert_true(is);                                                 \
    } while (0)

/* Of 80 pictures 0..2 are whole, of 3 nothing can be had yet but that it comes. */
static void requests_are_held_until_it_is_there(void **state)
{
    struct waiter all[] = { { .rest = "video.m3u8?_HLS_msn=3" }, { .rest = "video.m3u8?_HLS_msn=3&_HLS_part=0" }, { .rest = "audio.m3u8?_HLS_msn=3&_HLS_part=0&_HLS_skip=YES" },
                            { .rest = "video/3.0.m4s" }, { .rest = "video.m3u8?_HLS_msn=2&_HLS_part=4" } };
    enum { N = ARRAY_LEN(all) };
    for (int i = 0; i < N; i++)
        assert_int_equal(pthread_create(&all[i].thread, NULL, wait_for, &all[i]), 0);
    WAIT_UNTIL(waiting() >= N);
    for (int i = 0; i < N; i++)
        assert_int_equal(atomic_load(&all[i].done), 0);
    play(5); /* 84 is the tenth of its group: part 3.0 has its eight */
    for (int i = 1; i < N; i++)
        pthread_join(all[i].thread, NULL);
    assert_int_equal(atomic_load(&all[0].done), 0);
    play(20);
    pthread_join(all[0].thread, NULL);
    for (int i = 0; i < N; i++)
        assert_int_equal(all[i].answer.status, 200);
    assert_non_null(strstr(all[0].answer.body, "\nvideo/3.m4s\n"));
    assert_non_null(strstr(all[1].answer.body, "URI=\"video/3.0.m4s\",INDEPENDENT=YES\n"));
    assert_non_null(strstr(all[4].answer.body, "URI=\"video/3.0.m4s\""));
    for (int i = 0; i < N; i++)
        answer_free(&all[i].answer);
}

/* A picture that does not come: 503 when the time is over, and what left in the meantime is nobody's trouble. */
static void nobody_waits_for_ever(void **state)
{
    struct waiter w = { .rest = "video/4.0.m4s" };
    assert_int_equal(pthread_create(&w.thread, NULL, wait_for, &w), 0);
    int gone = kit_connect(&kit);
    char line[400];
    int n = snprintf(line, sizeof(line), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", below(token, "video.m3u8?_HLS_msn=4"));
    assert_int_equal(write(gone, line, (size_t)n), n);
    WAIT_UNTIL(waiting() >= 2);
    close(gone);
    programmes_tick(set, clock_mono_us() + 10000000);
    pthread_join(w.thread, NULL);
    assert_int_equal(w.answer.status, 503);
    answer_free(&w.answer);
    assert_int_equal(waiting(), 0);
    programme_end(programme);
    struct answer a = get(at("video.m3u8"));
    assert_non_null(strstr(a.body, "#EXT-X-ENDLIST"));
    answer_free(&a);
}

static void recorded(void *arg, const struct recorder_result *result) { atomic_store((atomic_int *)arg, result->sealed ? 1 : 2); }

/* Recorded from its eleventh second on, so that the file's times are others; what has left the memory comes from the file with the programme's times. */
static void what_is_recorded_is_read_back_with_the_programmes_times(void **state)
{
    static atomic_int over;
    struct recorder_files files = { .journal_fd = memfd_create("journal", MFD_CLOEXEC), .done = recorded, .arg = &over };
    for (int i = 0; i < RECORDER_TRACKS; i++)
        files.track[i].fd = memfd_create("reel", MFD_CLOEXEC), files.track[i].index_fd = memfd_create("index", MFD_CLOEXEC);
    programme_close(&programme);
    on_the_air();
    play(10 * GOP);
    assert_int_equal(programme_record_start(programme, &files, NULL), VCR_OK);
    for (int i = 0; i < 60; i++) {
        play(GOP);
        WAIT_UNTIL(programme_recorded_us(programme) >= (i - 2) * 1000000LL); /* no faster than the disk */
    }
    struct answer a = get(at("video/25.m4s")); /* the programme before it had five */
    assert_int_equal(a.status, 200);
    assert_int_equal(rd64be((const uint8_t *)a.body + REELCUT_TFDT_AT), 20 * 120000);
    answer_free(&a);
    a = ask(&kit, owner, "HEAD", at("audio/25.m4s"), NULL);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    programme_record_stop_for(programme, "no_signal");
    WAIT_UNTIL(atomic_load(&over) != 0);
    assert_int_equal(atomic_load(&over), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_who_sees_the_session_has_it), cmocka_unit_test(what_may_be_kept), cmocka_unit_test(nonsense_is_told),
        cmocka_unit_test(requests_are_held_until_it_is_there), cmocka_unit_test(nobody_waits_for_ever),
        cmocka_unit_test(what_is_recorded_is_read_back_with_the_programmes_times),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
