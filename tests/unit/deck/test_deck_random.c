/* tests/unit/deck/test_deck_random.c - ten thousand random keys and taps at random times, many times over: the tape is never lost, never jumps, what is recorded
 * begins and ends, and the same keys give the same trace whoever ticks the deck how often, and run again from their log. */
#include "deck_script.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/util.h"
#include "deck/replay.h"

enum { KEYS = 10000, RUNS = 40, MARKS = 12 };
/* The fastest that a mechanism ever moves, in times of play: the EP tape of a fast wind. */
static const int64_t rate_max = 6000;

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
    return *x;
}

static int64_t below(uint64_t *x, int64_t n) { return (int64_t)(next_random(x) % (uint64_t)n); }

static struct deck_args random_args(uint64_t *x)
{
    struct deck_args a = tape_args((double)(1 + below(x, 7200)), 0);
    a.tape.position_us = below(x, a.tape.length_us);
    a.tape.blank = below(x, 5) == 0;
    a.tape.write_protected = below(x, 6) == 0;
    a.tape.tape_speed = (uint8_t)below(x, 3);
    a.on = (int8_t)(below(x, 3) - 1);
    a.hold = below(x, 2);
    a.speed = (int32_t)(below(x, 140000) - 70000);
    a.position_us = below(x, 7300000000) - 1000;
    a.tracking = (int16_t)(below(x, 24) - 12);
    if (a.tracking == 11)
        a.tracking = INT16_MIN;
    a.tape_speed = (uint8_t)below(x, 4);
    a.minutes = (int32_t)(below(x, 700) - 50);
    a.count = (int32_t)(below(x, 5) - 1);
    snprintf(a.look, sizeof(a.look), "look%u", (unsigned)below(x, 9));
    return a;
}

/* A deck, the map it has and the one that comes next, and the log of what was done to it. */
struct player {
    struct deck deck;
    int64_t now_us;
    struct deck_run runs[2][RUNS];
    int64_t marks[2][MARKS];
    struct deck_map map[2];
    int told;
    uint64_t trace;
    struct deck_replay *replay; /* NULL: none beside it */
    /* what was seen last */
    int64_t seen_us, pos_us;
    uint32_t seq;
    bool tape_in;
    int64_t recording_us; /* since this place, -1: not */
};

static const struct deck_map *random_map(struct player *p, uint64_t *x)
{
    int n = 0, m = 0, i = p->told;
    int64_t at_us = 0;
    p->told = !i;
    for (int64_t k = below(x, RUNS); n < k; n++) {
        at_us += below(x, 3) ? 0 : below(x, 400000000);
        p->runs[i][n] = (struct deck_run){ .start_us = at_us, .end_us = at_us + 1 + below(x, below(x, 4) ? 600000000 : 3), .speed = (uint8_t)below(x, 3),
                                           .recorded = below(x, 9) > 0, .missing = below(x, 9) == 0 };
        at_us = p->runs[i][n].end_us;
    }
    for (int64_t k = below(x, MARKS), us = 0; m < k; m++)
        p->marks[i][m] = us += below(x, 900000000);
    assert_int_equal(deck_map_prepare(p->runs[i], (size_t)n, NULL), VCR_OK);
    p->map[i] = (struct deck_map){ p->runs[i], (size_t)n, p->marks[i], (size_t)m };
    return &p->map[i];
}

/* Recordings begin and end in turn, never twice, and at the place where the tape is. */
static void take_effects(struct player *p, bool checked)
{
    for (struct deck_effect e; deck_take_effect(&p->deck, &e);) {
        if (checked && e.kind == DECK_EFFECT_RECORD_BEGIN)
            assert_true(p->recording_us == -1);
        if (checked && e.kind == DECK_EFFECT_RECORD_END)
            assert_true(p->recording_us >= 0 && e.position_us >= p->recording_us && e.reason);
        if (e.kind != DECK_EFFECT_MARK)
            p->recording_us = e.kind == DECK_EFFECT_RECORD_BEGIN ? e.position_us : -1;
        int64_t told[] = { e.kind, e.position_us, e.at_us, e.tape_speed };
        for (size_t i = 0; i < ARRAY_LEN(told); i++)
            p->trace = (p->trace ^ (uint64_t)told[i]) * 1099511628211u;
    }
    if (checked)
        assert_int_equal(p->deck.recording, p->recording_us >= 0);
}

