/* fuzz_deck_log.c - a deck's log: whatever is read is written the same; whatever the commands carry, the deck stays a deck. Lines are for an hour apart at most. */
#include <string.h>

#include "deck/replay.h"

enum { LINES_MAX = 64, ROOM = 32 };

static void check(const struct deck_replay *r)
{
    struct deck_state s;
    deck_state(&r->deck, r->now_us, &s);
    if (s.mode >= DECK_MODES || s.position_us < 0 || s.position_us > r->deck.snap.length_us || s.power != (s.mode != DECK_OFF) || deck_next_us(&r->deck) <= r->now_us)
        __builtin_trap();
    if (s.tape_in && s.recording && (s.mode != DECK_RECORD || r->deck.tape.write_protected))
        __builtin_trap();
}

static void line(struct deck_replay *r, const char *at, size_t bytes)
{
    struct deck_tap t, again;
    char text[DECK_LINE_MAX], twice[DECK_LINE_MAX];
    if (deck_tap_read(&t, at, bytes, NULL) != VCR_OK)
        return;
    size_t n = deck_tap_write(&t, text, sizeof(text));
    if (deck_tap_read(&again, text, n, NULL) != VCR_OK || deck_tap_write(&again, twice, sizeof(twice)) != n || memcmp(text, twice, n) != 0)
        __builtin_trap();
    if (t.kind != DECK_TAP_START && t.at_us - r->now_us > INT64_C(3600) * 1000000)
        return;
    if (deck_replay_tap(r, &t, NULL) == VCR_OK)
        check(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct deck_run runs[2 * ROOM];
    static int64_t marks[2 * ROOM];
    static struct deck_replay r;
    const char *at = (const char *)data, *end = at + size;
    deck_replay_init(&r, runs, ROOM, marks, ROOM);
    for (int i = 0; i < LINES_MAX && at < end; i++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;
        line(&r, at, (size_t)(stop - at));
        at = stop + (newline != NULL);
    }
    return 0;
}
