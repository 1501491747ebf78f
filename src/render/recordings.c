/* render/recordings.c - see recordings.h. */
#include "render/recordings.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"

static const int64_t foresee_us = 3000000; /* of the viewer's time */

struct reels {
    enum { REELS_FREE, REELS_TO_ASK, REELS_ASKED, REELS_MISSING, REELS_OPEN } state;
    int64_t take;
    uint64_t used;       /* when it was needed last, counted in uses */
    struct film *film, *clean;
    struct tune *tune;
};
struct recordings {
    struct reels film;   /* take 0 */
    struct reels takes[RENDER_TAKES_MAX];
    bool told;           /* spans were */
    bool unread;         /* reels that are closed, or could not be opened, had bytes that the disk refused */
    uint64_t revision, uses;
    struct render_span *spans;
    size_t count, last;  /* last: the one found last */
};

static void reels_close(struct reels *r)
{
    film_close(&r->film);
    film_close(&r->clean);
    tune_close(&r->tune);
    r->state = REELS_FREE;
}

static bool reels_unread(const struct reels *r)
{
    return (r->film && reel_unread(film_reel(r->film))) || (r->clean && reel_unread(film_reel(r->clean))) || (r->tune && tune_unread(r->tune));
}

struct recordings *recordings_open(void) { return vcr_alloc(sizeof(struct recordings)); }

void recordings_close(struct recordings **rp)
{
    struct recordings *r = *rp;
    if (!r)
        return;
    reels_close(&r->film);
    for (size_t i = 0; i < RENDER_TAKES_MAX; i++)
        reels_close(&r->takes[i]);
    free(r->spans);
    free(r);
    *rp = NULL;
}

/* Every descriptor is opened or closed, also after an error. */
static enum vcr_err reels_open(struct reels *r, const int fds[6], struct vcr_why *why)
{
    enum vcr_err err = VCR_OK;
    for (int i = 0; i < 3; i++) {
        int reel = fds[2 * i], index = fds[2 * i + 1];
        if (err == VCR_OK && reel >= 0 && index >= 0) {
            err = i == 0 ? film_open(&r->film, reel, index, why) : i == 1 ? tune_open(&r->tune, reel, index, why) : film_open(&r->clean, reel, index, why);
            continue;
        }
        vcr_close(&reel);
        vcr_close(&index);
    }
    bool any = r->film || r->clean || r->tune;
    if (err != VCR_OK)
        reels_close(r);
    r->state = err == VCR_OK && any ? REELS_OPEN : REELS_MISSING;
    return err;
}

enum vcr_err recordings_film(struct recordings *r, const int fds[6], struct vcr_why *why)
{
    reels_close(&r->film);
    return reels_open(&r->film, fds, why);
}

static void reels_rest(struct reels *r)
{
    if (r->film)
        film_rest(r->film);
    if (r->clean)
        film_rest(r->clean);
    if (r->tune)
        tune_rest(r->tune);
}

void recordings_rest(struct recordings *r)
{
    reels_rest(&r->film);
    for (size_t i = 0; i < RENDER_TAKES_MAX; i++)
        reels_rest(&r->takes[i]);
}

/* ---- spans ---- */
static bool spans_are_true(const struct render_span *s, size_t count)
{
    static const int64_t limit = INT64_C(1) << 42;
    int64_t end = 0;
    for (size_t i = 0; i < count; end = s[i++].end_us)
        if (s[i].start_us < end || s[i].end_us <= s[i].start_us || s[i].end_us > limit || s[i].take < 0 || s[i].take_start_us < 0 || s[i].take_start_us > limit ||
            s[i].speed > 2 || s[i].is_over > 1 || s[i].over_us < 0 || s[i].over_us > limit)
            return false;
    return true;
}

