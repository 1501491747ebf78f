/* render/make_video.c - the pictures of a segment: of the tape in settled PLAY, or of the clean reel made smaller. */
#include <string.h>

#include "base/util.h"
#include "media/canon.h"
#include "media/scale.h"
#include "render/film.h"
#include "render/grid.h"
#include "render/make_internal.h"
#include "render/screen.h"
#include "signal/settings.h"

enum { TAPE_CRF = 26, TAPE_CRF_BEST = 23, TAPE_CRF_WORST = 30, TAPE_NOISE_DB10 = 455 /* for which TAPE_CRF is */, CLEAN_CRF = 23 };
enum { KEY_US = 1000000 };

/* Opens the reel of the job. */
static enum vcr_err open_film(struct make *m, struct film **ret, struct vcr_why *why)
{
    if (m->reel_fd < 0 || m->index_fd < 0)
        return vcr_fail(why, VCR_E_INVALID, "a segment without its reel");
    enum vcr_err err = film_open(ret, m->reel_fd, m->index_fd, why);
    m->reel_fd = m->index_fd = -1;
    return err;
}

static enum vcr_err describe(struct make *m, struct canon *canon, const struct canon_config *c, struct vcr_why *why)
{
    m->track = (struct fmp4_track){ .codec = FMP4_H264, .timescale = c->timescale, .width = (uint16_t)c->width, .height = (uint16_t)c->height,
                                    .sar_num = (uint16_t)c->sar_num, .sar_den = (uint16_t)c->sar_den, .config = m->config };
    return canon_avcc(canon, m->config, sizeof(m->config), &m->track.config_len, why);
}

/* One picture in, what is done out. */
struct pipe {
    struct canon *canon;
    const uint32_t *durations; /* of the segment's samples, or NULL: all of them last `each` */
    uint32_t each;
};
static enum vcr_err put(struct make *m, struct pipe *p, const struct picture *picture, int64_t pts, bool key, struct vcr_why *why)
{
    struct packet out;
    enum vcr_err err;
    do {
        err = canon_encode(p->canon, picture, pts, key, &out, why);
        if (err == VCR_OK && out.len > 0)
            err = segment_add(&m->segment, &out, p->durations ? p->durations[m->segment.count] : p->each, why);
    } while (err == VCR_OK && !picture && out.len > 0);
    return err;
}

static enum vcr_err nobody(struct vcr_why *why) { return vcr_fail(why, VCR_E_STALE, "nobody wants this segment any more"); }

/* ---- the tape ---- */
/* The noise of a tape is what it looks like, and what its bits go for. About half of it stays, whatever the look, where the quantiser goes with it by two steps for 3 dB:
 * a noisy tape at 26 would keep more of it for twice the bits, a good one less than is its own. */
static int tape_crf(const struct make_job *j)
{
    struct signal_profile p;
    if (!strcmp(j->look, MAKE_CLEAN))
        return CLEAN_CRF;
    signal_profile_shown(&p, j->look, j->pal ? SIGNAL_PAL : SIGNAL_NTSC, j->tape_speed);
    if (p.noise_luma_db10 <= 0)
        return CLEAN_CRF;
    return VCR_CLAMP(TAPE_CRF + (TAPE_NOISE_DB10 - p.noise_luma_db10) / 15, TAPE_CRF_BEST, TAPE_CRF_WORST);
}

static struct canon_config tape_config(const struct make_job *j)
{
    struct canon_config c = { .width = j->width, .height = j->height, .sar_num = j->pal ? 16 : 8, .sar_den = j->pal ? 15 : 9, .timescale = MAKE_VIDEO_TIMESCALE,
                              .crf = tape_crf(j), .max_bps = j->max_bps, .level = 31, .colour = { j->pal ? 5 : 6, 6, j->pal ? 5 : 6, false } };
    make_rate(j->pal, j->field_rate, &c.rate_num, &c.rate_den);
    return c;
}

/* The recording at this place, with its damage and speed. Unrecorded tape is snow, and after a second blue, as a deck has it. */
static void look(const struct make *m, struct deck_snapshot *snap, struct view *view)
{
    enum { BLUE_AFTER_US = 1000000 };
    struct recording at;
    recordings_at(m->recordings, view->tape_us, &at);
    if (at.state == RECORDING_NONE && make_unrecorded_us(m, view->tape_us) >= BLUE_AFTER_US)
        view->kind = VIEW_BLUE;
    if (at.state == RECORDING_NONE)
        return;
    snap->seed = at.seed;
    snap->tape_speed = at.tape_speed;
}

