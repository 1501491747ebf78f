/* tests/unit/session/test_session.c - running VCRs against a sender without a network and a render process that can be killed or misbehaves. */
#include <fcntl.h>
#include <ftw.h>
#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
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
#include "session/map.h"
#include "session/session.h"
#include "wire/render_msg.h"

/* A quick mechanism, so that tests need not wait for a cassette lift. */
static const struct deck_profile quick = {
    .load_us = 30000, .eject_us = 30000, .thread_us = 30000, .lock_us = 20000, .brake_us = 60000, .wind_ramp_us = 100000,
    .wind_full_us = 60000000, .wind_full_fast_us = 8000000, .search = { { 7 }, { 9 }, { 9 } },
    .still_timeout_us = 300000000, .stop_unthread_us = 300000000, .osd_us = 50000, .has_index = true,
};

static char folder[] = "/tmp/vcr-session-XXXXXX";
static char render_program[PATH_MAX];
static struct loop *caller; /* on a thread of its own: where answers come */
static struct sessions *sessions;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t saved_tape, saved_position_us; /* guarded by lock */
static int64_t worn_us;
static int saves, wears, ends;
static char ended_status[32], ended_reason[200];

static void on_save(void *arg, int64_t tape_id, int64_t position_us)
{
    pthread_mutex_lock(&lock);
    saved_tape = tape_id;
    saved_position_us = position_us;
    saves++;
    pthread_mutex_unlock(&lock);
    fake_changed();
}

static void on_worn(void *arg, int64_t tape_id, int64_t passed_us)
{
    pthread_mutex_lock(&lock);
    worn_us = passed_us;
    wears++;
    pthread_mutex_unlock(&lock);
}

static void on_ended(void *arg, const char *id, const char *status, const char *reason)
{
    pthread_mutex_lock(&lock);
    vcr_strcpy(ended_status, sizeof(ended_status), status);
    vcr_strcpy(ended_reason, sizeof(ended_reason), reason);
    ends++;
    pthread_mutex_unlock(&lock);
    fake_changed();
}

static void begin(struct sessions_config c)
{
    struct vcr_why why;
    c.render_program = render_program;
    if (!c.render_processes)
        c.render_processes = 1;
    c.save_position = on_save;
    c.tape_worn = on_worn;
    c.ended = on_ended;
    c.profile = &quick;
    saves = wears = ends = 0;
    saved_tape = saved_position_us = worn_us = 0;
    assert_int_equal(sessions_open(&sessions, &c, &why), VCR_OK);
}

static int forget_fault(const char *path, const struct stat *st, int type, struct FTW *at) { return at->level ? remove(path) : 0; }

static int finish(void **state)
{
    sessions_close(&sessions);
    fake_rtc_reset();
    return nftw(folder, forget_fault, 8, FTW_DEPTH | FTW_PHYS);
}

/* Calls and answers */

static void on_answer(void *arg, struct session_reply *reply)
{
    assert_true(loop_is_mine(caller));
    call_answered(arg, reply);
}

static int file_with(const char *text)
{
    int fd = memfd_create("reel", MFD_CLOEXEC);
    assert_true(fd >= 0 && vcr_write_all(fd, text, strlen(text)));
    return fd;
}

static struct session_tape tape_of(int64_t id, const char *content)
{
    struct session_tape t = { .tape_id = id, .title = "Christmas", .field_rate = true };
    t.deck = (struct deck_tape){ .length_us = 7200000000, .position_us = 1000000000, .frame_us = 33367 };
    t.tape_video_fd = file_with(content);
    t.tape_video_index_fd = file_with("index");
    t.tape_audio_fd = t.tape_audio_index_fd = t.clean_video_fd = t.clean_video_index_fd = -1;
    return t;
}

static struct session_reply start(const char *id, struct session_tape *tape, struct session_settings settings)
{
    struct call c = { 0 };
    session_start(sessions, id, &settings, tape, caller, on_answer, &c);
    return call_wait(&c);
}

static struct session_reply command(const char *id, enum deck_cmd cmd, const struct deck_args *args, struct session_tape *tape)
{
    struct call c = { 0 };
    session_command(sessions, id, 0, cmd, args, tape, caller, on_answer, &c);
    return call_wait(&c);
}

static struct session_reply get(const char *id)
{
    struct call c = { 0 };
    session_get(sessions, id, caller, on_answer, &c);
    return call_wait(&c);
}

static struct session_reply end(const char *id)
{
    struct call c = { 0 };
    session_end(sessions, id, caller, on_answer, &c);
    return call_wait(&c);
}

static void ask_for_fault(const char *id, const char *fault)
{
    struct deck_args a = { 0 };
    vcr_strcpy(a.look, sizeof(a.look), fault);
    assert_int_equal(command(id, DECK_CMD_LOOK, &a, NULL).err, VCR_OK);
}

/* What the render process last said of the n-th session */

