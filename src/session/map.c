/* session/map.c - see map.h: making and sharing one. */
#include "session/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

enum vcr_err session_map_new(struct session_map **ret, const struct timeline *t, const int64_t *marks_us, size_t mark_count, int64_t revision, struct vcr_why *why)
{
    struct session_map *m = vcr_alloc(sizeof(*m));
    atomic_init(&m->refs, 1);
    m->revision = revision;
    m->runs = vcr_calloc(t->count + 1, sizeof(*m->runs));
    m->marks_us = vcr_calloc(mark_count + 1, sizeof(*m->marks_us));
    for (size_t i = 0; i < t->count; i++) {
        const struct timeline_span *s = &t->spans[i];
        m->runs[i] = (struct deck_run){ .start_us = s->start_us, .end_us = s->end_us, .take = s->take, .seed = s->seed, .speed = s->speed, .recorded = true };
    }
    if (mark_count > 0)
        memcpy(m->marks_us, marks_us, mark_count * sizeof(*marks_us));
    m->map = (struct deck_map){ .runs = m->runs, .run_count = t->count, .marks_us = m->marks_us, .mark_count = mark_count };
    enum vcr_err err = timeline_copy(&m->timeline, t, why);
    if (err == VCR_OK)
        err = deck_map_prepare(m->runs, t->count, why);
    if (err == VCR_OK)
        *ret = m;
    else
        session_map_unref(&m);
    return err;
}

struct session_map *session_map_ref(struct session_map *m)
{
    atomic_fetch_add(&m->refs, 1);
    return m;
}

void session_map_unref(struct session_map **m)
{
    struct session_map *was = *m;
    *m = NULL;
    if (!was || atomic_fetch_sub(&was->refs, 1) > 1)
        return;
    timeline_free(&was->timeline);
    free(was->runs);
    free(was->marks_us);
    free(was);
}
