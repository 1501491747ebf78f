/* tests/unit/ingest/test_srt.c - SRT callers as libsrt makes them, good and bad, and what else may come to that port. */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <srt/srt.h>

#include "base/util.h"
#include "deliver/ingest/srt.h"

#define GOOD "correct horse battery"
enum { PACKET_BYTES = 1316, PACKETS = 400, WAIT_S = 60, CALLS_MAX = 2000, JUNK = 3000, LOST_EACH = 17, PATIENCE_MS = 4000 };

struct stage {
    struct srtin *srt;
    /* what wait_for waits for: said with each change */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_int arrived, left;
    atomic_long bytes;
    atomic_bool busy, wrong, enough;
    uint32_t next;     /* number in the packet to come; the reading thread's own */
};
static struct stage stage = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static void said(struct stage *s)
{
    pthread_mutex_lock(&s->lock);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static enum srtin_verdict admit(void *arg, const char *name, int64_t *ret_id, char ret_passphrase[SRTIN_PASSPHRASE_BYTES])
{
    struct stage *s = arg;
    if (strcmp(name, "device-7") != 0)
        return SRTIN_UNKNOWN;
    *ret_id = 7;
    vcr_strcpy(ret_passphrase, SRTIN_PASSPHRASE_BYTES, GOOD);
    return s->busy ? SRTIN_BUSY : SRTIN_TAKE;
}

static bool arrived(void *arg, int64_t id, const char *address, void **ret_own)
{
    struct stage *s = arg;
    *ret_own = s;
    s->next = 0;
    if (id != 7 || strncmp(address, "127.0.0.1:", 10) != 0)
        s->wrong = true;
    s->arrived++;
    said(s);
    return true;
}

static void bytes(void *own, const uint8_t *data, size_t len)
{
    struct stage *s = own;
    for (size_t i = 0; i + 4 <= len; i += PACKET_BYTES)
        if (rd32be(data + i) != s->next++)
            s->wrong = true;
    s->bytes += (long)len;
    said(s);
}

static void left(void *own, const char *reason)
{
    struct stage *s = own;
    s->left++;
    said(s);
}

static int open_stage(void **state)
{
    struct vcr_why why;
    stage.arrived = stage.left = 0;
    stage.bytes = 0;
    stage.busy = stage.wrong = stage.enough = false;
    const struct srtin_config c = { .listen = "127.0.0.1:0", .idle_ms = 20000, .admit = admit, .arrived = arrived, .bytes = bytes, .left = left, .arg = &stage };
    if (srtin_open(&stage.srt, &c, &why) != VCR_OK)
        fail_msg("%s", why.text);
    return 0;
}

static int close_stage(void **state)
{
    srtin_close(&stage.srt);
    assert_int_equal(stage.arrived, stage.left);
    assert_false(stage.wrong);
    return 0;
}

static bool has_arrived(long n) { return stage.arrived >= n; }
static bool has_left(long n) { return stage.left >= n; }
static bool has_bytes(long n) { return stage.bytes >= n; }

static void wait_until(bool (*is)(long n), long n)
{
    struct timespec until;
    int rc = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&stage.lock);
    while (rc == 0 && !is(n))
        rc = pthread_cond_timedwait(&stage.changed, &stage.lock, &until);
    pthread_mutex_unlock(&stage.lock);
    assert_true(is(n));
}

/* The socket, or -1 with the reject reason. */
static SRTSOCKET call_at(int port, int latency_ms, const char *stream_id, const char *passphrase, int *ret_reason)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct linger at_once = { 0 };
    SRTSOCKET s = srt_create_socket();
    srt_setsockflag(s, SRTO_LINGER, &at_once, sizeof(at_once));
    srt_setsockflag(s, SRTO_PEERLATENCY, &latency_ms, sizeof(latency_ms));
    if (stream_id)
        srt_setsockflag(s, SRTO_STREAMID, stream_id, (int)strlen(stream_id));
    if (passphrase)
        srt_setsockflag(s, SRTO_PASSPHRASE, passphrase, (int)strlen(passphrase));
    if (srt_connect(s, (struct sockaddr *)&to, sizeof(to)) != SRT_ERROR)
        return s;
    *ret_reason = srt_getrejectreason(s);
    srt_close(s);
    return SRT_INVALID_SOCK;
}

static SRTSOCKET call(const char *stream_id, const char *passphrase, int *ret_reason) { return call_at(srtin_port(stage.srt), SRT_LIVE_DEF_LATENCY_MS, stream_id, passphrase, ret_reason); }

static SRTSOCKET call_well(const char *stream_id)
{
    int reason = 0;
    SRTSOCKET s = call(stream_id, GOOD, &reason);
    if (s == SRT_INVALID_SOCK)
        fail_msg("%s was refused: %d", stream_id, reason);
    return s;
}