struct expected {
    int stream, not_pid;
    const char *words;
};

static int said_pid(int stream)
{
    char text[128];
    int pid = 0;
    fake_last_packet(stream, text, NULL);
    return sscanf(text, "pid=%d", &pid) == 1 ? pid : 0;
}

static bool says(void *arg)
{
    struct expected *e = arg;
    char text[128];
    fake_last_packet(e->stream, text, NULL);
    int pid = said_pid(e->stream);
    return pid && pid != e->not_pid && strstr(text, e->words);
}

static void wait_said(int stream, const char *words, int not_pid)
{
    struct expected e = { stream, not_pid, words };
    if (!fake_wait(says, &e)) {
        char text[128];
        fake_last_packet(stream, text, NULL);
        fail_msg("never said %s of stream %d, last: %s", words, stream, text);
    }
}

static bool is_in_mode(void *arg)
{
    const struct { const char *id; enum deck_mode mode; } *e = arg;
    return get(e->id).info.deck.mode == e->mode;
}

static void wait_mode(const char *id, enum deck_mode mode)
{
    struct { const char *id; enum deck_mode mode; } e = { id, mode };
    if (!fake_wait(is_in_mode, &e))
        fail_msg("%s never came to %s", id, deck_mode_name(mode));
}

static bool has_moved(void *arg) { return get(arg).info.deck.position_us > 1000000000; }
static void wait_moved(const char *id) { assert_true(fake_wait(has_moved, (void *)(uintptr_t)id)); }

