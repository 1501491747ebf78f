/* render/seat_sound.c - a seat's sound: 20 ms at a time, from the tape in locked PLAY, else silence, so that the clock of sound never stops. */
#include <string.h>

#include "base/util.h"
#include "render/seat_internal.h"

static enum vcr_err ready_sound(struct seat *s, struct vcr_why *why)
{
    if (!s->sound || s->sound_seed != s->snap.seed) {
        signal_audio_close(&s->sound);
        enum vcr_err err = signal_audio_open(&s->sound, s->pal ? SIGNAL_PAL : SIGNAL_NTSC, s->snap.seed, why);
        if (err != VCR_OK)
            return err;
        s->sound_seed = s->snap.seed;
        s->sound_look[0] = '\0';
    }
    if (strcmp(s->sound_look, s->snap.look) != 0) {
        const struct signal_profile *profile = signal_profile_by_name(s->snap.look);
        signal_audio_set_profile(s->sound, profile ? profile : signal_profile_at(0));
        vcr_strcpy(s->sound_look, sizeof(s->sound_look), s->snap.look);
    }
    signal_audio_set_tape_speed(s->sound, s->snap.tape_speed);
    return VCR_OK;
}

static enum signal_sound through_tape(uint8_t deck_sound)
{
    return deck_sound == DECK_SOUND_HIFI ? SIGNAL_SOUND_HIFI : deck_sound == DECK_SOUND_LINEAR ? SIGNAL_SOUND_LINEAR : SIGNAL_SOUND_MUTED;
}

/* pcm: what is heard from view->tape_us on. */
static enum vcr_err hear(struct seat *s, const struct view *view, int16_t *pcm, struct vcr_why *why)
{
    bool jumped = false, audible = view->sound != DECK_SOUND_MUTED;
    if (audible && s->tune)
        tune_read(s->tune, view->tape_us, pcm, &jumped);
    else
        memset(pcm, 0, AUDIO_FRAME * 2 * sizeof(*pcm));
    if (s->snap.clean || !audible)
        return VCR_OK;
    enum vcr_err err = ready_sound(s, why);
    if (err != VCR_OK)
        return err;
    if (jumped)
        signal_audio_reset(s->sound);
    signal_audio_render(s->sound, through_tape(view->sound), view->tape_us, pcm, pcm, AUDIO_FRAME);
    return VCR_OK;
}

enum vcr_err seat_sound_tick(struct seat *s, int64_t at_us, struct out *out, struct vcr_why *why)
{
    struct view view;
    struct packet p;
    int16_t pcm[AUDIO_FRAME * 2];
    view_at(&view, &s->snap, at_us);
    if (s->snap.clean && view.settled && view.sound != DECK_SOUND_MUTED && s->tune && tune_packet(s->tune, view.tape_us, &p)) {
        p.track = PACKET_AUDIO;
        p.flags = PACKET_KEY | PACKET_REPLAYED;
        p.tape_us = p.pts_us;
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
