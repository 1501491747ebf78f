/* tests/unit/session/test_remote.c - several people in one session, and which of them holds the remote control. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "answers.h"
#include "fake_rtc.h"
#include "session/session.h"

enum { OWNER = 1, ANNA = 2, BOB = 3 };
static char render_program[PATH_MAX];
static struct loop *caller;
static struct sessions *sessions;
static const char *const ids[2] = { "a", "b" };
static int at; /* whose turn it is */

static void nothing(void *arg, int64_t tape_id, int64_t position_us) { }
static void over(void *arg, const char *id, const char *status, const char *reason) { }

static int begin(void **state)
{
    struct vcr_why why;
    struct sessions_config config = { .render_program = render_program, .render_processes = 1, .save_position = nothing, .ended = over };
    assert_int_equal(sessions_open(&sessions, &config, &why), VCR_OK);
    struct session_settings s = { .owner_id = OWNER, .grace_us = 1500000 };
    for (int i = 0; i < 2; i++) {
        struct call c = { 0 };
        session_start(sessions, ids[i], &s, NULL, caller, call_answered, &c);
        assert_int_equal(call_wait(&c).err, VCR_OK);
    }
    at = 0;
    return 0;
}

static int finish(void **state)
{
    sessions_close(&sessions);
    fake_rtc_reset();
    return 0;
}

/* A new picture of somebody's, its id in out. */
static void join(int64_t who, char out[VCR_UUID_BYTES])
{
    struct session_person p = { .user_id = who };
    struct call c = { 0 };
    snprintf(p.name, sizeof(p.name), "person %d", (int)who);
    session_offer(sessions, ids[at], &p, caller, call_answered, &c);
    assert_int_equal(call_wait(&c).err, VCR_OK);
    free(c.reply.sdp);
    memcpy(out, c.reply.peer_id, VCR_UUID_BYTES);
    assert_true(fake_viewer_up(at, out));
}

static void leave(const char *peer_id) { assert_true(fake_viewer_gone(at, peer_id)); }

static struct session_reply get(void)
{
    struct call c = { 0 };
    session_get(sessions, ids[at], caller, call_answered, &c);
    return call_wait(&c);
}

static enum vcr_err command(int64_t asker)
{
    struct call c = { 0 };
    session_command(sessions, ids[at], asker, DECK_CMD_MEMORY, &(struct deck_args){ .on = -1 }, NULL, caller, call_answered, &c);
    struct session_reply r = call_wait(&c);
    if (r.err != VCR_OK) {
        assert_string_equal(r.why.slug, "/remote-held");
        assert_string_equal(r.info.id, ids[at]); /* the deck is shown all the same */
    }
    return r.err;
}

static struct session_reply remote(int64_t asker, enum session_remote_action action, const char *peer_id)
{
    struct call c = { 0 };
    session_remote(sessions, ids[at], asker, asker == OWNER, action, peer_id, caller, call_answered, &c);
    return call_wait(&c);
}

static const struct session_viewer *viewer(const struct session_info *info, const char *peer_id)
{
    for (int i = 0; i < info->viewers_told; i++)
        if (strcmp(info->viewers[i].stats.peer_id, peer_id) == 0)
            return &info->viewers[i];
    fail_msg("nobody watches by %s", peer_id);
    return NULL;
}