static int open_descriptors(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static const struct session_settings plain = { .look = "vhs" };

/* The tests */

static void starts_plays_and_ends(void **state)
{
    begin((struct sessions_config){ 0 });
    struct session_tape t = tape_of(17, "reel-A");
    struct session_reply r = start("a", &t, plain);
    assert_int_equal(r.err, VCR_OK);
    assert_int_equal(r.info.deck.mode, DECK_LOADING);
    assert_int_equal(r.info.tape_id, 17);
    assert_int_equal(command("a", DECK_CMD_PLAY, NULL, NULL).err, VCR_OK);
    wait_said(0, "open=1 tape=reel-A mode=play", 0);
    wait_moved("a");
    r = get("a");
    assert_string_equal(r.info.status, "active");
    assert_string_equal(r.info.tape_title, "Christmas");
    struct session_reply again = start("a", NULL, plain);
    assert_int_equal(again.err, VCR_E_CONFLICT);
    r = end("a");
    assert_int_equal(r.err, VCR_OK);
    assert_string_equal(r.info.status, "ended");
    assert_int_equal(saved_tape, 17);
    assert_true(saved_position_us > 1000000000);
    assert_int_equal(wears, 1); /* what was played passed the heads */
    assert_true(worn_us > 0 && worn_us <= saved_position_us - 1000000000);
    assert_int_equal(get("a").err, VCR_E_NOT_FOUND);
    r = command("a", DECK_CMD_STOP, NULL, NULL);
    assert_int_equal(r.err, VCR_E_CONFLICT);
    assert_string_equal(r.why.slug, "/session-ended");
    struct sessions_counts counts;
    sessions_counts(sessions, &counts);
    assert_int_equal(counts.sessions, 0);
    assert_int_equal(ends, 0); /* who ended it knows */
}

static void a_wide_tape_is_wide_in_the_clean_look_only(void **state)
{
    begin((struct sessions_config){ 0 });
    struct session_tape t = tape_of(17, "reel-A");
    t.wide = true;
    assert_int_equal(start("a", &t, plain).info.display_aspect_w, 4);
    struct deck_args look = { .clean = true };
    struct session_reply r = command("a", DECK_CMD_LOOK, &look, NULL);
    assert_int_equal(r.err, VCR_OK);
    assert_int_equal(r.info.display_aspect_w, 16);
    assert_int_equal(r.info.display_aspect_h, 9);
    look = (struct deck_args){ .look = "vhs" };
    assert_int_equal(command("a", DECK_CMD_LOOK, &look, NULL).info.display_aspect_w, 4);
    struct session_tape narrow = tape_of(18, "reel-B");
    struct session_settings clean = { .look = "vhs", .clean = true };
    assert_int_equal(start("b", &narrow, clean).info.display_aspect_w, 4);
}

static void a_refused_command_keeps_the_deck(void **state)
{
    begin((struct sessions_config){ 0 });
    assert_int_equal(start("a", NULL, plain).err, VCR_OK);
    uint32_t seq = get("a").info.deck.command_seq;
    struct session_reply r = command("a", DECK_CMD_PLAY, NULL, NULL);
    assert_int_equal(r.err, VCR_E_CONFLICT);
    assert_string_equal(r.why.slug, "/no-tape");
    assert_int_equal(r.info.deck.mode, DECK_EJECTED);
    r = command("a", DECK_CMD_RECORD, NULL, NULL);
    assert_string_equal(r.why.slug, "/no-tape");
    struct deck_args a = { .tracking = 99 };
    assert_int_equal(command("a", DECK_CMD_TRACKING, &a, NULL).err, VCR_E_INVALID);
    assert_in_range(get("a").info.deck.command_seq, seq, seq + 1); /* the display may have gone dark */
    assert_int_equal(command("a", DECK_CMD_INSERT, NULL, NULL).err, VCR_E_INVALID);
}

static void eject_keeps_the_place_and_gives_the_reels_back(void **state)
{
    begin((struct sessions_config){ 0 });
    assert_int_equal(start("a", NULL, plain).err, VCR_OK);
    wait_said(0, "open=1 tape= mode=ejected", 0);
    int before = open_descriptors();
    struct session_tape t = tape_of(5, "reel-B");
    assert_int_equal(command("a", DECK_CMD_INSERT, NULL, &t).err, VCR_OK);
    wait_mode("a", DECK_STOP);
    struct session_tape second = tape_of(6, "reel-C");
    assert_int_equal(command("a", DECK_CMD_INSERT, NULL, &second).err, VCR_E_CONFLICT);
    assert_int_equal(open_descriptors(), before + 2);
    assert_int_equal(command("a", DECK_CMD_REWIND, NULL, NULL).err, VCR_OK);
    assert_int_equal(command("a", DECK_CMD_EJECT, NULL, NULL).err, VCR_OK);
    wait_said(0, "tape= mode=ejected", 0);
    assert_int_equal(open_descriptors(), before);
    pthread_mutex_lock(&lock);
    assert_int_equal(saved_tape, 5);
    assert_true(saved_position_us >= 0 && saved_position_us < 1000000000); /* a slow test has wound to the start */
    assert_int_equal(wears, 0); /* winding away from the heads wears nothing */
    pthread_mutex_unlock(&lock);
    assert_int_equal(get("a").info.tape_id, 0);
    second = tape_of(6, "reel-C");
    assert_int_equal(command("a", DECK_CMD_INSERT, NULL, &second).err, VCR_OK);
    wait_said(0, "tape=reel-C mode=stop", 0);
}

static bool is_out(void *arg)
{
    struct session_reply r = get(arg);
    return r.info.tape_id == 0 && r.info.deck.mode == DECK_EJECTED;
}

static void a_tape_that_is_gone_is_put_out_everywhere(void **state)
{
    begin((struct sessions_config){ 0 });
    struct session_settings s = plain;
    struct session_tape gone[4], other = tape_of(9, "reel-B");
    char id[4][2] = { "a", "b", "c", "d" };
    for (int i = 0; i < 4; i++) {
        gone[i] = tape_of(7, "reel-A");
        assert_int_equal(start(id[i], &gone[i], s).err, VCR_OK);
    }
    assert_int_equal(start("o", &other, s).err, VCR_OK);
    wait_mode("a", DECK_STOP);
    wait_mode("b", DECK_STOP);
    wait_mode("c", DECK_STOP);
    assert_int_equal(command("a", DECK_CMD_PLAY, NULL, NULL).err, VCR_OK);
    assert_int_equal(command("b", DECK_CMD_FAST_FORWARD, NULL, NULL).err, VCR_OK);
    assert_int_equal(command("c", DECK_CMD_POWER, NULL, NULL).err, VCR_OK);
    wait_mode("d", DECK_STOP);
    assert_int_equal(command("d", DECK_CMD_EJECT, NULL, NULL).err, VCR_OK); /* on its way out already */
    wait_mode("a", DECK_PLAY);
    session_tape_gone(sessions, 7, "tape_trashed");
    for (int i = 0; i < 4; i++)
        assert_true(fake_wait(is_out, id[i]));
    assert_string_equal(get("a").info.deck.stop_reason, "tape_trashed");
    assert_string_equal(get("a").info.status, "active"); /* it runs on, empty */
    assert_int_equal(get("o").info.tape_id, 9);
    struct session_tape next = tape_of(8, "reel-C");
    assert_int_equal(command("a", DECK_CMD_INSERT, NULL, &next).err, VCR_OK);
    wait_mode("a", DECK_STOP);
    assert_null(get("a").info.deck.stop_reason);
    struct session_tape late = tape_of(7, "reel-A"); /* while it is being loaded: it comes in and goes out */
    assert_int_equal(start("e", &late, s).err, VCR_OK);
    session_tape_gone(sessions, 7, "tape_purged");
    assert_true(fake_wait(is_out, "e"));
}

static void only_its_owners_sessions_keep_a_tapes_place(void **state)
{
    begin((struct sessions_config){ 0 });
    struct session_settings s = plain;
    s.deck.autoplay = true;
    s.owner_id = 2;
    struct session_tape t = tape_of(7, "reel-A");
    t.owner_id = 1;
    assert_int_equal(start("guest", &t, s).err, VCR_OK);
    wait_moved("guest");
    assert_int_equal(end("guest").err, VCR_OK);
    pthread_mutex_lock(&lock);
    int before = saves + wears;
    pthread_mutex_unlock(&lock);
    assert_int_equal(before, 0);
    s.owner_id = 1;
    t = tape_of(7, "reel-A");
    t.owner_id = 1;
    assert_int_equal(start("owner", &t, s).err, VCR_OK);
    wait_moved("owner");
    assert_int_equal(end("owner").err, VCR_OK);
    pthread_mutex_lock(&lock);
    assert_int_equal(saved_tape, 7);
    pthread_mutex_unlock(&lock);
}

/* Recorded from 0 to end_s; the mark is where a deck may jump to. */
static struct session_map *map_until(int64_t end_s, int64_t revision)
{
    struct timeline t = { 0 };
    struct session_map *m = NULL;
    const struct timeline_span s = { .end_us = end_s * 1000000 };
    const int64_t mark_us = 1500000000;
    assert_int_equal(timeline_append(&t, &s, NULL), VCR_OK);
    assert_int_equal(session_map_new(&m, &t, &mark_us, 1, revision, NULL), VCR_OK);
    timeline_free(&t);
    return m;
}

static bool is_recorded(void *arg) { return !get(arg).info.deck.flag_blank; }

static void a_deck_goes_by_the_newest_map_of_its_tape(void **state)
{
    begin((struct sessions_config){ 0 });
    struct session_tape t = tape_of(17, "reel-A");
    t.map = map_until(900, 5);
    t.deck.map = &t.map->map;
    assert_int_equal(start("a", &t, plain).err, VCR_OK);
    wait_mode("a", DECK_STOP);
    assert_true(get("a").info.deck.flag_blank); /* it stands at 1000 s */
    struct session_map *newer = map_until(2000, 7), *older = map_until(950, 6);
    sessions_map_changed(sessions, 17, newer);
    assert_true(fake_wait(is_recorded, "a"));
    sessions_map_changed(sessions, 17, older);
    sessions_map_changed(sessions, 18, older); /* another tape's */
    assert_false(get("a").info.deck.flag_blank);
    session_map_unref(&newer);
    session_map_unref(&older);
    assert_int_equal(command("a", DECK_CMD_INDEX_NEXT, NULL, NULL).err, VCR_OK);
    wait_mode("a", DECK_PLAY);
    assert_in_range(get("a").info.deck.position_us, 1498000000, 1520000000);
}

static void a_killed_render_process_is_replaced(void **state)
{
    begin((struct sessions_config){ 0 });
    struct session_settings autoplay = plain;
    autoplay.deck.autoplay = true;
    struct session_tape a = tape_of(1, "reel-A"), b = tape_of(2, "reel-B");
    assert_int_equal(start("a", &a, autoplay).err, VCR_OK);
    assert_int_equal(start("b", &b, autoplay).err, VCR_OK);
    assert_int_equal(start("c", NULL, plain).err, VCR_OK);
    wait_said(0, "tape=reel-A mode=play", 0);
    wait_said(1, "tape=reel-B mode=play", 0);
    wait_said(2, "open=1", 0);
    int pid = said_pid(0);
    int before = open_descriptors();
    assert_int_equal(kill(pid, SIGKILL), 0);
    wait_said(0, "open=1 tape=reel-A mode=play", pid);
    wait_said(1, "open=1 tape=reel-B mode=play", pid);
    wait_said(2, "open=1 tape= mode=ejected", pid);
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(command("a", DECK_CMD_PAUSE, NULL, NULL).err, VCR_OK);
    wait_said(0, "mode=pause", pid);
    struct sessions_counts counts;
    sessions_counts(sessions, &counts);
    assert_int_equal(counts.render_restarts, 1);
    assert_int_equal(counts.sessions, 3);
}

static void a_misbehaving_render_process_is_replaced(void **state)
{
    static const char *const faults[] = { "garbage", "ring", "time", "silent", "crash" };
    begin((struct sessions_config){ .silence_us = 500000 });
    struct session_tape t = tape_of(1, "reel-A");
    assert_int_equal(start("a", &t, plain).err, VCR_OK);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        wait_said(0, "open=1 tape=reel-A", 0);
        int pid = said_pid(0);
        ask_for_fault("a", faults[i]);
        wait_said(0, "open=1 tape=reel-A", pid);
    }
    assert_string_equal(get("a").info.status, "active");
}

