/* wire/line21.h - the wave of closed captions where a capture of NTSC kept line 21 (and 284) in the top rows of its picture: seven cycles of run-in, a start bit, two bytes.
 * PURE; fuzzed.
 *
 * Each row is watched for itself. One counts as a caption line once nearly all of its last pictures had a run-in, a start bit and two right parities; what it said until then
 * is told with it. It is dropped when for long hardly anything of this was there. The levels, the place and the length of the wave are found anew in each line, since
 * recorders, cameras and tapes disagree on them.
 * Threads  none.     Owns  nothing; the caller's storage.     Bounds  rows of 600 to 1024 pixels. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { LINE21_ROWS = 12, LINE21_WIDTH_MIN = 600, LINE21_WIDTH_MAX = 1024, LINE21_TABLE = 400, LINE21_KEPT = 24 };
struct line21_pair {
    int64_t at_us;
    uint8_t bytes[2];          /* with their parity bits */
};
struct line21 {
    void (*pair)(void *arg, int row, const struct line21_pair *pair);
    void *arg;
    int width;                 /* that the tables are for */
    float cosine[LINE21_TABLE], sine[LINE21_TABLE];
    struct line21_row {
        uint32_t right;        /* of the last LINE21_KEPT pictures, one bit each */
        bool trusted;
        int kept;              /* pairs from before it was */
        struct line21_pair pairs[LINE21_KEPT];
    } rows[LINE21_ROWS];
};

void line21_open(struct line21 *l, void (*pair)(void *arg, int row, const struct line21_pair *pair), void *arg);
/* One row's luma of the next picture. */
void line21_look(struct line21 *l, int row, int64_t at_us, const uint8_t *luma, int width);
/* The bytes of one line, whatever their parity; false where there is no run-in and start bit, or a bit is neither high nor low. */
bool line21_slice(struct line21 *l, const uint8_t *luma, int width, uint8_t ret[2]);
