/* deck/trace.c - running a log again, and the digest of what a deck does: see replay.h. */
#include <string.h>

#include "base/util.h"
#include "deck/replay.h"

static uint64_t mix(uint64_t digest, uint64_t n)
{
    for (int i = 0; i < 64; i += 8)
        digest = (digest ^ ((n >> i) & 255)) * 1099511628211u;
    return digest;
}

uint64_t deck_trace(uint64_t digest, const struct deck *d, int64_t now_us)
{
    struct deck_state s;
    deck_state(d, now_us, &s);
    const int64_t now[] = {
        now_us, s.mode, s.picture, s.sound, s.servo, s.power, s.tape_in, s.memory, s.repeat, s.recording, deck_snapshot_rate(&d->snap, now_us), s.position_us,
        s.counter_us, s.remaining_us, s.tracking, s.tape_speed, s.clean, d->pending, s.flag_end_of_tape, s.flag_start_of_tape, s.flag_head_protection, s.flag_tab,
        s.flag_blank, s.flag_missing, s.command_seq, s.osd_lines,
    };
    for (size_t i = 0; i < ARRAY_LEN(now); i++)
        digest = mix(digest, (uint64_t)now[i]);
    for (const char *p = s.stop_reason; p && *p; p++)
        digest = mix(digest, (unsigned char)*p);
    for (int i = 0; i < s.osd_lines; i++)
        for (const char *p = s.osd[i]; *p; p++)
            digest = mix(digest, (unsigned char)*p);
    return digest;
}

void deck_replay_init(struct deck_replay *r, struct deck_run *runs, size_t runs_max, int64_t *marks_us, size_t marks_max)
{
    memset(r, 0, sizeof(*r));
    for (int i = 0; i < 2; i++) {
        r->runs[i] = runs + (size_t)i * runs_max;
        r->marks_us[i] = marks_us + (size_t)i * marks_max;
    }
    r->runs_max = runs_max;
    r->marks_max = marks_max;
}

/* The map told so far becomes the deck's; the other one is told next. */
static const struct deck_map *told_map(struct deck_replay *r)
{
    struct deck_map *map = &r->map[r->told];
    deck_map_prepare(r->runs[r->told], r->run_count, NULL); /* in order: tell_run saw to it */
    *map = (struct deck_map){ r->runs[r->told], r->run_count, r->marks_us[r->told], r->mark_count };
    r->told = !r->told;
    r->run_count = r->mark_count = 0;
    return map;
}

static const struct deck_map *forget_told(struct deck_replay *r)
{
    r->run_count = r->mark_count = 0;
    return NULL;
}

static enum vcr_err tell_run(struct deck_replay *r, const struct deck_run *run, struct vcr_why *why)
{
    struct deck_run *runs = r->runs[r->told];
    if (r->run_count == r->runs_max)
        return vcr_fail(why, VCR_E_TOO_LARGE, "There is no room for so many recordings.");
    runs[r->run_count] = *run;
    if (deck_map_prepare(runs + r->run_count, 1, NULL) != VCR_OK || (r->run_count > 0 && run->start_us < runs[r->run_count - 1].end_us))
        return vcr_fail(why, VCR_E_MALFORMED, "The recordings of a tape lie one after the other.");
    r->run_count++;
    return VCR_OK;
}

static enum vcr_err tell_mark(struct deck_replay *r, int64_t at_us, struct vcr_why *why)
{
    int64_t *marks = r->marks_us[r->told];
    if (r->mark_count == r->marks_max)
        return vcr_fail(why, VCR_E_TOO_LARGE, "There is no room for so many marks.");
    if (r->mark_count > 0 && at_us < marks[r->mark_count - 1])
        return vcr_fail(why, VCR_E_MALFORMED, "The marks of a tape are in order.");
    marks[r->mark_count++] = at_us;
    return VCR_OK;
}

