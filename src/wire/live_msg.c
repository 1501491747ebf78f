/* wire/live_msg.c - see live_msg.h. */
#include "wire/live_msg.h"

#include <string.h>

#include "base/packet.h"
#include "base/util.h"

static const uint32_t magic = 0x564C5031; /* VLP1 */
static const int64_t pts_max_us = INT64_C(1000000) * 3600 * 24 * 366 * 100;
enum { FLAGS = PACKET_KEY | PACKET_DISCONT, SIZE_MAX_PX = 8192 };

void live_head_write(uint8_t out[LIVE_HEAD_BYTES], const struct live_head *h)
{
    memset(out, 0, LIVE_HEAD_BYTES);
    wr32be(out, magic);
    out[4] = h->track;
    out[5] = h->flags;
    wr32be(out + 8, h->len);
    wr64be(out + 16, (uint64_t)h->pts_us);
}

bool live_head_read(const uint8_t in[LIVE_HEAD_BYTES], struct live_head *ret)
{
    *ret = (struct live_head){ in[4], in[5], rd32be(in + 8), (int64_t)rd64be(in + 16) };
    return rd32be(in) == magic && ret->track <= PACKET_AUDIO && (ret->flags & ~FLAGS) == 0 && ret->len > 0 && ret->len <= LIVE_BODY_MAX && ret->pts_us >= 0 &&
           ret->pts_us <= pts_max_us && rd16be(in + 6) == 0 && rd32be(in + 12) == 0;
}

static bool within(int32_t v, int32_t low, int32_t high) { return v >= low && v <= high; }

bool live_format_ok(const struct live_format *f, uint8_t track)
{
    if (track >= LIVE_TRACKS || f->config_len > LIVE_CONFIG_MAX || f->config_len == 0)
        return false;
    if (track == LIVE_VIDEO)
        return within(f->width, 16, SIZE_MAX_PX) && within(f->height, 16, SIZE_MAX_PX) && within(f->sar_num, 1, 65535) && within(f->sar_den, 1, 65535) &&
               within(f->rate_num, 0, 1000000) && within(f->rate_den, 1, 1000000);
    return within(f->channels, 1, 8) && within(f->sample_rate, 8000, 96000) && within(f->priming, 0, 96000);
}
