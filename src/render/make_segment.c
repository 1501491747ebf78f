/* render/make_segment.c - one job from its message to the bytes in its file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "deck/snapshot.h"
#include "render/make_internal.h"

enum { SEGMENT_BYTES_MAX = 24 << 20, HEAD_BYTES_MAX = 256 << 10 };

enum vcr_err segment_add(struct segment *s, const struct packet *p, uint32_t duration, struct vcr_why *why)
{
    if (s->count == MAKE_COUNT_MAX)
        return vcr_fail(why, VCR_E_TOO_LARGE, "a segment of more than %d samples", MAKE_COUNT_MAX);
    buf_add(&s->data, p->data, p->len);
    if (!buf_ok(&s->data))
        return vcr_fail(why, VCR_E_TOO_LARGE, "a segment is over its limit");
    s->samples[s->count++] = (struct fmp4_sample){ (uint32_t)p->len, duration, 0, p->flags & PACKET_KEY };
    return VCR_OK;
}

static enum vcr_err (*const makers[MAKE_KINDS])(struct make *, struct vcr_why *) = {
    [MAKE_TAPE_VIDEO] = make_tape_video, [MAKE_TAPE_SOUND] = make_tape_sound, [MAKE_TAPE_OPUS] = make_tape_sound, [MAKE_CLEAN_VIDEO] = make_clean_video,
};

static bool job_ok(const struct make_job *j)
{
    bool segment = j->init || (j->count > 0 && j->count <= MAKE_COUNT_MAX && j->first <= INT32_MAX - MAKE_COUNT_MAX);
    bool size = make_is_sound(j) || (j->width >= 16 && j->width <= 1920 && j->height >= 16 && j->height <= 1088 && j->width % 2 == 0 && j->height % 2 == 0);
    return j->kind < MAKE_KINDS && segment && size && !(j->has_parts && j->kind == MAKE_CLEAN_VIDEO) && j->tape_speed <= 2 && j->wear_16 <= 16 && j->sound <= DECK_SOUND_HIFI && memchr(j->look, '\0', sizeof(j->look));
}

static enum vcr_err write_out(struct make *m, int fd, uint64_t *ret_bytes, struct vcr_why *why)
{
    struct buf head;
    struct segment *s = &m->segment;
    buf_init(&head, HEAD_BYTES_MAX);
    if (m->job->init)
        fmp4_write_init(&head, &m->track);
    else
        fmp4_write_fragment_head(&head, m->job->number + 1, m->tfdt, s->samples, s->count, !make_is_sound(m->job));
    bool ok = buf_ok(&head) && vcr_write_all(fd, head.data, head.len) && vcr_write_all(fd, s->data.data, s->data.len);
    enum vcr_err err = ok ? VCR_OK : vcr_fail(why, errno == ENOSPC ? VCR_E_FULL : VCR_E_IO, "a segment could not be written: %s", strerror(errno));
    *ret_bytes = head.len + s->data.len;
    buf_free(&head);
    return err;
}

enum vcr_err make_segment(const struct make_job *job, const int *fds, const struct make_hooks *hooks, uint64_t *ret_bytes, struct vcr_why *why)
{
    struct make *m = vcr_alloc(sizeof(*m));
    m->job = job;
    m->hooks = hooks;
    m->reel_fd = job->has_parts ? -1 : fds[1];
    m->index_fd = job->has_parts ? -1 : fds[2];
    for (int i = 0; i < 2 * MAKE_REELS_MAX; i++)
        m->part_fds[i] = job->has_parts && 1 + i < make_job_fds(job) ? fds[1 + i] : -1;
    buf_init(&m->segment.data, SEGMENT_BYTES_MAX);
    enum vcr_err err = job_ok(job) ? VCR_OK : vcr_fail(why, VCR_E_INVALID, "a job that makes no sense");
    if (err == VCR_OK && job->has_parts)
        err = make_open_parts(m, why);
    if (err == VCR_OK)
        err = makers[job->kind](m, why);
    /* Snow, black and silence that the disk made are not to be kept: it may be asked again. */
    if (err == VCR_OK && (m->unread || (m->recordings && recordings_unread(m->recordings))))
        err = vcr_fail(why, VCR_E_IO, "the disk does not give all of the reel");
    if (err == VCR_OK && !job->init && m->segment.count != job->count)
        err = vcr_fail(why, VCR_E_INTERNAL, "a segment of %u samples instead of %u", m->segment.count, job->count);
    if (err == VCR_OK)
        err = write_out(m, fds[0], ret_bytes, why);
    vcr_close(&m->reel_fd);
    vcr_close(&m->index_fd);
    for (int i = 0; i < 2 * MAKE_REELS_MAX; i++)
        vcr_close(&m->part_fds[i]);
    recordings_close(&m->recordings);
    buf_free(&m->segment.data);
    free(m);
    return err;
}
