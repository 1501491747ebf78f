/* render/screen.c - see screen.h. */
#include "render/screen.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "render/box.h"
#include "signal/limiter.h"
#include "signal/settings.h"
#include "signal/signal.h"

/* Above this many times play speed, bands come from key frames alone: they pass by faster than the eye asks for, and a key costs one decode, not a GOP. */
#define KEYS_ONLY_RATE (3 * 65536)

/* A source picture and, when the display has been drawn, what it was drawn with: the same again needs no drawing. */
struct drawn {
    enum view_kind kind;
    int64_t tape_us;
    bool has_osd;
    char osd[DECK_OSD_LINES][DECK_OSD_CHARS + 1];
};
struct screen {
    /* set by open, then read-only */
    bool pal;
    struct picture canvas;
    /* the drawer's own */
    struct fit_shape shape;      /* in the clean look */
    struct box *box;             /* NULL until the first wide picture through the tape */
    const struct film *boxed;    /* whose pictures box keeps */
    struct fit *fits[2];         /* for the clean look, and through the tape; NULL until a picture needs it */
    struct signal *signal;       /* NULL until the first picture through the tape */
    uint64_t seed;               /* of signal */
    struct signal_limiter *limiter; /* NULL: off in this look, or no picture through the tape yet */
    char look[DECK_LOOK_BYTES];  /* of signal */
    uint8_t tape_speed;          /* that look is in force for */
    bool edit, edited;           /* see screen_edit; what signal is set to */
    bool crosstalk;              /* look shows the neighbouring track's colour */
    struct drawn drawn;          /* on the canvas; kind -1: something that won't come again */
    uint32_t last_sample;        /* shown in PLAY, at last_tape_us; UINT32_MAX: none */
    int64_t last_tape_us;
};

enum vcr_err screen_open(struct screen **ret, bool pal, const struct fit_shape *shape, struct vcr_why *why)
{
    int width = shape->width, height = shape->height;
    size_t luma = (size_t)width * (size_t)height;
    uint8_t *memory = malloc(luma * 3 / 2);
    if (!memory)
        return vcr_fail(why, VCR_E_NOMEM, "no memory for a screen of %dx%d", width, height);
    struct screen *s = vcr_alloc(sizeof(*s));
    s->pal = pal;
    s->shape = *shape;
    s->canvas = (struct picture){ width, height, { memory, memory + luma, memory + luma + luma / 4 }, { width, width / 2, width / 2 } };
    s->drawn.kind = (enum view_kind)-1;
    s->last_sample = UINT32_MAX;
    *ret = s;
    return VCR_OK;
}

void screen_close(struct screen **s)
{
    if (!*s)
        return;
    signal_close(&(*s)->signal);
    signal_limiter_close(&(*s)->limiter);
    box_close(&(*s)->box);
    for (int i = 0; i < 2; i++)
        fit_close(&(*s)->fits[i]);
    free((*s)->canvas.plane[0]);
    free(*s);
    *s = NULL;
}

static void fill(struct picture *p, const uint8_t yuv[3])
{
    for (int i = 0; i < 3; i++)
        for (int y = 0; y < (i ? p->height / 2 : p->height); y++)
            memset(p->plane[i] + y * p->stride[i], yuv[i], (size_t)(i ? p->width / 2 : p->width));
}

static void copy(struct picture *to, const struct picture *from)
{
    for (int i = 0; i < 3; i++)
        for (int y = 0; y < (i ? to->height / 2 : to->height); y++)
            memcpy(to->plane[i] + y * to->stride[i], from->plane[i] + y * from->stride[i], (size_t)(i ? to->width / 2 : to->width));
}

static enum vcr_err ready_signal(struct screen *s, const struct deck_snapshot *snap, struct vcr_why *why)
{
    if (s->signal && s->seed == snap->seed && s->tape_speed == snap->tape_speed && s->edited == s->edit && strcmp(s->look, snap->look) == 0)
        return VCR_OK;
    if (!s->signal || s->seed != snap->seed) {
        signal_close(&s->signal);
        enum vcr_err err = signal_open(&s->signal, s->pal ? SIGNAL_PAL : SIGNAL_NTSC, s->canvas.width, s->canvas.height, snap->seed, why);
        if (err != VCR_OK)
            return err;
        s->seed = snap->seed;
    }
    struct signal_profile profile;
    signal_profile_shown(&profile, snap->look, s->pal ? SIGNAL_PAL : SIGNAL_NTSC, snap->tape_speed);
    if (s->edit)
        profile.peaking_db10 = 0;
    signal_set_profile(s->signal, &profile);
    s->crosstalk = profile.chroma_crosstalk_db10 > 0;
    s->tape_speed = snap->tape_speed;
    s->edited = s->edit;
    if (!profile.limiter)
        signal_limiter_close(&s->limiter);
    else if (!s->limiter) {
        enum vcr_err err = signal_limiter_open(&s->limiter, s->canvas.width, s->canvas.height, s->canvas.is_422, why);
        if (err != VCR_OK)
            return err;
    }
    vcr_strcpy(s->look, sizeof(s->look), snap->look);
    return VCR_OK;
}

