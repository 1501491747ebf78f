/* render/seat.c - see seat.h: opening, tapes and clocks. */
#include "render/seat.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "render/seat_internal.h"
#include "render/view.h"

enum { BITRATE_MIN = 200000, BITRATE_MAX = 12000000, SOUND_BPS = 112000, SOUND_LATE_MAX_US = 400000 };

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
    s->discontinuity = s->sound_discontinuity = true;
    seat_bitrate(s, open->bitrate_bps);
    enum vcr_err err = audio_encoder_open(&s->sound_encoder, SOUND_BPS, why);
    if (err != VCR_OK)
        seat_close(&s);
    else
        *ret = s;
    return err;
}

static void tape_out(struct seat *s)
{
    film_close(&s->film);
    film_close(&s->clean);
    tune_close(&s->tune);
    s->bad_places = 0;
    s->broken = false;
    if (s->passing)
        s->key_wanted = true; /* what comes next is not of that stream */
    s->passing = false;
}

void seat_close(struct seat **s)
{
    if (!*s)
        return;
    tape_out(*s);
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
    screen_close(&s->screen);
    video_encoder_close(&s->encoder);
    s->discontinuity = true;
    s->prepare_next = PREPARE_SCREEN;
}

enum vcr_err seat_tape(struct seat *s, const struct render_tape *tape, const int fds[6], struct vcr_why *why)
{
    tape_out(s);
    bool in = tape->has != 0;
    set_raster(s, in ? tape->pal != 0 : s->home_pal, in ? tape->field_rate != 0 : s->home_field_rate);
    enum vcr_err err = VCR_OK;
    for (int i = 0; i < 3; i++) { /* every pair is opened or closed, also after an error */
        int reel = fds[2 * i], index = fds[2 * i + 1];
        if (err == VCR_OK && reel >= 0 && index >= 0) {
            err = i == 0 ? film_open(&s->film, reel, index, why) : i == 1 ? tune_open(&s->tune, reel, index, why) : film_open(&s->clean, reel, index, why);
            continue;
        }
        vcr_close(&reel);
        vcr_close(&index);
    }
    if (err != VCR_OK) {
        tape_out(s);
        s->broken = true;
    }
    return err;
}

void seat_deck(struct seat *s, const struct deck_snapshot *snap)
{
    s->snap = *snap;
    view_sanitise(&s->snap);
}

void seat_key(struct seat *s) { s->key_wanted = true; }

void seat_bitrate(struct seat *s, int64_t bps)
{
    s->bitrate_bps = (uint32_t)VCR_CLAMP(bps, BITRATE_MIN, BITRATE_MAX);
    if (s->encoder && video_encoder_set_bitrate(s->encoder, s->bitrate_bps, NULL) != VCR_OK)
        video_encoder_close(&s->encoder);
}

void seat_shed(struct seat *s, int level)
{
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
