/* render/seat_video.c - a seat's pictures: passed through from a reel where the deck is in settled PLAY and the look is clean, or made (seat_replay.c), else drawn and encoded.
 *
 * Seams: from live to reel only at a key frame of the reel, whose place is the very one that is due; from reel to live with an IDR. So a decoder never sees a
 * picture that refers to one it hasn't got. */
#include <stddef.h>
#include <string.h>

#include "base/util.h"
#include "render/seat_internal.h"
#include "signal/limiter.h"

enum { BAD_PLACES_MAX = 3 };

/* The reel that may be sent unchanged, or NULL. */
static struct reel *passable(const struct recording *at)
{
    struct film *films[] = { at->clean, at->film };
    for (size_t i = 0; i < ARRAY_LEN(films); i++)
        if (films[i] && reel_format(film_reel(films[i]))->pass_through)
            return film_reel(films[i]);
    return NULL;
}

/* reel_us: where the head is on the reel. */
static bool pass_samples(struct seat *s, struct reel *reel, int64_t reel_us, int64_t ahead_us, uint32_t last, int64_t at_us, struct out *out)
{
    for (; s->pass_next <= last; s->pass_next++) {
        struct packet p;
        if (reel_read(reel, s->pass_next, &p, NULL) != VCR_OK)
            return false;
        p.track = PACKET_VIDEO;
        p.flags = (uint8_t)((p.flags & PACKET_KEY) | PACKET_REPLAYED | (s->discontinuity ? PACKET_DISCONT : 0));
        p.tape_us = VCR_MAX(p.pts_us - ahead_us, 0);
        /* when its place passes the head */
        p.pts_us = VCR_MAX(at_us - (reel_us - p.pts_us), s->last_pts_us + 1000);
        s->last_pts_us = p.pts_us;
        s->discontinuity = false;
        seat_send(s, &p, out);
        if (s->key_wanted)
            return false; /* the ring was full */
    }
    return true;
}

/* The reel whose pictures go out unchanged now, or NULL. It may have several times the bits of what is encoded: not for a line that is known to be narrow. */
static struct reel *passable_now(const struct seat *s, const struct view *view, const struct recording *at)
{
    return !s->encode_all && !s->line_bps && s->snap.clean && view->settled && view->kind == VIEW_TAPE && !view->has_osd ? passable(at) : NULL;
}

/* True when this tick was served from a reel. */
static bool pass(struct seat *s, const struct view *view, const struct recording *at, int64_t at_us, struct out *out)
{
    enum { JUMP = 8 };
    struct reel *reel = passable_now(s, view, at);
    bool was = s->passing && s->passed == reel;
    int64_t reel_us = view->tape_us + at->reel_ahead_us;
    s->passing = false;
    if (!reel || s->key_wanted || reel_us >= reel_duration_us(reel))
        return false;
    uint32_t n = reel_sample_at(reel, reel_us);
    if (!was || n + 1 < s->pass_next || n > s->pass_next + JUMP) {
        uint32_t key = reel_key_at(reel, n);
        int64_t key_us = reel_sample_pts_us(reel, key);
        if (key_us <= reel_us - seat_period_us(s) || key_us - at->reel_ahead_us + seat_period_us(s) < at->start_us)
            return false; /* not yet: the next key frame comes */
        s->pass_next = key;
    }
    s->passed = reel;
    s->passing = pass_samples(s, reel, reel_us, at->reel_ahead_us, n, at_us, out);
    return s->passing;
}

/* What is played: the tape reel; where the recording has none, the clean one. */
static struct film *played(const struct recording *at) { return at->film ? at->film : at->clean; }

enum vcr_err seat_ready_screen(struct seat *s, struct vcr_why *why)
{
    if (s->screen)
        return VCR_OK;
    if (!s->recordings)
        s->shape = (struct fit_shape){ 720, s->pal ? 576 : 480, s->pal ? 16 : 8, s->pal ? 15 : 9 };
    return screen_open(&s->screen, s->pal, &s->shape, why);
}

/* A key frame costs half as much again as other pictures, or twice, and encoders that begin together, at the start or when overload changes them all, would have all of theirs at the same time.
 * So each has one out of turn, at a place of its own in the last three quarters of the first two seconds: ids that follow one another lie far apart, and any number of them evenly. */
static int spread_of(uint32_t id, const struct seat_rate *rate)
{
    const int gop = 2 * rate->num / rate->den;
    return gop / 4 + (int)((uint64_t)(id * 0x9E3779B1u) * (unsigned)(gop - gop / 4) >> 32); /* 2^32 by the golden ratio */
}

