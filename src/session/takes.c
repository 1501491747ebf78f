/* session/takes.c - see input.h: the input's packets on their way onto the tape, a take each time that the deck records without a break.
 *
 * The deck begins -> packets are kept -> (no take before it is unsealed) the caller is asked for files -> a programme without players writes them -> the deck ends -> packets of
 * before that moment are waited for, a little -> the programme ends -> the caller tells that it is sealed. One at a time: those behind wait with what has come for them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "session/input.h"
#include "session/live_internal.h"

static const int64_t rest_us = 700000;       /* so long is waited for the last packets after the end */
static const int64_t silent_us = 300000;     /* sound that far behind the picture does not come any more */
static const int64_t never_us = INT64_MAX;

enum { MARKS_MAX = 8 };
struct take {
    struct take *next;             /* the one before it */
    struct session_take asks;      /* as the caller is asked for its files */
    int64_t begin_us;              /* when the deck began */
    int64_t start_us;              /* pts of its first picture, -1: none has come */
    int64_t end_us;                /* when the deck ended; never_us: it records */
    int64_t ended_us;              /* when we were told so */
    const char *reason;            /* why, as the deck says it. Static */
    int64_t sound_us;              /* pts of its last sound */
    struct input_form form;        /* of its first picture */
    bool asked, has_files;         /* for files; they came */
    bool behind;                   /* its files did not come in time: it ends, and the deck with it */
    bool picture_ended, sound_ended, over; /* over: nothing more goes in */
    struct input_list waiting;     /* packets until the files are there */
    struct programme *programme;
    int64_t marks_us[MARKS_MAX];   /* index marks that wait for its files, too */
    int mark_count;
};

static struct take *first_of(const struct session *x)
{
    struct take *t = x->input.takes;
    while (t && t->next)
        t = t->next;
    return t;
}

static void take_free(struct take *t)
{
    input_list_free(&t->waiting);
    programme_close(&t->programme);
    free(t);
}

static void forget(struct session *x, struct take *t)
{
    for (struct take **at = &x->input.takes; *at; at = &(*at)->next)
        if (*at == t) {
            *at = t->next;
            break;
        }
    take_free(t);
}

/* ---- files and the programme ---- */
/* Asks for the files of the one that is the first, once its first picture tells its form. */
static void ask(struct session *x)
{
    struct take *t = first_of(x);
    const struct sessions_config *c = &x->owner->config;
    if (!t || t->asked || t->start_us < 0 || !c->take)
        return;
    struct session_take *a = &t->asks;
    int64_t early_us = t->begin_us - t->start_us;
    a->skip_us = VCR_MAX(early_us, 0);
    a->place_us += VCR_MAX(-early_us, 0);
    a->width = t->form.sps.width, a->height = t->form.sps.height;
    a->sar_num = VCR_MIN(t->form.sps.sar_num, UINT16_MAX), a->sar_den = VCR_MIN(t->form.sps.sar_den, UINT16_MAX);
    t->asked = true;
    c->take(c->arg, a);
}

static enum vcr_err open_programme(struct sessions *s, struct programme **ret, const struct input_form *form, const char *id, const struct recorder_files *files,
                                   struct vcr_why *why)
{
    const struct programme_config c = {
        .id = id,
        .track = { [PROGRAMME_VIDEO] = true, [PROGRAMME_AAC] = files->track[RECORDER_AAC].fd >= 0, [PROGRAMME_OPUS] = true },
        .width = form->sps.width, .height = form->sps.height, .sar_num = VCR_MIN(form->sps.sar_num, UINT16_MAX),
        .sar_den = VCR_MIN(form->sps.sar_den, UINT16_MAX),
        .channels = 2,
        .wall_of_zero_ms = clock_wall_ms() - clock_mono_us() / 1000,
    };
    enum vcr_err err = programme_open(s->programmes, ret, &c, why);
    return err == VCR_OK ? programme_record_start(*ret, files, why) : err;
}

static void feed(struct take *t, const struct input_packet *p)
{
    struct vcr_why why;
    if (programme_packet(t->programme, p->track, &p->packet, &why) != VCR_OK)
        log_debug("session", "a packet is left out of a recording: %s", why.text);
}

