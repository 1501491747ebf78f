/* render/seat.h - one session's place in vcr-render: its frame clock, its tape, and the packets that come of them.
 *
 * Two clocks run from one origin on the common monotonic clock: pictures at 59.94/50 or half of it, sound at 50 packets a second; both never stop, whatever
 * the deck does. A tick's picture shows the place where the tape is at the tick's own time, so a late picture is late, not wrong.
 * Threads  none.     Owns  the descriptors given to seat_tape, from the call on. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"
#include "deck/snapshot.h"
#include "render/out.h"
#include "wire/render_msg.h"

struct seat;
struct seat_counts {
    uint32_t frames, late, passed; /* video ticks done, ticks left out because their time had passed, of frames: passed through, of a reel or a made segment */
};
enum vcr_err seat_open(struct seat **ret, const struct render_open *open, int64_t now_us, struct vcr_why *why);
void seat_close(struct seat **s);
uint32_t seat_id(const struct seat *s);
/* fds: video reel and index, Opus reel and index, clean reel and index, -1 where there is none. On an error no tape is in. */
enum vcr_err seat_tape(struct seat *s, const struct render_tape *tape, const int fds[6], struct vcr_why *why);
/* What plays where on it, from now on; the descriptor (-1: no spans) is taken. Of another insertion: left aside. */
enum vcr_err seat_spans(struct seat *s, const struct render_spans *m, int table_fd, struct vcr_why *why);
/* The reels of a take, as fds of seat_tape. */
void seat_take(struct seat *s, const struct render_take *m, const int fds[6]);
/* A made segment: fds the segment and its init segment; -1: it is not there. */
void seat_piece(struct seat *s, const struct render_piece *m, const int fds[2]);
/* The next message for vcrd: a take or a made segment that is wanted, or whether a take is missing. False: none. */
union seat_said { struct render_head head; struct render_want want; struct render_piece piece; struct render_value missing; };
bool seat_says(struct seat *s, union seat_said *ret, size_t *ret_len);
/* That one could not be sent: it is said again. */
void seat_unsaid(struct seat *s, const union seat_said *said);
void seat_deck(struct seat *s, const struct deck_snapshot *snap);
void seat_key(struct seat *s);
/* What the viewers' lines carry of the picture; 0: anything. Below what seat_open said it is encoded with less, and nothing is passed through. */
void seat_line(struct seat *s, int64_t bps);
/* All its pictures are encoded in one form: nothing is passed through, and overload takes nothing away. */
void seat_encode(struct seat *s, bool on);
/* What overload takes away: 0 nothing, 1 encoder effort, 2 also every second picture. */
enum { SEAT_SHED_MAX = 2 };
void seat_shed(struct seat *s, int level);
/* After opening and with each tape: the next calls of seat_run make ready what its pictures need, a thing at a time. Nobody misses them yet, so other seats go first;
 * the picture clock begins anew after them. */
bool seat_preparing(const struct seat *s);
/* When the next picture or packet of sound is due. */
int64_t seat_due_us(const struct seat *s);
/* Does the one that is due. An error: the seat can't go on with this tape (said once; it shows blue from here on). */
enum vcr_err seat_run(struct seat *s, int64_t now_us, struct out *out, struct seat_counts *counts, struct vcr_why *why);