static void send_packets(SRTSOCKET s)
{
    char packet[PACKET_BYTES] = { 0 };
    for (uint32_t i = 0; i < PACKETS; i++) {
        wr32be((uint8_t *)packet, i);
        assert_int_equal(srt_sendmsg(s, packet, sizeof(packet), -1, 1), (int)sizeof(packet));
        usleep(200); /* live sending is paced; all at once would be more than a receiver takes */
    }
    wait_until(has_bytes, (long)PACKETS * PACKET_BYTES);
    assert_int_equal(stage.bytes, (long)PACKETS * PACKET_BYTES);
}

static void every_byte_in_order(void **state)
{
    static const char *const ids[] = { "#!::r=device-7,m=publish", "publish:device-7:me:pass", "%23!::r=device-7,m=publish" };
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        stage.bytes = 0;
        SRTSOCKET s = call_well(ids[i]);
        send_packets(s);
        srt_close(s);
        wait_until(has_left, (int)i + 1);
    }
}

/* A bad road to the listener: of what is sent each LOST_EACH-th datagram of data is lost and the one after it comes late, behind the next; answers come through. */
struct road {
    int near, far;        /* sockets: the caller's end, the listener's */
    struct sockaddr_in caller;
    atomic_int lost;
};

static void *travel(void *arg)
{
    struct road *r = arg;
    uint8_t bytes[2][2048];
    ssize_t kept = 0;
    for (int n = 0; !stage.enough;) {
        struct pollfd ends[] = { { .fd = r->near, .events = POLLIN }, { .fd = r->far, .events = POLLIN } };
        socklen_t len = sizeof(r->caller);
        poll(ends, ARRAY_LEN(ends), 50);
        if (ends[1].revents) {
            ssize_t got = recv(r->far, bytes[0], sizeof(bytes[0]), 0);
            sendto(r->near, bytes[0], (size_t)VCR_MAX(got, 0), 0, (struct sockaddr *)&r->caller, sizeof(r->caller));
        }
        ssize_t got = ends[0].revents ? recvfrom(r->near, bytes[0], sizeof(bytes[0]), 0, (struct sockaddr *)&r->caller, &len) : 0;
        if (got <= 0)
            continue;
        bool data = !(bytes[0][0] & 0x80);
        n += data;
        if (data && n % LOST_EACH == 0) {
            r->lost++;
        } else if (data && n % LOST_EACH == 1 && kept == 0) {
            memcpy(bytes[1], bytes[0], (size_t)got);
            kept = got;
        } else {
            send(r->far, bytes[0], (size_t)got, 0);
            if (kept > 0)
                send(r->far, bytes[1], (size_t)kept, 0);
            kept = 0;
        }
    }
    return NULL;
}

static void what_is_lost_on_the_way_is_sent_again_and_put_in_order(void **state)
{
    static struct road r;
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, to = here;
    r = (struct road){ .near = socket(AF_INET, SOCK_DGRAM, 0), .far = socket(AF_INET, SOCK_DGRAM, 0) };
    socklen_t len = sizeof(here);
    pthread_t thread;
    int reason = 0;
    to.sin_port = htons((uint16_t)srtin_port(stage.srt));
    assert_int_equal(bind(r.near, (struct sockaddr *)&here, sizeof(here)), 0);
    assert_int_equal(connect(r.far, (struct sockaddr *)&to, sizeof(to)), 0);
    getsockname(r.near, (struct sockaddr *)&here, &len);
    pthread_create(&thread, NULL, travel, &r);
    SRTSOCKET s = call_at(ntohs(here.sin_port), PATIENCE_MS /* or a busy machine is too late to send again */, "publish:device-7", GOOD, &reason);
    assert_int_not_equal(s, SRT_INVALID_SOCK);
    send_packets(s);
    assert_true(r.lost > PACKETS / LOST_EACH / 2);
    srt_close(s);
    wait_until(has_left, 1);
    stage.enough = true;
    pthread_join(thread, NULL);
    close(r.near);
    close(r.far);
}

static void who_is_not_taken_is_told_why(void **state)
{
    static const struct { const char *id, *passphrase; int reason; } calls[] = {
        { NULL, GOOD, 2400 }, { "#!::m=publish", GOOD, 2400 }, { "#!::r=device-8,m=publish", GOOD, 2404 }, { "#!::r=device-7,m=request", GOOD, 2405 },
        { "#!::r=device-7,m=publish", "not the passphrase", 1000 + SRT_REJ_BADSECRET }, { "#!::r=device-7,m=publish", NULL, 1000 + SRT_REJ_UNSECURE },
    };
    int reason;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        reason = 0;
        assert_int_equal(call(calls[i].id, calls[i].passphrase, &reason), SRT_INVALID_SOCK);
        assert_int_equal(1000 + reason, calls[i].reason); /* as it is on the wire */
    }
    assert_int_equal(stage.arrived, 0);
    stage.busy = true; /* by another way */
    assert_int_equal(call("publish:device-7", GOOD, &reason), SRT_INVALID_SOCK);
    assert_int_equal(1000 + reason, 2409);
}

