/* deck/map.c - see map.h. */
#include "deck/map.h"

#include "base/util.h"

static bool alike(const struct deck_run *a, const struct deck_run *b)
{
    return a->end_us == b->start_us && a->recorded == b->recorded && a->missing == b->missing && a->speed == b->speed;
}

enum vcr_err deck_map_prepare(struct deck_run *runs, size_t count, struct vcr_why *why)
{
    int64_t end_us = 0, counted_us = 0;
    for (size_t i = 0; i < count; i++) {
        struct deck_run *r = &runs[i];
        if (r->start_us < end_us || r->end_us <= r->start_us || r->speed > 2)
            return vcr_fail(why, VCR_E_INVALID, "The recordings of a tape lie one after the other.");
        r->counted_us = counted_us;
        r->from_us = i > 0 && alike(r - 1, r) ? r[-1].from_us : r->start_us;
        counted_us += r->recorded ? r->end_us - r->start_us : 0;
        end_us = r->end_us;
    }
    for (size_t i = count; i-- > 0;)
        runs[i].to_us = i + 1 < count && alike(&runs[i], &runs[i + 1]) ? runs[i + 1].to_us : runs[i].end_us;
    return VCR_OK;
}

/* How many runs start before (or, not backward, at) this place. */
static size_t runs_before(const struct deck_map *map, int64_t at_us, bool backward)
{
    size_t lo = 0, hi = map->run_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (map->runs[mid].start_us < at_us || (!backward && map->runs[mid].start_us == at_us))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

int64_t deck_map_counted_us(const struct deck_map *map, int64_t at_us)
{
    size_t n = runs_before(map, at_us, false);
    if (n == 0)
        return 0;
    const struct deck_run *r = &map->runs[n - 1];
    return r->counted_us + (r->recorded ? VCR_MIN(at_us, r->end_us) - r->start_us : 0);
}

struct deck_place deck_map_place(const struct deck_map *map, int64_t length_us, int64_t at_us, bool backward)
{
    size_t n = runs_before(map, at_us, backward);
    const struct deck_run *before = n > 0 ? &map->runs[n - 1] : NULL, *after = n < map->run_count ? &map->runs[n] : NULL;
    if (before && (at_us < before->end_us || (backward && at_us == before->end_us)))
        return (struct deck_place){ before->from_us, before->to_us, before->counted_us - (before->recorded ? before->start_us - before->from_us : 0), before->speed,
                                    before->recorded, before->recorded && before->missing };
    return (struct deck_place){ .from_us = before ? before->end_us : 0, .to_us = after ? after->start_us : length_us,
                                .counted_us = before ? before->counted_us + (before->recorded ? before->end_us - before->start_us : 0) : 0 };
}

bool deck_map_mark(const struct deck_map *map, int64_t at_us, bool backward, int64_t *ret_us)
{
    size_t lo = 0, hi = map->mark_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (map->marks_us[mid] < at_us || (!backward && map->marks_us[mid] == at_us))
            lo = mid + 1;
        else
            hi = mid;
    }
    if (backward ? lo == 0 : lo == map->mark_count)
        return false;
    *ret_us = map->marks_us[backward ? lo - 1 : lo];
    return true;
}
