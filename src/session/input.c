/* session/input.c - see input.h: which input a VCR has, its packets, and who sees them. */
#include "session/input.h"

#include <string.h>

#include "base/clock.h"
#include "session/live_internal.h"

static const int64_t key_every_us = 950000;     /* while it is recorded: a fragment begins with each */
static const int64_t gone_default_us = 2500000; /* without a picture for so long, it is not one any more */
static const int64_t apart_max_us = 2000000;    /* two pictures' clocks; what is further back is another clock */
enum { LOOP_MAX = 64 };

/* ---- packets that are kept ---- */
static void packet_unref(struct input_packet *p)
{
    if (--p->refs == 0)
        free(p);
}

static struct input_packet *packet_copy(enum programme_track track, const struct packet *packet)
{
    struct input_packet *p = vcr_alloc(sizeof(*p) + packet->len);
    p->refs = 1;
    p->track = track;
    p->packet = *packet;
    p->packet.data = p->bytes;
    memcpy(p->bytes, packet->data, packet->len);
    return p;
}

void input_list_add(struct input_list *l, struct input_packet *p)
{
    struct input_item *i = vcr_alloc(sizeof(*i));
    i->packet = p;
    p->refs++;
    *(l->last ? &l->last->next : &l->first) = i;
    l->last = i;
    l->bytes += p->packet.len;
}

static void list_shift(struct input_list *l)
{
    struct input_item *i = l->first;
    l->first = i->next;
    if (!l->first)
        l->last = NULL;
    l->bytes -= i->packet->packet.len;
    packet_unref(i->packet);
    free(i);
}

void input_list_free(struct input_list *l)
{
    while (l->first)
        list_shift(l);
}

/* What was kept of before a key frame goes, but for sound that came early. */
static void keep_from(struct input_list *l, int64_t pts_us)
{
    struct input_list kept = { 0 };
    for (struct input_item *i = l->first; i; i = i->next)
        if (i->packet->track != PROGRAMME_VIDEO && i->packet->packet.pts_us >= pts_us)
            input_list_add(&kept, i->packet);
    input_list_free(l);
    *l = kept;
}

bool input_form_read(struct input_form *ret, const struct packet *p)
{
    struct h264_sets sets;
    ret->len = 0;
    if (!h264_sets_find(&sets, p->data, p->len) || sets.sps_len + sets.pps_len > sizeof(ret->parameters))
        return false;
    ret->len = sets.sps_len + sets.pps_len;
    memcpy(ret->parameters, sets.sps, sets.sps_len);
    memcpy(ret->parameters + sets.sps_len, sets.pps, sets.pps_len);
    return h264_sps_read(&ret->sps, sets.sps, sets.sps_len, NULL) == VCR_OK;
}

/* ---- choosing ---- */
static struct session *meant(struct session *x, const struct session_source *from) { return from->session_id[0] ? sessions_find(x->owner, from->session_id) : NULL; }

/* Whether what y shows comes, in the end, from x. */
static bool comes_from(const struct session *y, const struct session *x)
{
    for (int i = 0; y && i < LOOP_MAX; i++) {
        if (y == x)
            return true;
        y = y->input.session;
    }
    return false;
}

enum vcr_err input_check(struct session *x, const struct session_source *from, struct vcr_why *why)
{
    const struct session *y = meant(x, from);
    if (!from->session_id[0] && !from->device_id && !x->input.chosen)
        return vcr_fail(why, VCR_E_INVALID, "is required: nothing is connected to this VCR yet");
    if (from->session_id[0] && !y)
        return vcr_refuse(why, VCR_E_CONFLICT, "/session-ended", "The session to record from has ended.");
    if (y && comes_from(y, x))
        return vcr_refuse(why, VCR_E_CONFLICT, "/input-loop", "That session shows what this VCR shows: it cannot be recorded here.");
    int64_t device_id = from->device_id ? from->device_id : from->session_id[0] ? 0 : x->input.device_id;
    if (device_id && !live_is_online(x->owner, device_id))
        return vcr_refuse(why, VCR_E_CONFLICT, "/device-offline", "The device sends nothing.");
    return VCR_OK;
}

static void want_key(struct session *source)
{
    if (source->live.is)
        live_source_want_key(source->live.source);
    else if (source->input.on_air)
        input_want_key(source);
    else
        engine_tell(source, RENDER_KEY);
}

void input_want_key(struct session *x)
{
    if (x->input.session)
        want_key(x->input.session);
    else if (x->live.source)
        live_source_want_key(x->live.source);
}

static void leave(struct session *x)
{
    struct session_input *in = &x->input;
    if (in->session)
        for (struct session **at = &in->session->taps; *at; at = &(*at)->input.next_tap)
            if (*at == x) {
                *at = in->next_tap;
                break;
            }
    if (in->session && !in->session->taps && !in->session->over)
        engine_tell_encode(in->session);
    if (!x->live.is && x->live.source)
        live_source_leave(x);
    in->session = in->next_tap = NULL;
    in->device_id = 0;
    in->chosen = in->aac = false;
    in->form.len = 0;
    input_list_free(&in->kept);
}

void input_choose(struct session *x, const struct session_source *from)
{
    struct session_input *in = &x->input;
    struct session *y = meant(x, from);
    bool same = in->chosen && (y ? in->session == y : !from->device_id || (in->device_id == from->device_id && !in->session));
    if (same)
        return;
    leave(x);
    in->chosen = true;
    in->heard_us = clock_mono_us();
    in->session = y;
    in->device_id = y ? 0 : from->device_id;
    in->aac = !y || y->live.is;
    if (y) {
        in->next_tap = y->taps;
        y->taps = x;
        engine_tell_encode(y);
    } else {
        x->live.source = live_source_join(x->owner, from->device_id, x);
    }
    input_want_key(x);
    key_input(x, true, clock_mono_us());
}

