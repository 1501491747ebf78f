/* store/blob.h - the blob port: immutable named byte sequences (originals, reels, thumbnails).
 *
 * A key is "tapes/7/original", 1..200 characters of [a-z0-9._/-], no empty, "." or ".." segment. A blob becomes visible whole: it is written to a
 * ".part-…" beside it (no key may hold that), synced, then renamed. Calls block but for two: use them on a file or SQL pool thread, never on a loop. Threads: any. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/io.h"
#include "base/why.h"

struct blob_store;
struct blob_writer;

/* "file:blobs" (relative to data_dir). */
enum vcr_err blob_open_store(struct blob_store **ret, const char *url, const char *data_dir, struct vcr_why *why);
void blob_close_store(struct blob_store **s);

/* Writing: begin, write*, then commit (replaces an older blob of that name atomically) or abort (leaves no bytes). SHA-256 is computed on the way. */
enum vcr_err blob_begin(struct blob_store *s, const char *key, struct blob_writer **ret, struct vcr_why *why);
enum vcr_err blob_write(struct blob_writer *w, const void *bytes, size_t len, struct vcr_why *why);
enum vcr_err blob_commit(struct blob_writer **w, char ret_sha256_hex[65], uint64_t *ret_size, struct vcr_why *why);
void blob_abort(struct blob_writer **w);
/* The writer's descriptor, for handing to a sandboxed process that writes instead of blob_write (then the SHA-256 is not computed and commit
 * returns an empty string). -1: this store has none. */
int blob_writer_fd(struct blob_writer *w);

/* A read-only descriptor of the whole blob for sendfile and for handing to a sandbox; VCR_E_NOT_FOUND when absent. The caller closes it. */
enum vcr_err blob_open_fd(struct blob_store *s, const char *key, int *ret_fd, uint64_t *ret_size, struct vcr_why *why);
/* As blob_open_fd, for a blob that is read again and again: the store keeps it open for a minute. For pread and sendfile only, its offset is shared. */
enum vcr_err blob_keep_fd(struct blob_store *s, const char *key, int *ret_fd, uint64_t *ret_size, struct vcr_why *why);
/* The same when it is open already, else false. Does not block: this one may be called on a loop. */
bool blob_kept_fd(struct blob_store *s, const char *key, int *ret_fd, uint64_t *ret_size);
/* To be called every few seconds, with the monotonic time: lets go of what was kept for longer. Does not block. */
void blob_tidy(struct blob_store *s, int64_t now_us);
enum vcr_err blob_stat(struct blob_store *s, const char *key, uint64_t *ret_size, struct vcr_why *why);
enum vcr_err blob_delete(struct blob_store *s, const char *key, struct vcr_why *why); /* absent is VCR_OK */
/* Deletes all whose key starts with prefix (which ends in '/'), parts included. */
enum vcr_err blob_delete_prefix(struct blob_store *s, const char *prefix, struct vcr_why *why);

/* A blob that grows in place: it stands under key + ".part", which blob_sweep leaves alone, until it is sealed. create: it must not be there yet; else it is opened for reading and
 * writing as it was left, also when it was sealed already. */
enum vcr_err blob_grow(struct blob_store *s, const char *key, bool create, int *ret_fd, struct vcr_why *why);
/* Gives it its name, durably; the caller made its bytes durable. VCR_OK when it has it already. */
enum vcr_err blob_seal(struct blob_store *s, const char *key, struct vcr_why *why);
/* All that still grow and whose last segment is name. each must not touch the store's folders. */
enum vcr_err blob_unfinished(struct blob_store *s, const char *name, void (*each)(void *arg, const char *key), void *arg, struct vcr_why *why);

/* At start: removes ".part-…" leftovers of a killed process. */
enum vcr_err blob_sweep(struct blob_store *s, struct vcr_why *why);
/* The SHA-256 and size of a file as the disk has it, by its descriptor. go_on (may be NULL) is asked after each MiB with the bytes done; false ends it with VCR_E_BUSY. */
enum vcr_err blob_digest_fd(int fd, bool (*go_on)(void *arg, uint64_t done), void *arg, char ret_sha256_hex[65], uint64_t *ret_size, struct vcr_why *why);
/* Free bytes of the storage, for readiness; false when it cannot be asked. */
bool blob_free_bytes(struct blob_store *s, uint64_t *ret);
/* "file:blobs/tapes/7/original": what a client sees as the blob's address. */
void blob_address(struct blob_store *s, const char *key, char *out, size_t out_size);
