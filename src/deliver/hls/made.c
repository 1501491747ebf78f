/* deliver/hls/made.c - see made.h. */
#include "deliver/hls/made.h"

#include <inttypes.h>

#include "base/util.h"
#include "deliver/hls/playlist.h"
#include "wire/make_msg.h"

static struct hls_grid grid(uint32_t num, uint32_t den, int64_t duration_us, bool whole_unit_at_end)
{
    int64_t scaled = VCR_CLAMP(duration_us, 0, INT64_C(1) << 42) * num, unit = INT64_C(1000000) * den;
    int64_t total = (scaled + (whole_unit_at_end ? unit - 1 : unit / 2)) / unit;
    return (struct hls_grid){ num, den, make_segment_units(num, den), (uint32_t)VCR_CLAMP(total, 1, INT32_MAX / 2) };
}

struct hls_grid hls_picture_grid(uint32_t rate_num, uint32_t rate_den, int64_t duration_us) { return grid(rate_num, rate_den, duration_us, false); }
struct hls_grid hls_sound_grid(int64_t duration_us) { return grid(HLS_SOUND_RATE, HLS_SOUND_UNIT, duration_us, true); }
struct hls_grid hls_opus_grid(int64_t duration_us) { return grid(HLS_SOUND_RATE, MAKE_OPUS_FRAME, duration_us, true); }

bool hls_grid_segment(const struct hls_grid *g, uint32_t n, uint32_t *ret_first, uint32_t *ret_count)
{
    if ((uint64_t)n * g->each >= g->total)
        return false;
    *ret_first = n * g->each;
    *ret_count = VCR_MIN(g->each, g->total - *ret_first);
    return true;
}

static void begin(struct buf *out, int64_t longest_us, const char *init_uri)
{
    buf_addf(out, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%" PRId64 "\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n"
             "#EXT-X-MAP:URI=\"%s\"\n", VCR_MAX((longest_us + 500000) / 1000000, (int64_t)1), init_uri);
}

static void entry(struct buf *out, int64_t us, const char *base, uint32_t n, const char *query)
{
    buf_addf(out, "#EXTINF:%" PRId64 ".%06d,\n%s%u.m4s%s\n", us / 1000000, (int)(us % 1000000), base, n, query);
}

/* Where unit n begins; rounded so that the sum of all lengths is that of the whole. */
static int64_t at_us(const struct hls_grid *g, uint32_t n) { return ((int64_t)n * 1000000 * g->rate_den + g->rate_num / 2) / g->rate_num; }

void hls_write_grid(struct buf *out, const struct hls_grid *g, const char *init_uri, const char *base, int64_t wall_ms)
{
    uint32_t first, count;
    begin(out, at_us(g, VCR_MIN(g->each, g->total)), init_uri);
    if (wall_ms != HLS_NO_WALL)
        hls_write_date(out, wall_ms);
    for (uint32_t n = 0; hls_grid_segment(g, n, &first, &count); n++)
        entry(out, at_us(g, first + count) - at_us(g, first), base, n, "");
    buf_adds(out, "#EXT-X-ENDLIST\n");
}

void hls_write_stretches(struct buf *out, const struct hls_stretch *s, uint32_t count, const char *init_uri, const char *query, int64_t wall_ms)
{
    int64_t longest_us = 0;
    for (uint32_t n = 0; n < count; n++)
        longest_us = VCR_MAX(longest_us, s[n].duration_us);
    begin(out, longest_us, init_uri);
    for (uint32_t n = 0; n < count; n++) {
        if (s[n].discontinuity && n > 0)
            buf_adds(out, "#EXT-X-DISCONTINUITY\n");
        hls_date_segment(out, n == 0, s[n].discontinuity, s[n].wall_ms, wall_ms);
        entry(out, s[n].duration_us, "", n, query);
    }
    buf_adds(out, "#EXT-X-ENDLIST\n");
}

uint32_t hls_stretches(const struct reelidx *x, struct hls_stretch *ret, uint32_t max)
{
    const struct hls_span whole = hls_whole(x, "");
    struct hls_walk w = { .span = &whole };
    struct hls_segment g;
    uint32_t n = 0;
    for (; hls_next_segment(&w, &g); n++) {
        if (n >= max)
            continue;
        ret[n] = (struct hls_stretch){ .first = x->fragments[g.first].first_sample, .duration_us = g.duration_us, .wall_ms = g.wall_ms, .discontinuity = g.discontinuity };
        for (uint32_t i = 0; i < g.count; i++)
            ret[n].count += x->fragments[g.first + i].sample_count;
    }
    return n;
}