static bool has_ended(void *arg)
{
    pthread_mutex_lock(&lock);
    bool yes = ends > 0;
    pthread_mutex_unlock(&lock);
    return yes;
}

/* A fault is over before a slow test has asked for it: it is told when it comes. */
struct fault_seen {
    atomic_bool seen, unwatched;
    int64_t position_us;
    struct session_watch *watch;
};

static void on_fault(void *arg, const struct session_info *info, bool ended)
{
    struct fault_seen *f = arg;
    if (info->deck.mode != DECK_FAULT || atomic_load(&f->seen))
        return;
    f->position_us = info->deck.position_us;
    atomic_store(&f->seen, true);
    fake_changed();
}

static void watch_fault(void *arg) { ((struct fault_seen *)arg)->watch = session_watch(sessions, "a", 0, caller, on_fault, arg); }

static void unwatch_fault(void *arg)
{
    struct fault_seen *f = arg;
    session_unwatch(f->watch);
    atomic_store(&f->unwatched, true);
    fake_changed();
}

static bool fault_is_seen(void *arg) { return atomic_load(&((struct fault_seen *)arg)->seen); }
static bool fault_is_unwatched(void *arg) { return atomic_load(&((struct fault_seen *)arg)->unwatched); }

static void goes_through_fault(const char *fault)
{
    begin((struct sessions_config){ .retry_us = 100000 });
    struct session_settings s = plain;
    struct fault_seen f = { 0 };
    struct session_tape t = tape_of(1, "reel-A");
    s.deck.autoplay = true;
    assert_int_equal(start("a", &t, s).err, VCR_OK);
    assert_int_equal(start("b", NULL, plain).err, VCR_OK);
    wait_moved("a");
    int64_t before_us = get("a").info.deck.position_us;
    loop_call(caller, watch_fault, &f);
    ask_for_fault("a", fault);
    assert_true(fake_wait(fault_is_seen, &f));
    assert_true(f.position_us >= before_us && f.position_us < before_us + 30000000);
    wait_mode("a", DECK_PLAY); /* with what it did, from where it was */
    assert_true(get("a").info.deck.position_us >= f.position_us);
    loop_call(caller, unwatch_fault, &f);
    assert_true(fake_wait(fault_is_unwatched, &f));
    assert_int_equal(get("a").info.tape_id, 1);
    assert_string_equal(get("a").info.status, "active");
    wait_said(0, "open=1 tape=reel-A mode=play", 0);
    assert_int_equal(get("b").err, VCR_OK);
    assert_int_equal(ends, 0);
}