static enum vcr_err ready_encoder(struct seat *s, const struct picture *picture, struct vcr_why *why)
{
    bool own = s->snap.clean && s->recordings; /* through the tape everything is 4:3 */
    if (s->encoder && own == s->encoder_clean)
        return VCR_OK;
    video_encoder_close(&s->encoder);
    s->encoder_clean = own;
    struct seat_rate rate = seat_rate(s);
    struct video_encoder_config config = {
        .width = picture->width, .height = picture->height, .sar_num = own ? s->shape.sar_num : s->pal ? 16 : 8, .sar_den = own ? s->shape.sar_den : s->pal ? 15 : 9,
        .rate_num = rate.num, .rate_den = rate.den, .bitrate_bps = s->bitrate_bps, .pal = s->pal,
        .effort = s->shed >= 1 ? VIDEO_EFFORT_ULTRAFAST : VIDEO_EFFORT_BRISK,
    };
    s->spread_in = spread_of(s->id, &rate);
    return video_encoder_open(&s->encoder, &config, why);
}

/* Damage here and there is a tape's life; a reel that gives nothing at several places in a row is broken: the film's is told, a take is missing. */
static enum vcr_err judge(struct seat *s, const struct recording *at, const struct screen_shot *shot, struct vcr_why *why)
{
    if (!shot->damaged) {
        s->bad_places = shot->tape_us >= 0 ? 0 : s->bad_places;
        return VCR_OK;
    }
    if (++s->bad_places < BAD_PLACES_MAX)
        return VCR_OK;
    s->bad_places = 0;
    if (at->take == 0)
        return vcr_fail(why, VCR_E_IO, "the tape's video reel cannot be played here");
    recordings_give_up(s->recordings, at->take);
    screen_reels_closed(s->screen);
    s->passed = NULL;
    return VCR_OK;
}

/* The display's fields since the epoch of the common clock. */
static int64_t field_at(const struct seat *s, int64_t at_us) { return s->pal ? at_us * 50 / 1000000 : at_us * 60 / 1001000; }

/* Moves the view to the picture of the tape's grid that is at the heads; which it is, -1: the tape does not PLAY through its heads. */
static int64_t step(struct seat *s, struct view *view)
{
    struct grid g = grid_of(s->pal, s->field_rate);
    if (s->snap.clean || view->kind != VIEW_TAPE || view->rate != 65536 || view->lock_q16 != 65536)
        return s->walk.n = -1;
    int64_t n = grid_step(&s->walk, &g, view->tape_us);
    view->tape_us = grid_place_us(&g, n);
    return n;
}

/* Whether who draws may begin with the whole of the segment that n is in, though n is not its first picture: n has come since before, late. A process that draws hundreds of seats each
 * of which has its turn once in seconds brings them into made pictures so, which are its way out. */
static bool came_late(const struct seat *s, int64_t n, int64_t before)
{
    enum { SEGMENTS_MAX = 5 };
    return before >= 0 && n > before && n - before <= SEGMENTS_MAX * seat_segment_pictures(s);
}

/* The field that what moves goes by: the tape's where that PLAYs, the display's elsewhere. The limiter's time goes on, but begins anew where a made segment does: not twice in a second (a search may
 * lie between two borders), as limiter.h's three flashes are those on both sides of one cut. */
static int64_t time_of(struct seat *s, int64_t n, int64_t before, int64_t at_us)
{
    enum { STEPS_MAX = 30 /* pictures left out; more may be a jump, over time that did not pass */ };
    struct grid g = grid_of(s->pal, s->field_rate);
    int64_t field = grid_field(s->field_rate, n), gone_us = at_us - s->flashed_at_us;
    if (s->replaying ? seat_follows_made(s, n, before) : before >= 0 && n > before && n - before < STEPS_MAX)
        gone_us = grid_flash_us(s->pal, field) - grid_flash_us(s->pal, grid_field(s->field_rate, before));
    int64_t into = n >= 0 ? n % seat_segment_pictures(s) : 0;
    bool follows = n == before + 1 || (s->replaying && seat_follows_made(s, n, before));
    s->flash_us += gone_us;
    s->flash_same &= follows;
    s->flash_begins = false;
    if (n >= 0 && s->flash_us >= SIGNAL_LIMITER_SECOND_US && grid_begins_segment(&g, before, n)) {
        s->flash_us = s->replaying && follows ? grid_flash_us(s->pal, field) - grid_flash_us(s->pal, grid_field(s->field_rate, n - into)) : 0;
        s->flash_same = into == 0 || (s->replaying && follows);
        s->flash_begins = !s->replaying && (into == 0 || came_late(s, n, before));
    }
    s->flashed_at_us = at_us;
    return n >= 0 ? field : field_at(s, at_us);
}

