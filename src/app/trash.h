/* app/trash.h - blobs that nothing refers to any more. A prefix is written down in the transaction that ends the last reference and crossed out when the bytes are gone, so that a
 * kill in between leaves no orphans. Prefixes hold numbers that never come back (tapes, jobs), so deleting one twice or late is harmless. */
#pragma once
#include "store/blob.h"
#include "store/sql.h"

enum vcr_err app_trash_add(struct sql_tx *tx, const char *prefix, struct vcr_why *why);
/* Deletes what is written down and crosses it out. Blocks; not on a loop or a pool's thread. */
enum vcr_err app_trash_empty(struct sql_db *db, struct blob_store *blobs, struct vcr_why *why);