enum vcr_err screen_warm(struct screen *s, const struct deck_snapshot *snap, struct vcr_why *why) { return ready_signal(s, snap, why); }

void screen_left(struct screen *s)
{
    if (s->limiter)
        signal_limiter_forget(s->limiter);
}

enum vcr_err screen_saw(struct screen *s, const struct deck_snapshot *snap, const struct picture *p, int64_t flash_us, struct vcr_why *why)
{
    enum vcr_err err = ready_signal(s, snap, why);
    if (err == VCR_OK && s->limiter && p->width == s->canvas.width && p->height == s->canvas.height)
        signal_limiter_saw(s->limiter, p, -1, flash_us);
    return err;
}

void screen_forget(struct screen *s) { s->last_sample = UINT32_MAX; }

void screen_edit(struct screen *s, bool on) { s->edit = on; }

void screen_reels_closed(struct screen *s)
{
    for (int i = 0; i < 2; i++)
        if (s->fits[i])
            fit_forget(s->fits[i]);
    box_close(&s->box);
    s->boxed = NULL;
    s->drawn.kind = (enum view_kind)-1;
}

const struct picture *screen_canvas(const struct screen *s) { return &s->canvas; }

/* In PLAY the tape and the display run at the same rate, so a place near the border of two pictures would flicker between them by rounding:
 * go on by as many pictures as time has passed, as long as that stays true to within a picture. */
static uint32_t sample_in_play(struct screen *s, struct reel *reel, int64_t tape_us)
{
    enum { ROUNDING_US = 1000 };
    uint32_t exact = reel_sample_at(reel, tape_us);
    if (s->last_sample < reel_sample_count(reel) && tape_us > s->last_tape_us && tape_us - s->last_tape_us < 100000) {
        int64_t pts = reel_sample_pts_us(reel, s->last_sample), step = pts + (tape_us - s->last_tape_us);
        uint32_t next = reel_sample_at(reel, step + ROUNDING_US);
        int64_t off = tape_us - reel_sample_pts_us(reel, next);
        bool early = next == exact + 1 && off > -ROUNDING_US, late = next + 1 == exact && tape_us - reel_sample_pts_us(reel, exact) < ROUNDING_US;
        if (early || late)
            return next;
    }
    return exact;
}

/* The reel at a place of the tape, and where it is there; *ret_begins_us: from which place of it on it is on the tape. */
static struct film *reel_at(const struct screen_tape *tape, int64_t tape_us, int64_t *ret_ahead_us, int64_t *ret_begins_us)
{
    struct recording r;
    *ret_ahead_us = *ret_begins_us = 0;
    if (!tape->recordings)
        return tape->film;
    recordings_at(tape->recordings, tape_us, &r);
    *ret_ahead_us = r.reel_ahead_us;
    *ret_begins_us = r.start_us + r.reel_ahead_us;
    return r.film ? r.film : r.clean;
}

/* The key picture before n; where that was recorded over, the first picture that was not. */
static uint32_t key_on_tape(struct reel *reel, uint32_t n, int64_t begins_us)
{
    uint32_t key = reel_key_at(reel, n);
    return reel_sample_pts_us(reel, key) < begins_us ? VCR_MAX(key, reel_sample_at(reel, begins_us)) : key;
}

/* A picture, and whose. */
struct found {
    struct frame *frame; /* NULL: there is none */
    struct film *film;
    uint32_t n;
};

/* What the track beside holds, where the head follows one track and the look shows its neighbour: the field before, as `vcr dub` has it. Nothing that is shown depends on whether
 * it can be had: at the beginning of a recording, and where it is damaged, the field itself stands for it. */
