/* tests/unit/session/fake_live.c - in vcr-ingest's place: `--live ts`. Each byte it reads is an order: V a key frame, W one of 1 MiB whose
 * parameter sets are real, A sound, F a format that cannot be, B a record that makes no sense, D die. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/packet.h"
#include "base/ring.h"
#include "wire/live_msg.h"

static struct ring *ring;

static void put(struct live_record head, const void *body, size_t len)
{
    uint64_t one = 1;
    head.len = (uint32_t)len;
    if (ring_write(ring, &head, sizeof(head), body, len, NULL) == VCR_OK && write(LIVE_FD_WAKE, &one, sizeof(one)) < 0)
        _exit(1);
}

static void format(uint8_t track, int width)
{
    struct live_format f = { .width = width, .height = 240, .sar_num = 1, .sar_den = 1, .rate_num = 25, .rate_den = 1, .channels = 2, .sample_rate = 48000, .config_len = 5 };
    put((struct live_record){ .type = LIVE_FORMAT, .track = track }, &f, sizeof(f));
}

int main(int argc, char **argv)
{
    static const uint8_t picture[] = { 0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x11, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x81, 0, 0, 0, 1, 0x65, 7, 7, 7, 7 }, sound[] = { 1, 2, 3 };
    /* 320x240, baseline, of x264 */
    static uint8_t large[1 << 20] = { 0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x0d, 0xd9, 0x01, 0x41, 0xfb, 0x01, 0x10, 0, 0, 3, 0, 0x10, 0, 0, 3, 3, 0x20, 0xf1, 0x42, 0xa4, 0x80,
                                      0, 0, 0, 1, 0x68, 0xcb, 0x83, 0xcb, 0x20, 0, 0, 0, 1, 0x65 };
    uint8_t orders[512];
    memset(large + 42, 7, sizeof(large) - 42);
    if (argc != 3 || ring_attach(&ring, LIVE_FD_RING, NULL) != VCR_OK)
        return 2;
    format(LIVE_VIDEO, 320);
    format(LIVE_OPUS, 0);
    for (ssize_t n; (n = read(LIVE_FD_INPUT, orders, sizeof(orders))) > 0;) {
        for (ssize_t i = 0; i < n; i++) {
            struct live_record head = { .type = LIVE_PACKET, .flags = PACKET_KEY, .pts_us = clock_mono_us() };
            switch (orders[i]) {
            case 'V': put(head, picture, sizeof(picture)); break;
            case 'W': put(head, large, sizeof(large)); break;
            case 'A': head.track = LIVE_OPUS; put(head, sound, sizeof(sound)); break;
            case 'F': format(LIVE_VIDEO, -1); break;
            case 'B': head.type = 77; put(head, sound, sizeof(sound)); break;
            case 'D': abort();
            default: break;
            }
        }
    }
    return 0;
}