/* What it has is all: it is sealed now. */
static void finish(struct session *x, struct take *t)
{
    t->over = true;
    if (t->programme)
        programme_end_for(t->programme, t->reason ? t->reason : "stop");
    programme_close(&t->programme);
    if (t->start_us < 0) /* nothing ever came */
        forget(x, t);
    ask(x);
}

static void maybe_finish(struct session *x, struct take *t)
{
    if (!t->over && t->picture_ended && t->sound_ended && (t->has_files || t->start_us < 0))
        finish(x, t);
}

/* ---- packets ---- */
static void take_packet(struct session *x, struct take *t, struct input_packet *p)
{
    bool video = p->track == PROGRAMME_VIDEO;
    int64_t pts_us = p->packet.pts_us;
    if (t->over)
        return;
    if (pts_us >= t->end_us) { /* of after the end */
        t->picture_ended = t->picture_ended || video;
        t->sound_ended = t->sound_ended || !video || t->sound_us < pts_us - silent_us;
        maybe_finish(x, t);
        return;
    }
    if (t->start_us < 0 && !(video && p->packet.flags & PACKET_KEY))
        return;
    if (t->start_us < 0) {
        t->start_us = pts_us;
        t->form = x->input.form;
    }
    if (!video)
        t->sound_us = pts_us;
    if (t->programme)
        feed(t, p);
    else if (t->waiting.bytes + p->packet.len <= INPUT_KEPT_BYTES)
        input_list_add(&t->waiting, p);
    else {
        t->end_us = pts_us; /* the disk is far behind */
        t->reason = "too_slow";
        t->behind = true;
    }
    ask(x);
}

void takes_packet(struct session *x, struct input_packet *p)
{
    for (struct take *t = x->input.takes, *next; t; t = next) {
        next = t->next;
        take_packet(x, t, p);
    }
}

/* ---- the deck ---- */
static void describe_source(const struct session *x, struct session_take *a)
{
    const struct session *y = x->input.session;
    a->aac = x->input.aac;
    a->source_device_id = x->input.device_id;
    if (!y)
        return;
    memcpy(a->source_session_id, y->id, sizeof(a->source_session_id));
    while (y->input.on_air && y->input.session)
        y = y->input.session;
    if (y->live.is)
        a->source_device_id = y->live.device_id;
    else if (y->has_tape && !y->input.on_air) {
        a->source_tape_id = y->tape.tape_id;
        a->source_us = deck_position_us(&y->deck, clock_mono_us());
    }
}

static struct take *begin(struct session *x, int64_t place_us, int64_t at_us, uint8_t tape_speed)
{
    struct take *t = vcr_alloc(sizeof(*t));
    t->asks = (struct session_take){ .number = ++x->owner->take_number, .tape_id = x->tape.tape_id, .place_us = place_us, .tape_speed = tape_speed };
    memcpy(t->asks.session_id, x->id, sizeof(t->asks.session_id));
    describe_source(x, &t->asks);
    t->begin_us = at_us;
    t->start_us = -1;
    t->end_us = never_us;
    t->next = x->input.takes;
    x->input.takes = t;
    return t;
}

void takes_begin(struct session *x, int64_t place_us, int64_t at_us, uint8_t tape_speed)
{
    struct take *t = begin(x, place_us, at_us, tape_speed);
    for (struct input_item *i = x->input.kept.first; i; i = i->next)
        take_packet(x, t, i->packet);
    x->input.heard_us = clock_mono_us(); /* from now on it must come */
}

void takes_end(struct session *x, int64_t at_us, const char *reason)
{
    struct take *t = x->input.takes;
    if (!t || t->end_us <= at_us)
        return;
    t->end_us = at_us;
    t->reason = reason;
    t->ended_us = clock_mono_us();
}

/* What has not come of these by now does not come. */
static void end_now(struct session *x, struct take *t)
{
    t->picture_ended = t->sound_ended = true;
    maybe_finish(x, t);
}

void takes_break(struct session *x, int64_t at_us, const char *reason)
{
    struct take *t = x->input.takes;
    if (!t || t->end_us != never_us || t->start_us < 0)
        return;
    int64_t place_us = t->asks.place_us + at_us - VCR_MAX(t->begin_us, t->start_us);
    if (!t->asked)
        place_us = t->asks.place_us + at_us - t->begin_us;
    uint8_t speed = t->asks.tape_speed;
    takes_end(x, at_us, reason);
    end_now(x, t);
    begin(x, place_us, at_us, speed)->asks.follows = true;
}

