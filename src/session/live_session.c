/* session/live_session.c - a streaming session: a VCR without a tape, whose picture is what its device sends, until it is told to record that onto a new one.
 *
 * Where the picture goes away during a recording, the tape waits for it (record_pause) and goes on at its next key frame; after DARK_US it is sealed as it is. */
#include <string.h>

#include "base/clock.h"
#include "session/live_internal.h"

static const int64_t dark_us = 10000000;

static bool plays(const struct session *x) { return x->live.source && x->live.source->playing; }

static void changed(struct session *x)
{
    x->live.command_seq++;
    watch_publish(x);
}

/* ---- the programme ---- */
static void open_programme(struct session *x)
{
    const struct live_format *f = &x->live.source->formats[LIVE_VIDEO];
    const struct programme_config c = {
        .id = x->id,
        .track = { [PROGRAMME_VIDEO] = true, [PROGRAMME_AAC] = true, [PROGRAMME_OPUS] = true },
        .width = f->width, .height = f->height, .sar_num = f->sar_num, .sar_den = f->sar_den,
        .frames_per_1000_s = (uint32_t)(f->rate_num * INT64_C(1000) / f->rate_den),
        .channels = 2,
        .wall_of_zero_ms = clock_wall_ms() - clock_mono_us() / 1000,
    };
    programme_open(x->owner->programmes, &x->live.programme, &c, NULL);
}

void live_session_packet(struct session *x, unsigned track, const struct packet *p)
{
    input_own_packet(x, live_tracks[track], p);
    if (!x->live.programme && track == LIVE_VIDEO && p->flags & PACKET_KEY)
        open_programme(x);
    if (x->live.programme)
        programme_packet(x->live.programme, live_tracks[track], p, NULL); /* what it does not take it leaves out */
}

void live_session_playing(struct session *x, bool playing)
{
    x->status = playing ? "active" : "starting";
    x->live.dark_since_us = playing ? 0 : clock_mono_us();
    changed(x);
}

/* ---- recording ---- */
static bool is_recorded(const struct live_source *src)
{
    for (const struct session *x = src->watchers; x; x = x->live_next)
        if (x->live.recording)
            return true;
    return false;
}

static enum vcr_err may_record(struct session *x, struct vcr_why *why)
{
    if (is_recorded(x->live.source))
        return vcr_refuse(why, VCR_E_CONFLICT, "/busy-recording", "This device is being recorded already.");
    if (!live_is_online(x->owner, x->live.device_id))
        return vcr_refuse(why, VCR_E_CONFLICT, "/device-offline", "The device sends nothing.");
    if (!plays(x) || !x->live.programme)
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-in-this-mode", "There is no picture yet.");
    return VCR_OK;
}

enum vcr_err live_session_record(struct session *x, const struct session_recording *r, struct vcr_why *why)
{
    enum vcr_err err = may_record(x, why);
    if (err != VCR_OK)
        return err;
    err = programme_record_start(x->live.programme, &r->files, why);
    if (err != VCR_OK)
        return vcr_refuse(why, VCR_E_CONFLICT, "/busy-recording", "The last recording is not on the disk yet.");
    x->live.tape_id = r->tape_id;
    memcpy(x->live.tape_title, r->title, sizeof(x->live.tape_title));
    x->live.recording = true;
    x->live.stopping = false;
    x->live.stop_reason = x->live.end_reason = NULL;
    changed(x);
    return VCR_OK;
}

static void stop(struct session *x, const char *reason)
{
    if (!x->live.recording || x->live.stopping)
        return;
    x->live.stopping = true;
    x->live.end_reason = reason;
    programme_record_stop_for(x->live.programme, reason ? reason : "stop");
    changed(x);
}

static void tell_sealed(struct session *x)
{
    void (*fn)(void *arg) = x->live.when_sealed;
    x->live.when_sealed = NULL;
    if (fn)
        fn(x->live.when_sealed_arg);
}

void live_session_recorded(struct session *x, int64_t tape_id, const char *reason)
{
    if (!x->live.recording || x->live.tape_id != tape_id)
        return;
    x->live.recording = x->live.stopping = false;
    x->live.stop_reason = strcmp(reason, "stop") != 0 ? reason : x->live.end_reason;
    changed(x);
    actor_changed(x); /* nobody may have watched for long: that counts again */
    tell_sealed(x); /* may end it */
}

