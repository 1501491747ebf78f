/* tests/unit/media/live_kit.h - vcr-ingest --live fed with a file, and what came out of it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/live_msg.h"

enum { LIVE_PACKETS_MAX = 20000, LIVE_FORMATS_MAX = 16 };
struct live_kit_packet { uint8_t flags; int64_t pts_us, duration_us; size_t at, len; };
struct live_kit {
    struct live_format formats[LIVE_TRACKS][LIVE_FORMATS_MAX];
    int format_count[LIVE_TRACKS];
    struct live_kit_packet *packets[LIVE_TRACKS];
    int count[LIVE_TRACKS];
    uint8_t *bytes;          /* of all packets */
    size_t len;
    char notes[4096];
    int status;              /* of the process: 0 when it ended well */
    int64_t began_us;        /* the clock when it was started */
};
/* Feeds all of a file of the kit's folder, then ends; kind: "ts" or "packets". */
void live_kit_run(struct live_kit *k, const char *kind, const char *file);
void live_kit_free(struct live_kit *k);
/* Of a track in the middle: seconds from the first packet to the last. */
double live_kit_seconds(const struct live_kit *k, int track);