static void it_is_asked_for_and_handed_over(void **state)
{
    char own[VCR_UUID_BYTES], anna[VCR_UUID_BYTES], bob[VCR_UUID_BYTES];
    join(OWNER, own), join(ANNA, anna), join(BOB, bob);
    assert_int_equal(command(OWNER), VCR_OK);
    assert_int_equal(command(ANNA), VCR_E_CONFLICT);
    assert_int_equal(remote(ANNA, SESSION_REMOTE_REQUEST, bob).err, VCR_E_NOT_FOUND); /* that is not she */
    assert_int_equal(remote(ANNA, SESSION_REMOTE_REQUEST, "nobody").err, VCR_E_NOT_FOUND);
    assert_int_equal(remote(ANNA, SESSION_REMOTE_REQUEST, anna).err, VCR_OK);
    struct session_reply r = get();
    assert_true(viewer(&r.info, anna)->requested && !viewer(&r.info, anna)->holds_remote && viewer(&r.info, own)->holds_remote);
    assert_string_equal(viewer(&r.info, anna)->who.name, "person 2");
    assert_string_equal(remote(ANNA, SESSION_REMOTE_GRANT, anna).why.slug, "/remote-held");
    assert_int_equal(command(ANNA), VCR_E_CONFLICT); /* asking gives nothing */
    assert_int_equal(remote(OWNER, SESSION_REMOTE_GRANT, "nobody").err, VCR_E_NOT_FOUND);
    r = remote(OWNER, SESSION_REMOTE_GRANT, anna);
    assert_int_equal(r.err, VCR_OK);
    assert_true(viewer(&r.info, anna)->holds_remote && !viewer(&r.info, anna)->requested && !viewer(&r.info, own)->holds_remote);
    assert_int_equal(command(ANNA), VCR_OK);
    assert_int_equal(command(OWNER), VCR_E_CONFLICT);
    assert_string_equal(remote(BOB, SESSION_REMOTE_RELEASE, NULL).why.slug, "/remote-held");
    assert_string_equal(remote(OWNER, SESSION_REMOTE_GRANT, own).why.slug, "/remote-held");
    assert_int_equal(remote(ANNA, SESSION_REMOTE_GRANT, bob).err, VCR_OK); /* who holds it gives it to whom they like */
    assert_int_equal(command(ANNA), VCR_E_CONFLICT);
    assert_int_equal(remote(BOB, SESSION_REMOTE_RELEASE, NULL).err, VCR_OK);
    assert_int_equal(command(OWNER), VCR_OK);
    assert_int_equal(command(BOB), VCR_E_CONFLICT);
    remote(OWNER, SESSION_REMOTE_GRANT, bob);
    assert_int_equal(remote(OWNER, SESSION_REMOTE_RELEASE, NULL).err, VCR_OK); /* it is the owner's machine */
    assert_int_equal(command(OWNER), VCR_OK);
}

static bool owner_has_it(void *arg) { return get().info.remote.user_id == OWNER; }

static void who_leaves_with_it_has_time_to_come_back(void **state)
{
    char anna[VCR_UUID_BYTES], again[VCR_UUID_BYTES], third[VCR_UUID_BYTES];
    join(ANNA, anna);
    remote(OWNER, SESSION_REMOTE_GRANT, anna);
    join(ANNA, again);
    leave(anna); /* another picture of hers is there */
    struct session_reply r = get();
    assert_int_equal(r.info.remote.user_id, ANNA);
    assert_string_equal(r.info.remote.peer_id, again);
    leave(again);
    assert_int_equal(get().info.remote.user_id, ANNA);
    join(ANNA, third);
    /* who left another session after that, and does not come back, has lost it there: her time here is over, too */
    char elsewhere[VCR_UUID_BYTES];
    at = 1;
    join(ANNA, elsewhere);
    remote(OWNER, SESSION_REMOTE_GRANT, elsewhere);
    leave(elsewhere);
    assert_true(fake_wait(owner_has_it, NULL));
    at = 0;
    r = get();
    assert_int_equal(r.info.remote.user_id, ANNA);
    assert_string_equal(r.info.remote.peer_id, third);
    leave(third);
    assert_true(fake_wait(owner_has_it, NULL));
    assert_int_equal(command(OWNER), VCR_OK);
    assert_int_equal(command(ANNA), VCR_E_CONFLICT);
}

static void who_asked_is_told_before_a_crowd(void **state)
{
    char peer[80][VCR_UUID_BYTES];
    for (int i = 0; i < 80; i++)
        join(10 + i, peer[i]);
    remote(10 + 79, SESSION_REMOTE_REQUEST, peer[79]);
    remote(OWNER, SESSION_REMOTE_GRANT, peer[60]);
    struct session_reply r = get();
    assert_int_equal(r.info.viewers_told, SESSION_VIEWERS_TOLD);
    assert_int_equal(r.info.viewer_count, 80);
    assert_true(viewer(&r.info, peer[79])->requested && viewer(&r.info, peer[60])->holds_remote);
    for (int i = 0; i < 80; i++)
        leave(peer[i]);
    r = get();
    assert_int_equal(r.info.viewers_told, 0);
    assert_int_equal(r.info.viewer_count, 0);
}

static int set_up(void **state)
{
    struct vcr_why why;
    ssize_t n = readlink("/proc/self/exe", render_program, sizeof(render_program) - 1);
    char *slash = strrchr(render_program, '/');
    if (n < 0 || !slash)
        return -1;
    strcpy(slash, "/unit/session/fake_render");
    return loop_open(&caller, "caller", &why) == VCR_OK && loop_start(caller, &why) == VCR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    loop_stop(caller);
    loop_close(&caller);
    return 0;
}

/* ---- players who make the offer (WHEP) ---- */