static enum vcr_err live(struct seat *s, const struct view *view, const struct recording *at, const struct deck_snapshot *snap, int64_t field, int64_t at_us,
                         struct out *out, struct vcr_why *why)
{
    const struct screen_time time = { field, s->flash_us };
    struct screen_shot shot;
    struct packet p;
    struct screen_tape tape = { .recordings = s->recordings };
    enum vcr_err err = seat_ready_screen(s, why);
    if (err == VCR_OK)
        screen_edit(s->screen, s->encode_all);
    if (err == VCR_OK && s->walk.n >= 0)
        screen_forget(s->screen);
    if (err == VCR_OK)
        err = screen_draw(s->screen, snap, view, &tape, &time, &shot, why);
    if (err == VCR_OK)
        err = ready_encoder(s, shot.picture, why);
    if (err == VCR_OK)
        err = video_encode(s->encoder, shot.picture, VCR_MAX(at_us, s->last_pts_us + 1000), s->key_wanted || s->spread_in == 1, &p, why);
    if (err != VCR_OK)
        return err;
    s->spread_in -= s->spread_in > 0;
    s->key_wanted = false;
    p.tape_us = shot.tape_us;
    p.flags = (uint8_t)(p.flags | (s->discontinuity ? PACKET_DISCONT : 0));
    s->discontinuity = false;
    s->last_pts_us = p.pts_us;
    seat_send(s, &p, out);
    return judge(s, at, &shot, why);
}

static enum vcr_err prepare_screen(struct seat *s, const struct view *view, struct vcr_why *why)
{
    struct recording at;
    struct deck_snapshot snap;
    enum vcr_err err = seat_ready_screen(s, why);
    seat_look(s, view->tape_us, &at, &snap);
    return err == VCR_OK && s->recordings && !s->snap.clean ? screen_warm(s->screen, &snap, why) : err;
}

static enum vcr_err prepare_encoder(struct seat *s, const struct view *view, struct vcr_why *why)
{
    return ready_encoder(s, screen_canvas(s->screen), why);
}

/* The decoder at the place where the head is, also while the tape stands still: PLAY begins there. A place that cannot be decoded is told when it is played. */
static enum vcr_err prepare_film(struct seat *s, const struct view *view, struct vcr_why *why)
{
    struct frame *frame;
    struct recording at;
    struct deck_snapshot snap;
    seat_look(s, view->tape_us, &at, &snap);
    if (played(&at) && !s->broken && !passable_now(s, view, &at))
        (void)film_picture(played(&at), reel_sample_at(film_reel(played(&at)), view->tape_us + at.reel_ahead_us), FILM_FORWARD, &frame, NULL);
    return VCR_OK;
}

enum vcr_err seat_video_prepare(struct seat *s, int64_t at_us, struct vcr_why *why)
{
    static enum vcr_err (*const steps[PREPARED])(struct seat *, const struct view *, struct vcr_why *) = {
        [PREPARE_SCREEN] = prepare_screen, [PREPARE_ENCODER] = prepare_encoder, [PREPARE_FILM] = prepare_film,
    };
    struct view view;
    view_at(&view, &s->snap, at_us);
    return steps[s->prepare_next++](s, &view, why);
}

/* Where a recording begins within a GOP, all of that up to there is to be decoded: before its time comes, a little each tick. */
static void approach(struct seat *s, const struct view *view, const struct recording *now)
{
    enum { AHEAD_US = 1500000, EACH = 2 };
    struct recording next;
    if (view->kind != VIEW_TAPE || view->rate != 65536 || !s->recordings || !recordings_coming(s->recordings, view->tape_us, AHEAD_US, &next))
        return;
    struct film *film = played(&next);
    if (film && film != played(now))
        film_approach(film, reel_sample_at(film_reel(film), next.start_us + next.reel_ahead_us), EACH);
}

enum vcr_err seat_video_tick(struct seat *s, int64_t at_us, struct out *out, struct seat_counts *counts, struct vcr_why *why)
{
    struct view view;
    struct recording at;
    struct deck_snapshot snap;
    view_at(&view, &s->snap, at_us);
    if (s->broken && view.kind == VIEW_TAPE) {
        view.kind = VIEW_BLUE;
        view.settled = false;
    }
    int64_t before = s->walk.n, n = step(s, &view);
    int64_t field = time_of(s, n, before, at_us);
    seat_look(s, view.tape_us, &at, &snap);
    if (s->recordings)
        recordings_foresee(s->recordings, view.tape_us, view.rate);
    s->missing = view.kind == VIEW_TAPE && at.state == RECORDING_MISSING;
    approach(s, &view, &at);
    bool was = s->passing || s->replaying;
    if (seat_replay(s, &at, &snap, n, before, at_us, out)) {
        counts->passed++;
        return VCR_OK;
    }
    if (pass(s, &view, &at, at_us, out)) {
        counts->passed++;
        return VCR_OK;
    }
    s->key_wanted |= was;
    return live(s, &view, &at, &snap, field, at_us, out, why);
}