/* Takes the spans. */
static enum vcr_err go_by(struct recordings *r, struct render_span *spans, uint32_t count, uint64_t revision, struct vcr_why *why)
{
    if (!spans_are_true(spans, count)) {
        free(spans);
        return vcr_fail(why, VCR_E_MALFORMED, "a table of spans that cannot be true");
    }
    free(r->spans);
    r->spans = spans;
    r->count = count;
    r->last = 0;
    r->told = true;
    r->revision = revision;
    /* what was missing may be there now */
    for (size_t i = 0; i < RENDER_TAKES_MAX; i++)
        if (r->takes[i].state == REELS_MISSING)
            r->takes[i].state = REELS_FREE;
    return VCR_OK;
}

enum vcr_err recordings_table(struct recordings *r, const struct render_span *spans, uint32_t count, uint64_t revision, struct vcr_why *why)
{
    struct render_span *copy = vcr_calloc(VCR_MAX(count, 1), sizeof(*copy));
    if (count > 0)
        memcpy(copy, spans, count * sizeof(*copy));
    return go_by(r, copy, count, revision, why);
}

enum vcr_err recordings_spans(struct recordings *r, int table_fd, uint32_t count, uint64_t revision, struct vcr_why *why)
{
    size_t bytes = count * sizeof(struct render_span);
    enum vcr_err err = VCR_OK;
    if (r->told && revision <= r->revision)
        goto out;
    if (count > RENDER_SPANS_MAX || (count > 0 && table_fd < 0)) {
        err = vcr_fail(why, VCR_E_MALFORMED, "a table of %u spans", count);
        goto out;
    }
    struct render_span *spans = vcr_calloc(VCR_MAX(count, 1), sizeof(*spans));
    if (count == 0 || pread(table_fd, spans, bytes, 0) == (ssize_t)bytes) {
        err = go_by(r, spans, count, revision, why);
        goto out;
    }
    free(spans);
    err = vcr_fail(why, VCR_E_MALFORMED, "a table that is too short for %u spans", count);
out:
    vcr_close(&table_fd);
    return err;
}

/* The first span that ends after this place; count: none. */
static size_t find(struct recordings *r, int64_t tape_us)
{
    size_t lo = 0, hi = r->count;
    bool same = r->last < r->count && r->spans[r->last].end_us > tape_us && (r->last == 0 || r->spans[r->last - 1].end_us <= tape_us);
    if (same)
        return r->last;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (r->spans[mid].end_us > tape_us)
            hi = mid;
        else
            lo = mid + 1;
    }
    r->last = lo;
    return lo;
}

/* ---- takes ---- */
static struct reels *reels_of(struct recordings *r, int64_t take)
{
    if (take == 0)
        return &r->film;
    for (size_t i = 0; i < RENDER_TAKES_MAX; i++)
        if (r->takes[i].state != REELS_FREE && r->takes[i].take == take)
            return &r->takes[i];
    return NULL;
}

/* What was asked for stays until it comes: its answer would find another's place. */
static struct reels *room(struct recordings *r)
{
    struct reels *oldest = NULL;
    for (size_t i = 0; i < RENDER_TAKES_MAX; i++) {
        struct reels *t = &r->takes[i];
        if (t->state == REELS_FREE)
            return t;
        if (t->state != REELS_ASKED && (!oldest || t->used < oldest->used))
            oldest = t;
    }
    if (oldest) {
        r->unread |= reels_unread(oldest);
        reels_close(oldest);
    }
    return oldest;
}

static struct reels *need(struct recordings *r, int64_t take)
{
    struct reels *t = reels_of(r, take);
    if (!t && (t = room(r))) {
        t->state = REELS_TO_ASK;
        t->take = take;
    }
    if (t)
        t->used = ++r->uses;
    return t;
}

void recordings_take(struct recordings *r, int64_t take, const int fds[6])
{
    struct reels *t = take != 0 ? reels_of(r, take) : NULL;
    if (t && t->state == REELS_ASKED) {
        r->unread |= reels_open(t, fds, NULL) == VCR_E_IO;
        return;
    }
    for (int i = 0; i < 6; i++) {
        int fd = fds[i];
        vcr_close(&fd);
    }
}