bool live_session_seal(struct session *x, void (*fn)(void *arg), void *arg)
{
    if (!x->live.recording || x->live.when_sealed)
        return false;
    x->live.when_sealed = fn;
    x->live.when_sealed_arg = arg;
    stop(x, NULL);
    return true;
}

void live_session_second(struct session *x, int64_t now_us)
{
    if (!x->live.recording)
        return;
    if (x->live.dark_since_us && now_us - x->live.dark_since_us > dark_us)
        stop(x, "no_signal");
    else
        watch_publish(x); /* its counter runs */
}

/* ---- what it shows, and is told ---- */
enum vcr_err live_session_command(struct session *x, enum deck_cmd cmd, struct vcr_why *why)
{
    if (cmd == DECK_CMD_STOP) {
        stop(x, NULL);
        return VCR_OK;
    }
    if (cmd != DECK_CMD_RECORD)
        return x->live.recording && !x->live.stopping ? vcr_refuse(why, VCR_E_CONFLICT, "/busy-recording", "It is recording.")
                                                       : vcr_refuse(why, VCR_E_CONFLICT, "/not-supported-by-deck", "This device cannot be told to do that.");
    return may_record(x, why); /* the tape comes with live_session_record */
}

static void tape_info(struct session *x, struct session_info *ret)
{
    struct deck_state *d = &ret->deck;
    ret->tape_id = x->live.tape_id;
    if (!x->live.recording || x->live.stopping)
        return;
    d->mode = plays(x) ? DECK_RECORD : DECK_RECORD_PAUSE;
    d->speed = plays(x) ? 1 : 0;
    d->tape_in = true;
    d->position_us = d->counter_us = programme_recorded_us(x->live.programme);
    memcpy(ret->tape_title, x->live.tape_title, sizeof(ret->tape_title));
    ret->tape_length_us = d->position_us;
}

void live_session_info(struct session *x, struct session_info *ret)
{
    const struct live_source *src = x->live.source;
    bool playing = plays(x);
    const struct live_format *f = playing && src->has_format[LIVE_VIDEO] ? &src->formats[LIVE_VIDEO] : NULL;
    ret->deck = (struct deck_state){
        .mode = playing ? DECK_PLAY : DECK_STOP,
        .picture = playing ? DECK_PICTURE_INPUT : DECK_PICTURE_NONE,
        .sound = playing ? DECK_SOUND_HIFI : DECK_SOUND_MUTED,
        .servo = DECK_SERVO_LOCKED,
        .power = true,
        .speed = playing ? 1 : 0,
        .tracking = INT16_MIN,
        .clean = true,
        .stop_reason = x->live.stop_reason,
        .command_seq = x->live.command_seq,
    };
    ret->streaming = true;
    ret->device_id = x->live.device_id;
    tape_info(x, ret);
    double shape = f ? (double)f->width * f->sar_num / f->sar_den / f->height : 4.0 / 3;
    bool wide = shape > 1.55;
    ret->display_aspect_w = wide ? 16 : 4;
    ret->display_aspect_h = wide ? 9 : 3;
    if (f)
        ret->picture = (struct session_picture){ f->width, f->height, f->sar_num, f->sar_den, (uint32_t)(f->rate_num * INT64_C(1000) / f->rate_den), f->passed_through };
}

/* ---- beginning and end ---- */
void live_session_end(struct session *x)
{
    live_source_leave(x);
    programme_close(&x->live.programme); /* a recording is stopped, and sealed soon */
    tell_sealed(x);
}

enum vcr_err live_session_start(struct sessions *s, const char *id, const struct session_settings *settings, int64_t device_id, struct session **ret, struct vcr_why *why)
{
    enum vcr_err err = actor_start_live(s, id, settings, ret, why);
    if (err != VCR_OK)
        return err;
    struct session *x = *ret;
    x->live.device_id = device_id;
    x->live.source = live_source_join(s, device_id, x);
    if (x->live.source->playing)
        x->status = "active";
    return VCR_OK;
}
