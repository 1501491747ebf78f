/* deck/timeline.c - see timeline.h. */
#include "deck/timeline.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

enum { FIRST_ROOM = 4, CUT_PARTS = 3 /* what a recording leaves in the place of those it touches: what lies before it, itself, what lies behind */ };

static enum vcr_err check(const struct timeline_span *s, struct vcr_why *why)
{
    if (s->start_us < 0 || s->end_us <= s->start_us || s->end_us > TIMELINE_MAX_US || s->take_start_us < 0 || s->take_start_us > TIMELINE_MAX_US)
        return vcr_fail(why, VCR_E_INVALID, "a recording must have a beginning and an end on the tape");
    return VCR_OK;
}

static enum vcr_err make_room(struct timeline *t, size_t count, struct vcr_why *why)
{
    size_t room = t->room;
    if (count > TIMELINE_SPANS_MAX)
        return vcr_fail(why, VCR_E_TOO_LARGE, "this tape has too many recordings");
    if (count <= room)
        return VCR_OK;
    while (room < count)
        room = room ? 2 * room : FIRST_ROOM;
    struct timeline_span *grown = realloc(t->spans, room * sizeof(*grown));
    if (!grown)
        return vcr_fail(why, VCR_E_NOMEM, "no memory for a tape's recordings");
    t->spans = grown;
    t->room = room;
    return VCR_OK;
}

void timeline_free(struct timeline *t)
{
    free(t->spans);
    *t = (struct timeline){ 0 };
}

enum vcr_err timeline_copy(struct timeline *ret, const struct timeline *t, struct vcr_why *why)
{
    enum vcr_err err = make_room(ret, t->count, why);
    if (err != VCR_OK)
        return err;
    if (t->count > 0)
        memcpy(ret->spans, t->spans, t->count * sizeof(*t->spans));
    ret->count = t->count;
    return VCR_OK;
}

enum vcr_err timeline_append(struct timeline *t, const struct timeline_span *s, struct vcr_why *why)
{
    enum vcr_err err = check(s, why);
    if (err == VCR_OK && s->start_us < timeline_end_us(t))
        err = vcr_fail(why, VCR_E_INVALID, "two recordings lie at one place of the tape");
    if (err == VCR_OK)
        err = make_room(t, t->count + 1, why);
    if (err == VCR_OK)
        t->spans[t->count++] = *s;
    return err;
}

/* What is left of a span before (or after) a place. */
static struct timeline_span before(const struct timeline_span *s, int64_t end_us)
{
    struct timeline_span left = *s;
    left.end_us = end_us;
    left.row = 0;
    return left;
}

static struct timeline_span after(const struct timeline_span *s, int64_t start_us)
{
    struct timeline_span right = *s;
    right.take_start_us += start_us - s->start_us;
    if (right.recorded_ms)
        right.recorded_ms += (start_us - s->start_us) / 1000;
    right.start_us = start_us;
    right.row = 0;
    return right;
}

/* Others in the place of the spans from `first` to before `last`; there is room. */
static void replace(struct timeline *t, size_t first, size_t last, const struct timeline_span *put, size_t n)
{
    if (last < t->count)
        memmove(&t->spans[first + n], &t->spans[last], (t->count - last) * sizeof(*t->spans));
    if (n > 0)
        memcpy(&t->spans[first], put, n * sizeof(*put));
    t->count = t->count - (last - first) + n;
}

/* The first span that begins at or behind this place. */
static size_t first_from(const struct timeline *t, int64_t at_us)
{
    size_t lo = 0, hi = t->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (t->spans[mid].start_us < at_us)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static enum vcr_err note_former(struct timeline_cut *cut, const struct timeline_span *s, const struct timeline_span *touched, size_t n, struct vcr_why *why)
{
    const struct timeline part = { .count = n, .spans = (struct timeline_span *)(uintptr_t)touched };
    cut->start_us = s->start_us;
    cut->end_us = s->end_us;
    return timeline_copy(&cut->former, &part, why);
}

enum vcr_err timeline_record(struct timeline *t, const struct timeline_span *s, struct timeline_cut *cut, struct vcr_why *why)
{
    struct timeline_span put[CUT_PARTS];
    size_t n = 0;
    enum vcr_err err = check(s, why);
    if (err != VCR_OK)
        return err;
    size_t first = timeline_index(t, s->start_us), last = VCR_MAX(first_from(t, s->end_us), first);
    if (first < last && t->spans[first].start_us < s->start_us)
        put[n++] = before(&t->spans[first], s->start_us);
    put[n++] = *s;
    if (first < last && t->spans[last - 1].end_us > s->end_us)
        put[n++] = after(&t->spans[last - 1], s->end_us);
    err = make_room(t, t->count - (last - first) + n, why);
    if (err == VCR_OK && cut)
        err = note_former(cut, s, t->spans + first, last - first, why);
    if (err == VCR_OK)
        replace(t, first, last, put, n);
    return err;
}

void timeline_cut_stretch(const struct timeline_cut *cut, int64_t *ret_start_us, int64_t *ret_end_us)
{
    *ret_start_us = cut->start_us;
    *ret_end_us = cut->end_us;
    if (cut->former.count > 0) {
        *ret_start_us = VCR_MIN(cut->start_us, cut->former.spans[0].start_us);
        *ret_end_us = VCR_MAX(cut->end_us, timeline_end_us(&cut->former));
    }
}

enum vcr_err timeline_undo(struct timeline *t, const struct timeline_cut *cut, struct vcr_why *why)
{
    int64_t start_us, end_us;
    timeline_cut_stretch(cut, &start_us, &end_us);
    size_t first = timeline_index(t, start_us), last = VCR_MAX(first_from(t, end_us), first), at = timeline_index(t, cut->start_us);
    bool there = at < t->count && t->spans[at].start_us == cut->start_us && t->spans[at].end_us == cut->end_us;
    bool alone = first < last && t->spans[first].start_us >= start_us && t->spans[last - 1].end_us <= end_us && last - first <= CUT_PARTS;
    if (!there || !alone)
        return vcr_fail(why, VCR_E_CONFLICT, "something was recorded there since");
    enum vcr_err err = make_room(t, t->count - (last - first) + cut->former.count, why);
    if (err == VCR_OK)
        replace(t, first, last, cut->former.spans, cut->former.count);
    return err;
}

size_t timeline_index(const struct timeline *t, int64_t at_us)
{
    size_t lo = 0, hi = t->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (t->spans[mid].end_us <= at_us)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const struct timeline_span *timeline_at(const struct timeline *t, int64_t at_us)
{
    size_t i = timeline_index(t, at_us);
    return i < t->count && t->spans[i].start_us <= at_us ? &t->spans[i] : NULL;
}
