/* render/make_parts.c - what is on a tape that was recorded over, for one segment: its parts as recordings. */
#include "base/util.h"
#include "render/make_internal.h"

static bool parts_ok(const struct make_job *j)
{
    if (j->part_count > MAKE_PARTS_MAX || j->reel_count > MAKE_REELS_MAX)
        return false;
    for (int i = 0; i < j->part_count; i++)
        if (j->parts[i].reel >= j->reel_count && j->parts[i].reel != MAKE_REELS_MAX)
            return false;
    return true;
}

/* What is asked for is answered at once: reel n is take n + 1. Every descriptor is taken. */
static void answer(struct make *m, int64_t take)
{
    int fds[6] = { -1, -1, -1, -1, -1, -1 };
    int *from = take <= m->job->reel_count ? &m->part_fds[2 * (take - 1)] : NULL, at = m->job->kind == MAKE_TAPE_SOUND ? 2 : 0;
    if (from) {
        fds[at] = from[0];
        fds[at + 1] = from[1];
        from[0] = from[1] = -1;
    }
    recordings_take(m->recordings, take, fds);
}

enum vcr_err make_open_parts(struct make *m, struct vcr_why *why)
{
    const struct make_job *j = m->job;
    struct render_span spans[MAKE_PARTS_MAX];
    if (!parts_ok(j))
        return vcr_fail(why, VCR_E_INVALID, "parts that make no sense");
    for (int i = 0; i < j->part_count; i++) {
        const struct make_part *p = &j->parts[i];
        spans[i] = (struct render_span){ .start_us = p->start_us, .end_us = p->end_us, .take = p->reel + 1, .take_start_us = p->reel_start_us, .seed = p->seed, .speed = p->tape_speed,
                                         .is_over = p->is_over, .over_us = p->over_us };
    }
    m->recordings = recordings_open();
    enum vcr_err err = recordings_table(m->recordings, spans, j->part_count, 1, NULL);
    for (int i = 0; err == VCR_OK && i < j->part_count; i++) {
        struct recording at;
        int64_t take;
        recordings_at(m->recordings, j->parts[i].start_us, &at);
        while (recordings_want(m->recordings, &take))
            answer(m, take);
    }
    return err == VCR_OK ? VCR_OK : vcr_fail(why, VCR_E_INVALID, "parts that cannot be on a tape");
}

int64_t make_unrecorded_us(const struct make *m, int64_t tape_us)
{
    int64_t since_us = 0;
    for (int i = 0; i < m->job->part_count && m->job->parts[i].start_us <= tape_us; i++)
        since_us = m->job->parts[i].end_us;
    return VCR_MAX(tape_us - since_us, 0);
}