static struct session_reply view(int64_t who, const char *offer, char out[VCR_UUID_BYTES])
{
    struct call c = { 0 };
    session_view(sessions, ids[at], &(struct session_person){ .user_id = who }, offer, strlen(offer), caller, call_answered, &c);
    struct session_reply r = call_wait(&c);
    free(r.sdp);
    memcpy(out, r.peer_id, VCR_UUID_BYTES);
    return r;
}

static enum vcr_err trickle(int64_t asker, const char *peer_id, const char *fragment)
{
    struct call c = { 0 };
    session_view_trickle(sessions, ids[at], asker, peer_id, fragment, fragment ? strlen(fragment) : 0, caller, call_answered, &c);
    return call_wait(&c).err;
}

static enum vcr_err hang_up(int64_t asker, const char *peer_id)
{
    struct call c = { 0 };
    session_view_end(sessions, ids[at], asker, peer_id, caller, call_answered, &c);
    return call_wait(&c).err;
}

static void a_player_is_its_own_persons_alone(void **state)
{
    char anna[VCR_UUID_BYTES], page[VCR_UUID_BYTES], none[VCR_UUID_BYTES], longer[VCR_UUID_BYTES + 1];
    join(ANNA, page);
    assert_int_equal(view(BOB, "nonsense", none).err, VCR_E_UNACCEPTABLE);
    assert_int_equal(view(ANNA, "v=0 offer", anna).err, VCR_OK);
    struct session_reply r = get();
    assert_int_equal(r.info.viewers_told, 2);
    assert_int_equal(viewer(&r.info, anna)->who.user_id, ANNA);
    assert_int_equal(trickle(ANNA, anna, NULL), VCR_OK);
    assert_int_equal(trickle(ANNA, anna, "a fragment"), VCR_OK);
    assert_int_equal(trickle(ANNA, anna, "nothing"), VCR_E_MALFORMED);
    snprintf(longer, sizeof(longer), "%sx", anna);
    const struct { int64_t who; const char *what; } others[] = { { BOB, anna }, { OWNER, anna }, { ANNA, "" }, { ANNA, longer }, { ANNA, page } };
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_int_equal(trickle(others[i].who, others[i].what, NULL), VCR_E_NOT_FOUND);
        assert_int_equal(hang_up(others[i].who, others[i].what), VCR_E_NOT_FOUND);
    }
    assert_int_equal(hang_up(ANNA, anna), VCR_OK);
    assert_int_equal(hang_up(ANNA, anna), VCR_E_NOT_FOUND);
    assert_int_equal(trickle(ANNA, anna, NULL), VCR_E_NOT_FOUND);
    assert_int_equal(get().info.viewers_told, 1);
}

/* Players close their connection, and then say that they end. */
static void who_hung_up_may_say_so_once(void **state)
{
    enum { MANY = 9 };
    char ids_of[MANY][VCR_UUID_BYTES];
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(view(ANNA, "v=0 offer", ids_of[i]).err, VCR_OK);
        assert_true(fake_viewer_gone(at, ids_of[i]));
    }
    assert_int_equal(hang_up(BOB, ids_of[MANY - 1]), VCR_E_NOT_FOUND);
    assert_int_equal(trickle(ANNA, ids_of[MANY - 1], NULL), VCR_E_NOT_FOUND);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(hang_up(ANNA, ids_of[i]), i == 0 ? VCR_E_NOT_FOUND : VCR_OK); /* eight are remembered */
    for (int i = 0; i < MANY; i++)
        assert_int_equal(hang_up(ANNA, ids_of[i]), VCR_E_NOT_FOUND);
    assert_int_equal(view(ANNA, "v=0 offer", ids_of[0]).err, VCR_OK);
    struct call c = { 0 };
    session_end(sessions, ids[at], caller, call_answered, &c);
    assert_int_equal(call_wait(&c).err, VCR_OK);
    assert_int_equal(hang_up(ANNA, ids_of[0]), VCR_E_NOT_FOUND); /* it went with the session */
    assert_int_equal(view(ANNA, "v=0 offer", ids_of[0]).err, VCR_E_CONFLICT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_asked_for_and_handed_over, begin, finish),
        cmocka_unit_test_setup_teardown(who_leaves_with_it_has_time_to_come_back, begin, finish),
        cmocka_unit_test_setup_teardown(who_asked_is_told_before_a_crowd, begin, finish),
        cmocka_unit_test_setup_teardown(a_player_is_its_own_persons_alone, begin, finish),
        cmocka_unit_test_setup_teardown(who_hung_up_may_say_so_once, begin, finish),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