static void a_seat_that_fails_again_is_in_fault_and_comes_back(void **state) { goes_through_fault("fail_thrice"); }
static void a_render_process_that_dies_again_is_a_fault_until_it_stays(void **state) { goes_through_fault("crash_twice"); }

static void every_seat_can_be_taken(void **state)
{
    enum { SEATS = 2 * RENDER_SEAT_MAX };
    vcr_descriptors_max();
    begin((struct sessions_config){ .render_processes = 2 });
    char id[16];
    for (int i = 0; i < SEATS; i++) {
        snprintf(id, sizeof(id), "s%d", i);
        struct session_tape t = tape_of(i, id);
        assert_int_equal(start(id, &t, plain).err, VCR_OK);
    }
    struct session_tape t = tape_of(1, "one too many");
    int before = open_descriptors();
    assert_int_equal(start("x", &t, plain).err, VCR_E_BUSY);
    assert_int_equal(open_descriptors(), before - 2);
    for (int i = 0; i < SEATS; i++) {
        snprintf(id, sizeof(id), "tape=s%d ", i);
        wait_said(i, id, 0);
    }
    assert_int_not_equal(said_pid(0), said_pid(1));
    struct sessions_counts counts;
    sessions_counts(sessions, &counts);
    assert_int_equal(counts.sessions, SEATS);
}

static void viewers_and_key_frames(void **state)
{
    begin((struct sessions_config){ 0 });
    assert_int_equal(start("a", NULL, plain).err, VCR_OK);
    struct call c = { 0 };
    session_offer(sessions, "a", &(struct session_person){ .user_id = 1 }, caller, on_answer, &c);
    call_wait(&c);
    assert_int_equal(c.reply.err, VCR_OK);
    assert_true(vcr_is_uuid(c.reply.peer_id));
    assert_string_equal(c.reply.sdp, "v=0 offer");
    free(c.reply.sdp);
    struct call good = { 0 }, bad = { 0 };
    session_answer(sessions, "a", c.reply.peer_id, "v=0 answer", caller, on_answer, &good);
    session_answer(sessions, "a", c.reply.peer_id, "nonsense", caller, on_answer, &bad);
    call_wait(&good);
    call_wait(&bad);
    assert_int_equal(good.reply.err, VCR_OK);
    assert_int_equal(bad.reply.err, VCR_E_INVALID);
    wait_said(0, "open=1", 0);
    char text[128];
    uint8_t flags = 0;
    assert_true(fake_viewer_up(0, "p1") && fake_viewer_up(0, "p2") && fake_viewer_up(0, "p1"));
    assert_int_equal(get("a").info.viewer_count, 2);
    assert_true(fake_viewer_gone(0, "p1") && fake_viewer_gone(0, "never came"));
    assert_int_equal(get("a").info.viewer_count, 1);
    for (int i = 0; i < 1000 && !flags; i++) { /* the display's going dark may say something in between */
        int had = fake_last_packet(0, text, NULL);
        assert_true(fake_want_key(0));
        while (fake_last_packet(0, text, &flags) == had)
            usleep(1000);
    }
    assert_int_equal(flags, PACKET_KEY);
    assert_int_equal(end("a").err, VCR_OK);
    assert_false(fake_viewer_up(0, "p3"));
}

