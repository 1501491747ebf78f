/* render/seat_replay.c - a seat in settled PLAY that shows the pictures of made segments in place of drawn ones: when it comes in, how it goes out, and what the limiter of flashes
 * has to know of them. */
#include <malloc.h>
#include <string.h>

#include "base/util.h"
#include "render/cacheable.h"
#include "render/seat_internal.h"
#include "signal/limiter.h"
#include "wire/make_msg.h"

int64_t seat_segment_pictures(const struct seat *s)
{
    struct grid g = grid_of(s->pal, s->field_rate);
    return make_segment_units((uint32_t)g.num, (uint32_t)g.den);
}

bool seat_follows_made(const struct seat *s, int64_t n, int64_t before) { return before >= 0 && n > before && n - before <= seat_segment_pictures(s); }

void seat_piece_name(const struct seat *s, const struct deck_snapshot *snap, enum render_piece_kind kind, struct render_piece *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->kind = (uint8_t)kind;
    ret->tape = s->tape;
    ret->spans = s->spans;
    ret->seed = snap->seed;
    ret->pal = s->pal;
    ret->field_rate = s->field_rate;
    ret->tape_speed = snap->tape_speed;
    ret->wear_16 = (uint8_t)snap->wear_16;
    vcr_strcpy(ret->look, sizeof(ret->look), snap->look);
}

/* The limiter of flashes sees the pictures of a made segment that were shown, from the segment's first to picture n of the grid. False: not all of them can be had. */
static bool see_again(struct seat *s, const struct deck_snapshot *snap, int64_t n)
{
    int64_t each = seat_segment_pictures(s), first = n - n % each, begin_us = grid_flash_us(s->pal, grid_field(s->field_rate, first));
    struct video_decoder *d = NULL;
    bool ok = video_decoder_open(&d, NULL) == VCR_OK;
    for (int64_t i = first; ok && i <= n; i++) {
        struct packet p;
        struct frame *f = NULL;
        ok = pieces_read(s->pieces, (uint32_t)(i / each), (uint32_t)(i - first), &p) && video_decode(d, p.data, p.len, &f, NULL) == VCR_OK &&
             screen_saw(s->screen, snap, &f->picture, grid_flash_us(s->pal, grid_field(s->field_rate, i)) - begin_us, NULL) == VCR_OK;
        frame_unref(&f);
    }
    video_decoder_close(&d);
    return ok;
}

/* Picture n of the grid was the last one to come from a made segment. What is drawn next is held back by what was shown within the last second: where that is all of one segment its
 * pictures are looked at again, so that the limiter goes on; later on it may begin anew. */
static void leave(struct seat *s, const struct deck_snapshot *snap, int64_t n)
{
    s->replaying = s->resting = false;
    s->replayed_us = 0;
    if (seat_ready_screen(s, NULL) != VCR_OK)
        return;
    screen_left(s->screen);
    if (s->flash_us > 0 && (s->flash_us >= SIGNAL_LIMITER_SECOND_US || !see_again(s, snap, n))) {
        screen_left(s->screen);
        s->flash_us = 0;
        s->flash_same = false;
    }
}

/* Who does nothing but send needs no screen, no encoder and no decoders. All of them come back with the first picture that is drawn, and with the first sound. */
static void rest(struct seat *s, int64_t at_us)
{
    enum { REST_AFTER_US = 2000000 };
    if (s->replayed_us == 0)
        s->replayed_us = at_us;
    if (s->resting || at_us - s->replayed_us < REST_AFTER_US)
        return;
    s->resting = true;
    screen_close(&s->screen);
    video_encoder_close(&s->encoder);
    recordings_rest(s->recordings);
    malloc_trim(0);
}

/* Picture n of the grid, which is at the heads at pts_us; false: it is not there. */
static bool send_made(struct seat *s, const struct grid *g, int64_t n, int64_t pts_us, struct out *out)
{
    struct packet p;
    int64_t each = seat_segment_pictures(s);
    if (s->key_wanted || !pieces_read(s->pieces, (uint32_t)(n / each), (uint32_t)(n % each), &p) || (!s->replaying && !(p.flags & PACKET_KEY)))
        return false;
    p.flags = (uint8_t)(p.flags | PACKET_REPLAYED | (s->discontinuity ? PACKET_DISCONT : 0));
    p.tape_us = grid_place_us(g, n);
    p.pts_us = s->last_pts_us = VCR_MAX(pts_us, s->last_pts_us + 1000);
    s->discontinuity = false;
    seat_send(s, &p, out);
    s->replaying = true;
    return true;
}

bool seat_replay(struct seat *s, const struct recording *at, const struct deck_snapshot *snap, int64_t n, int64_t before, int64_t at_us, struct out *out)
{
    struct grid g = grid_of(s->pal, s->field_rate);
    struct cacheable c = { snap, at, s->encode_all, s->line_bps };
    struct render_piece name;
    int64_t each = seat_segment_pictures(s);
    bool may = s->pieces && n >= 0 && cacheable_at(&c, at_us);
    int64_t from = s->replaying ? before + 1 : s->flash_begins ? n - n % each : n, each_us = INT64_C(1000000) * g.den / g.num;
    s->flash_same &= may;
    seat_piece_name(s, snap, RENDER_PIECE_VIDEO, &name);
    if (s->replaying && (!may || !seat_follows_made(s, n, before) || s->key_wanted || !pieces_are(s->pieces, &name)))
        leave(s, snap, before);
    if (!may)
        return false;
    for (int64_t i = from; i <= n; i++) {
        pieces_need(s->pieces, &name, (uint32_t)(i / each), at_us);
        if ((s->flash_same || s->flash_begins) && send_made(s, &g, i, at_us - (n - i) * each_us, out))
            continue;
        if (s->replaying)
            leave(s, snap, i - 1);
        return false;
    }
    if (s->flash_begins) {
        s->flash_us = grid_flash_us(s->pal, grid_field(s->field_rate, n)) - grid_flash_us(s->pal, grid_field(s->field_rate, from));
        s->flash_same = true;
    }
    rest(s, at_us);
    return true;
}
