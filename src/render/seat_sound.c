/* render/seat_sound.c - a seat's sound: 20 ms at a time, from the tape in locked PLAY, else silence, so that the clock of sound never stops. */
#include <string.h>

#include "base/util.h"
#include "render/cacheable.h"
#include "render/seat_internal.h"
#include "render/splice.h"
#include "signal/settings.h"

enum { SOUND_ENCODED = 12 }; /* frames, as make_sound.c has it */

static enum vcr_err ready_sound(struct seat *s, const struct deck_snapshot *snap, struct vcr_why *why)
{
    if (!s->sound || s->sound_pal != s->pal) {
        signal_audio_close(&s->sound);
        enum vcr_err err = signal_audio_open(&s->sound, s->pal ? SIGNAL_PAL : SIGNAL_NTSC, snap->seed, why);
        if (err != VCR_OK)
            return err;
        s->sound_pal = s->pal;
        s->sound_look[0] = '\0';
    }
    if (strcmp(s->sound_look, s->snap.look) != 0 || s->sound_speed != snap->tape_speed) {
        struct signal_profile profile;
        signal_profile_shown(&profile, s->snap.look, s->pal ? SIGNAL_PAL : SIGNAL_NTSC, snap->tape_speed);
        signal_audio_set_profile(s->sound, &profile);
        s->sound_speed = snap->tape_speed;
        vcr_strcpy(s->sound_look, sizeof(s->sound_look), s->snap.look);
    }
    signal_audio_set_tape(s->sound, snap->seed);
    signal_audio_set_tape_speed(s->sound, snap->tape_speed);
    return VCR_OK;
}

static enum signal_sound through_tape(uint8_t deck_sound)
{
    return deck_sound == DECK_SOUND_HIFI ? SIGNAL_SOUND_HIFI : deck_sound == DECK_SOUND_LINEAR ? SIGNAL_SOUND_LINEAR : SIGNAL_SOUND_MUTED;
}

/* What passes the head of the linear track in this time at another speed, and what is heard of it. */
static void search(struct seat *s, const struct view *view, int16_t *pcm)
{
    enum { FRAMES_MOST = 17 /* view.c's most, and one */ };
    int16_t passing[FRAMES_MOST * AUDIO_FRAME * 2];
    int64_t rate = view->rate < 0 ? -(int64_t)view->rate : view->rate;
    int count = VCR_MIN((int)((rate + 65535) >> 16), FRAMES_MOST);
    int64_t from_us = view->rate > 0 ? view->tape_us : view->tape_us - count * AUDIO_FRAME_US;
    memset(passing, 0, sizeof(passing));
    for (int i = 0; i < count; i++) {
        bool jumped;
        int64_t at_us = from_us + i * AUDIO_FRAME_US;
        if (at_us >= 0)
            splice_read(s->recordings, at_us, passing + (size_t)i * AUDIO_FRAME * 2, &jumped);
    }
    signal_audio_search(s->sound, view->rate, view->tape_us, passing, count * AUDIO_FRAME, pcm, AUDIO_FRAME);
}

/* pcm: what is heard from view->tape_us on. */
static enum vcr_err hear(struct seat *s, const struct view *view, int16_t *pcm, struct vcr_why *why)
{
    bool jumped = false, audible = view->sound != DECK_SOUND_MUTED;
    struct recording at;
    struct deck_snapshot snap;
    seat_look(s, view->tape_us, &at, &snap);
    bool searches = audible && view->rate != 65536;
    if (audible && !searches && s->recordings)
        splice_read(s->recordings, view->tape_us, pcm, &jumped);
    else
        memset(pcm, 0, AUDIO_FRAME * 2 * sizeof(*pcm));
    if (s->sound && !audible) /* it will fade in */
        signal_audio_render(s->sound, SIGNAL_SOUND_MUTED, view->tape_us, pcm, pcm, AUDIO_FRAME);
    if ((s->snap.clean && !searches) || !audible)
        return VCR_OK;
    enum vcr_err err = ready_sound(s, &snap, why);
    if (err != VCR_OK)
        return err;
    if (jumped)
        signal_audio_reset(s->sound);
    signal_audio_set_heads(s->sound, view->tracking_error_q8, snap.wear_16);
    if (searches && s->recordings)
        search(s, view, pcm);
    else
        signal_audio_render(s->sound, through_tape(view->sound), view->tape_us, pcm, pcm, AUDIO_FRAME);
    return VCR_OK;
}

/* In PLAY through its heads a tape has certain sounds, as it has certain pictures (grid.h): frames of 20 ms from its start. Moves the view to the one that is at the heads: the next one, or
 * after a jump the nearest. What is drawn and what is made are the same samples then, at most 10 ms off. */
