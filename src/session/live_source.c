/* session/live_source.c - a device that somebody watches: its vcr-ingest, and its packets to every streaming session on it. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "session/live_internal.h"

enum { RESTART_MS = 500 };
static const int64_t still_us = 2000000;      /* without a packet of the picture: it has stopped */
static const int64_t silence_us = 15000000;   /* bytes go in and nothing comes out: another life may do better */
static const int64_t short_life_us = 5000000;
const enum programme_track live_tracks[LIVE_TRACKS] = { [LIVE_VIDEO] = PROGRAMME_VIDEO, [LIVE_OPUS] = PROGRAMME_OPUS, [LIVE_AAC] = PROGRAMME_AAC };

struct live_source *live_source_find(struct sessions *s, int64_t device_id)
{
    struct live_source *src = s->sources;
    while (src && src->device_id != device_id)
        src = src->next;
    return src;
}

static void set_playing(struct live_source *src, bool playing)
{
    if (src->playing == playing)
        return;
    src->playing = playing;
    for (struct session *x = src->watchers; x; x = x->live_next)
        if (x->live.is)
            live_session_playing(x, playing);
}

static void start(struct live_source *src)
{
    int fd = -1;
    if (src->run || !src->publisher || src->closing || src->owner->closing)
        return;
    src->run = live_run_start(src, src->publisher->kind, &fd);
    src->heard_us = clock_mono_us();
    if (!src->run)
        return;
    live_publisher_connect(src->publisher, fd);
    live_publisher_want_key(src->publisher);
}

static void stop(struct live_source *src)
{
    if (src->publisher)
        live_publisher_connect(src->publisher, -1);
    if (src->run)
        live_run_leave(src->run);
    src->run = NULL;
    memset(src->has_format, 0, sizeof(src->has_format));
}

static void on_restart(uv_timer_t *t) { start(t->data); }

void live_source_run_ended(struct live_source *src, int64_t lived_us)
{
    src->run = NULL;
    memset(src->has_format, 0, sizeof(src->has_format));
    if (src->publisher) {
        live_publisher_connect(src->publisher, -1);
        uv_timer_start(&src->restart, on_restart, lived_us < short_life_us ? RESTART_MS : 0, 0);
    }
}

void live_source_publisher(struct live_source *src, struct live_publisher *p)
{
    if (src->publisher == p) {
        live_publisher_unref(p);
        return;
    }
    stop(src);
    live_publisher_unref(src->publisher);
    src->publisher = p;
    for (struct session *x = src->watchers; x; x = x->live_next)
        watch_publish(x);
    start(src);
}

struct live_source *live_source_join(struct sessions *s, int64_t device_id, struct session *x)
{
    struct live_source *src = live_source_find(s, device_id);
    bool fresh = !src;
    if (fresh) {
        src = vcr_alloc(sizeof(*src));
        src->owner = s;
        src->device_id = device_id;
        uv_timer_init(loop_uv(s->loop), &src->restart);
        src->restart.data = src;
        sessions_handle_opened(s);
        src->next = s->sources;
        s->sources = src;
    }
    x->live_next = src->watchers;
    src->watchers = x;
    if (fresh) {
        src->publisher = live_publisher_find(s, device_id);
        start(src);
    }
    return src;
}

static void source_closed(uv_handle_t *h)
{
    struct live_source *src = h->data;
    sessions_handle_closed(src->owner);
    free(src);
}

void live_source_leave(struct session *x)
{
    struct live_source *src = x->live.source;
    for (struct session **at = &src->watchers; *at; at = &(*at)->live_next) {
        if (*at != x)
            continue;
        *at = x->live_next;
        break;
    }
    x->live.source = NULL;
    if (src->watchers)
        return;
    src->closing = true;
    stop(src);
    live_publisher_unref(src->publisher);
    src->publisher = NULL;
    for (struct live_source **at = &src->owner->sources; *at; at = &(*at)->next) {
        if (*at != src)
            continue;
        *at = src->next;
        break;
    }
    uv_close((uv_handle_t *)&src->restart, source_closed);
}

void live_source_want_key(struct live_source *src)
{
    if (src->run)
        live_run_key(src->run);
    if (src->publisher)
        live_publisher_want_key(src->publisher);
}

void live_source_format(struct live_source *src, unsigned track, const struct live_format *f)
{
    src->formats[track] = *f;
    src->has_format[track] = true;
}

void live_source_packet(struct live_source *src, unsigned track, const struct packet *p)
{
    src->heard_us = clock_mono_us();
    if (!src->has_format[track])
        return;
    if (track == LIVE_VIDEO) {
        src->picture_us = src->heard_us;
        if (!src->playing && p->flags & PACKET_KEY)
            set_playing(src, true);
    }
    for (struct session *x = src->watchers, *next; x && src->playing; x = next) {
        next = x->live_next;
        if (x->live.is)
            live_session_packet(x, track, p);
        else
            input_packet(x, live_tracks[track], p);
    }
}

static void look_after(struct live_source *src, int64_t now_us)
{
    uint64_t bytes = src->publisher ? live_publisher_bytes(src->publisher) : 0;
    if (src->playing && now_us - src->picture_us > still_us)
        set_playing(src, false);
    if (bytes == src->bytes_seen)
        src->heard_us = now_us; /* nothing goes in, so nothing can come out */
    src->bytes_seen = bytes;
    if (src->run && now_us - src->heard_us > silence_us) {
        src->heard_us = now_us;
        live_run_kill(src->run, "nothing comes out of what it is given");
    }
}

void live_source_second(struct sessions *s)
{
    int64_t now_us = clock_mono_us();
    for (struct live_source *src = s->sources; src; src = src->next)
        look_after(src, now_us);
}
