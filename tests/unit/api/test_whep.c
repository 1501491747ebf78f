/* tests/unit/api/test_whep.c - /whep: who may watch by it, what is answered to which offer, and whose viewer it is then. Sessions are stand-ins; that pictures come is
 * tests/unit/webrtc/test_play.c's and tests/e2e/whep.test.mjs's matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "fake_sessions.h"
#include "kit.h"

#define SDP "application/sdp"
#define FRAGMENT "application/trickle-ice-sdpfrag"
#define PRINT "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99"
#define CREDENTIALS "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijkl\r\n"
static const char offer[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n" CREDENTIALS "a=fingerprint:sha-256 " PRINT "\r\na=setup:actpass\r\n"
                            "m=video 9 UDP/TLS/RTP/SAVPF 102\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1\r\n";
static const char fragment[] = CREDENTIALS "m=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 udp 2 192.0.2.1 61764 typ host\r\n";

static struct kit kit;
static char admin[1200], owner[1200], stranger[1200], path[120], id[VCR_UUID_BYTES];

static void with_sessions(struct app_config *c) { c->sessions = fake_sessions(); }

static int open_all(void **state)
{
    kit_api.cors_origins = "https://listed.example";
    kit_open(&kit, with_sessions);
    sign_up(&kit, "admin@x.org", admin);
    sign_up(&kit, "owner@x.org", owner);
    sign_up(&kit, "stranger@x.org", stranger);
    struct answer a = ask(&kit, owner, "POST", "/api/v1/sessions", "{\"type\":\"emulation\"}");
    assert_int_equal(a.status, 201);
    vcr_strcpy(id, sizeof(id), text_at(&a, "id"));
    answer_free(&a);
    snprintf(path, sizeof(path), "/api/v1/whep/%s", id);
    return 0;
}

static int close_all(void **state)
{
    kit_close(&kit);
    return 0;
}

static struct answer call(const char *method, const char *where, const char *bearer, const char *type, const char *more, const char *body)
{
    char headers[1600];
    snprintf(headers, sizeof(headers), "%s%s%s%s%s%s%s", bearer ? "Authorization: Bearer " : "", bearer ? bearer : "", bearer ? "\r\n" : "", type ? "Content-Type: " : "", type ? type : "",
             type ? "\r\n" : "", more ? more : "");
    return ask_raw(&kit, method, where, headers, body, body ? strlen(body) : 0);
}

static int status_of(const char *method, const char *where, const char *bearer, const char *type, const char *more, const char *body)
{
    struct answer a = call(method, where, bearer, type, more, body);
    int status = a.status;
    answer_free(&a);
    return status;
}

static void watch(const char *bearer, char place[200], char etag[80])
{
    char type[80], patch[80];
    struct answer a = call("POST", path, bearer, SDP, NULL, offer);
    if (a.status != 201)
        fail_msg("%d %s", a.status, a.body);
    assert_true(head_value(&a, "Location", place, 200) && head_value(&a, "ETag", etag, 80));
    assert_true(head_value(&a, "Content-Type", type, sizeof(type)) && head_value(&a, "Accept-Patch", patch, sizeof(patch)));
    assert_string_equal(type, SDP);
    assert_string_equal(patch, FRAGMENT);
    assert_memory_equal(a.body, "v=0", 3);
    assert_memory_equal(place, path, strlen(path));
    answer_free(&a);
}

static void who_may_not_and_what_is_no_offer(void **state)
{
    char elsewhere[120], *too_long = vcr_alloc(70000), *no_h264 = vcr_strdup(offer), *no_mux = vcr_strdup(offer);
    snprintf(elsewhere, sizeof(elsewhere), "/api/v1/whep/%s", "00000000-0000-4000-8000-000000000000");
    memset(too_long, 'v', 69999);
    memcpy(strstr(no_h264, "H264/90000"), "VP99/90000", 10);
    memcpy(strstr(no_mux, "rtcp-mux"), "rtcp-mix", 8);
    const struct { const char *where, *bearer, *type, *body; int status; const char *says; } rows[] = {
        { path, NULL, SDP, offer, 401, "" },          { path, "x", SDP, offer, 401, "" },           { path, stranger, SDP, offer, 404, "" },      { elsewhere, owner, SDP, offer, 404, "" },
        { "/api/v1/whep/7", owner, SDP, offer, 404, "" }, { path, owner, "application/json", offer, 415, SDP }, { path, owner, NULL, offer, 415, SDP }, { path, owner, SDP, "hello", 400, "" },
        { path, owner, SDP, "", 400, "" },            { path, owner, SDP, no_h264, 406, "H.264" },  { path, owner, SDP, no_mux, 422, "rtcp-mux" }, { path, owner, SDP, too_long, 413, "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct answer a = call("POST", rows[i].where, rows[i].bearer, rows[i].type, NULL, rows[i].body);
        char origin[20];
        if (a.status != rows[i].status || !strstr(a.body, rows[i].says))
            fail_msg("row %zu: %d %s", i, a.status, a.body);
        if (a.status != 413) /* which the core answers */
            assert_true(head_value(&a, "Access-Control-Allow-Origin", origin, sizeof(origin)) && strcmp(origin, "*") == 0);
        assert_non_null(a.json);
        answer_free(&a);
    }
    fake_crowded = true;
    struct answer a = call("POST", path, owner, SDP, NULL, offer);
    char again[20];
    assert_true(a.status == 503 && head_value(&a, "Retry-After", again, sizeof(again)));
    answer_free(&a);
    fake_crowded = false;
    free(too_long);
    free(no_h264);
    free(no_mux);
}

