/* tests/unit/session/fake_rtc.h - a sender without a network: keeps what it is given to send, and viewers come and go as a test says. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "deliver/webrtc/rtc.h"

/* Both from any thread. Something happened somewhere: those who wait look again. */
void fake_changed(void);
/* Waits until is(arg) is true, at most 30 s; false: it did not come. */
bool fake_wait(bool (*is)(void *arg), void *arg);

int fake_streams(void);
/* The last packet sent on the n-th stream ever opened, as text; returns how many were sent. */
int fake_last_packet(int n, char out[128], uint8_t *ret_flags);
/* These come on the calling thread, as the sender's would; false: the stream is closed. */
bool fake_viewer_up(int n, const char *peer_id);
bool fake_viewer_gone(int n, const char *peer_id);
bool fake_want_key(int n);
bool fake_rate(int n, int64_t bps);
void fake_rtc_reset(void);
