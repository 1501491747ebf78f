/* tests/unit/session/fake_rtc.c - see fake_rtc.h. */
#include "fake_rtc.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/util.h"

enum { STREAMS_MAX = 1024 };

struct rtc_stream {
    struct rtc_events events;
    bool open;
    int packets;
    char last[128];
    uint8_t flags;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the streams; held during call-backs, so a closed stream gets none */
static struct rtc_stream *streams[STREAMS_MAX];
static int stream_count;

static pthread_mutex_t wait_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wait_cond = PTHREAD_COND_INITIALIZER;
static uint64_t generation;

void fake_changed(void)
{
    pthread_mutex_lock(&wait_lock);
    generation++;
    pthread_cond_broadcast(&wait_cond);
    pthread_mutex_unlock(&wait_lock);
}

bool fake_wait(bool (*is)(void *arg), void *arg)
{
    int64_t until = clock_mono_us() + 60000000;
    for (;;) {
        pthread_mutex_lock(&wait_lock);
        uint64_t seen = generation;
        pthread_mutex_unlock(&wait_lock);
        if (is(arg))
            return true;
        if (clock_mono_us() > until)
            return false;
        struct timespec ts;
        clock_gettime(CLOCK_REALTIME, &ts);
        ts.tv_nsec += 50000000; /* what is not announced is seen a little later */
        ts.tv_sec += ts.tv_nsec / 1000000000;
        ts.tv_nsec %= 1000000000;
        pthread_mutex_lock(&wait_lock);
        if (generation == seen)
            pthread_cond_timedwait(&wait_cond, &wait_lock, &ts);
        pthread_mutex_unlock(&wait_lock);
    }
}

enum vcr_err rtc_stream_open(struct rtc *r, struct rtc_stream **ret, const struct rtc_events *events, struct vcr_why *why)
{
    struct rtc_stream *s = vcr_alloc(sizeof(*s));
    s->events = *events;
    s->open = true;
    pthread_mutex_lock(&lock);
    streams[stream_count++ % STREAMS_MAX] = s;
    pthread_mutex_unlock(&lock);
    *ret = s;
    return VCR_OK;
}

void rtc_stream_close(struct rtc_stream **s)
{
    pthread_mutex_lock(&lock);
    (*s)->open = false; /* the memory is kept for the test to look at, until fake_rtc_reset */
    pthread_mutex_unlock(&lock);
    *s = NULL;
    fake_changed();
}

void rtc_stream_send(struct rtc_stream *s, const struct packet *p)
{
    pthread_mutex_lock(&lock);
    s->packets++;
    s->flags = p->flags;
    size_t n = VCR_MIN(p->len, sizeof(s->last) - 1);
    memcpy(s->last, p->data, n);
    s->last[n] = 0;
    pthread_mutex_unlock(&lock);
    fake_changed();
}

enum vcr_err rtc_offer(struct rtc_stream *s, char ret_peer_id[VCR_UUID_BYTES], char **ret_sdp, struct vcr_why *why)
{
    vcr_uuid7(ret_peer_id);
    *ret_sdp = vcr_strdup("v=0 offer");
    return VCR_OK;
}

void rtc_viewer_close(struct rtc_stream *s, const char *peer_id) { s->events.viewer_gone(s->events.arg, peer_id, "closed by the server"); }

enum vcr_err rtc_answer(struct rtc_stream *s, const char *peer_id, const char *sdp, struct vcr_why *why)
{
    return strcmp(sdp, "v=0 answer") == 0 ? VCR_OK : vcr_fail(why, VCR_E_INVALID, "This SDP cannot work.");
}

/* The one who offered last: any fragment but "nothing" is its own. */
static char player[VCR_UUID_BYTES];

enum vcr_err rtc_view(struct rtc_stream *s, const char *offer, size_t len, char ret_peer_id[VCR_UUID_BYTES], char **ret_answer, struct vcr_why *why)
{
    if (len != 9 || memcmp(offer, "v=0 offer", 9) != 0)
        return vcr_fail(why, VCR_E_UNACCEPTABLE, "This offer takes nothing.");
    vcr_uuid7(ret_peer_id);
    memcpy(player, ret_peer_id, sizeof(player));
    *ret_answer = vcr_strdup("v=0 answer");
    return VCR_OK;
}

static enum vcr_err need_player(const char *peer_id, struct vcr_why *why)
{
    return strcmp(player, peer_id) == 0 ? VCR_OK : vcr_fail(why, VCR_E_NOT_FOUND, "There is no such player.");
}

enum vcr_err rtc_view_trickle(struct rtc_stream *s, const char *peer_id, const char *fragment, size_t len, struct vcr_why *why)
{
    enum vcr_err err = need_player(peer_id, why);
    return err || !fragment || memcmp(fragment, "nothing", VCR_MIN(len, (size_t)7)) != 0 ? err : vcr_fail(why, VCR_E_MALFORMED, "This is no fragment.");
}

enum vcr_err rtc_view_end(struct rtc_stream *s, const char *peer_id, struct vcr_why *why)
{
    enum vcr_err err = need_player(peer_id, why);
    pthread_mutex_lock(&lock);
    if (!err && s->open)
        s->events.viewer_gone(s->events.arg, peer_id, "ended by its client");
    player[0] = '\0';
    pthread_mutex_unlock(&lock);
    return err;
}

int rtc_viewers(struct rtc_stream *s, struct rtc_viewer_stats *out, int max) { return 0; }

int fake_streams(void)
{
    pthread_mutex_lock(&lock);
    int n = stream_count;
    pthread_mutex_unlock(&lock);
    return n;
}

int fake_last_packet(int n, char out[128], uint8_t *ret_flags)
{
    pthread_mutex_lock(&lock);
    int packets = n < stream_count ? streams[n]->packets : 0;
    memcpy(out, n < stream_count ? streams[n]->last : "", n < stream_count ? 128 : 1);
    if (ret_flags)
        *ret_flags = n < stream_count ? streams[n]->flags : 0;
    pthread_mutex_unlock(&lock);
    return packets;
}

enum call { CALL_UP, CALL_GONE, CALL_KEY };

static bool call(int n, enum call what, const char *peer_id)
{
    pthread_mutex_lock(&lock);
    struct rtc_stream *s = streams[n];
    bool open = s->open;
    if (open && what == CALL_UP)
        s->events.viewer_up(s->events.arg, peer_id);
    else if (open && what == CALL_GONE)
        s->events.viewer_gone(s->events.arg, peer_id, "left");
    else if (open)
        s->events.want_key(s->events.arg);
    pthread_mutex_unlock(&lock);
    return open;
}

bool fake_viewer_up(int n, const char *peer_id) { return call(n, CALL_UP, peer_id); }
bool fake_viewer_gone(int n, const char *peer_id) { return call(n, CALL_GONE, peer_id); }
bool fake_want_key(int n) { return call(n, CALL_KEY, ""); }

bool fake_rate(int n, int64_t bps)
{
    pthread_mutex_lock(&lock);
    struct rtc_stream *s = streams[n];
    bool open = s->open;
    if (open)
        s->events.rate(s->events.arg, bps);
    pthread_mutex_unlock(&lock);
    return open;
}

void fake_rtc_reset(void)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < stream_count; i++)
        free(streams[i]);
    stream_count = 0;
    pthread_mutex_unlock(&lock);
}