void takes_rest(struct session *x)
{
    for (struct take *t = x->input.takes, *next; t; t = next) {
        next = t->next;
        if (t->end_us != never_us)
            end_now(x, t);
    }
}

void takes_second(struct session *x, int64_t now_us)
{
    for (struct take *t = x->input.takes, *next; t; t = next) {
        next = t->next;
        if (t->end_us != never_us && now_us - t->ended_us > rest_us)
            end_now(x, t);
    }
}

/* ---- index marks ---- */
static void tell_mark(struct session *x, uint64_t number, int64_t tape_id, int64_t place_us)
{
    const struct sessions_config *c = &x->owner->config;
    if (c->mark)
        c->mark(c->arg, x->id, tape_id, number, place_us);
}

void takes_mark(struct session *x, int64_t place_us)
{
    struct take *t = x->input.takes;
    if (t && t->end_us == never_us && !t->has_files) { /* the caller does not know it yet */
        if (t->mark_count < MARKS_MAX)
            t->marks_us[t->mark_count++] = place_us;
        return;
    }
    if (x->has_tape)
        tell_mark(x, t && t->end_us == never_us ? t->asks.number : 0, x->tape.tape_id, place_us);
}

/* ---- what the caller has done ---- */
static struct take *find(const struct session *x, uint64_t number)
{
    struct take *t = x ? x->input.takes : NULL;
    while (t && t->asks.number != number)
        t = t->next;
    return t;
}

/* It came to nothing, or is sealed. The deck goes no further, if it still records it. */
static void conclude(struct session *x, struct take *t, const char *reason)
{
    bool records = t->end_us == never_us || (t->behind && t == x->input.takes && deck_is_recording(&x->deck));
    forget(x, t);
    if (records) {
        key_rule_stop(x, reason, clock_mono_us());
        actor_changed(x);
    }
    ask(x);
    void (*fn)(void *arg) = x->input.takes ? NULL : x->input.when_sealed;
    if (!fn)
        return;
    x->input.when_sealed = NULL;
    fn(x->input.when_sealed_arg); /* may end it */
}

void takes_files(struct sessions *s, struct session *x, uint64_t number, const struct recorder_files *files, const char *reason)
{
    static const struct input_form none = { .sps = { .width = 16, .height = 16, .sar_num = 1, .sar_den = 1 } };
    struct programme *programme = NULL;
    struct vcr_why why = { 0 };
    char id[40];
    struct take *t = find(x, number);
    snprintf(id, sizeof(id), "take-%" PRIu64, number);
    if (files && open_programme(s, &programme, t ? &t->form : &none, id, files, &why) != VCR_OK) {
        log_error("session", "a recording onto a tape could not begin: %s", why.text);
        programme_close(&programme);
    }
    if (!t)
        programme_close(&programme); /* nobody waits for them any more: they are sealed empty, and their owner is told so */
    if (!t || !programme) {
        if (t)
            conclude(x, t, reason ? reason : "fault");
        return;
    }
    t->programme = programme;
    t->has_files = true;
    for (const struct input_item *i = t->waiting.first; i; i = i->next)
        feed(t, i->packet);
    input_list_free(&t->waiting);
    for (int i = 0; i < t->mark_count; i++)
        tell_mark(x, number, t->asks.tape_id, t->marks_us[i]);
    maybe_finish(x, t);
}

void takes_sealed(struct session *x, uint64_t number, const char *reason)
{
    struct take *t = find(x, number);
    if (t)
        conclude(x, t, reason);
}

bool takes_seal(struct session *x, void (*fn)(void *arg), void *arg)
{
    actor_advance(x);
    if (deck_is_recording(&x->deck))
        key_rule_stop(x, NULL, clock_mono_us());
    actor_changed(x);
    if (!x->input.takes || x->input.when_sealed)
        return false;
    x->input.when_sealed = fn;
    x->input.when_sealed_arg = arg;
    return true;
}

void takes_close(struct session *x)
{
    while (x->input.takes)
        forget(x, x->input.takes);
}

bool takes_recording(const struct session *x) { return x->input.takes != NULL; }
