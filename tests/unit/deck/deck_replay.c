/* tests/unit/deck/deck_replay.c - runs a session's log, from standard input, on a deck alone and writes each state that it went through as a line of JSON: what the end-to-end
 * tests hold against what a real session showed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "deck/replay.h"

enum { RUNS = 16384, MARKS = 4096 };
static struct deck_run runs[2 * RUNS];
static int64_t marks[2 * MARKS];
static struct deck_replay replay;

static void say(int64_t t_us)
{
    struct deck_state s;
    char counter[16];
    deck_state(&replay.deck, t_us, &s);
    deck_counter_text(s.counter_us, counter);
    printf("{\"command_seq\":%u,\"mode\":\"%s\",\"position\":%.6f,\"speed\":%.6f,\"counter\":\"%s\",\"power\":%s,\"memory\":%s,\"repeat\":%s,\"tracking\":%d,\"pending\":\"%s\","
           "\"stop_reason\":\"%s\"}\n",
           s.command_seq, deck_mode_name(s.mode), (double)s.position_us / 1e6, s.speed, counter, s.power ? "true" : "false", s.memory ? "true" : "false",
           s.repeat ? "true" : "false", s.tracking, s.pending ? s.pending : "", s.stop_reason ? s.stop_reason : "");
}

/* Its own events on the way, each state of which somebody may have seen. */
static void run_to(int64_t until_us)
{
    for (int64_t t; replay.started && (t = deck_next_us(&replay.deck)) < until_us;)
        if (deck_tick(&replay.deck, t))
            say(t);
}

int main(void)
{
    char line[DECK_LINE_MAX + 2];
    struct vcr_why why;
    struct deck_tap tap;
    deck_replay_init(&replay, runs, RUNS, marks, MARKS);
    while (fgets(line, sizeof(line), stdin)) {
        size_t len = strcspn(line, "\n");
        if (deck_tap_read(&tap, line, len, &why) == VCR_OK)
            run_to(tap.at_us);
        if (deck_replay_line(&replay, line, len, &why) != VCR_OK) {
            fprintf(stderr, "%.*s: %s\n", (int)len, line, why.text);
            return 1;
        }
        say(tap.at_us);
    }
    fprintf(stderr, "%" PRIx64 "\n", replay.trace);
    return 0;
}
