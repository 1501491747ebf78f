/* render/seat_sound.c - a seat's sound: 20 ms at a time, from the tape in locked PLAY, else silence, so that the clock of sound never stops. */
#include <string.h>

#include "base/util.h"
#include "render/seat_internal.h"
#include "render/splice.h"
#include "signal/settings.h"

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
    if (strcmp(s->sound_look, s->snap.look) != 0) {
        struct signal_profile profile;
        signal_profile_shown(&profile, s->snap.look, s->pal ? SIGNAL_PAL : SIGNAL_NTSC, 0);
        signal_audio_set_profile(s->sound, &profile);
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

enum vcr_err seat_sound_tick(struct seat *s, int64_t at_us, struct out *out, struct vcr_why *why)
{
    struct view view;
    struct packet p;
    int16_t pcm[AUDIO_FRAME * 2];
    struct recording at;
    struct deck_snapshot snap;
    view_at(&view, &s->snap, at_us);
    seat_look(s, view.tape_us, &at, &snap);
    if (s->snap.clean && view.settled && view.sound != DECK_SOUND_MUTED && at.tune && at.end_us - view.tape_us >= AUDIO_FRAME_US && tune_packet(at.tune, view.tape_us + at.reel_ahead_us, &p)) {
        p.track = PACKET_AUDIO;
        p.flags = PACKET_KEY | PACKET_REPLAYED;
        p.tape_us = VCR_MAX(p.pts_us - at.reel_ahead_us, 0);
        p.pts_us = at_us;
    } else {
        /* the encoder adds its own delay: hear what belongs there */
        view_at(&view, &s->snap, at_us + audio_encoder_delay_us(s->sound_encoder));
        enum vcr_err err = hear(s, &view, pcm, why);
        if (err == VCR_OK)
            err = audio_encode(s->sound_encoder, pcm, at_us, &p, why);
        if (err != VCR_OK)
            return err;
        p.tape_us = view.sound != DECK_SOUND_MUTED ? view.tape_us : -1;
    }
    if (s->sound_discontinuity)
        p.flags |= PACKET_DISCONT;
    s->sound_discontinuity = false;
    seat_send(s, &p, out);
    return VCR_OK;
}