static void the_picture_gets_what_the_lines_carry(void **state)
{
    begin((struct sessions_config){ 0 });
    assert_int_equal(start("a", NULL, plain).err, VCR_OK);
    wait_said(0, " rate=0;", 0);
    assert_true(fake_rate(0, 600000));
    wait_said(0, " rate=423000;", 0); /* without sound and headers */
    char text[128];
    fake_last_packet(0, text, NULL);
    int pid = atoi(strstr(text, "pid=") + 4);
    assert_int_equal(kill(pid, SIGKILL), 0);
    wait_said(0, " rate=423000;", pid); /* the next process is told, too */
    assert_true(fake_rate(0, 1));
    wait_said(0, " rate=200000;", 0);
    assert_true(fake_rate(0, 0));
    wait_said(0, " rate=0;", 0);
    assert_int_equal(end("a").err, VCR_OK);
    assert_false(fake_rate(0, 600000));
}

static void play_pauses_when_the_last_viewer_has_left(void **state)
{
    begin((struct sessions_config){ 0 });
    struct session_settings s = plain;
    s.deck.autoplay = true;
    s.grace_us = 100000;
    struct session_tape a = tape_of(1, "reel-A"), b = tape_of(2, "reel-B");
    assert_int_equal(start("watched", &a, s).err, VCR_OK);
    assert_int_equal(start("alone", &b, s).err, VCR_OK);
    wait_mode("watched", DECK_PLAY);
    wait_mode("alone", DECK_PLAY);
    fake_viewer_up(0, "p1");
    fake_viewer_gone(0, "p1");
    wait_mode("watched", DECK_PAUSE);
    assert_int_equal(get("alone").info.deck.mode, DECK_PLAY); /* nobody ever came: it plays on */
    assert_int_equal(command("watched", DECK_CMD_PLAY, NULL, NULL).err, VCR_OK);
    fake_viewer_up(0, "p2"); /* and once for each time */
    fake_viewer_gone(0, "p2");
    wait_mode("watched", DECK_PAUSE);
}

static bool is_stopped_alone(void *arg)
{
    struct session_reply r = get(arg);
    return r.info.deck.mode == DECK_STOP && r.info.deck.stop_reason;
}

static void nobody_watches_at_all(void **state)
{
    begin((struct sessions_config){ .alone_stop_us = 400000 });
    struct session_settings s = plain;
    s.deck.autoplay = true;
    struct session_tape a = tape_of(1, "reel-A");
    assert_int_equal(start("a", &a, s).err, VCR_OK);
    assert_true(fake_wait(is_stopped_alone, "a"));
    assert_string_equal(get("a").info.deck.stop_reason, "no_viewer");
    assert_true(get("a").info.deck.position_us > 1000000000); /* it played until then */
    assert_int_equal(command("a", DECK_CMD_PLAY, NULL, NULL).err, VCR_OK);
    wait_said(0, "mode=play", 0);
    usleep(100000); /* a key pressed after that is obeyed */
    assert_int_equal(get("a").info.deck.mode, DECK_PLAY);
}

static void nobody_comes_to_watch(void **state)
{
    begin((struct sessions_config){ .alone_end_us = 400000 });
    struct session_settings s = plain;
    s.deck.autoplay = true;
    struct session_tape a = tape_of(1, "reel-A");
    assert_int_equal(start("a", &a, s).err, VCR_OK);
    assert_true(fake_wait(has_ended, NULL));
    pthread_mutex_lock(&lock);
    assert_string_equal(ended_status, "ended");
    assert_int_equal(saved_tape, 1);
    pthread_mutex_unlock(&lock);
    assert_int_equal(get("a").err, VCR_E_NOT_FOUND);
}

/* Watching */

struct watched {
    atomic_int events, ends, after_unwatch, left;
    atomic_bool unwatched;
    struct session_watch *watch;
    const char *id;
    uint32_t last_seq;
    int64_t user_id;
};

static void on_event(void *arg, const struct session_info *info, bool ended)
{
    struct watched *w = arg;
    if (atomic_load(&w->unwatched))
        atomic_fetch_add(&w->after_unwatch, 1);
    assert_true(info->deck.command_seq >= w->last_seq || ended);
    w->last_seq = info->deck.command_seq;
    atomic_fetch_add(&w->events, 1);
    if (ended)
        atomic_fetch_add(&w->ends, 1);
    fake_changed();
}

static void do_watch(void *arg)
{
    struct watched *w = arg;
    w->watch = session_watch(sessions, w->id, w->user_id, caller, on_event, w);
}