void input_drop(struct session *x)
{
    leave(x);
    key_input(x, false, clock_mono_us());
}

/* What goes on being recorded would have no picture. */
static void lost(struct session *x)
{
    actor_advance(x);
    if (deck_is_recording(&x->deck))
        key_rule_stop(x, "input", clock_mono_us());
    actor_changed(x);
    takes_rest(x);
    input_drop(x);
    actor_changed(x);
}

void input_source_ends(struct session *source)
{
    while (source->taps)
        lost(source->taps);
}

void input_device_ends(struct session *x) { lost(x); }

void input_ends(struct session *x)
{
    input_source_ends(x);
    takes_close(x);
    leave(x);
}

/* ---- what viewers see ---- */
/* To the viewers, and to those who record what they see. */
static void show(struct session *x, enum programme_track track, const struct packet *p)
{
    if (track != PROGRAMME_AAC)
        rtc_stream_send(x->stream, p);
    for (struct session *tap = x->taps, *next; tap; tap = next) {
        next = tap->input.next_tap;
        input_packet(tap, track, p);
    }
}

/* Two pictures have two clocks' worth of delay: where they change over, time stands still for a moment rather than going back. */
static void show_in_order(struct session *x, enum programme_track track, const struct packet *p)
{
    struct packet out = *p;
    int64_t *last_us = &x->input.sent_us[track];
    bool back = x->input.mixed && out.pts_us <= *last_us && out.pts_us > *last_us - apart_max_us;
    if (back && track != PROGRAMME_VIDEO)
        return;
    if (back)
        out.pts_us = *last_us + 1000;
    *last_us = out.pts_us;
    show(x, track, &out);
}

static bool is_key(enum programme_track track, const struct packet *p) { return track == PROGRAMME_VIDEO && p->flags & PACKET_KEY; }

void input_own_packet(struct session *x, enum programme_track track, const struct packet *p)
{
    struct session_input *in = &x->input;
    if (in->on_air && (in->wanted || !is_key(track, p)))
        return;
    in->on_air = false;
    show_in_order(x, track, p);
}

void input_changed(struct session *x)
{
    struct session_input *in = &x->input;
    bool wanted = in->chosen && x->deck.snap.picture == DECK_PICTURE_INPUT;
    if (wanted == in->wanted)
        return;
    in->wanted = wanted;
    if (wanted)
        input_want_key(x);
    else if (in->on_air)
        engine_tell(x, RENDER_KEY);
}

/* ---- its packets ---- */
static void take_picture(struct session *x, const struct packet *p)
{
    struct session_input *in = &x->input;
    int64_t step_us = p->pts_us - in->last_pts_us;
    bool jumps = in->last_pts_us && (step_us > PROGRAMME_HOLD_US - 100000 || step_us < -PROGRAMME_HOLD_US / 2), key = p->flags & PACKET_KEY;
    struct input_form form = { .len = 0 };
    in->heard_us = clock_mono_us();
    if (jumps) {
        input_list_free(&in->kept);
        takes_break(x, in->last_pts_us + 1, "no_signal");
    }
    if (key)
        keep_from(&in->kept, p->pts_us);
    if (key && input_form_read(&form, p)) {
        bool other = in->form.len > 0 && (form.len != in->form.len || memcmp(form.parameters, in->form.parameters, form.len) != 0);
        in->form = form;
        if (other)
            takes_break(x, p->pts_us, "picture_changed");
    } else if (key) {
        in->form.len = 0;
    }
    in->last_pts_us = p->pts_us;
    if (key)
        in->key_us = in->heard_us;
    else if (in->session && x->deck.recording && in->heard_us - VCR_MAX(in->key_us, in->key_asked_us) >= key_every_us) {
        in->key_asked_us = in->heard_us;
        input_want_key(x);
    }
}

void input_packet(struct session *x, enum programme_track track, const struct packet *p)
{
    struct session_input *in = &x->input;
    if (p->len == 0 || x->over)
        return;
    if (track == PROGRAMME_VIDEO)
        take_picture(x, p);
    struct input_packet *copy = packet_copy(track, p);
    if (in->form.len > 0 && (track != PROGRAMME_VIDEO || in->kept.first || is_key(track, p)) && in->kept.bytes + p->len <= INPUT_KEPT_BYTES)
        input_list_add(&in->kept, copy);
    takes_packet(x, copy);
    packet_unref(copy);
    if (!in->on_air && in->wanted && is_key(track, p))
        in->on_air = in->mixed = true;
    if (in->on_air)
        show_in_order(x, track, p);
}

void input_second(struct session *x, int64_t now_us)
{
    struct session_input *in = &x->input;
    int64_t gone_us = x->owner->config.input_gone_us ? x->owner->config.input_gone_us : gone_default_us;
    takes_second(x, now_us);
    if (!in->chosen)
        return;
    if (x->deck.recording && now_us - in->heard_us > gone_us) {
        key_rule_stop(x, "input", now_us);
        actor_changed(x);
    }
}

void input_info(const struct session *x, struct session_info *ret)
{
    if (!x->input.chosen)
        return;
    ret->input.device_id = x->input.device_id;
    if (x->input.session)
        memcpy(ret->input.session_id, x->input.session->id, sizeof(ret->input.session_id));
}
