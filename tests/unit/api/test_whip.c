/* tests/unit/api/test_whip.c - /whip: who may publish, what is answered to which offer, and that pictures reach the live input until the publisher ends in whatever way. */
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../webrtc/rtc_source.h"
#include "app/devices.h"
#include "app/whip.h"
#include "kit.h"

enum { TIMEOUT_MS = 60000 };
static struct kit kit;
static struct rtc *rtc;
static char user[1200], token[200], other_token[200], path[100];
static int64_t device;

/* ---- a live input of our own ---- */
struct live_publisher {
    struct live_events events;
    int64_t device_id;
    atomic_int pictures, keys, sounds;
};
static struct live_publisher all[64]; /* never freed: the test may look at one that has just ended */
static int used; /* on the thread of WHIP */
static struct {
    atomic_int open;
    _Atomic(struct live_publisher *) last;
    bool refuses;
} live;

static enum vcr_err live_open(void *arg, struct live_publisher **ret, int64_t device_id, const struct live_events *events, struct vcr_why *why)
{
    if (live.refuses || live.last)
        return vcr_refuse(why, VCR_E_CONFLICT, "/device-busy", "this device is sending already");
    *ret = &all[used++];
    (*ret)->events = *events;
    (*ret)->device_id = device_id;
    device_list_arrived(kit.app, device_id);
    live.last = *ret;
    live.open++;
    return VCR_OK;
}

static void live_take(struct live_publisher *p, const struct packet *packet)
{
    *(packet->track == PACKET_AUDIO ? &p->sounds : &p->pictures) += 1;
    p->keys += packet->track == PACKET_VIDEO && packet->flags & PACKET_KEY;
}

static void live_end(struct live_publisher **p)
{
    live.last = NULL;
    device_list_left(kit.app, (*p)->device_id);
    *p = NULL;
    live.open--;
}

/* ---- the stage ---- */

static int64_t make_device(char *ret_token)
{
    struct answer a = ask(&kit, user, "POST", "/api/v1/devices", "{\"name\":\"D\"}");
    assert_int_equal(a.status, 201);
    int64_t id = int_at(&a, "id");
    strcpy(ret_token, text_at(&a, "device_token"));
    answer_free(&a);
    return id;
}

static int open_all(void **state)
{
    struct vcr_why why;
    kit_api.cors_origins = "https://listed.example";
    kit_open(&kit, NULL);
    if (rtc_open(&rtc, &(struct rtc_config) { .listen = "127.0.0.1:0", .joins_per_s = -1, .offer_ms = 3000, .consent_ms = 1500 }, &why) ||
        whip_open(kit.app, rtc, &(struct whip_sink) { .open = live_open, .packet = live_take, .close = live_end }, &why))
        fail_msg("%s", why.text);
    sign_up(&kit, "user@x.org", user);
    device = make_device(token);
    make_device(other_token);
    snprintf(path, sizeof(path), "/api/v1/whip/%" PRId64, device);
    return 0;
}

static int close_all(void **state)
{
    whip_close(&kit.app->whip);
    rtc_close(&rtc);
    kit_close(&kit);
    return 0;
}