/* Control pulses from the start to a place, counted the slow way: run by run, and what was recorded since over them. */
static int64_t counted_us(const struct deck *d, int64_t at_us)
{
    const struct deck_map *map = d->tape.map;
    int64_t from = VCR_MIN(d->own_from_us, at_us), to = VCR_MIN(d->own_to_us, at_us), sum = VCR_MAX(to - from, 0);
    if (!map)
        return d->tape.blank ? sum : at_us;
    for (size_t i = 0; i < map->run_count; i++) {
        int64_t a = map->runs[i].start_us, b = VCR_MIN(map->runs[i].end_us, at_us);
        if (map->runs[i].recorded && a < b)
            sum += b - a - VCR_MAX(VCR_MIN(b, to) - VCR_MAX(a, from), 0);
    }
    return sum;
}

static void check(struct player *p)
{
    struct deck *d = &p->deck;
    struct deck_state st;
    take_effects(p, true);
    deck_state(d, p->now_us, &st);
    assert_true(st.mode < DECK_MODES);
    assert_in_range(st.position_us, 0, d->snap.length_us);
    assert_int_equal(st.power, st.mode != DECK_OFF);
    if (st.mode == DECK_EJECTED)
        assert_false(st.tape_in);
    if (st.mode != DECK_EJECTED && st.mode != DECK_OFF && st.mode != DECK_FAULT)
        assert_true(st.tape_in);
    assert_true(st.recording ? st.mode == DECK_RECORD && st.picture == DECK_PICTURE_INPUT && !d->tape.write_protected : true);
    assert_true(st.sound != DECK_SOUND_HIFI || st.mode == DECK_PLAY || st.picture == DECK_PICTURE_INPUT);
    assert_true(st.picture != DECK_PICTURE_TAPE || (d->at_heads && !st.flag_blank && !st.flag_missing) || st.mode == DECK_PAUSE);
    /* the counter: what lies recorded between its zero and here; the display's is the same with the tape at the heads */
    assert_int_equal(st.counter_us, counted_us(d, st.position_us) - d->counter_zero_us);
    if (d->at_heads && d->snap.mode != DECK_PAUSE)
        assert_int_equal(deck_snapshot_counter_us(&d->snap, p->now_us), st.counter_us);
    assert_true(deck_next_us(d) > p->now_us);
    assert_true(d->snap.seq >= p->seq);
    if (st.tape_in && p->tape_in) { /* moved, not jumped */
        int64_t moved = st.position_us - p->pos_us, may = (p->now_us - p->seen_us) * rate_max + rate_max;
        assert_true(moved <= may && moved >= -may);
    }
    p->seen_us = p->now_us;
    p->pos_us = st.position_us;
    p->seq = d->snap.seq;
    p->tape_in = st.tape_in;
}

/* One event after the other, each new snapshot begins where the old one ended, and the counter goes on from what it showed. */
static void tick_and_check(struct player *p, int64_t until_us)
{
    while (deck_next_us(&p->deck) <= until_us) {
        p->now_us = deck_next_us(&p->deck);
        struct deck before = p->deck;
        assert_true(deck_tick(&p->deck, p->now_us) && p->deck.snap.seq != before.snap.seq);
        int64_t was = deck_position_us(&before, p->now_us), is = deck_position_us(&p->deck, p->now_us);
        if (p->deck.tape_in && (is - was > rate_max || was - is > rate_max))
            fail_msg("%s became %s and jumped from %lld to %lld us", deck_mode_name(before.snap.mode), deck_mode_name(p->deck.snap.mode), (long long)was, (long long)is);
        int64_t counted = deck_counter_us(&p->deck, p->now_us) - deck_counter_us(&before, p->now_us);
        if (p->deck.tape_in)
            assert_true(counted <= rate_max && counted >= -rate_max);
        check(p);
    }
}

static void log_tap(struct player *p, const struct deck_tap *tap)
{
    char line[DECK_LINE_MAX];
    struct vcr_why why = { 0 };
    if (!p->replay)
        return;
    size_t n = deck_tap_write(tap, line, sizeof(line));
    if (deck_replay_line(p->replay, line, n, &why) != VCR_OK)
        fail_msg("%s: %s", line, why.text);
}