/* What a deck in settled PLAY shows at picture n of the grid. It depends on the place alone; but for
 * the limiter of flashes, which begins anew with each segment, no picture needs another one drawn before it. */
static enum vcr_err draw(struct make *m, struct screen *screen, struct film *film, const struct canon_config *c, uint32_t n, struct screen_shot *ret, struct vcr_why *why)
{
    const struct make_job *j = m->job;
    struct deck_snapshot snap = { .mode = DECK_PLAY, .picture = DECK_PICTURE_TAPE, .servo = DECK_SERVO_LOCKED, .rate_from = 65536, .rate = 65536, .seed = j->seed,
                                  .wear_16 = j->wear_16, .tracking = INT16_MIN, .tape_speed = j->tape_speed, .osd_counter_line = -1 };
    struct view view = { .kind = VIEW_TAPE, .rate = 65536, .lock_q16 = 65536, .settled = true };
    struct screen_time time = { .field_index = grid_field(j->field_rate, n) };
    vcr_strcpy(snap.look, sizeof(snap.look), j->look);
    snap.clean = make_is_clean(m);
    view.tape_us = grid_place_us(&(struct grid){ c->rate_num, c->rate_den }, n);
    time.flash_us = grid_flash_us(j->pal, time.field_index);
    if (m->recordings)
        look(m, &snap, &view);
    screen_forget(screen);
    return screen_draw(screen, &snap, &view, &(struct screen_tape){ .recordings = m->recordings, .film = film }, &time, ret, why);
}

static enum vcr_err tape_pictures(struct make *m, const struct canon_config *c, struct pipe *pipe, struct film *film, struct vcr_why *why)
{
    struct screen *screen = NULL;
    struct screen_shot shot;
    const struct reel_format *f = film ? reel_format(film_reel(film)) : NULL;
    uint32_t second = (uint32_t)((c->rate_num + c->rate_den / 2) / c->rate_den);
    if (f && (f->width != c->width || f->height != c->height))
        return vcr_fail(why, VCR_E_INVALID, "a tape of %dx%d, asked for as %dx%d", f->width, f->height, c->width, c->height);
    enum vcr_err err = screen_open(&screen, m->job->pal, &(struct fit_shape){ c->width, c->height, c->sar_num, c->sar_den }, why);
    for (uint32_t i = 0; err == VCR_OK && i < m->job->count; i++) {
        err = make_go_on(m) ? draw(m, screen, film, c, m->job->first + i, &shot, why) : nobody(why);
        if (err == VCR_OK)
            err = put(m, pipe, shot.picture, (int64_t)i * pipe->each, i % second == 0, why);
    }
    if (err == VCR_OK)
        err = put(m, pipe, NULL, 0, false, why);
    screen_close(&screen);
    return err;
}

enum vcr_err make_tape_video(struct make *m, struct vcr_why *why)
{
    struct film *film = NULL;
    struct canon_config c = tape_config(m->job);
    struct pipe pipe = { .each = (uint32_t)((int64_t)MAKE_VIDEO_TIMESCALE * c.rate_den / c.rate_num) };
    m->tfdt = (uint64_t)m->job->first * pipe.each;
    enum vcr_err err = canon_open(&pipe.canon, &c, why);
    if (err == VCR_OK && m->job->init) {
        err = describe(m, pipe.canon, &c, why);
    } else if (err == VCR_OK) {
        err = m->recordings ? VCR_OK : open_film(m, &film, why);
        if (err == VCR_OK)
            err = tape_pictures(m, &c, &pipe, film, why);
    }
    m->unread = film && reel_unread(film_reel(film));
    film_close(&film);
    canon_close(&pipe.canon);
    return err;
}

/* ---- the clean reel, smaller ---- */
struct smaller {
    struct film *film;
    struct scale *scale;
    struct pipe pipe;
    uint32_t durations[MAKE_COUNT_MAX];
    int64_t pts[MAKE_COUNT_MAX];     /* from the segment's start */
};