static struct answer call(const char *method, const char *where, const char *bearer, const char *type, const char *more, const char *body)
{
    char headers[600];
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

struct publisher {
    struct rtc_source *source;
    char place[200], etag[80];
};

static void publish(struct publisher *p)
{
    char *offer, type[80], patch[80];
    p->source = rtc_source_open(&(struct rtc_source_options) { 0 }, &offer);
    struct answer a = call("POST", path, token, "application/sdp", NULL, offer);
    if (a.status != 201)
        fail_msg("%d %s", a.status, a.body);
    assert_true(head_value(&a, "Location", p->place, sizeof(p->place)) && head_value(&a, "ETag", p->etag, sizeof(p->etag)));
    assert_true(head_value(&a, "Content-Type", type, sizeof(type)) && head_value(&a, "Accept-Patch", patch, sizeof(patch)));
    assert_string_equal(type, "application/sdp");
    assert_memory_equal(p->place, path, strlen(path));
    assert_true(p->etag[0] == '"' && p->etag[strlen(p->etag) - 1] == '"');
    rtc_client_connect(p->source->c, a.body);
    answer_free(&a);
    free(offer);
}

static bool is_live(void *p) { return ((struct publisher *)p)->source->c->connected; }
static bool has_pictures(void *arg)
{
    struct live_publisher *l = live.last;
    return l && l->pictures >= 3 && l->sounds >= 1 && l->keys == 1;
}
static bool nobody_is_live(void *arg) { return live.open == 0; }
static bool has_pli(void *arg) { return ((struct publisher *)arg)->source->plis > 0; }
#define run(p, done) assert_true(rtc_clients_run(&(p)->source->c, 1, done, p, TIMEOUT_MS))

static void send_some(struct publisher *p)
{
    uint8_t key[] = { 0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x91, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x81, 0, 0, 0, 1, 0x65, 9 }, slice[] = { 0, 0, 0, 1, 0x61, 9 };
    run(p, is_live);
    rtc_source_frame(p->source, key, sizeof(key), 0);
    rtc_source_frame(p->source, slice, sizeof(slice), 3000);
    rtc_source_frame(p->source, slice, sizeof(slice), 6000);
    rtc_source_sound(p->source, slice, sizeof(slice), 0);
    run(p, has_pictures);
}

static bool is_online(void)
{
    char where[80];
    snprintf(where, sizeof(where), "/api/v1/devices/%" PRId64, device);
    struct answer a = ask(&kit, user, "GET", where, NULL);
    bool online = strcmp(text_at(&a, "status"), "online") == 0;
    answer_free(&a);
    return online;
}

/* ---- tests ---- */

static void a_publisher_sends_and_ends(void **state)
{
    struct publisher p, q;
    char *offer;
    publish(&p);
    send_some(&p);
    assert_true(is_online());
    p.source->plis = 0;
    ((struct live_publisher *)live.last)->events.want_key(((struct live_publisher *)live.last)->events.arg);
    run(&p, has_pli);
    q.source = rtc_source_open(&(struct rtc_source_options) { 0 }, &offer);
    struct answer a = call("POST", path, token, "application/sdp", NULL, offer); /* the second on one device */
    assert_int_equal(a.status, 409);
    assert_non_null(strstr(text_at(&a, "type"), "/device-busy"));
    answer_free(&a);
    assert_int_equal(status_of("DELETE", p.place, other_token, NULL, NULL, NULL), 404);
    assert_int_equal(status_of("DELETE", p.place, NULL, NULL, NULL, NULL), 401);
    a = call("DELETE", p.place, token, NULL, NULL, NULL);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.len, 0);
    answer_free(&a);
    assert_true(nobody_is_live(NULL) && !is_online());
    assert_int_equal(status_of("DELETE", p.place, token, NULL, NULL, NULL), 404);
    a = call("POST", path, token, "application/sdp", NULL, offer);
    assert_int_equal(a.status, 201);
    assert_true(head_value(&a, "Location", q.place, sizeof(q.place)));
    answer_free(&a);
    assert_int_equal(status_of("DELETE", q.place, token, NULL, NULL, NULL), 200);
    free(offer);
    rtc_source_close(&p.source);
    rtc_source_close(&q.source);
}

static void publishers_end_by_themselves_and_by_their_device(void **state)
{
    struct publisher p;
    publish(&p); /* hangs up */
    send_some(&p);
    SSL_shutdown(p.source->c->ssl);
    run(&p, nobody_is_live);
    rtc_source_close(&p.source);

    publish(&p); /* falls silent */
    send_some(&p);
    p.source->c->muted = true;
    run(&p, nobody_is_live);
    rtc_source_close(&p.source);

    publish(&p); /* never comes */
    p.source->c->muted = true;
    run(&p, nobody_is_live);
    rtc_source_close(&p.source);

    publish(&p); /* may no more */
    send_some(&p);
    struct live_publisher *l = live.last;
    l->events.drop(l->events.arg, "the device is gone");
    run(&p, nobody_is_live);
    assert_false(is_online());
    rtc_source_close(&p.source);

    publish(&p); /* and one is left for the server's end */
    send_some(&p);
    whip_close(&kit.app->whip);
    assert_int_equal(live.open, 0);
    rtc_source_close(&p.source);
    assert_int_equal(status_of("DELETE", p.place, token, NULL, NULL, NULL), 503);
    struct vcr_why why;
    assert_int_equal(whip_open(kit.app, rtc, &(struct whip_sink) { .open = live_open, .packet = live_take, .close = live_end }, &why), VCR_OK);
}

