/* tests/unit/deck/test_deck_random.c - ten thousand random keys at random times, many times over: the tape is never lost, never jumps, and the same keys
 * give the same trace whoever ticks the deck how often. */
#include "deck_script.h"

#include <stdio.h>

#include "base/util.h"

enum { KEYS = 10000, SEEDS = 40 };

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
    return *x;
}

static struct deck_args random_args(uint64_t *x)
{
    struct deck_args a = tape_args((double)(1 + next_random(x) % 7200), 0);
    a.tape.position_us = (int64_t)(next_random(x) % (uint64_t)a.tape.length_us);
    a.tape.blank = next_random(x) % 5 == 0;
    a.on = (int8_t)(next_random(x) % 3) - 1;
    a.hold = next_random(x) % 2;
    a.speed = (int32_t)(next_random(x) % 140000) - 70000;
    a.position_us = (int64_t)(next_random(x) % 7300000000) - 1000;
    a.tracking = (int16_t)(next_random(x) % 24) - 12;
    if (a.tracking == 11)
        a.tracking = INT16_MIN;
    a.tape_speed = (uint8_t)(next_random(x) % 4);
    a.minutes = (int32_t)(next_random(x) % 700) - 50;
    snprintf(a.look, sizeof(a.look), "look%u", (unsigned)(next_random(x) % 9));
    return a;
}

/* The fastest the mechanism ever moves, in 1/65536 of play. */
static const int64_t rate_max = INT64_C(1200) * 65536;

struct watch {
    int64_t now_us, pos_us;
    uint32_t seq;
    bool tape_in;
};

static void check(const struct deck *d, int64_t now_us, struct watch *w)
{
    struct deck_state st;
    deck_state(d, now_us, &st);
    assert_true(st.mode < DECK_MODES && st.mode != DECK_FAULT);
    assert_true(st.position_us >= 0 && st.position_us <= d->snap.length_us);
    assert_int_equal(st.counter_us, st.position_us - d->snap.counter_base_us);
    assert_int_equal(st.power, st.mode != DECK_OFF);
    if (st.mode == DECK_EJECTED)
        assert_false(st.tape_in);
    assert_true(deck_next_us(d) > now_us);
    assert_true(d->snap.seq >= w->seq);
    if (st.tape_in && w->tape_in) { /* moved, not jumped */
        int64_t moved = st.position_us - w->pos_us, may = (now_us - w->now_us) * (rate_max / 65536) + 1200;
        assert_true(moved <= may && moved >= -may);
    }
    *w = (struct watch){ now_us, st.position_us, d->snap.seq, st.tape_in };
}

/* Runs the keys of a seed; between them the deck is ticked at every event (ticks < 0) or `ticks` times at even distances. Returns a digest of the trace. */
static uint64_t run_keys(uint64_t seed, int ticks, bool checked)
{
    uint64_t x = seed * 0x9e3779b97f4a7c15u + 1, digest = 14695981039346656037u;
    struct bench b;
    bench_start(&b, (struct deck_settings){ .winding_real = seed & 1, .auto_rewind = seed & 2, .autoplay = seed & 4 });
    struct watch w = { b.now_us, 0, 0, false };
    for (int i = 0; i < KEYS; i++) {
        static const int64_t gaps_us[] = { 0, 1, 20000, 300000, 2000000, 9000000, 70000000, 400000000 };
        int64_t gap_us = (int64_t)(next_random(&x) % (uint64_t)(gaps_us[next_random(&x) % ARRAY_LEN(gaps_us)] + 1)), until = b.now_us + gap_us;
        for (int k = 1; k <= ticks; k++) {
            b.now_us = until - gap_us + gap_us * k / ticks;
            deck_tick(&b.deck, b.now_us);
            if (checked)
                check(&b.deck, b.now_us, &w);
        }
        while (ticks < 0 && deck_next_us(&b.deck) <= until) {
            b.now_us = deck_next_us(&b.deck);
            struct deck_snapshot before = b.deck.snap;
            if (checked)
                assert_true(deck_tick(&b.deck, b.now_us) && b.deck.snap.seq != before.seq);
            else
                deck_tick(&b.deck, b.now_us);
            if (checked) { /* a new snapshot begins where the old one ended */
                int64_t was = deck_snapshot_position_us(&before, b.now_us), is = deck_position_us(&b.deck, b.now_us);
                if (b.deck.tape_in)
                    assert_true(is - was <= 1200 && was - is <= 1200);
                check(&b.deck, b.now_us, &w);
            }
        }
        b.now_us = until;
        deck_tick(&b.deck, b.now_us);
        enum deck_cmd c = (enum deck_cmd)(next_random(&x) % DECK_CMDS);
        if ((c == DECK_CMD_POWER || c == DECK_CMD_EJECT || c == DECK_CMD_SLEEP) && next_random(&x) % 4)
            c = DECK_CMD_PLAY;
        if (!b.deck.tape_in && next_random(&x) % 2)
            c = DECK_CMD_INSERT;
        struct deck_args a = random_args(&x);
        struct deck before = b.deck;
        struct vcr_why why = { 0 };
        enum vcr_err err = press_with(&b, c, &a, &why);
        if (checked) {
            if (err == VCR_OK)
                assert_true(b.deck.snap.seq > before.snap.seq);
            else
                assert_memory_equal(&before, &b.deck, sizeof(before));
            assert_true(err == VCR_OK || err == VCR_E_INVALID || (err == VCR_E_CONFLICT && why.slug));
            if (!before.tape_in)
                w.tape_in = false;
            check(&b.deck, b.now_us, &w);
        }
        int64_t trace[] = { err, b.deck.snap.mode, deck_position_us(&b.deck, b.now_us), b.deck.snap.seq, b.deck.pending };
        for (size_t k = 0; k < ARRAY_LEN(trace); k++)
            digest = (digest ^ (uint64_t)trace[k]) * 1099511628211u;
    }
    return digest;
}

static void invariants_hold(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_keys(seed, -1, true);
    for (uint64_t seed = 1; seed <= 2; seed++)
        run_keys(seed, 7, true);
}

static void the_same_keys_give_the_same_trace(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        uint64_t events = run_keys(seed, -1, false);
        assert_true(run_keys(seed, -1, false) == events);
        assert_true(run_keys(seed, 0, false) == events);
        assert_true(run_keys(seed, 5, false) == events);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invariants_hold),
        cmocka_unit_test(the_same_keys_give_the_same_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