/* Sends all the time, until it may not. */
static void *keep_sending(void *arg)
{
    const SRTSOCKET *s = arg;
    char packet[PACKET_BYTES] = { 0 };
    for (uint32_t i = 0; !stage.enough; i++) {
        wr32be((uint8_t *)packet, i);
        if (srt_sendmsg(*s, packet, sizeof(packet), -1, 1) == SRT_ERROR)
            break;
        usleep(5000);
    }
    return NULL;
}

/* Nobody is thrown out while it sends; who is silent gives way, though not to one without the passphrase. */
static void who_comes_back_takes_the_place_of_its_old_connection(void **state)
{
    pthread_t thread;
    int reason = 0;
    SRTSOCKET first = call_well("publish:device-7"), second = SRT_INVALID_SOCK;
    pthread_create(&thread, NULL, keep_sending, &first);
    wait_until(has_bytes, 10 * PACKET_BYTES);
    assert_int_equal(call("publish:device-7", GOOD, &reason), SRT_INVALID_SOCK);
    assert_int_equal(1000 + reason, 2409);
    stage.enough = true;
    pthread_join(thread, NULL);
    for (int i = 0; i < CALLS_MAX && second == SRT_INVALID_SOCK; i++) {
        assert_int_equal(call("publish:device-7", "not the passphrase", &reason), SRT_INVALID_SOCK);
        second = call("publish:device-7", GOOD, &reason);
    }
    assert_int_not_equal(second, SRT_INVALID_SOCK);
    wait_until(has_arrived, 2);
    assert_int_equal(stage.left, 1);
    stage.bytes = 0;
    send_packets(second);
    srt_close(first);
    srt_close(second);
    wait_until(has_left, 2);
}

static void who_goes_and_who_is_sent_away(void **state)
{
    SRTSOCKET s = call_well("publish:device-7");
    wait_until(has_arrived, 1);
    srtin_drop(stage.srt, 8);
    srtin_drop(stage.srt, 7);
    wait_until(has_left, 1);
    srt_close(s);
    s = call_well("publish:device-7"); /* it may come back */
    wait_until(has_arrived, 2);
    for (int i = 0; i < 1000000 && stage.left < 2; i++)
        srtin_drop(stage.srt, 1000 + i); /* more than can be named between two of its turns: everyone is hung up on */
    wait_until(has_left, 2);
    srt_close(s);
    s = call_well("publish:device-7"); /* still there when the listener ends: close_stage */
    wait_until(has_arrived, 3);
}

/* Datagrams of chance, of SRT's shape, and the first half of a handshake, while somebody sends. */
static void *send_junk(void *arg)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)srtin_port(stage.srt)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    uint8_t junk[1500];
    for (int i = 0; i < JUNK; i++) {
        size_t len = (size_t)(vcr_random_u64() % sizeof(junk));
        vcr_random(junk, len);
        if (len >= 64 && i % 2)
            memset(junk, 0, 64), junk[0] = 0x80, junk[1] = (uint8_t)(i % 10), wr32be(junk + 16, 4 + (uint32_t)(i % 2)), wr32be(junk + 36, i % 3 ? 1 : 0xFFFFFFFF);
        sendto(fd, junk, len, 0, (struct sockaddr *)&to, sizeof(to));
        if (i % 16 == 0)
            usleep(500);
    }
    close(fd);
    return NULL;
}

static void junk_on_the_port_harms_nobody(void **state)
{
    pthread_t thread;
    SRTSOCKET s = call_well("publish:device-7");
    pthread_create(&thread, NULL, send_junk, NULL);
    send_packets(s);
    pthread_join(thread, NULL);
    srt_close(s);
    wait_until(has_left, 1);
    assert_int_equal(stage.arrived, 1);
}

static void an_address_that_cannot_be(void **state)
{
    static const char *const bad[] = { "127.0.0.1", "nowhere.invalid:0", "127.0.0.1:x" };
    struct srtin *none = NULL;
    char taken[40];
    struct vcr_why why;
    struct srtin_config c = { .admit = admit, .arrived = arrived, .bytes = bytes, .left = left, .arg = &stage };
    c.listen = taken;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    getsockname(fd, (struct sockaddr *)&at, &len);
    snprintf(taken, sizeof(taken), "127.0.0.1:%d", ntohs(at.sin_port));
    assert_int_not_equal(srtin_open(&none, &c, &why), VCR_OK);
    assert_non_null(strstr(why.text, taken));
    close(fd);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        c.listen = bad[i];
        assert_int_not_equal(srtin_open(&none, &c, &why), VCR_OK);
        assert_null(none);
    }
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, open_stage, close_stage)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_byte_in_order), CASE(what_is_lost_on_the_way_is_sent_again_and_put_in_order), CASE(who_is_not_taken_is_told_why),
        CASE(who_comes_back_takes_the_place_of_its_old_connection), CASE(who_goes_and_who_is_sent_away), CASE(junk_on_the_port_harms_nobody),
        CASE(an_address_that_cannot_be),
    };
    srt_startup();
    srt_setloglevel(LOG_CRIT);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    srt_cleanup();
    return failed;
}