static void a_viewer_comes_trickles_and_ends(void **state)
{
    char place[200], etag[80], match[120], none[200];
    watch(owner, place, etag);
    snprintf(match, sizeof(match), "If-Match: %s\r\n", etag);
    snprintf(none, sizeof(none), "%s/00000000-0000-4000-8000-000000000000", path);
    char *restart = vcr_strdup(fragment);
    restart[12] = 'x';
    const struct { const char *method, *where, *bearer, *type, *more, *body; int status; } rows[] = {
        { "GET", path, owner, NULL, NULL, NULL, 204 },           { "GET", path, stranger, NULL, NULL, NULL, 404 },       { "GET", place, owner, NULL, NULL, NULL, 204 },
        { "GET", place, admin, NULL, NULL, NULL, 404 },          { "HEAD", place, owner, NULL, NULL, NULL, 204 },        { "GET", none, owner, NULL, NULL, NULL, 404 },
        { "PATCH", place, owner, FRAGMENT, match, fragment, 204 }, { "PATCH", place, owner, FRAGMENT, NULL, fragment, 204 }, { "PATCH", place, owner, FRAGMENT, "If-Match: \"x\"\r\n", fragment, 412 },
        { "PATCH", place, owner, SDP, match, fragment, 415 },    { "PATCH", place, owner, FRAGMENT, match, "nothing", 400 }, { "PATCH", place, NULL, FRAGMENT, match, fragment, 401 },
        { "PATCH", place, admin, FRAGMENT, match, fragment, 404 }, { "PATCH", none, owner, FRAGMENT, NULL, fragment, 404 }, { "PATCH", place, owner, FRAGMENT, "If-Match: *\r\n", restart, 422 },
        { "DELETE", place, NULL, NULL, NULL, NULL, 401 },        { "DELETE", place, stranger, NULL, NULL, NULL, 404 },   { "DELETE", place, admin, NULL, NULL, NULL, 404 }, /* who sees the session all the same */
        { "POST", place, owner, SDP, NULL, offer, 405 },         { "DELETE", place, owner, NULL, NULL, NULL, 200 },      { "DELETE", place, owner, NULL, NULL, NULL, 404 },
        { "PATCH", place, owner, FRAGMENT, match, fragment, 404 }, { "GET", place, owner, NULL, NULL, NULL, 404 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int status = status_of(rows[i].method, rows[i].where, rows[i].bearer, rows[i].type, rows[i].more, rows[i].body);
        if (status != rows[i].status)
            fail_msg("row %zu, %s: %d", i, rows[i].method, status);
    }
    watch(admin, place, etag); /* who sees it, by right of an admin */
    assert_int_equal(status_of("DELETE", place, owner, NULL, NULL, NULL), 404);
    assert_int_equal(status_of("DELETE", place, admin, NULL, NULL, NULL), 200);
    free(restart);
}

static int count_of(const char *text, const char *word)
{
    int n = 0;
    for (const char *p = text; (p = strcasestr(p, word)); p++)
        n++;
    return n;
}

static void pages_of_other_origins_may_ask_first(void **state)
{
    char value[200], where[200];
    struct answer a = ask_raw(&kit, "OPTIONS", path, "Origin: https://player.example.org\r\nAccess-Control-Request-Method: POST\r\n", NULL, 0);
    assert_int_equal(a.status, 204);
    assert_true(head_value(&a, "Accept-Post", value, sizeof(value)) && strcmp(value, SDP) == 0);
    assert_true(head_value(&a, "Access-Control-Allow-Methods", value, sizeof(value)) && strstr(value, "POST"));
    assert_true(head_value(&a, "Access-Control-Allow-Headers", value, sizeof(value)) && strstr(value, "Authorization"));
    answer_free(&a);
    snprintf(where, sizeof(where), "%s/x", path);
    a = ask_raw(&kit, "OPTIONS", where, NULL, NULL, 0);
    assert_true(head_value(&a, "Access-Control-Allow-Methods", value, sizeof(value)) && strstr(value, "PATCH") && strstr(value, "DELETE"));
    assert_true(head_value(&a, "Accept-Patch", value, sizeof(value)) && strcmp(value, FRAGMENT) == 0);
    answer_free(&a);
    for (int i = 0; i < 2; i++) { /* a listed one is allowed once */
        a = ask_raw(&kit, i ? "POST" : "OPTIONS", path, "Origin: https://listed.example\r\nAccess-Control-Request-Method: POST\r\n", NULL, 0);
        if (count_of(a.head, "Access-Control-Allow-Origin:") != 1 || count_of(a.head, "Access-Control-Expose-Headers:") > 1)
            fail_msg("%s", a.head);
        answer_free(&a);
    }
}

static void it_ends_with_its_session(void **state)
{
    char place[200], etag[80], where[120];
    watch(owner, place, etag);
    snprintf(where, sizeof(where), "/api/v1/sessions/%s", id);
    assert_int_equal(status_of("DELETE", where, owner, NULL, NULL, NULL), 204);
    kit_sql(&kit, "UPDATE sessions SET status = 'ended', ended_at = 1 WHERE id = '%s'", id); /* as the session itself would say */
    assert_int_equal(status_of("POST", path, owner, SDP, NULL, offer), 409);
    assert_int_equal(status_of("GET", path, owner, NULL, NULL, NULL), 409);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_may_not_and_what_is_no_offer),
        cmocka_unit_test(a_viewer_comes_trickles_and_ends),
        cmocka_unit_test(pages_of_other_origins_may_ask_first),
        cmocka_unit_test(it_ends_with_its_session),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
