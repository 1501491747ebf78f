/* tests/unit/session/test_log.c - a session's event log: of tapes with thousands of recordings it still begins with its start, and runs again to where its deck is. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "answers.h"
#include "base/log.h"
#include "deck/replay.h"
#include "fake_rtc.h"
#include "session/map.h"
#include "session/session.h"

enum { SPANS = 16384, MARKS = 1000, ROOM = 2 * SPANS };
static char render_program[PATH_MAX];
static struct loop *caller;
static struct sessions *sessions;
static struct deck_run runs[2 * ROOM];
static int64_t marks[2 * MARKS + 2];
static struct deck_replay replay;

static struct session_reply get(void)
{
    struct call c = { 0 };
    session_get(sessions, "a", caller, call_answered, &c);
    return call_wait(&c);
}

static enum vcr_err press(enum deck_cmd cmd, const struct deck_args *args, struct session_tape *tape)
{
    struct call c = { 0 };
    session_command(sessions, "a", 0, cmd, args, tape, caller, call_answered, &c);
    return call_wait(&c).err;
}

/* Recordings of 0.1 s with as much between them; the one numbered `other` is longer. */
static struct session_map *map_of(int spans, int mark_count, int other, int64_t revision)
{
    static int64_t at[MARKS + 1];
    struct timeline t = { 0 };
    struct session_map *m = NULL;
    for (int i = 0; i < spans; i++) {
        const struct timeline_span s = { .start_us = i * INT64_C(200000), .end_us = i * INT64_C(200000) + (i == other ? 150000 : 100000) };
        assert_int_equal(timeline_append(&t, &s, NULL), VCR_OK);
    }
    for (int i = 0; i < mark_count; i++)
        at[i] = (i + 1) * INT64_C(3000000);
    assert_int_equal(session_map_new(&m, &t, at, (size_t)mark_count, revision, NULL), VCR_OK);
    timeline_free(&t);
    return m;
}

static struct session_tape tape_of(struct session_map *m)
{
    struct session_tape t = { .tape_id = 7, .title = "T", .tape_video_fd = -1, .tape_video_index_fd = -1, .tape_audio_fd = -1, .tape_audio_index_fd = -1, .clean_video_fd = -1, .clean_video_index_fd = -1 };
    t.deck = (struct deck_tape){ .length_us = INT64_C(3600000000), .position_us = 1000000, .frame_us = 33367 };
    t.map = m;
    t.deck.map = m ? &m->map : NULL;
    return t;
}

static bool is_stopped(void *arg) { return get().info.deck.mode == DECK_STOP; }
static bool is_playing(void *arg) { return get().info.deck.position_us > 1500000; }
static bool is_out(void *arg) { return get().info.deck.mode == DECK_EJECTED; }

/* Runs the whole log on a deck alone, which comes to where the session's is. Returns the log's bytes. */
static size_t runs_again(void)
{
    struct call c = { 0 };
    session_log(sessions, "a", caller, call_answered, &c);
    char *text = call_wait(&c).log;
    struct session_reply now = get();
    size_t bytes = strlen(text);
    deck_replay_init(&replay, runs, ROOM, marks, MARKS + 1);
    for (char *line = text, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        struct vcr_why why;
        if (deck_replay_line(&replay, line, (size_t)(end - line), &why) != VCR_OK)
            fail_msg("%.*s: %s", (int)(end - line), line, why.text);
    }
    struct deck_state s;
    deck_state(&replay.deck, replay.now_us, &s);
    assert_int_equal(s.mode, now.info.deck.mode);
    assert_int_equal(s.command_seq, now.info.deck.command_seq);
    assert_int_equal(s.flag_blank, now.info.deck.flag_blank);
    assert_int_equal(s.position_us, now.info.deck.position_us);
    assert_int_equal(s.counter_us, now.info.deck.counter_us);
    free(text);
    return bytes;
}

