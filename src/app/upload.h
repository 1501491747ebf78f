/* app/upload.h - an original on its way into storage: a bounded queue between a connection's loop and the file pool.
 *
 * Use      app_upload_begin inside a transaction (the tape becomes `uploading`); upload_open; upload_data as bytes come (false: pause until `resume` is called);
 *          upload_end once. `done` comes on the loop with the result: size and SHA-256, or why it failed; then app_upload_finish or app_upload_undo in a transaction.
 * Bounds   at most UPLOAD_QUEUE_BYTES wait in memory, whatever the size of the file.
 * Threads  the loop given; blocks are written on the file pool, one at a time, in order. */
#pragma once
#include "app/app.h"
#include "app/tapes.h"

enum { UPLOAD_QUEUE_BYTES = 1 << 20 };

/* CONFLICT "/has-media" unless the tape is blank. Checks the quota for length bytes (-1: not known). */
enum vcr_err app_upload_begin(const struct app *a, struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, int64_t length, int64_t now_ms,
                              struct vcr_why *why);
/* The tape has its original: `processing`, with the job in the same transaction. *ret_job its id. */
enum vcr_err app_upload_finish(const struct app *a, struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, enum queue_priority priority,
                               const char *file_name, const char *sha256, uint64_t size, int64_t now_ms, int64_t *ret_job, struct vcr_why *why);
enum vcr_err app_upload_undo(struct sql_tx *tx, int64_t tape_id, int64_t now_ms, struct vcr_why *why);
void app_original_key(int64_t tape_id, char *out, size_t size);

struct upload;
struct upload_events {
    void (*resume)(void *arg);
    void (*done)(void *arg, enum vcr_err err, const struct vcr_why *why, const char *sha256, uint64_t size);
    void *arg;
};
struct upload *upload_open(const struct app *a, int64_t tape_id, struct loop *loop, const struct upload_events *events);
bool upload_data(struct upload *u, const uint8_t *bytes, size_t len);
/* complete false: what was written is dropped and done gets VCR_E_IO. The upload frees itself after done. */
void upload_end(struct upload *u, bool complete);