static int64_t ticks(int64_t us) { return (us * (MAKE_VIDEO_TIMESCALE / 1000) + 500) / 1000; }

/* The reel's first picture says what the numbers of all of them mean: the parameter sets are the same for every segment. */
static enum vcr_err clean_config(struct make *m, struct smaller *s, struct canon_config *ret, struct vcr_why *why)
{
    const struct make_job *j = m->job;
    struct frame *first = NULL;
    *ret = (struct canon_config){ .width = j->width, .height = j->height, .sar_num = 1, .sar_den = 1, .rate_num = 60000, .rate_den = 1001, .variable = true,
                                  .timescale = MAKE_VIDEO_TIMESCALE, .crf = CLEAN_CRF, .max_bps = j->max_bps, .level = j->height > 320 ? 40 : 31, .colour = { 2, 2, 2, false } };
    enum vcr_err err = open_film(m, &s->film, why);
    if (err == VCR_OK && film_picture(s->film, 0, FILM_FORWARD, &first, NULL) == VCR_OK)
        ret->colour = (struct canon_colour){ first->primaries, first->transfer, first->matrix, first->full_range };
    return err;
}

static enum vcr_err place_samples(struct make *m, struct smaller *s, struct vcr_why *why)
{
    struct reel *reel = film_reel(s->film);
    const struct make_job *j = m->job;
    uint32_t total = reel_sample_count(reel), end = j->first + j->count;
    if (end > total)
        return vcr_fail(why, VCR_E_INVALID, "samples up to %u of %u", end, total);
    int64_t start_us = reel_start_us(reel), zero_us = reel_sample_pts_us(reel, 0) - start_us, begin = ticks(reel_sample_pts_us(reel, j->first) - zero_us);
    int64_t end_us = end < total ? reel_sample_pts_us(reel, end) - zero_us : start_us + reel_duration_us(reel);
    m->tfdt = (uint64_t)begin;
    for (uint32_t i = 0; i < j->count; i++)
        s->pts[i] = ticks(reel_sample_pts_us(reel, j->first + i) - zero_us) - begin;
    for (uint32_t i = 0; i < j->count; i++)
        s->durations[i] = (uint32_t)VCR_MAX((i + 1 < j->count ? s->pts[i + 1] : ticks(end_us) - begin) - s->pts[i], 1);
    return VCR_OK;
}

/* A place that cannot be decoded shows the last picture before it. */
static enum vcr_err clean_pictures(struct make *m, struct smaller *s, const struct canon_config *c, struct vcr_why *why)
{
    const struct reel_format *f = reel_format(film_reel(s->film));
    const struct picture *shown = NULL;
    int64_t key_at = 0;
    enum vcr_err err = scale_open(&s->scale, f->width, f->height, c->width, c->height, why);
    for (uint32_t i = 0; err == VCR_OK && i < m->job->count; i++) {
        struct frame *frame = NULL;
        if (!make_go_on(m))
            return nobody(why);
        if (film_picture(s->film, m->job->first + i, FILM_FORWARD, &frame, NULL) == VCR_OK)
            shown = scale_picture(s->scale, &frame->picture);
        if (!shown)
            shown = scale_black(s->scale);
        bool key = i == 0 || s->pts[i] - key_at >= ticks(KEY_US) - 1;
        key_at = key ? s->pts[i] : key_at;
        err = put(m, &s->pipe, shown, s->pts[i], key, why);
    }
    return err == VCR_OK ? put(m, &s->pipe, NULL, 0, false, why) : err;
}

enum vcr_err make_clean_video(struct make *m, struct vcr_why *why)
{
    struct canon_config c;
    struct smaller *s = vcr_alloc(sizeof(*s));
    s->pipe.durations = s->durations;
    enum vcr_err err = clean_config(m, s, &c, why);
    if (err == VCR_OK)
        err = canon_open(&s->pipe.canon, &c, why);
    if (err == VCR_OK && m->job->init) {
        err = describe(m, s->pipe.canon, &c, why);
    } else if (err == VCR_OK) {
        err = place_samples(m, s, why);
        if (err == VCR_OK)
            err = clean_pictures(m, s, &c, why);
    }
    m->unread = s->film && reel_unread(film_reel(s->film));
    scale_close(&s->scale);
    canon_close(&s->pipe.canon);
    film_close(&s->film);
    free(s);
    return err;
}
