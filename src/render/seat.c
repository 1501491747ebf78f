/* render/seat.c - see seat.h: opening, tapes and clocks. */
#include "render/seat.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "render/seat_internal.h"
#include "signal/limiter.h"
#include "render/view.h"
#include "wire/make_msg.h"

enum { BITRATE_MIN = 200000, BITRATE_MAX = 12000000, SOUND_LATE_MAX_US = 400000 };

struct seat_rate seat_rate(const struct seat *s)
{
    static const struct seat_rate rates[2][2] = { { { 30000, 1001 }, { 60000, 1001 } }, { { 25, 1 }, { 50, 1 } } };
    struct seat_rate r = rates[s->pal][s->field_rate];
    if (s->shed >= 2)
        r.den *= 2;
    return r;
}

int64_t seat_tick_us(const struct seat *s, int64_t tick)
{
    struct seat_rate r = seat_rate(s);
    return s->origin_us + tick * 1000000 * r.den / r.num;
}

int64_t seat_period_us(const struct seat *s)
{
    struct seat_rate r = seat_rate(s);
    return INT64_C(1000000) * r.den / r.num;
}

static int64_t sound_tick_us(const struct seat *s) { return s->sound_origin_us + s->sound_tick * AUDIO_FRAME_US; }

enum vcr_err seat_open(struct seat **ret, const struct render_open *open, int64_t now_us, struct vcr_why *why)
{
    struct seat *s = vcr_alloc(sizeof(*s));
    s->id = open->h.seat;
    s->home_pal = s->pal = open->pal != 0;
    s->home_field_rate = s->field_rate = open->field_rate != 0;
    s->snap = (struct deck_snapshot){ .mode = DECK_OFF, .osd_counter_line = -1, .since_us = now_us };
    s->origin_us = s->sound_origin_us = now_us;
    s->last_pts_us = INT64_MIN;
    s->walk.n = s->sound_n = -1;
    s->flash_us = SIGNAL_LIMITER_SECOND_US;
    s->pieces = open->pieces ? pieces_open() : NULL;
    s->sound_pieces = open->pieces ? pieces_open() : NULL;
    s->discontinuity = s->sound_discontinuity = true;
    s->open_bps = s->bitrate_bps = VCR_CLAMP(open->bitrate_bps, BITRATE_MIN, BITRATE_MAX);
    enum vcr_err err = audio_encoder_open(&s->sound_encoder, MAKE_OPUS_BPS, why);
    if (err != VCR_OK)
        seat_close(&s);
    else
        *ret = s;
    return err;
}

static void tape_out(struct seat *s)
{
    recordings_close(&s->recordings);
    if (s->screen)
        screen_reels_closed(s->screen);
    s->bad_places = 0;
    s->broken = s->missing = false;
    s->spans = 0;
    if (s->pieces) {
        pieces_clear(s->pieces);
        pieces_clear(s->sound_pieces);
    }
    s->sound_n = -1;
    s->sound_replaying = false;
    if (s->passing || s->replaying)
        s->key_wanted = true; /* what comes next is not of that stream */
    s->passing = s->replaying = s->resting = false;
    s->replayed_us = 0;
    s->passed = NULL;
}

void seat_close(struct seat **s)
{
    if (!*s)
        return;
    tape_out(*s);
    pieces_close(&(*s)->pieces);
    pieces_close(&(*s)->sound_pieces);
    screen_close(&(*s)->screen);
    video_encoder_close(&(*s)->encoder);
    audio_encoder_close(&(*s)->sound_encoder);
    signal_audio_close(&(*s)->sound);
    free(*s);
    *s = NULL;
}

uint32_t seat_id(const struct seat *s) { return s->id; }

/* Starts the picture clock anew from the next tick, so that pictures stay evenly spaced over the change. */
static void reclock(struct seat *s)
{
    s->origin_us = seat_tick_us(s, s->tick);
    s->tick = 0;
}

static void set_raster(struct seat *s, bool pal, bool field_rate)
{
    reclock(s);
    s->pal = pal;
    s->field_rate = field_rate;
    s->walk.n = -1;
    screen_close(&s->screen);
    video_encoder_close(&s->encoder);
    s->discontinuity = true;
    s->prepare_next = PREPARE_SCREEN;
}