static void sound_step(struct seat *s, struct view *view)
{
    enum { OFF_MAX_US = 15000 };
    if (s->snap.clean || view->sound == DECK_SOUND_MUTED || view->rate != 65536) {
        s->sound_n = -1;
        s->sound_run = 0;
        return;
    }
    int64_t next = s->sound_n + 1, off_us = view->tape_us - next * AUDIO_FRAME_US;
    bool follows = s->sound_n >= 0 && off_us >= -OFF_MAX_US && off_us <= OFF_MAX_US;
    s->sound_n = follows ? next : (view->tape_us + AUDIO_FRAME_US / 2) / AUDIO_FRAME_US;
    s->sound_run = follows ? VCR_MIN(s->sound_run + 1, SEAT_SOUND_HEARD) : 0;
    view->tape_us = s->sound_n * AUDIO_FRAME_US;
}

/* What has a memory hears the frames before that were not rendered here: the tape's sound for long enough to have forgotten where it began, the encoder for the last of them. So what is
 * rendered goes on from what was made as if all had been. */
static enum vcr_err hear_before(struct seat *s, const struct view *view, struct vcr_why *why)
{
    int16_t pcm[AUDIO_FRAME * 2];
    struct packet p;
    enum vcr_err err = VCR_OK;
    if (s->sound)
        signal_audio_reset(s->sound);
    for (int64_t n = VCR_MAX(s->sound_n - SEAT_SOUND_HEARD, 0); err == VCR_OK && n < s->sound_n; n++) {
        struct view before = *view;
        before.tape_us = n * AUDIO_FRAME_US;
        err = hear(s, &before, pcm, why);
        if (err == VCR_OK && s->sound_n - n <= SOUND_ENCODED)
            err = audio_encode(s->sound_encoder, pcm, 0, &p, why);
    }
    return err;
}

/* True when the frame at the heads comes from a made segment. Each of its packets stands by itself as far as a decoder hears, so it comes in and goes out anywhere. */
static bool replay(struct seat *s, const struct view *view, int64_t at_us, struct packet *ret)
{
    enum { EACH = 100, REST_AFTER = 100 };
    struct recording at;
    struct deck_snapshot snap;
    struct render_piece name;
    seat_look(s, view->tape_us, &at, &snap);
    struct cacheable c = { .snap = &snap, .at = &at };
    if (!s->sound_pieces || s->sound_n < 0 || view->sound != DECK_SOUND_HIFI || !at.tune || !cacheable_at(&c, at_us))
        return false;
    seat_piece_name(s, &snap, RENDER_PIECE_SOUND, &name);
    pieces_need(s->sound_pieces, &name, (uint32_t)(s->sound_n / EACH), at_us);
    if (s->sound_run < SEAT_SOUND_HEARD || !pieces_read(s->sound_pieces, (uint32_t)(s->sound_n / EACH), (uint32_t)(s->sound_n % EACH), ret)) {
        s->sound_replayed = 0;
        return false;
    }
    if (++s->sound_replayed == REST_AFTER) {
        signal_audio_close(&s->sound);
        tune_rest(at.tune);
    }
    return true;
}

/* The packet of the clean look, as the reel has it. */
static bool pass(struct seat *s, const struct view *view, struct packet *ret)
{
    struct recording at;
    struct deck_snapshot snap;
    seat_look(s, view->tape_us, &at, &snap);
    if (!s->snap.clean || !view->settled || view->sound == DECK_SOUND_MUTED || !at.tune || at.end_us - view->tape_us < AUDIO_FRAME_US ||
        !tune_packet(at.tune, view->tape_us + at.reel_ahead_us, ret))
        return false;
    ret->tape_us = VCR_MAX(ret->pts_us - at.reel_ahead_us, 0);
    return true;
}

enum vcr_err seat_sound_tick(struct seat *s, int64_t at_us, struct out *out, struct vcr_why *why)
{
    struct view view;
    struct packet p;
    int16_t pcm[AUDIO_FRAME * 2];
    enum vcr_err err = VCR_OK;
    view_at(&view, &s->snap, at_us);
    bool was = s->sound_replaying, passed = pass(s, &view, &p);
    if (!passed) {
        /* the encoder adds its own delay: hear what belongs there */
        int64_t heard_us = at_us + audio_encoder_delay_us(s->sound_encoder);
        view_at(&view, &s->snap, heard_us);
        sound_step(s, &view);
        passed = s->sound_replaying = replay(s, &view, heard_us, &p);
        p.tape_us = view.sound != DECK_SOUND_MUTED ? view.tape_us : -1;
    } else {
        s->sound_replaying = false;
    }
    if (!passed) {
        int64_t tape_us = p.tape_us;
        if (was && s->sound_run > 0)
            err = hear_before(s, &view, why);
        if (err == VCR_OK)
            err = hear(s, &view, pcm, why);
        if (err == VCR_OK)
            err = audio_encode(s->sound_encoder, pcm, at_us, &p, why);
        if (err != VCR_OK)
            return err;
        p.tape_us = tape_us;
    }
    p.track = PACKET_AUDIO;
    p.pts_us = at_us;
    p.flags = (uint8_t)(PACKET_KEY | (passed ? PACKET_REPLAYED : 0) | (s->sound_discontinuity ? PACKET_DISCONT : 0));
    s->sound_discontinuity = false;
    seat_send(s, &p, out);
    return VCR_OK;
}