static void log_map(struct player *p, const struct deck_map *map)
{
    for (size_t i = 0; i < map->run_count; i++)
        log_tap(p, &(struct deck_tap){ .kind = DECK_TAP_RUN, .at_us = p->now_us, .run = map->runs[i] });
    for (size_t i = 0; i < map->mark_count; i++)
        log_tap(p, &(struct deck_tap){ .kind = DECK_TAP_MARK, .at_us = p->now_us, .mark_us = map->marks_us[i] });
}

static struct deck_tap random_tap(struct player *p, uint64_t *x)
{
    static const char *const reasons[] = { "blue", "snow", "lost" };
    struct deck_tap t = { .at_us = p->now_us, .args = random_args(x), .on = below(x, 4) > 0 };
    static const enum deck_tap_kind others[] = { DECK_TAP_INPUT, DECK_TAP_FAULT, DECK_TAP_RECOVER, DECK_TAP_RECOVER, DECK_TAP_RULE, DECK_TAP_MAP, DECK_TAP_TICK };
    snprintf(t.reason, sizeof(t.reason), "%s", reasons[below(x, 3)]);
    if (p->deck.snap.mode == DECK_FAULT && below(x, 2)) {
        t.kind = DECK_TAP_RECOVER;
    } else if (below(x, 12) == 0) {
        t.kind = others[below(x, ARRAY_LEN(others))];
    } else {
        t.cmd = (enum deck_cmd)below(x, DECK_CMDS);
        if ((t.cmd == DECK_CMD_POWER || t.cmd == DECK_CMD_EJECT || t.cmd == DECK_CMD_SLEEP) && below(x, 4))
            t.cmd = DECK_CMD_PLAY;
        if (!p->deck.tape_in && below(x, 2))
            t.cmd = DECK_CMD_INSERT;
    }
    return t;
}

static void do_command(struct player *p, struct deck_tap *t, uint64_t *x, bool checked)
{
    struct deck before = p->deck;
    struct vcr_why why = { 0 };
    if (t->cmd == DECK_CMD_INSERT && !p->deck.tape_in && below(x, 4)) {
        t->args.tape.map = random_map(p, x);
        log_map(p, t->args.tape.map);
    }
    enum vcr_err err = deck_command(&p->deck, t->cmd, &t->args, p->now_us, &why);
    p->trace ^= (uint64_t)err;
    log_tap(p, t);
    if (!checked)
        return;
    bool no_tab = err != VCR_OK && why.slug && strcmp(why.slug, "/write-protected") == 0 && t->cmd == DECK_CMD_RECORD; /* the display says so, the tape may come out */
    if (err == VCR_OK)
        assert_true(p->deck.snap.seq > before.snap.seq);
    else if (!no_tab)
        assert_memory_equal(&before, &p->deck, sizeof(before));
    assert_true(err == VCR_OK || err == VCR_E_INVALID || (err == VCR_E_CONFLICT && why.slug));
    if (before.tape_in) { /* no key makes the tape or the counter jump */
        assert_int_equal(deck_position_us(&before, p->now_us), deck_position_us(&p->deck, p->now_us));
        if (t->cmd != DECK_CMD_COUNTER_RESET)
            assert_int_equal(deck_counter_us(&before, p->now_us), deck_counter_us(&p->deck, p->now_us));
    } else {
        p->tape_in = false;
    }
}

static void do_tap(struct player *p, struct deck_tap *t, uint64_t *x)
{
    struct deck *d = &p->deck;
    const char *reason = strcmp(t->reason, "blue") == 0 ? "blue" : strcmp(t->reason, "snow") == 0 ? "snow" : "lost";
    const struct deck_map *map;
    int64_t at_us = deck_position_us(d, p->now_us), counter_us = deck_counter_us(d, p->now_us);
    bool tape_in = d->tape_in;
    switch (t->kind) {
    case DECK_TAP_INPUT:
        deck_input(d, t->on, p->now_us);
        break;
    case DECK_TAP_FAULT:
        deck_fault(d, reason, p->now_us);
        break;
    case DECK_TAP_RECOVER:
        deck_recover(d, p->now_us);
        break;
    case DECK_TAP_RULE:
        deck_rule_stop(d, reason, p->now_us);
        break;
    case DECK_TAP_MAP:
        map = t->on && d->tape_in ? random_map(p, x) : NULL;
        t->on = map != NULL;
        if (map)
            log_map(p, map);
        deck_map_changed(d, map, p->now_us);
        break;
    default:
        deck_tick(d, p->now_us);
        break;
    }
    log_tap(p, t);
    if (tape_in && (deck_position_us(d, p->now_us) != at_us || deck_counter_us(d, p->now_us) != counter_us))
        fail_msg("tap %d moved the tape or its counter", t->kind);
}