static void do_unwatch(void *arg)
{
    struct watched *w = arg;
    session_unwatch(w->watch);
    atomic_store(&w->unwatched, true);
    fake_changed();
}

static bool got_event(void *arg) { return atomic_load(&((struct watched *)arg)->events) > 0; }
static bool got_three(void *arg) { return atomic_load(&((struct watched *)arg)->events) >= 3; }
static bool got_end(void *arg) { return atomic_load(&((struct watched *)arg)->ends) > 0; }
static bool is_unwatched(void *arg) { return atomic_load(&((struct watched *)arg)->unwatched); }

static void watchers_see_changes_seconds_and_the_end(void **state)
{
    begin((struct sessions_config){ 0 });
    struct session_settings s = plain;
    s.deck.autoplay = true;
    struct session_tape a = tape_of(1, "reel-A");
    struct watched w = { .id = "a" }, none = { .id = "no such" };
    assert_int_equal(start("a", &a, s).err, VCR_OK);
    loop_call(caller, do_watch, &w);
    loop_call(caller, do_watch, &none);
    assert_true(fake_wait(got_event, &w));
    assert_true(fake_wait(got_end, &none));
    wait_mode("a", DECK_PLAY);
    wait_said(0, "mode=play", 0);
    usleep(100000); /* spin-up, lock and display are over: from here only the counter's seconds */
    atomic_store(&w.events, 0);
    assert_true(fake_wait(got_three, &w));
    assert_int_equal(atomic_load(&w.ends), 0);
    assert_int_equal(end("a").err, VCR_OK);
    assert_true(fake_wait(got_end, &w));
    assert_int_equal(atomic_load(&w.ends), 1);
    loop_call(caller, do_unwatch, &w);
    loop_call(caller, do_unwatch, &none);
    assert_true(fake_wait(is_unwatched, &w) && fake_wait(is_unwatched, &none));
}

/* In others' sessions what a person watches ends, and in its own with the session; nobody else's does. */
static void who_may_not_any_more_sees_nothing_more(void **state)
{
    begin((struct sessions_config){ 0 });
    struct session_settings own = plain, others = plain;
    own.owner_id = 7;
    others.owner_id = 8;
    struct watched mine = { .id = "a", .user_id = 7 }, at_mine = { .id = "a", .user_id = 8 }, at_others = { .id = "b", .user_id = 7 }, theirs = { .id = "b", .user_id = 8 };
    struct watched *all[] = { &mine, &at_mine, &at_others, &theirs };
    assert_int_equal(start("a", NULL, own).err, VCR_OK);
    assert_int_equal(start("b", NULL, others).err, VCR_OK);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        loop_call(caller, do_watch, all[i]);
        assert_true(fake_wait(got_event, all[i]));
    }
    session_person_gone(sessions, 7, false);
    assert_true(fake_wait(got_end, &at_others));
    assert_int_equal(get("a").err, VCR_OK);
    assert_int_equal(atomic_load(&mine.ends) + atomic_load(&at_mine.ends) + atomic_load(&theirs.ends), 0);
    session_person_gone(sessions, 7, true);
    assert_true(fake_wait(got_end, &mine));
    assert_true(fake_wait(got_end, &at_mine));
    assert_int_equal(get("a").err, VCR_E_NOT_FOUND);
    assert_int_equal(get("b").err, VCR_OK);
    assert_int_equal(atomic_load(&theirs.ends), 0);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        loop_call(caller, do_unwatch, all[i]);
        assert_true(fake_wait(is_unwatched, all[i]));
    }
}

static void unwatching_races_with_changes(void **state)
{
    enum { WATCHERS = 40, ROUNDS = 25 };
    static struct watched w[WATCHERS];
    static struct call calls[ROUNDS];
    begin((struct sessions_config){ 0 });
    assert_int_equal(start("a", NULL, plain).err, VCR_OK);
    memset(w, 0, sizeof(w));
    memset(calls, 0, sizeof(calls));
    for (int i = 0; i < ROUNDS; i++) {
        for (int k = 0; k < WATCHERS; k++) {
            if (k % ROUNDS != i)
                continue;
            w[k].id = "a";
            loop_call(caller, do_watch, &w[k]);
        }
        session_command(sessions, "a", 0, DECK_CMD_MEMORY, NULL, NULL, caller, on_answer, &calls[i]);
        for (int k = 0; k < WATCHERS; k++)
            if (k % ROUNDS == i && k % 2)
                loop_call(caller, do_unwatch, &w[k]);
    }
    for (int i = 0; i < ROUNDS; i++)
        call_wait(&calls[i]);
    sessions_close(&sessions); /* the even ones are told the end; they are unwatched after it */
    for (int k = 0; k < WATCHERS; k++) {
        if (k % 2 == 0) {
            assert_true(fake_wait(got_end, &w[k]));
            loop_call(caller, do_unwatch, &w[k]);
        }
        assert_true(fake_wait(is_unwatched, &w[k]));
        assert_int_equal(atomic_load(&w[k].after_unwatch), 0);
    }
}