enum vcr_err seat_tape(struct seat *s, const struct render_tape *tape, const int fds[6], struct vcr_why *why)
{
    tape_out(s);
    bool in = tape->in || tape->has;
    set_raster(s, in ? tape->pal != 0 : s->home_pal, in ? tape->field_rate != 0 : s->home_field_rate);
    s->tape = tape->tape;
    s->shape = (struct fit_shape){ 720, s->pal ? 576 : 480, s->pal ? 16 : 8, s->pal ? 15 : 9 };
    if (!in)
        return VCR_OK;
    s->recordings = recordings_open();
    enum vcr_err err = recordings_film(s->recordings, fds, why);
    struct recording film;
    recordings_at(s->recordings, 0, &film);
    struct film *shown = film.film ? film.film : film.clean;
    if (shown) {
        const struct reel_format *f = reel_format(film_reel(shown));
        s->shape = (struct fit_shape){ f->width, f->height, f->sar_num > 0 ? f->sar_num : 1, f->sar_den > 0 ? f->sar_den : 1 };
    }
    if (err != VCR_OK) {
        tape_out(s);
        s->broken = true;
    }
    return err;
}

enum vcr_err seat_spans(struct seat *s, const struct render_spans *m, int table_fd, struct vcr_why *why)
{
    if (s->recordings && m->tape == s->tape) {
        s->spans = m->revision;
        return recordings_spans(s->recordings, table_fd, m->count, m->revision, why);
    }
    vcr_close(&table_fd);
    return VCR_OK;
}

void seat_take(struct seat *s, const struct render_take *m, const int fds[6])
{
    if (s->recordings && m->tape == s->tape) {
        recordings_take(s->recordings, m->take, fds);
        if (s->screen)
            screen_reels_closed(s->screen); /* it may have taken another's place, also in memory */
        s->passed = NULL;
        return;
    }
    for (int i = 0; i < 6; i++) {
        int fd = fds[i];
        vcr_close(&fd);
    }
}

void seat_piece(struct seat *s, const struct render_piece *m, const int fds[2])
{
    if (s->pieces) {
        pieces_take(m->kind == RENDER_PIECE_SOUND ? s->sound_pieces : s->pieces, m, fds);
        return;
    }
    for (int i = 0; i < 2; i++) {
        int fd = fds[i];
        vcr_close(&fd);
    }
}

bool seat_says(struct seat *s, union seat_said *ret, size_t *ret_len)
{
    int64_t take;
    if (s->recordings && recordings_want(s->recordings, &take)) {
        ret->want = (struct render_want){ .h = { RENDER_WANT, s->id }, .tape = s->tape, .take = take };
        *ret_len = sizeof(ret->want);
        return true;
    }
    if (s->pieces && (pieces_want(s->pieces, &ret->piece) || pieces_want(s->sound_pieces, &ret->piece))) {
        ret->piece.h = (struct render_head){ RENDER_WANT_PIECE, s->id };
        *ret_len = sizeof(ret->piece);
        return true;
    }
    if (s->missing == s->missing_told)
        return false;
    s->missing_told = s->missing;
    ret->missing = (struct render_value){ .h = { RENDER_MISSING, s->id }, .value = s->missing };
    *ret_len = sizeof(ret->missing);
    return true;
}

void seat_unsaid(struct seat *s, const union seat_said *said)
{
    if (said->head.type == RENDER_MISSING)
        s->missing_told = !s->missing;
    else if (said->head.type == RENDER_WANT_PIECE)
        pieces_want_again(said->piece.kind == RENDER_PIECE_SOUND ? s->sound_pieces : s->pieces, said->piece.number);
    else if (s->recordings)
        recordings_want_again(s->recordings, said->want.take);
}