/* Runs the keys of a seed; between them the deck is ticked at every event (ticks < 0) or `ticks` times at even distances. Returns a digest of the trace. */
static uint64_t run_keys(uint64_t seed, int keys, int ticks, bool checked, struct deck_replay *replay)
{
    static const char *const makes[] = { "consumer", "classic", "full_load", "broadcast" };
    uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;
    struct player *p = calloc(1, sizeof(*p));
    struct deck_tap start = { .kind = DECK_TAP_START, .at_us = EPOCH_US,
                              .settings = { .winding_real = seed & 1, .auto_rewind = seed & 2, .autoplay = seed & 4, .auto_eject = seed & 8, .snow = seed & 16 } };
    snprintf(start.profile, sizeof(start.profile), "%s", makes[seed / 3 % 4]);
    p->replay = replay;
    p->now_us = p->seen_us = EPOCH_US;
    p->recording_us = -1;
    deck_init(&p->deck, deck_profile_by_name(start.profile), &start.settings, EPOCH_US);
    log_tap(p, &start);
    for (int i = 0; i < keys; i++) {
        static const int64_t gaps_us[] = { 0, 1, 20000, 300000, 2000000, 9000000, 70000000, 400000000 };
        int64_t gap_us = below(&x, gaps_us[below(&x, ARRAY_LEN(gaps_us))] + 1), from_us = p->now_us, until_us = from_us + gap_us;
        for (int k = 1; k <= ticks; k++)
            deck_tick(&p->deck, from_us + gap_us * k / ticks);
        if (ticks < 0 && checked)
            tick_and_check(p, until_us);
        while (ticks < 0 && deck_next_us(&p->deck) <= until_us)
            deck_tick(&p->deck, deck_next_us(&p->deck));
        p->now_us = until_us;
        deck_tick(&p->deck, until_us);
        struct deck_tap t = random_tap(p, &x);
        if (t.kind == DECK_TAP_COMMAND)
            do_command(p, &t, &x, checked);
        else
            do_tap(p, &t, &x);
        if (checked)
            check(p);
        else
            take_effects(p, false);
        p->trace = deck_trace(p->trace, &p->deck, p->now_us);
        if (replay && deck_trace(0, &replay->deck, p->now_us) != deck_trace(0, &p->deck, p->now_us))
            fail_msg("line %d (%s) of seed %d gives another deck than the keys: %s", i, t.kind == DECK_TAP_COMMAND ? deck_cmd_name(t.cmd) : t.reason, (int)seed,
                     deck_mode_name(replay->deck.snap.mode));
    }
    uint64_t trace = p->trace;
    free(p);
    return trace;
}

static int seeds(void) { return getenv("VCR_LONG") ? 1000 : 24; }

static void invariants_hold(void **state)
{
    for (int seed = 1; seed <= seeds(); seed++)
        run_keys((uint64_t)seed, KEYS, -1, true, NULL);
}

static void the_same_keys_give_the_same_trace(void **state)
{
    for (int seed = 1; seed <= seeds(); seed++) {
        uint64_t events = run_keys((uint64_t)seed, KEYS, -1, false, NULL);
        assert_true(run_keys((uint64_t)seed, KEYS, 0, false, NULL) == events);
        assert_true(run_keys((uint64_t)seed, KEYS, 5, false, NULL) == events);
    }
}

/* Beside every deck runs another one from the log of its lines, ticked at other times. */
static void the_log_gives_the_same_trace(void **state)
{
    struct deck_run *runs = calloc(2 * RUNS, sizeof(*runs));
    int64_t *marks = calloc(2 * MARKS, sizeof(*marks));
    struct deck_replay *r = calloc(1, sizeof(*r));
    for (int seed = 1; seed <= seeds() / 2; seed++) {
        deck_replay_init(r, runs, RUNS, marks, MARKS);
        run_keys((uint64_t)seed, KEYS / 2, seed % 3, false, r);
    }
    free(runs);
    free(marks);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invariants_hold),
        cmocka_unit_test(the_same_keys_give_the_same_trace),
        cmocka_unit_test(the_log_gives_the_same_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