static struct found neighbour(struct screen *s, const struct screen_tape *tape, const struct view *view, int64_t field_us)
{
    struct found f = { .frame = NULL };
    int64_t ahead_us, begins_us, at_us = view->tape_us - field_us;
    f.film = reel_at(tape, view->tape_us, &ahead_us, &begins_us);
    at_us += ahead_us;
    if (!f.film || view->rate < -65536 || view->rate > 65536 || at_us < begins_us || at_us < 0 || at_us >= reel_duration_us(film_reel(f.film)))
        return f;
    f.n = reel_sample_at(film_reel(f.film), at_us);
    if (film_picture(f.film, f.n, view->rate < 0 ? FILM_BACKWARD : FILM_FORWARD, &f.frame, NULL) != VCR_OK)
        f.frame = NULL;
    return f;
}

static struct found source(struct screen *s, const struct screen_tape *tape, const struct view *view, int64_t tape_us, struct screen_shot *shot)
{
    struct found f = { .frame = NULL };
    int64_t ahead_us, at_us, begins_us;
    f.film = reel_at(tape, tape_us, &ahead_us, &begins_us);
    at_us = tape_us + ahead_us;
    if (!f.film || at_us >= reel_duration_us(film_reel(f.film)))
        return f;
    struct reel *reel = film_reel(f.film);
    f.n = view->rate == 65536 ? sample_in_play(s, reel, at_us) : reel_sample_at(reel, at_us);
    if (view->rate >= KEYS_ONLY_RATE || view->rate <= -KEYS_ONLY_RATE)
        f.n = key_on_tape(reel, f.n, begins_us);
    if (film_picture(f.film, f.n, view->rate < 0 ? FILM_BACKWARD : FILM_FORWARD, &f.frame, NULL) != VCR_OK) {
        f.frame = NULL;
        shot->damaged = true;
        return f;
    }
    s->last_sample = view->rate == 65536 ? f.n : UINT32_MAX;
    s->last_tape_us = at_us;
    if (shot->tape_us < 0)
        shot->tape_us = VCR_MAX(reel_sample_pts_us(reel, f.n) - ahead_us, 0);
    return f;
}

static const struct picture *fitted(struct screen *s, const struct found *f, const struct fit_shape *shape, bool through_tape)
{
    struct fit_shape screen = s->shape;
    if (through_tape) /* what the recorder was given: a 4:3 picture */
        screen.sar_num = screen.height * 4, screen.sar_den = screen.width * 3;
    if (fit_is_same(shape, &screen))
        return &f->frame->picture;
    struct fit **fit = &s->fits[through_tape];
    if (!*fit)
        *fit = fit_open(&screen);
    return fit_picture(*fit, f->film, f->n, shape, &f->frame->picture);
}

/* As it is shown. NULL: no memory. */
static const struct picture *shown(struct screen *s, const struct found *f, bool through_tape)
{
    const struct reel_format *format = reel_format(film_reel(f->film));
    struct fit_shape shape = { f->frame->picture.width, f->frame->picture.height, format->sar_num, format->sar_den };
    bool size_fits = shape.width == s->canvas.width && shape.height == s->canvas.height;
    int rows = size_fits ? box_rows(shape.width, shape.height, shape.sar_num, shape.sar_den) : 0;
    if (!through_tape || !size_fits || (s->boxed && s->boxed != f->film))
        return fitted(s, f, &shape, through_tape);
    if (rows == shape.height)
        return &f->frame->picture;
    if (!s->box)
        s->box = box_open(shape.width, shape.height, rows);
    s->boxed = f->film;
    return box_picture(s->box, f->n, &f->frame->picture);
}

static void draw_osd(struct screen *s, const struct view *view)
{
    static const struct { int row, column; } places[DECK_OSD_LINES] = {
        [DECK_OSD_MODE] = { 0, 0 }, [DECK_OSD_COUNTER] = { 1, 0 }, [DECK_OSD_SWITCHES] = { 0, SIGNAL_OSD_RIGHT }, [DECK_OSD_SOUND] = { 1, SIGNAL_OSD_RIGHT },
        [DECK_OSD_MESSAGE] = { 11, 0 }, [DECK_OSD_CLOCK] = { 11, SIGNAL_OSD_RIGHT },
    };
    for (int i = 0; view->has_osd && i < DECK_OSD_LINES; i++)
        if (i == DECK_OSD_MESSAGE && view->scale != INT16_MIN)
            signal_osd_tracking(&s->canvas, view->scale);
        else
            signal_osd(&s->canvas, places[i].row, places[i].column, view->osd[i]);
}

/* How long before a place its recording began over another one; 0: over nothing. */
static int64_t over_for(const struct screen_tape *tape, int64_t tape_us)
{
    struct recording r;
    if (!tape->recordings)
        return 0;
    recordings_at(tape->recordings, tape_us, &r);
    return r.state == RECORDING_THERE && r.is_over && tape_us >= r.over_us ? tape_us - r.over_us + 1 : 0;
}