static void a_tape_of_many_recordings_leaves_its_start(void **state)
{
    struct session_map *m = map_of(SPANS, MARKS, -1, 1);
    struct session_tape t = tape_of(m);
    assert_int_equal(press(DECK_CMD_INSERT, &(struct deck_args){ .tape = t.deck }, &t), VCR_OK);
    assert_true(fake_wait(is_stopped, NULL));
    size_t first = runs_again();
    assert_in_range(first, 600000, 2 << 20);
    for (int i = 0; i < 200; i++) { /* recorded over two hundred times, and as often a second tape is refused */
        struct session_map *next = map_of(SPANS, MARKS, i % 2 ? -1 : SPANS / 2, i + 2), *same = map_of(SPANS, MARKS, -1, 1);
        sessions_map_changed(sessions, 7, next);
        session_map_unref(&next);
        struct session_tape second = tape_of(same);
        assert_int_equal(press(DECK_CMD_INSERT, &(struct deck_args){ .tape = second.deck }, &second), VCR_E_CONFLICT);
    }
    assert_in_range(runs_again(), first, first + 200000);
}

static void a_tape_changes_while_it_plays(void **state)
{
    struct session_map *m = map_of(20, 2, -1, 1);
    struct session_tape t = tape_of(m);
    assert_int_equal(press(DECK_CMD_INSERT, &(struct deck_args){ .tape = t.deck }, &t), VCR_OK);
    assert_true(fake_wait(is_stopped, NULL));
    assert_int_equal(press(DECK_CMD_PLAY, NULL, NULL), VCR_OK);
    assert_true(fake_wait(is_playing, NULL));
    static const struct { int spans, marks, other; } to[] = { { 21, 2, -1 }, { 21, 3, 5 }, { 19, 0, 5 }, { 0, 0, -1 }, { 40, 4, 0 } };
    for (size_t i = 0; i < ARRAY_LEN(to); i++) {
        struct session_map *next = map_of(to[i].spans, to[i].marks, to[i].other, (int64_t)i + 2);
        sessions_map_changed(sessions, 7, next);
        session_map_unref(&next);
    }
    assert_int_equal(press(DECK_CMD_STOP, NULL, NULL), VCR_OK);
    assert_true(fake_wait(is_stopped, NULL));
    runs_again();
    assert_int_equal(press(DECK_CMD_EJECT, NULL, NULL), VCR_OK);
    assert_true(fake_wait(is_out, NULL));
    m = map_of(3, 0, -1, 1);
    t = tape_of(m);
    assert_int_equal(press(DECK_CMD_INSERT, &(struct deck_args){ .tape = t.deck }, &t), VCR_OK);
    assert_true(fake_wait(is_stopped, NULL));
    runs_again();
}

static void keys_without_end_push_it_out(void **state)
{
    for (int i = 0; i < 8000; i++)
        press(DECK_CMD_LOOK, &(struct deck_args){ .look = "rental_of_a_long_name_1234567" }, NULL);
    struct call c = { 0 };
    session_log(sessions, "a", caller, call_answered, &c);
    char *text = call_wait(&c).log;
    assert_in_range(strlen(text), 190000, 256 << 10);
    assert_null(strstr(text, " start "));
    free(text);
}

static int begin(void **state)
{
    struct sessions_config config = { .render_program = render_program, .render_processes = 1 };
    const struct session_settings s = { .look = "vhs", .profile = deck_profile_by_name("full_load") };
    struct call c = { 0 };
    if (sessions_open(&sessions, &config, NULL) != VCR_OK)
        return -1;
    session_start(sessions, "a", &s, NULL, caller, call_answered, &c);
    return call_wait(&c).err == VCR_OK ? 0 : -1;
}

static int finish(void **state)
{
    sessions_close(&sessions);
    fake_rtc_reset();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_tape_of_many_recordings_leaves_its_start, begin, finish),
        cmocka_unit_test_setup_teardown(a_tape_changes_while_it_plays, begin, finish),
        cmocka_unit_test_setup_teardown(keys_without_end_push_it_out, begin, finish),
    };
    ssize_t n = readlink("/proc/self/exe", render_program, sizeof(render_program) - 1);
    char *slash = n > 0 ? strrchr(render_program, '/') : NULL;
    if (!slash || loop_open(&caller, "caller", NULL) != VCR_OK || loop_start(caller, NULL) != VCR_OK)
        return 1;
    strcpy(slash, "/unit/session/fake_render");
    log_setup(LOG_TEXT, LOG_ERROR, "test");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    loop_stop(caller);
    loop_close(&caller);
    return failed;
}