static void ends_while_commands_are_under_way(void **state)
{
    enum { CALLS = 200 };
    static struct call calls[CALLS];
    memset(calls, 0, sizeof(calls));
    begin((struct sessions_config){ 0 });
    struct session_tape a = tape_of(9, "reel-A");
    assert_int_equal(start("a", &a, plain).err, VCR_OK);
    for (int i = 0; i < CALLS; i++) {
        if (i == CALLS / 2)
            session_end(sessions, "a", caller, on_answer, &calls[i]);
        else
            session_command(sessions, "a", 0, i % 2 ? DECK_CMD_REPEAT : DECK_CMD_COUNTER_RESET, NULL, NULL, caller, on_answer, &calls[i]);
    }
    for (int i = 0; i < CALLS; i++) {
        call_wait(&calls[i]);
        assert_int_equal(atomic_load(&calls[i].answers), 1);
        assert_int_equal(calls[i].reply.err, i <= CALLS / 2 ? VCR_OK : VCR_E_CONFLICT);
    }
}

static void closing_keeps_every_place(void **state)
{
    begin((struct sessions_config){ 0 });
    struct session_settings s = plain;
    s.deck.autoplay = true;
    for (int i = 0; i < 5; i++) {
        char id[8] = { (char)('a' + i), 0 };
        struct session_tape t = tape_of(i, "reel");
        assert_int_equal(start(id, &t, s).err, VCR_OK);
        wait_moved(id);
    }
    pthread_mutex_lock(&lock);
    saves = 0;
    pthread_mutex_unlock(&lock);
    sessions_close(&sessions);
    assert_true(saves >= 5);
    assert_int_equal(ends, 0);
}

static void a_missing_program_is_said_at_once(void **state)
{
    struct vcr_why why;
    struct sessions *s = NULL;
    struct sessions_config c = { .render_program = "/nonexistent/vcr-render" };
    assert_int_equal(sessions_open(&s, &c, &why), VCR_E_IO);
    assert_null(s);
}

static int set_up(void **state)
{
    ssize_t n = readlink("/proc/self/exe", render_program, sizeof(render_program) - 1);
    char *slash = n > 0 ? strrchr(render_program, '/') : NULL;
    if (!slash || !mkdtemp(folder) || loop_open(&caller, "caller", NULL) != VCR_OK || loop_start(caller, NULL) != VCR_OK)
        return -1;
    strcpy(slash, "/unit/session/fake_render");
    log_setup(LOG_TEXT, LOG_ERROR, "test");
    return setenv("FAKE_RENDER_DIR", folder, 1);
}

static int tear_down(void **state)
{
    loop_stop(caller);
    loop_close(&caller);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(starts_plays_and_ends, finish),
        cmocka_unit_test_teardown(a_wide_tape_is_wide_in_the_clean_look_only, finish),
        cmocka_unit_test_teardown(a_refused_command_keeps_the_deck, finish),
        cmocka_unit_test_teardown(eject_keeps_the_place_and_gives_the_reels_back, finish),
        cmocka_unit_test_teardown(a_tape_that_is_gone_is_put_out_everywhere, finish),
        cmocka_unit_test_teardown(only_its_owners_sessions_keep_a_tapes_place, finish),
        cmocka_unit_test_teardown(a_deck_goes_by_the_newest_map_of_its_tape, finish),
        cmocka_unit_test_teardown(a_killed_render_process_is_replaced, finish),
        cmocka_unit_test_teardown(a_misbehaving_render_process_is_replaced, finish),
        cmocka_unit_test_teardown(a_seat_that_fails_again_is_in_fault_and_comes_back, finish),
        cmocka_unit_test_teardown(a_render_process_that_dies_again_is_a_fault_until_it_stays, finish),
        cmocka_unit_test_teardown(every_seat_can_be_taken, finish),
        cmocka_unit_test_teardown(viewers_and_key_frames, finish),
        cmocka_unit_test_teardown(the_picture_gets_what_the_lines_carry, finish),
        cmocka_unit_test_teardown(play_pauses_when_the_last_viewer_has_left, finish),
        cmocka_unit_test_teardown(nobody_watches_at_all, finish),
        cmocka_unit_test_teardown(nobody_comes_to_watch, finish),
        cmocka_unit_test_teardown(watchers_see_changes_seconds_and_the_end, finish),
        cmocka_unit_test_teardown(who_may_not_any_more_sees_nothing_more, finish),
        cmocka_unit_test_teardown(unwatching_races_with_changes, finish),
        cmocka_unit_test_teardown(ends_while_commands_are_under_way, finish),
        cmocka_unit_test_teardown(closing_keeps_every_place, finish),
        cmocka_unit_test(a_missing_program_is_said_at_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
