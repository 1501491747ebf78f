/* app/timeline.h - a tape's timeline as it is kept: what plays where, recording onto it, and the bridges at its cuts.
 *
 * A tape that was never recorded onto has no spans of its own: its film plays from beginning to end, and reading gives that as one span. Recording cuts what showed
 * there; a job of kind "bridge" then makes the small reels that its cuts need (media/bridge.h). Until that is done the tape plays its whole fragments only.
 * Blobs     "tapes/<id>/b<span>/{gap,head,tail}-{video,audio}.{mp4,idx}": a bridge belongs to a span and goes with it.
 * Threads   with a struct sql_tx: inside its transaction. app_bridge_tape blocks: a worker's. */
#pragma once
#include "app/app.h"
#include "deck/timeline.h"
#include "wire/json.h"

/* ret: a zeroed one, the caller's to free, also after an error. Row numbers are those of the table. */
enum vcr_err app_timeline_read(struct sql_tx *tx, int64_t tape_id, struct timeline *ret, struct vcr_why *why);
/* What the history says of a recording besides where it lies. */
struct app_recorded {
    int64_t user_id;                      /* 0: nobody */
    const char *session_id, *source_json, *stop_reason; /* may be NULL */
    bool recovered;
};
/* Records s (a take of this tape, or the film) over what is there, and asks for bridges. Only the rows that it touches are read and written, however many the tape has.
 * History  `recorded`: {position, duration, reel, before, before_count, after, …}. `after` is what lies there now, three spans at most; `before` the first APP_SPANS_TOLD of
 *          those that lay there, before_count how many there were. All that undoing needs is kept beside it (tables recordings, former_spans). */
enum { APP_SPANS_TOLD = 16 };
enum vcr_err app_timeline_record(struct sql_tx *tx, int64_t tape_id, const struct timeline_span *s, const struct app_recorded *note, int64_t now_ms, struct vcr_why *why);
/* Undoes the recording that stands in the history as item_id: what showed there before shows again, and marks that it wrote go. The owner; only the newest that is not undone yet.
 * CONFLICT: "/not-undoable" (no recording onto this tape, undone already, or not the newest), "/busy-recording" while it is recorded onto.
 * History  `undone`: {item_id, position, duration, reel, before, after, after_count, marks_removed}. A tape that comes to be its film again, or blank, is so in every way. */
enum vcr_err app_timeline_undo(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, int64_t item_id, int64_t now_ms, struct vcr_why *why);
struct app_tape;
/* How long the tape itself is: length_minutes, else the film that it came with, else 120 minutes; never shorter than what is on it. */
enum vcr_err app_tape_length(struct sql_tx *tx, const struct app_tape *t, int64_t *ret_us, struct vcr_why *why);
/* The items of GET /tapes/:id/timeline. */
void app_timeline_json(const struct timeline *t, struct jsonw *j);
const char *app_speed_name(uint8_t speed);
uint8_t app_speed_by_name(const char *name); /* 0, SP, for one that is none */

/* What plays one after another: a stretch of a reel, or a whole bridge. */
enum app_piece_track { APP_PIECE_VIDEO, APP_PIECE_AUDIO };
enum { APP_PIECE_KEY_BYTES = 204 };
struct app_piece {
    char blob_key[APP_PIECE_KEY_BYTES], index_key[APP_PIECE_KEY_BYTES];
    int64_t take_from_us, take_to_us;  /* of a reel: what shows of it. Both 0: all of it */
    bool is_take;                      /* of a take's reel, not of the film's */
    int64_t tape_us;                   /* where its span begins on the tape, of a gap the gap */
    int64_t recorded_ms;               /* wall clock of its beginning, 0: not known */
};
struct app_pieces {
    size_t count;
    struct app_piece *items;           /* free it */
};
/* Of one track, in the order of the tape. A span whose reel is not there is left out. */
enum vcr_err app_timeline_pieces(struct sql_tx *tx, int64_t tape_id, enum app_piece_track track, struct app_pieces *ret, struct vcr_why *why);

struct app_bridges {
    struct sql_db *db;
    struct blob_store *blobs;
    const char *program;                        /* vcr-ingest */
    bool (*keep_on)(void *arg, double progress); /* asked about twice a second; progress of all, 0..1. False: leave the rest. May be NULL */
    void *arg;
};
/* Makes the bridges that a tape's spans lack and deletes those of spans that are gone, which payload (of the job) names. A cut that cannot be bridged (its reel is
 * damaged there) is left as it is and told in the log. VCR_E_BUSY: it was told not to keep on. */
enum vcr_err app_bridge_tape(const struct app_bridges *b, int64_t tape_id, const char *payload, struct vcr_why *why);