/* Of the map that the deck has. */
static enum vcr_err keep(struct deck_replay *r, const struct deck_tap *t, struct vcr_why *why)
{
    const struct deck_map *now = r->deck.tape_in ? r->deck.tape.map : NULL;
    bool runs = t->kind == DECK_TAP_KEEP_RUNS;
    size_t there = !now ? 0 : runs ? now->run_count : now->mark_count, first = (size_t)t->first, count = (size_t)t->count;
    size_t run_count = r->run_count, mark_count = r->mark_count;
    enum vcr_err err = first <= there && count <= there - first ? VCR_OK : vcr_fail(why, VCR_E_MALFORMED, "The tape has not so many recordings or marks.");
    for (size_t i = first; err == VCR_OK && i < first + count; i++)
        err = runs ? tell_run(r, &now->runs[i], why) : tell_mark(r, now->marks_us[i], why);
    if (err != VCR_OK)
        r->run_count = run_count, r->mark_count = mark_count;
    return err;
}

static enum vcr_err start(struct deck_replay *r, const struct deck_tap *t, struct vcr_why *why)
{
    const struct deck_profile *profile = deck_profile_by_name(*t->profile ? t->profile : "consumer");
    if (r->started || !profile)
        return vcr_fail(why, VCR_E_MALFORMED, "A log starts once, with a make of deck that there is.");
    deck_init(&r->deck, profile, &t->settings, t->at_us);
    r->started = true;
    return VCR_OK;
}

static enum vcr_err run_tap(struct deck_replay *r, const struct deck_tap *t, struct vcr_why *why)
{
    struct deck *d = &r->deck;
    struct deck_args args;
    char *reason;
    switch (t->kind) {
    case DECK_TAP_START:
        return start(r, t, why);
    case DECK_TAP_RUN:
        return tell_run(r, &t->run, why);
    case DECK_TAP_MARK:
        return tell_mark(r, t->mark_us, why);
    case DECK_TAP_KEEP_RUNS:
    case DECK_TAP_KEEP_MARKS:
        return keep(r, t, why);
    case DECK_TAP_COMMAND:
        args = t->args;
        deck_tick(d, t->at_us);
        if (args.tape.map) /* a second tape is refused, and the map of the first one stays */
            args.tape.map = d->tape_in ? forget_told(r) : told_map(r);
        r->trace = deck_trace(r->trace ^ (uint64_t)deck_command(d, t->cmd, &args, t->at_us, NULL), d, t->at_us);
        return VCR_OK;
    case DECK_TAP_INPUT:
        deck_input(d, t->on, t->at_us);
        break;
    case DECK_TAP_FAULT:
    case DECK_TAP_RULE:
        reason = r->reason[d->stop_reason == r->reason[0]]; /* not the one it still says */
        memcpy(reason, t->reason, sizeof(r->reason[0]));
        if (t->kind == DECK_TAP_FAULT)
            deck_fault(d, reason, t->at_us);
        else
            deck_rule_stop(d, reason, t->at_us);
        break;
    case DECK_TAP_RECOVER:
        deck_recover(d, t->at_us);
        break;
    case DECK_TAP_TICK:
    case DECK_TAPS:
        deck_tick(d, t->at_us);
        break;
    case DECK_TAP_MAP:
        deck_map_changed(d, t->on ? told_map(r) : NULL, t->at_us);
        break;
    }
    r->trace = deck_trace(r->trace, d, t->at_us);
    return VCR_OK;
}

enum vcr_err deck_replay_tap(struct deck_replay *r, const struct deck_tap *tap, struct vcr_why *why)
{
    if (!r->started && tap->kind != DECK_TAP_START)
        return vcr_fail(why, VCR_E_MALFORMED, "A log begins with its start.");
    if (r->started && (tap->at_us < r->now_us || tap->at_us - r->now_us > DECK_GAP_MAX_US))
        return vcr_fail(why, VCR_E_MALFORMED, "The lines of a log are in the order of their times, without gaps of weeks.");
    enum vcr_err err = run_tap(r, tap, why);
    if (err != VCR_OK)
        return err;
    r->now_us = tap->at_us;
    deck_tick(&r->deck, tap->at_us); /* a line that only tells of the tape lets time pass, too */
    return VCR_OK;
}

enum vcr_err deck_replay_line(struct deck_replay *r, const char *line, size_t bytes, struct vcr_why *why)
{
    struct deck_tap tap;
    enum vcr_err err = deck_tap_read(&tap, line, bytes, why);
    return err == VCR_OK ? deck_replay_tap(r, &tap, why) : err;
}