/* Clients close their connection, and then say that they end. */
static void who_hung_up_may_say_so_once(void **state)
{
    struct publisher first, second, now;
    publish(&first);
    run(&first, is_live);
    SSL_shutdown(first.source->c->ssl);
    run(&first, nobody_is_live);
    assert_int_equal(status_of("GET", first.place, token, NULL, NULL, NULL), 404);
    assert_int_equal(status_of("DELETE", first.place, other_token, NULL, NULL, NULL), 404);
    assert_int_equal(status_of("DELETE", path, token, NULL, NULL, NULL), 405);
    publish(&second); /* falls silent */
    run(&second, is_live);
    second.source->c->muted = true;
    run(&second, nobody_is_live);
    publish(&now);
    run(&now, is_live);
    assert_int_equal(status_of("DELETE", first.place, token, NULL, NULL, NULL), 404); /* the device's last one is remembered */
    assert_int_equal(status_of("PATCH", second.place, token, "application/trickle-ice-sdpfrag", NULL, "x"), 404);
    assert_int_equal(status_of("DELETE", second.place, token, NULL, NULL, NULL), 200);
    assert_int_equal(status_of("DELETE", second.place, token, NULL, NULL, NULL), 404);
    assert_int_equal(status_of("GET", now.place, token, NULL, NULL, NULL), 204); /* none of which was about this one */
    assert_int_equal(status_of("DELETE", now.place, token, NULL, NULL, NULL), 200);
    assert_int_equal(status_of("DELETE", now.place, token, NULL, NULL, NULL), 404);
    rtc_source_close(&first.source);
    rtc_source_close(&second.source);
    rtc_source_close(&now.source);
}

