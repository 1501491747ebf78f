/* tests/unit/render/reel_make.h - a writer's configuration out of the first packet of an encoder, for tests and benches that make their own reels. */
#pragma once
#include <string.h>

#include "base/packet.h"
#include "media/reel.h"
#include "wire/fmp4.h"

/* avcC from the SPS and PPS before an IDR. */
static inline bool reel_make_avcc(struct reel_format *f, const struct packet *key)
{
    const uint8_t *nal, *set[2] = { NULL, NULL };
    size_t at = 0, len, set_len[2] = { 0, 0 };
    while (fmp4_next_nal(key->data, key->len, &at, &nal, &len)) {
        int kind = len > 0 ? nal[0] & 31 : 0;
        if (kind != 7 && kind != 8)
            continue;
        set[kind - 7] = nal;
        set_len[kind - 7] = len;
    }
    return set[0] && set[1] && fmp4_make_avcc(f->config, sizeof(f->config), &f->config_len, set[0], set_len[0], set[1], set_len[1]);
}

/* dOps: stereo, no pre-skip, 48 kHz. */
static inline void reel_make_dops(struct reel_format *f)
{
    static const uint8_t dops[] = { 0, 2, 0, 0, 0, 0, 0xbb, 0x80, 0, 0, 0 };
    memcpy(f->config, dops, sizeof(dops));
    f->config_len = sizeof(dops);
}