void recordings_give_up(struct recordings *r, int64_t take)
{
    struct reels *t = take != 0 ? reels_of(r, take) : NULL;
    if (!t)
        return;
    r->unread |= reels_unread(t);
    reels_close(t);
    t->state = REELS_MISSING;
}

bool recordings_unread(const struct recordings *r)
{
    bool unread = r->unread || reels_unread(&r->film);
    for (size_t i = 0; i < RENDER_TAKES_MAX; i++)
        unread = unread || reels_unread(&r->takes[i]);
    return unread;
}

bool recordings_want(struct recordings *r, int64_t *ret_take)
{
    for (size_t i = 0; i < RENDER_TAKES_MAX; i++) {
        if (r->takes[i].state != REELS_TO_ASK)
            continue;
        r->takes[i].state = REELS_ASKED;
        *ret_take = r->takes[i].take;
        return true;
    }
    return false;
}

void recordings_want_again(struct recordings *r, int64_t take)
{
    struct reels *t = reels_of(r, take);
    if (t && t->state == REELS_ASKED)
        t->state = REELS_TO_ASK;
}

/* ---- places ---- */
static void show(struct recording *ret, const struct reels *t)
{
    static const enum recording_state states[] = { [REELS_FREE] = RECORDING_MISSING, [REELS_TO_ASK] = RECORDING_AWAITED, [REELS_ASKED] = RECORDING_AWAITED,
                                                   [REELS_MISSING] = RECORDING_MISSING, [REELS_OPEN] = RECORDING_THERE };
    ret->state = t ? states[t->state] : RECORDING_AWAITED;
    if (ret->state != RECORDING_THERE)
        return;
    ret->film = t->film;
    ret->clean = t->clean;
    ret->tune = t->tune;
}

static void describe(const struct render_span *s, struct recording *ret)
{
    ret->take = s->take;
    ret->start_us = s->start_us;
    ret->end_us = s->end_us;
    ret->reel_ahead_us = s->take_start_us - s->start_us;
    ret->seed = s->seed;
    ret->tape_speed = (uint8_t)s->speed;
    ret->is_over = s->is_over;
    ret->over_us = s->over_us;
}

void recordings_at(struct recordings *r, int64_t tape_us, struct recording *ret)
{
    *ret = (struct recording){ .state = RECORDING_NONE };
    if (!r->told) {
        ret->is_film_alone = true;
        ret->end_us = INT64_MAX;
        show(ret, &r->film);
        return;
    }
    size_t i = find(r, tape_us);
    if (i == r->count || r->spans[i].start_us > tape_us)
        return;
    describe(&r->spans[i], ret);
    show(ret, need(r, ret->take));
}

bool recordings_coming(struct recordings *r, int64_t tape_us, int64_t within_us, struct recording *ret)
{
    *ret = (struct recording){ .state = RECORDING_NONE };
    if (!r->told)
        return false;
    size_t i = find(r, tape_us);
    if (i < r->count && r->spans[i].start_us <= tape_us)
        i++;
    if (i >= r->count || r->spans[i].start_us > tape_us + within_us)
        return false;
    describe(&r->spans[i], ret);
    show(ret, reels_of(r, ret->take));
    return ret->state == RECORDING_THERE;
}

void recordings_foresee(struct recordings *r, int64_t tape_us, int32_t rate)
{
    int64_t to_us = tape_us + foresee_us * rate / 65536;
    if (!r->told || rate == 0)
        return;
    /* the nearest first: no more than there is room for beside the one that plays */
    size_t at = find(r, tape_us), i = at;
    bool in_gap = at == r->count || r->spans[at].start_us > tape_us;
    for (int asked = 0; asked < RENDER_TAKES_MAX / 2; asked++, i += rate > 0 ? 1 : (size_t)-1) {
        if (asked == 0 && rate < 0 && in_gap)
            i--; /* below 0 it is as good as above count */
        if (i >= r->count || (rate > 0 ? r->spans[i].start_us > to_us : r->spans[i].end_us <= to_us))
            break;
        need(r, r->spans[i].take);
    }
    r->last = at;
}