void seat_look(struct seat *s, int64_t tape_us, struct recording *ret, struct deck_snapshot *ret_snap)
{
    *ret = (struct recording){ .state = RECORDING_NONE };
    *ret_snap = s->snap;
    if (!s->recordings)
        return;
    recordings_at(s->recordings, tape_us, ret);
    if (ret->is_film_alone || ret->state == RECORDING_NONE)
        return;
    ret_snap->seed = ret->seed;
    ret_snap->tape_speed = ret->tape_speed;
}

void seat_deck(struct seat *s, const struct deck_snapshot *snap)
{
    s->snap = *snap;
    view_sanitise(&s->snap);
}

void seat_key(struct seat *s) { s->key_wanted = true; }

/* What is recorded is not made worse by who watches it. */
static void set_bitrate(struct seat *s)
{
    uint32_t bps = s->line_bps && !s->encode_all ? VCR_MIN(s->line_bps, s->open_bps) : s->open_bps;
    if (bps == s->bitrate_bps)
        return;
    s->bitrate_bps = bps;
    if (s->encoder && video_encoder_set_bitrate(s->encoder, s->bitrate_bps, NULL) != VCR_OK)
        video_encoder_close(&s->encoder);
}

void seat_line(struct seat *s, int64_t bps)
{
    s->line_bps = bps > 0 ? (uint32_t)VCR_CLAMP(bps, BITRATE_MIN, BITRATE_MAX) : 0;
    set_bitrate(s);
}

void seat_encode(struct seat *s, bool on)
{
    s->encode_all = on;
    set_bitrate(s);
    if (on)
        seat_shed(s, 0);
}

void seat_shed(struct seat *s, int level)
{
    level = s->encode_all ? 0 : level;
    if (level == s->shed)
        return;
    reclock(s);
    s->shed = level;
    video_encoder_close(&s->encoder); /* the next one starts with a key frame of itself */
}

int64_t seat_due_us(const struct seat *s)
{
    int64_t video = seat_tick_us(s, s->tick), sound = sound_tick_us(s);
    return VCR_MIN(video, sound);
}

void seat_send(struct seat *s, struct packet *p, struct out *out)
{
    p->command_seq = s->snap.seq;
    if (!out_packet(out, s->id, p) && p->track == PACKET_VIDEO)
        s->key_wanted = true;
}

static enum vcr_err run_sound(struct seat *s, int64_t now_us, struct out *out, struct vcr_why *why)
{
    int64_t due = sound_tick_us(s);
    if (now_us - due > SOUND_LATE_MAX_US) /* a pause of the whole machine: leave it out, don't shout it afterwards */
        s->sound_tick += (now_us - due) / AUDIO_FRAME_US;
    due = sound_tick_us(s);
    s->sound_tick++;
    return seat_sound_tick(s, due, out, why);
}

bool seat_preparing(const struct seat *s) { return s->prepare_next != PREPARED; }

static enum vcr_err prepare(struct seat *s, int64_t now_us, struct vcr_why *why)
{
    int64_t due = seat_tick_us(s, s->tick);
    s->origin_us = VCR_MAX(due, now_us);
    s->tick = 0;
    return seat_video_prepare(s, s->origin_us, why);
}

static enum vcr_err run_video(struct seat *s, int64_t now_us, struct out *out, struct seat_counts *counts, struct vcr_why *why)
{
    if (seat_preparing(s))
        return prepare(s, now_us, why);
    while (seat_tick_us(s, s->tick + 1) <= now_us) { /* its time has passed altogether */
        s->tick++;
        counts->late++;
    }
    counts->frames++;
    return seat_video_tick(s, seat_tick_us(s, s->tick++), out, counts, why);
}

enum vcr_err seat_run(struct seat *s, int64_t now_us, struct out *out, struct seat_counts *counts, struct vcr_why *why)
{
    bool sound = sound_tick_us(s) <= seat_tick_us(s, s->tick);
    enum vcr_err err = sound ? run_sound(s, now_us, out, why) : run_video(s, now_us, out, counts, why);
    if (err == VCR_OK)
        return VCR_OK;
    bool said = s->broken;
    tape_out(s);
    s->broken = true;
    screen_close(&s->screen);
    video_encoder_close(&s->encoder);
    return said ? VCR_OK : err;
}
