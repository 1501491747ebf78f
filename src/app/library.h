/* app/library.h - originals that stay where they are, in a library folder: which file a tape refers to, and opening it only while it is still that file.
 *
 * Nothing here or elsewhere writes to or deletes from a library. A file whose size or times changed, or that is gone, is not served as the tape's original; the tape says so
 * (original_state). Threads: find inside the transaction given; open blocks. */
#pragma once
#include "base/why.h"
#include "store/outside.h"
#include "store/sql.h"

enum { LIBRARY_TEXT_BYTES = OUTSIDE_PATH_BYTES * 3 };
struct library_file {
    char root[OUTSIDE_PATH_BYTES], path[OUTSIDE_PATH_BYTES]; /* path: bytes */
    char state[9];                                            /* library, changed, gone */
    struct outside_facts facts;                               /* as it was found */
};
/* VCR_E_END: the tape's original, if it has one, is in the store. */
enum vcr_err library_find(struct sql_tx *tx, int64_t tape_id, struct library_file *ret, struct vcr_why *why);
/* NOT_FOUND "/original-gone", CONFLICT "/original-changed". A root that is no longer in the settings holds nothing. */
enum vcr_err library_open(const struct outside_roots *roots, const struct library_file *f, int *ret_fd, uint64_t *ret_size, struct vcr_why *why);
/* Both times and the size: what a remount or another server leaves alone. */
bool library_unchanged(const struct outside_facts *was, const struct outside_facts *is);

/* A path as text and back: UTF-8 without control characters stays, '%' and all else becomes %XX. False: too long, or no such text. */
bool library_path_text(char *out, size_t size, const char *path);
bool library_path_bytes(char out[OUTSIDE_PATH_BYTES], const char *text);
