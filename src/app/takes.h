/* app/takes.h - recordings onto a tape that is in a deck.
 *
 * Way of one: app_take_begin (transaction: may this tape be recorded onto here, by them, now?) -> its files grow, "tapes/<id>/t<take>/…" -> they are sealed ->
 * app_take_done: its reels are the tape's, it shows at its place, the history says `recorded`, a bridge job is asked for; or app_take_cancel: nothing came of it.
 * Its row holds all that a recovery needs: whoever finds a take that is still `recording` at start looks for its files and calls the one or the other.
 * Nothing that was recorded is destroyed until the tape is purged: recording over changes what shows (app/timeline.h), undoing it, too; each keeps all reels.
 * Threads  inside the transaction given (WRITE, but for the reads). */
#pragma once
#include "app/app.h"
#include "app/timeline.h"

enum { APP_TAKE_SOURCE_BYTES = 1024, APP_TAKE_REELS_MAX = 4, APP_TAKES_UNFINISHED_MAX = 256 };
struct app_take {
    int64_t id, tape_id;
    int64_t user_id;                  /* who recorded it; 0: is no more */
    char session_id[VCR_UUID_BYTES];  /* the deck that the tape is in */
    int64_t place_us;                 /* of the tape, where it begins */
    int64_t skip_us;                  /* of the take, what shows there: what is recorded before it belongs to its first group of pictures */
    uint8_t speed;                    /* 0 SP, 1 LP, 2 EP */
    uint64_t seed;                    /* of its damage */
    int32_t generation;               /* what it shows was copied from a tape so many times: the source's there + 1 */
    char source[APP_TAKE_SOURCE_BYTES]; /* what was recorded, a JSON object for the history: {"device_id": 1} or {"session_id": "…", "tape_id": 2}; "" for {} */
    bool follows;                     /* its deck did not stop since its last take: set by who begins it, not kept */
    int64_t begun_ms;                 /* set by app_take_begin */
};
enum { APP_TAKE_JOIN_US = 100000 };
/* t->id and begun_ms are filled in. who: the owner of the tape, else DENIED or NOT_FOUND. Refusals, CONFLICT: "/write-protected"; "/tape-in-use": it is recorded
 * onto already (which decks it is in the sessions know, not the tables); "/tape-not-ready"; "/end-of-tape". The tape's status becomes `recording`.
 * One that follows has its place moved back to the end of the one before it where less than APP_TAKE_JOIN_US lies between: nothing of before shows there. */
enum vcr_err app_take_begin(struct sql_tx *tx, const struct app_principal *who, struct app_take *t, int64_t now_ms, struct vcr_why *why);

struct app_take_reel { const char *kind, *blob_key, *index_key; int64_t size_bytes, duration_us; }; /* kind: clean_video, clean_audio, opus, tape_video */
struct app_take_result {
    int64_t duration_us;              /* of the picture, else of the sound */
    int64_t wall_ms;                  /* of its first picture; 0: not known */
    const char *stop_reason;          /* for the history; may be NULL */
    bool recovered;
    const char *standard, *media;     /* of a tape that has none yet: "pal" or "ntsc", JSON as in api.md. May be NULL */
    const struct app_take_reel *reels;
    size_t reel_count;                /* 1..APP_TAKE_REELS_MAX */
};
/* It shows from its place on, up to the end of the tape. The tape is `ready`. NOT_FOUND: the tape was purged meanwhile, or the take is done or cancelled: its files are nobody's. */
enum vcr_err app_take_done(struct sql_tx *tx, int64_t take_id, const struct app_take_result *r, int64_t now_ms, struct vcr_why *why);
/* Nothing came of it: its row goes, its files ("tapes/<id>/t<take>/") by the trash of blobs, the tape is what it was. Of none, or one that is done: NOT_FOUND. */
enum vcr_err app_take_cancel(struct sql_tx *tx, int64_t take_id, int64_t now_ms, struct vcr_why *why);

/* READ. NOT_FOUND. *ret_recording: it is not sealed yet. */
enum vcr_err app_take_find(struct sql_tx *tx, int64_t take_id, struct app_take *ret, bool *ret_recording, struct vcr_why *why);
/* READ. Those that were being recorded when the server ended; oldest first. */
struct app_takes_unfinished { int64_t ids[APP_TAKES_UNFINISHED_MAX]; int count; };
enum vcr_err app_takes_unfinished(struct sql_tx *tx, struct app_takes_unfinished *ret, struct vcr_why *why);
