/* session/live.h - live pictures: what a device sends (MPEG-TS by SRT, or whole access units by WHIP) on its way to the streaming sessions that watch it.
 *
 * A publisher is one connection of a device that sends. What it sends goes through a pipe into a sandboxed vcr-ingest --live, which runs while at least one streaming
 * session is open on the device; H.264, Opus and AAC packets come back and go to every such session. Without a session the bytes are dropped here.
 * Threads  live_publish, live_unpublish, live_drop: any. live_ts and live_packet of one publisher: one thread at a time, any; they copy and never block.
 *          Events come on the media loop and must not block; after live_unpublish has returned none comes.
 * Bounds   one publisher a device; what vcr-ingest does not take waits up to 4 MiB, what comes then is left out. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/packet.h"
#include "session/session.h"

enum live_kind { LIVE_TS, LIVE_PACKETS /* H.264 access units with parameter sets before each key frame, and Opus */ };
struct live_publisher;
struct live_events {
    void (*want_key)(void *arg);                  /* may be NULL */
    void (*drop)(void *arg, const char *reason);  /* it may send no more (its device is gone): close the connection, then live_unpublish as ever */
    void *arg;
};
/* CONFLICT "/device-busy": the device has a publisher already. */
enum vcr_err live_publish(struct sessions *s, struct live_publisher **ret, int64_t device_id, enum live_kind kind, const struct live_events *events, struct vcr_why *why);
void live_ts(struct live_publisher *p, const uint8_t *bytes, size_t len);
/* pts_us on the common monotonic clock; PACKET_DISCONT: something before it is missing. */
void live_packet(struct live_publisher *p, const struct packet *packet);
/* It sends no more. NULL is fine, sets *p = NULL. */
void live_unpublish(struct live_publisher **p);

/* Whether a publisher sends for this device now. */
bool live_is_online(struct sessions *s, int64_t device_id);
/* The same, in this way. */
bool live_sends(struct sessions *s, int64_t device_id, enum live_kind kind);
/* The device is gone (end_sessions), or may not send any more: its publisher is told to end, and its sessions end, too. */
void live_drop(struct sessions *s, int64_t device_id, const char *reason, bool end_sessions);
