/* render/recordings.h - what plays where on the tape of a seat, and the reels that it plays from.
 *
 * The film that the tape came with is take 0, whose reels come with the tape; those of other takes are asked for before the head gets there (recordings_want) and
 * come later (recordings_take), or do not exist. Until vcrd tells spans, the film plays from beginning to end.
 * Threads  none.     Owns  the descriptors given to it, from the call on.
 * Bounds   RENDER_SPANS_MAX spans; RENDER_TAKES_MAX takes open or asked for at a time: the one that was not needed for the longest time goes. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"
#include "render/film.h"
#include "render/tune.h"
#include "wire/render_msg.h"

struct recordings;
struct recordings *recordings_open(void);
void recordings_close(struct recordings **r);

/* fds: as seat_tape's. What could not be opened is missing; why says so. */
enum vcr_err recordings_film(struct recordings *r, const int fds[6], struct vcr_why *why);
/* table_fd: a memfd with count of struct render_span, -1 when there are none. Older tables than the one known are left aside. MALFORMED: it cannot be true, and nothing changed. */
enum vcr_err recordings_spans(struct recordings *r, int table_fd, uint32_t count, uint64_t revision, struct vcr_why *why);
/* The same from memory. */
enum vcr_err recordings_table(struct recordings *r, const struct render_span *spans, uint32_t count, uint64_t revision, struct vcr_why *why);
/* The answer to a want: no descriptors (all -1), or some that cannot be opened: it is missing. One that was not asked for is closed. */
void recordings_take(struct recordings *r, int64_t take, const int fds[6]);

enum recording_state { RECORDING_NONE /* unrecorded tape */, RECORDING_AWAITED, RECORDING_MISSING, RECORDING_THERE };
struct recording {
    enum recording_state state;
    /* of the span, unless NONE */
    int64_t take;                 /* 0: the film */
    int64_t start_us, end_us;     /* on the tape */
    int64_t reel_ahead_us;        /* place on its reels = place on the tape + this */
    uint64_t seed;
    uint8_t tape_speed;
    bool is_over;                 /* it began where another one lay, */
    int64_t over_us;              /* at this place of the tape */
    bool is_film_alone;           /* nobody told spans: seed and speed are the deck's */
    /* NULL where it has none. Borrowed until another function here is called; recordings_at leaves those of the last RENDER_TAKES_MAX - 1 takes open that it gave. A pointer that
     * is kept for comparing means nothing after recordings_take, _give_up and _film: another reel may lie there. */
    struct film *film, *clean;
    struct tune *tune;
};
/* The disk refused what is in one of its reels since they were opened (see reel_unread), or all of it. */
bool recordings_unread(const struct recordings *r);
/* Its reels are damaged beyond use: it is missing until the next table of spans. */
void recordings_give_up(struct recordings *r, int64_t take);
/* What lies at this place, and asks for its reels if they are not open. */
void recordings_at(struct recordings *r, int64_t tape_us, struct recording *ret);
/* Asks for what the head gets to within the next while, in the direction it goes (rate in 16.16 times play speed; 0: where it is). */
void recordings_foresee(struct recordings *r, int64_t tape_us, int32_t rate);
/* The next recording that begins after this place, within so long; false: none does, or its reels are not open yet. */
bool recordings_coming(struct recordings *r, int64_t tape_us, int64_t within_us, struct recording *ret);
/* Gives back most of the memory of all that is open; it stays open, and takes as long as it takes when it is needed again. */
void recordings_rest(struct recordings *r);
/* The next take to ask vcrd for; each is told once. False: none. */
bool recordings_want(struct recordings *r, int64_t *ret_take);
/* It could not be asked for: it is wanted still. */
void recordings_want_again(struct recordings *r, int64_t take);
