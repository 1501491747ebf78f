/* deliver/ingest/srt.h - takes MPEG-TS from SRT callers (OBS, ffmpeg, hardware encoders) on one UDP port.
 *
 * Who calls is said by the stream id (wire/srtid.h) and proved by the passphrase, which is asked of the owner during the handshake; without encryption nobody gets in. A caller that
 * is not taken is told why by a reject code: 2400 no or an odd stream id, 2404 unknown, 2405 not publishing, 2409 the name has a publisher that sends, 1010 a wrong
 * passphrase, 1011 none. A caller of whom nothing came for a second gives way to one who has the passphrase, too.
 * Threads  libsrt has its own; one more here reads every caller. `admit` comes on libsrt's, the others on that one; none may block. srtin_drop: any thread.
 * Bounds   peers_max callers, RECEIVE_BYTES of each waiting in libsrt. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"

struct srtin;
enum srtin_verdict { SRTIN_TAKE, SRTIN_UNKNOWN, SRTIN_BUSY };
enum { SRTIN_PASSPHRASE_BYTES = 80 };
struct srtin_config {
    const char *listen;  /* "127.0.0.1:8190", "[::]:8190"; port 0 takes a free one */
    int peers_max;       /* 0: 64 */
    int idle_ms;         /* 0: 5000; a caller that says nothing for so long is gone */
    /* BUSY: somebody sends by another way; callers here are known here. */
    enum srtin_verdict (*admit)(void *arg, const char *name, int64_t *ret_id, char ret_passphrase[SRTIN_PASSPHRASE_BYTES]);
    /* A caller is through; *ret_own is given back with its bytes. False: it is not taken after all. address: "192.0.2.1:5000", during the call. */
    bool (*arrived)(void *arg, int64_t id, const char *address, void **ret_own);
    void (*bytes)(void *own, const uint8_t *bytes, size_t len);
    void (*left)(void *own, const char *reason);
    void *arg;
};
enum vcr_err srtin_open(struct srtin **ret, const struct srtin_config *config, struct vcr_why *why);
/* Everyone leaves first. NULL is fine. */
void srtin_close(struct srtin **s);
int srtin_port(const struct srtin *s);
/* The caller of that id is hung up on, soon. */
void srtin_drop(struct srtin *s, int64_t id);