/* RFC 9725 4.1: there is nothing to read, so it is a 2xx without content. */
static void what_is_there_says_so(void **state)
{
    static const char *const methods[] = { "GET", "HEAD" };
    char elsewhere[120], nobody[160];
    struct publisher p;
    publish(&p);
    snprintf(elsewhere, sizeof(elsewhere), "%s0", path);
    snprintf(nobody, sizeof(nobody), "%s/00000000-0000-4000-8000-000000000000", path);
    const struct { const char *where, *bearer; int status; } rows[] = {
        { path, token, 204 }, { path, NULL, 401 }, { path, user, 401 }, { path, other_token, 404 }, { elsewhere, token, 404 },
        { p.place, token, 204 }, { p.place, NULL, 401 }, { p.place, user, 401 }, { p.place, other_token, 404 }, { nobody, token, 404 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(methods); i++) {
        size_t row = i / ARRAY_LEN(methods);
        char origin[20];
        struct answer a = call(methods[i % ARRAY_LEN(methods)], rows[row].where, rows[row].bearer, NULL, NULL, NULL);
        if (a.status != rows[row].status)
            fail_msg("row %zu: %d %s", row, a.status, a.body);
        assert_true(head_value(&a, "Access-Control-Allow-Origin", origin, sizeof(origin)));
        assert_true(a.status != 204 || a.len == 0);
        answer_free(&a);
    }
    assert_int_equal(status_of("DELETE", p.place, token, NULL, NULL, NULL), 200);
    assert_int_equal(status_of("GET", p.place, token, NULL, NULL, NULL), 404);
    assert_int_equal(status_of("GET", path, token, NULL, NULL, NULL), 204);
    rtc_source_close(&p.source);
}

static void who_may_not_and_what_is_no_offer(void **state)
{
    char *offer, elsewhere[120];
    struct rtc_source *s = rtc_source_open(&(struct rtc_source_options) { 0 }, &offer);
    snprintf(elsewhere, sizeof(elsewhere), "%s0", path);
    char *no_h264 = vcr_strdup(offer), *too_long = vcr_alloc(70000);
    memcpy(strstr(no_h264, "H264/90000"), "VP99/90000", 10);
    memset(too_long, 'v', 69999);
    const struct { const char *where, *bearer, *type, *body; int status; } rows[] = {
        { path, NULL, "application/sdp", offer, 401 },        { path, "x", "application/sdp", offer, 401 },       { path, user, "application/sdp", offer, 401 },
        { path, other_token, "application/sdp", offer, 404 }, { elsewhere, token, "application/sdp", offer, 404 }, { "/api/v1/whip/abc", token, "application/sdp", offer, 404 },
        { path, token, "application/json", offer, 415 },      { path, token, NULL, offer, 415 },                  { path, token, "application/sdpx", offer, 415 },
        { path, token, "application/sdp", "hello", 400 },     { path, token, "application/sdp", "", 400 },        { path, token, "application/sdp", no_h264, 422 },
        { path, token, "application/sdp", too_long, 413 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct answer a = call("POST", rows[i].where, rows[i].bearer, rows[i].type, NULL, rows[i].body);
        char origin[20];
        if (a.status != rows[i].status)
            fail_msg("row %zu: %d %s", i, a.status, a.body);
        if (a.status != 413) /* which the core answers */
            assert_true(head_value(&a, "Access-Control-Allow-Origin", origin, sizeof(origin)));
        assert_non_null(a.json);
        answer_free(&a);
    }
    live.refuses = true;
    assert_int_equal(status_of("POST", path, token, "application/sdp", NULL, offer), 409);
    live.refuses = false;
    assert_true(live.open == 0 && !is_online());
    free(too_long);
    free(no_h264);
    free(offer);
    rtc_source_close(&s);
}

static void candidates_trickle_and_nothing_restarts(void **state)
{
    static const char type[] = "application/trickle-ice-sdpfrag";
    struct publisher p;
    char match[120];
    publish(&p);
    char *fragment = vcr_asprintf("a=ice-ufrag:%s\r\na=ice-pwd:%s\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 udp 2 192.0.2.1 61764 typ host\r\n", p.source->c->ufrag,
                                  p.source->c->pwd);
    snprintf(match, sizeof(match), "If-Match: %s\r\n", p.etag);
    assert_int_equal(status_of("PATCH", p.place, token, type, match, fragment), 204);
    assert_int_equal(status_of("PATCH", p.place, token, type, NULL, fragment), 204);
    assert_int_equal(status_of("PATCH", p.place, token, type, "If-Match: \"x\"\r\n", fragment), 412);
    assert_int_equal(status_of("PATCH", p.place, token, "application/sdp", match, fragment), 415);
    assert_int_equal(status_of("PATCH", p.place, token, type, match, "nothing"), 400);
    assert_int_equal(status_of("PATCH", p.place, token, type, match, ""), 400);
    assert_int_equal(status_of("PATCH", p.place, NULL, type, match, fragment), 401);
    assert_int_equal(status_of("PATCH", p.place, other_token, type, match, fragment), 404);
    fragment[12] = fragment[12] == 'x' ? 'y' : 'x';
    assert_int_equal(status_of("PATCH", p.place, token, type, "If-Match: *\r\n", fragment), 422);
    fragment[12] = 'c';
    assert_int_equal(status_of("DELETE", p.place, token, NULL, NULL, NULL), 200);
    assert_int_equal(status_of("PATCH", p.place, token, type, match, fragment), 404);
    free(fragment);
    rtc_source_close(&p.source);
}

static void pages_of_other_origins_may_ask_first(void **state)
{
    char value[200], where[200];
    struct answer a = ask_raw(&kit, "OPTIONS", path, "Origin: https://studio.example.org\r\nAccess-Control-Request-Method: POST\r\n", NULL, 0);
    assert_int_equal(a.status, 204);
    assert_true(head_value(&a, "Accept-Post", value, sizeof(value)) && strcmp(value, "application/sdp") == 0);
    assert_true(head_value(&a, "Access-Control-Allow-Methods", value, sizeof(value)) && strstr(value, "GET, HEAD, POST"));
    assert_true(head_value(&a, "Access-Control-Allow-Headers", value, sizeof(value)) && strstr(value, "Authorization"));
    assert_true(head_value(&a, "Allow", value, sizeof(value)));
    answer_free(&a);
    snprintf(where, sizeof(where), "%s/x", path);
    a = ask_raw(&kit, "OPTIONS", where, NULL, NULL, 0);
    assert_int_equal(a.status, 204);
    assert_true(head_value(&a, "Access-Control-Allow-Methods", value, sizeof(value)) && strstr(value, "PATCH") && strstr(value, "DELETE"));
    answer_free(&a);
}

static int count_of(const char *text, const char *word)
{
    int n = 0;
    for (const char *p = text; (p = strcasestr(p, word)); p++)
        n++;
    return n;
}

/* An origin that the server lists gets its own headers, and no second ones, which a browser would refuse. */
static void a_listed_origin_is_allowed_once(void **state)
{
    static const struct { const char *method, *headers; } rows[] = {
        { "OPTIONS", "Origin: https://listed.example\r\nAccess-Control-Request-Method: POST\r\n" }, { "POST", "Origin: https://listed.example\r\n" },
        { "OPTIONS", "Origin: https://other.example\r\nAccess-Control-Request-Method: POST\r\n" },  { "POST", "Origin: https://other.example\r\n" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct answer a = ask_raw(&kit, rows[i].method, path, rows[i].headers, NULL, 0);
        if (count_of(a.head, "Access-Control-Allow-Origin:") != 1 || count_of(a.head, "Access-Control-Expose-Headers:") > 1 || count_of(a.head, "Access-Control-Allow-Methods:") > 1)
            fail_msg("row %zu: %s", i, a.head);
        answer_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_publisher_sends_and_ends),
        cmocka_unit_test(publishers_end_by_themselves_and_by_their_device),
        cmocka_unit_test(who_hung_up_may_say_so_once),
        cmocka_unit_test(what_is_there_says_so),
        cmocka_unit_test(who_may_not_and_what_is_no_offer),
        cmocka_unit_test(candidates_trickle_and_nothing_restarts),
        cmocka_unit_test(pages_of_other_origins_may_ask_first),
        cmocka_unit_test(a_listed_origin_is_allowed_once),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