static enum vcr_err draw_through_tape(struct screen *s, const struct deck_snapshot *snap, const struct view *view, const struct screen_tape *tape,
                                      int64_t field_index, struct screen_shot *ret, struct vcr_why *why)
{
    enum vcr_err err = ready_signal(s, snap, why);
    if (err != VCR_OK)
        return err;
    struct signal_field field = { .kind = view->kind == VIEW_SNOW ? SIGNAL_SNOW : SIGNAL_TAPE, .tape_us = view->tape_us, .rate = view->rate,
                                  .lock_q16 = view->lock_q16, .tracking_error_q8 = view->tracking_error_q8, .wear_16 = snap->wear_16,
                                  .tape_speed = snap->tape_speed, .field_index = field_index, .over_us = view->kind == VIEW_TAPE ? over_for(tape, view->tape_us) : 0 };
    int64_t places[SIGNAL_BANDS_MAX];
    const struct picture *sources[SIGNAL_BANDS_MAX] = { NULL };
    struct frame *held[SIGNAL_BANDS_MAX + 1] = { NULL };
    int n = view->kind == VIEW_SNOW ? 1 : VCR_CLAMP(signal_bands(s->signal, &field, places), 0, SIGNAL_BANDS_MAX);
    if (view->kind == VIEW_TAPE && n == 1 && s->crosstalk) {
        struct found f = neighbour(s, tape, view, signal_field_us(s->signal));
        if (f.frame) {
            held[SIGNAL_BANDS_MAX] = frame_ref(f.frame);
            field.beside = shown(s, &f, true);
        }
    }
    for (int i = 0; view->kind == VIEW_TAPE && i < n; i++) {
        struct found f = source(s, tape, view, places[i], ret);
        if (f.frame) {
            held[i] = frame_ref(f.frame);
            sources[i] = shown(s, &f, true);
        }
    }
    signal_render(s->signal, &field, sources, n, &s->canvas);
    for (int i = 0; i <= SIGNAL_BANDS_MAX; i++)
        frame_unref(&held[i]);
    s->drawn.kind = (enum view_kind)-1;
    draw_osd(s, view);
    return VCR_OK;
}

static bool same(const struct drawn *a, const struct drawn *b)
{
    return a->kind == b->kind && a->tape_us == b->tape_us && a->has_osd == b->has_osd && memcmp(a->osd, b->osd, sizeof(a->osd)) == 0;
}

/* What is exactly the same from picture to picture: flat screens, and the tape without its machine. */
static void draw_plain(struct screen *s, const struct view *view, const struct screen_tape *tape, struct screen_shot *ret)
{
    static const uint8_t black[3] = { 16, 128, 128 }, blue[3] = { 35, 212, 114 } /* as signal.h's SIGNAL_BLUE */;
    struct found f = { .frame = NULL };
    if (view->kind == VIEW_TAPE)
        f = source(s, tape, view, view->tape_us, ret);
    const struct picture *picture = f.frame ? shown(s, &f, false) : NULL;
    if (picture && !view->has_osd) {
        ret->picture = picture;
        return;
    }
    struct drawn now = { .kind = view->kind, .tape_us = picture ? ret->tape_us : -1, .has_osd = view->has_osd };
    memcpy(now.osd, view->osd, sizeof(now.osd));
    if (same(&s->drawn, &now))
        return;
    if (picture)
        copy(&s->canvas, picture);
    else
        fill(&s->canvas, view->kind == VIEW_BLACK ? black : blue);
    draw_osd(s, view);
    s->drawn = now;
}

enum vcr_err screen_draw(struct screen *s, const struct deck_snapshot *snap, const struct view *view, const struct screen_tape *tape, const struct screen_time *time,
                         struct screen_shot *ret, struct vcr_why *why)
{
    *ret = (struct screen_shot){ .picture = &s->canvas, .tape_us = -1 };
    enum vcr_err err = VCR_OK;
    if (!snap->clean && (view->kind == VIEW_TAPE || view->kind == VIEW_SNOW))
        err = draw_through_tape(s, snap, view, tape, time->field_index, ret, why);
    else
        draw_plain(s, view, tape, ret);
    /* the deck's own flat screens are limited as well: they come and go beside the tape's */
    if (err == VCR_OK && !snap->clean && s->limiter && signal_limiter_apply(s->limiter, &s->canvas, -1, time->flash_us))
        s->drawn.kind = (enum view_kind)-1;
    return err;
}
