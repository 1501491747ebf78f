/* wire/reelspan.c - see reelspan.h. */
#include "wire/reelspan.h"

#include "base/util.h"
#include "wire/fmp4.h"

enum { AAC_FRAME = 1024, SILENCE_RATE = 48000 };

/* The frame that begins nearest to a time. */
static int64_t frame_at(int64_t us, int64_t rate) { return (us * rate + INT64_C(500000) * AAC_FRAME) / (INT64_C(1000000) * AAC_FRAME); }
static int64_t frame_us(int64_t n, int64_t rate) { return (n * AAC_FRAME * 1000000 + rate / 2) / rate; }

static int64_t end_of(const struct reelidx_fragment *f) { return f->start_us + (int64_t)f->duration_us; }

/* How many fragments begin before a time. */
static uint32_t begun_before(const struct reelidx *x, int64_t us)
{
    uint32_t lo = 0, hi = x->fragment_count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (x->fragments[mid].start_us < us)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void reelspan_cut(struct reelspan *ret, const struct reelidx *x, int64_t from_us, int64_t to_us)
{
    const int64_t edge_us = x->width > 0 ? REELSPAN_EDGE_US : REELSPAN_SOUND_EDGE_US;
    *ret = (struct reelspan){ 0 };
    if (x->fragment_count == 0)
        return;
    to_us = VCR_MIN(to_us, end_of(&x->fragments[x->fragment_count - 1]));
    if (to_us - from_us <= edge_us)
        return;
    /* What an audio codec primes with belongs to the beginning. */
    uint32_t first = from_us <= edge_us ? 0 : begun_before(x, from_us - edge_us);
    uint32_t last = begun_before(x, to_us - edge_us); /* one past the fragment that to_us lies in */
    while (last > first && end_of(&x->fragments[last - 1]) > to_us + edge_us)
        last--;
    if (first >= last) {
        ret->head_from_us = from_us;
        ret->head_to_us = to_us;
        return;
    }
    ret->first = first;
    ret->count = last - first;
    if (first > 0 && x->fragments[first].start_us > from_us + edge_us) {
        ret->head_from_us = from_us;
        ret->head_to_us = x->fragments[first].start_us;
    }
    if (end_of(&x->fragments[last - 1]) < to_us - edge_us) {
        ret->tail_from_us = end_of(&x->fragments[last - 1]);
        ret->tail_to_us = to_us;
    }
}

void reelspan_sound(const struct reelidx *x, int64_t tape_us, int64_t *from_us, int64_t *to_us)
{
    int64_t rate = x->sample_rate;
    if (x->codec != FMP4_AAC || rate == 0 || x->fragment_count == 0)
        return;
    int64_t count = frame_at(tape_us + *to_us - *from_us, rate) - frame_at(tape_us, rate), total = frame_at(end_of(&x->fragments[x->fragment_count - 1]), rate);
    int64_t first = VCR_MIN(frame_at(*from_us, rate), VCR_MAX(total - count, 0));
    *from_us = frame_us(first, rate);
    *to_us = frame_us(first + count, rate);
}

int64_t reelspan_silence_us(int64_t from_us, int64_t to_us)
{
    return frame_us(frame_at(to_us, SILENCE_RATE) - frame_at(from_us, SILENCE_RATE), SILENCE_RATE);
}
