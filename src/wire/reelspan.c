/* wire/reelspan.c - see reelspan.h. */
#include "wire/reelspan.h"

#include "base/util.h"

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
