/* store/segments.h - made segments on disk: files that can be made again at any time, kept under a byte budget; the one read least recently goes first.
 *
 * A key is "<tape>/<revision>/<name>", each part 1..80 characters of [a-z0-9._-], not beginning with a dot: the same key always has the same bytes, so nothing is ever written over. A
 * file is written to a ".part-…" beside its place, synced and renamed: what is there is whole, also after a power cut. What a killed process left is used again.
 * Threads  any. All calls but segments_has and segments_counts may touch the disk. One process a folder. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"

enum { SEGMENT_KEY_BYTES = 200 };
struct segments;
struct segment_writer;

/* Makes the folder; finds what is there, in the order in which it was read last. */
enum vcr_err segments_open(struct segments **ret, const char *dir, uint64_t budget_bytes, struct vcr_why *why);
/* No writer may be open. NULL is fine. */
void segments_close(struct segments **s);

/* A descriptor of the whole file, the caller's; false: it is not there. */
bool segments_get(struct segments *s, const char *key, int *ret_fd, uint64_t *ret_size);
bool segments_has(struct segments *s, const char *key);

/* VCR_E_FULL: the disk is; segments_shrink may help. */
enum vcr_err segments_begin(struct segments *s, const char *key, struct segment_writer **ret, struct vcr_why *why);
/* To be written by whom it is handed to. */
int segment_writer_fd(const struct segment_writer *w);
/* Keeps it, and lets others go until all fit the budget (itself, when it is larger than that). *ret_fd is the caller's and stays good all the same. */
enum vcr_err segments_commit(struct segment_writer **w, int *ret_fd, uint64_t *ret_size, struct vcr_why *why);
void segments_abort(struct segment_writer **w);
/* Lets go of at least so many bytes, if there are that many. */
void segments_shrink(struct segments *s, uint64_t bytes);
/* Deletes all of a tape, now. */
void segments_drop_tape(struct segments *s, int64_t tape_id);

struct segments_counts { uint64_t bytes, budget_bytes, evicted; uint32_t files; };
void segments_counts(struct segments *s, struct segments_counts *ret);
