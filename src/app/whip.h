/* app/whip.h - publishers by WHIP (RFC 9725): what connects a device's WebRTC connection with its live picture.
 *
 * A publisher is a resource with an id: made by an offer, ended by its client (DELETE), by its connection's end, or because its device may not send any more. One a device.
 * Threads  whip_publish, whip_trickle and whip_end from any loop's thread; the answer comes on the loop given. Everything is done on a thread of its own ("whip"), which may wait for the
 *          media loop and the WebRTC sender; neither ever waits for it.
 * Bounds   as many as deliver/webrtc/publish.h takes; of those that hung up the last one of each of 64 devices is remembered. */
#pragma once
#include "app/app.h"
#include "deliver/webrtc/publish.h"
#include "session/live.h"

struct whip;

/* Where the pictures go: session/live.h (which also tells the list of devices who is sending), or a test's own. */
struct whip_sink {
    enum vcr_err (*open)(void *arg, struct live_publisher **ret, int64_t device_id, const struct live_events *events, struct vcr_why *why);
    void (*packet)(struct live_publisher *p, const struct packet *packet);
    void (*close)(struct live_publisher **p);
    void *arg;
};
/* Fills a->whip. rtc and what the sink leads to must outlive it. */
enum vcr_err whip_open(struct app *a, struct rtc *rtc, const struct whip_sink *sink, struct vcr_why *why);
/* Ends all publishers; no answer comes after it. Before the sessions are closed. NULL is fine. */
void whip_close(struct whip **w);

struct whip_reply {
    enum vcr_err err;
    struct vcr_why why;
    char id[VCR_UUID_BYTES];
    const char *answer; /* SDP, of publish */
};
typedef void (*whip_done)(void *arg, const struct whip_reply *reply); /* reply is valid during the call */

/* text is copied. MALFORMED, INVALID: the offer. CONFLICT "/device-busy": the device is sending already. BUSY: too many. */
void whip_publish(struct whip *w, int64_t device_id, const char *text, size_t len, struct loop *loop, whip_done done, void *arg);
/* NOT_FOUND: no such publisher of that device, or it has ended. MALFORMED, INVALID "/no-ice-restart". text NULL: only whether it is there. */
void whip_trickle(struct whip *w, int64_t device_id, const char *id, const char *text, size_t len, struct loop *loop, whip_done done, void *arg);
/* NOT_FOUND as above, but the end of one that has hung up by itself is well once. */
void whip_end(struct whip *w, int64_t device_id, const char *id, struct loop *loop, whip_done done, void *arg);
