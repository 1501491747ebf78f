/* bench/bench_deck.c - what the deck costs: a tick, an hour of tape, and whether a tape of ten thousand recordings is any slower than one of ten. */
#include <stdlib.h>
#include <time.h>

#include "deck/deck.h"
#include "row.h"

enum { MANY = 10000, FEW = 10 };
#define LENGTH_US (INT64_C(7200) * 1000000)

struct tape { struct deck_run runs[MANY]; int64_t marks[MANY]; struct deck_map map; };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void fill(struct tape *t, int count)
{
    for (int i = 0; i < count; i++) {
        int64_t from = LENGTH_US * i / count, to = LENGTH_US * (i + 1) / count;
        t->runs[i] = (struct deck_run){ .start_us = from, .end_us = to - (i % 3 == 0 ? 1000 : 0), .recorded = true };
        t->marks[i] = from;
    }
    deck_map_prepare(t->runs, (size_t)count, NULL);
    t->map = (struct deck_map){ t->runs, (size_t)count, t->marks, (size_t)count };
}

static int64_t insert(struct deck *d, const struct tape *t)
{
    const struct deck_settings settings = { 0 };
    struct deck_args a = { .tape = { .length_us = LENGTH_US, .map = t ? &t->map : NULL } };
    deck_init(d, &deck_profile_consumer, &settings, 0);
    deck_command(d, DECK_CMD_INSERT, &a, 0, NULL);
    deck_tick(d, 3000000);
    return 3000000;
}

/* A tick between two events, a state and the next time, as a session asks for them: nanoseconds a round. */
static double tick_ns(const struct tape *t, bool state)
{
    enum { TICKS = 200000 };
    static struct deck d;
    int64_t now = insert(&d, t);
    struct deck_state s;
    deck_command(&d, DECK_CMD_PLAY, NULL, now, NULL);
    now += 2000000;
    double from = seconds();
    for (int i = 0; i < TICKS; i++) {
        now += 16683;
        deck_tick(&d, now);
        if (state)
            deck_state(&d, now, &s);
    }
    return (seconds() - from) / TICKS * 1e9;
}

/* Sets off to a place anywhere, arrives, shows it: microseconds. */
static double seek_us(const struct tape *t)
{
    enum { SEEKS = 3000 };
    static struct deck d;
    int64_t now = insert(&d, t);
    uint64_t x = 1;
    double from = seconds();
    for (int i = 0; i < SEEKS; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        struct deck_args a = { .position_us = (int64_t)(x >> 33) % LENGTH_US };
        deck_command(&d, DECK_CMD_SEEK, &a, now, NULL);
        now += 30000000;
        deck_tick(&d, now);
    }
    return (seconds() - from) / SEEKS * 1e6;
}

static double index_us(const struct tape *t)
{
    enum { SEARCHES = 3000 };
    static struct deck d;
    int64_t now = insert(&d, t);
    double from = seconds();
    for (int i = 0; i < SEARCHES; i++) {
        struct deck_args a = { .count = 1 };
        deck_command(&d, i % 2 ? DECK_CMD_INDEX_PREVIOUS : DECK_CMD_INDEX_NEXT, &a, now, NULL);
        now += 20000000;
        deck_tick(&d, now);
    }
    return (seconds() - from) / SEARCHES * 1e6;
}

static double hour_ms(const struct tape *t)
{
    static struct deck d;
    int64_t now = insert(&d, t);
    deck_command(&d, DECK_CMD_PLAY, NULL, now, NULL);
    double from = seconds();
    deck_tick(&d, now + INT64_C(3600) * 1000000);
    return (seconds() - from) * 1e3;
}

int main(void)
{
    static struct tape few, many;
    double v[6][BENCH_ROUNDS], w[6][BENCH_ROUNDS];
    fill(&few, FEW);
    fill(&many, MANY);
    for (int r = 0; r < BENCH_ROUNDS; r++) {
        v[0][r] = tick_ns(&few, false), w[0][r] = tick_ns(&many, false);
        v[1][r] = tick_ns(&few, true), w[1][r] = tick_ns(&many, true);
        v[2][r] = seek_us(&few), w[2][r] = seek_us(&many);
        v[3][r] = index_us(&few), w[3][r] = index_us(&many);
        v[4][r] = hour_ms(NULL), w[4][r] = hour_ms(&many);
    }
    const struct bench_row rows[] = {
        { "deck, a tick in play", "ns", bench_median(w[0]), "10 000 recordings", "10 recordings", bench_median(v[0]), BENCH_BELOW, 1000 },
        { "deck, a tick and its state", "ns", bench_median(w[1]), "10 000 recordings", "10 recordings", bench_median(v[1]), BENCH_BELOW, 5000 },
        { "deck, a seek, all of its moves", "us", bench_median(w[2]), "10 000 recordings", "10 recordings", bench_median(v[2]), BENCH_RATIO_BELOW, 2 },
        { "deck, an index search", "us", bench_median(w[3]), "10 000 recordings and marks", "10 of each", bench_median(v[3]), BENCH_RATIO_BELOW, 2 },
        { "deck, an hour of one recording", "ms", bench_median(v[4]), "", NULL, 0, BENCH_BELOW, 1 },
        { "deck, an hour of 5000 recordings, with gaps", "ms", bench_median(w[4]), "", NULL, 0, BENCH_BELOW, 5 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        bench_row(&rows[i]);
    return 0;
}
