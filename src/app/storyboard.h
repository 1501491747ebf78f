/* app/storyboard.h - a film's small pictures for scrubbing: sheets of tiles, one picture each interval.
 *
 * One blob holds the sheets (JPEG) one after another; what vcr-ingest said of them stands in the database.
 * Threads  storyboard_find: inside the transaction given; the rest is pure. */
#pragma once
#include "app/app.h"
#include "base/buf.h"

enum { STORYBOARD_SHEETS_MAX = 512, STORYBOARD_VERSION_BYTES = 33 };
struct storyboard {
    char blob_key[204], version[STORYBOARD_VERSION_BYTES];
    int64_t interval_us, duration_us;
    int tile_width, tile_height, columns, rows, tiles, sheet_count;
    uint64_t sheet_at[STORYBOARD_SHEETS_MAX + 1]; /* in the blob; the last: its end */
};
/* NOT_FOUND: there is none. */
enum vcr_err storyboard_find(struct sql_tx *tx, int64_t tape_id, int64_t duration_us, struct storyboard *ret, struct vcr_why *why);
/* WebVTT whose cues name "storyboard/VERSION-SHEET.jpg#xywh=…". */
void storyboard_vtt(const struct storyboard *s, struct buf *out);
