/* tests/unit/deck/deck_script.h - a deck under virtual time, for tests that read like a hand on the keys. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "deck/deck.h"

#define S(seconds) ((int64_t)((seconds) * 1000000.0 + 0.5)) /* not for negative ones */
enum { FRAME_US = 33367 };
static const int64_t EPOCH_US = 77000000000;

struct bench {
    struct deck deck;
    int64_t now_us;
};

static inline struct deck_args tape_args(double length_s, double position_s)
{
    return (struct deck_args){ .tape = { .length_us = S(length_s), .position_us = S(position_s), .frame_us = FRAME_US, .seed = 7 } };
}
static inline void pass(struct bench *b, double seconds)
{
    b->now_us += S(seconds);
    deck_tick(&b->deck, b->now_us);
}
static inline enum vcr_err press_with(struct bench *b, enum deck_cmd cmd, const struct deck_args *args, struct vcr_why *why)
{
    return deck_command(&b->deck, cmd, args, b->now_us, why);
}
static inline void press(struct bench *b, enum deck_cmd cmd)
{
    struct vcr_why why = { 0 };
    if (press_with(b, cmd, NULL, &why) != VCR_OK)
        fail_msg("%s was refused: %s", deck_cmd_name(cmd), why.text);
}
static inline struct deck_state look(const struct bench *b)
{
    struct deck_state st;
    deck_state(&b->deck, b->now_us, &st);
    return st;
}
static inline void bench_start(struct bench *b, struct deck_settings settings)
{
    b->now_us = EPOCH_US;
    deck_init(&b->deck, &deck_profile_consumer, &settings, b->now_us);
}
/* A deck with a tape of this length, threaded nowhere, standing in stop. */
static inline void bench_with_tape(struct bench *b, struct deck_settings settings, double length_s, double position_s)
{
    bench_start(b, settings);
    struct deck_args a = tape_args(length_s, position_s);
    assert_int_equal(press_with(b, DECK_CMD_INSERT, &a, NULL), VCR_OK);
    pass(b, 2.1);
}
#define assert_mode(b, m) assert_string_equal(deck_mode_name(look(b).mode), deck_mode_name(m))
#define assert_near(a, b, tolerance) assert_in_range((a) - (b) + (tolerance), 0, 2 * (tolerance))
