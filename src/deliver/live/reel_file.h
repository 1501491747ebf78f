/* deliver/live/reel_file.h - a reel that grows on disk: the bytes of one track, and the index that is written when it is sealed. What recorder.c fills and recover.c finds again.
 * Threads  one at a time. Everything blocks.     Errors  FULL: no space; IO. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"
#include "wire/reelwalk.h"

struct reel_file {
    int fd, index_fd;            /* -1: there is no such track */
    struct reelidx x;            /* version 2; its arrays grow */
    enum fmp4_codec codec;
    uint32_t fragments_cap, parts_cap, samples_cap;
    uint64_t end;                /* init and whole fragments */
    uint64_t end_ticks;
    uint64_t reserved;           /* of the index file */
};
void reel_file_init(struct reel_file *f, int fd, int index_fd);
/* Closes the descriptors. */
void reel_file_free(struct reel_file *f);
/* An empty file gets its init segment, made durable. format: all but what is counted. */
enum vcr_err reel_file_begin(struct reel_file *f, const struct reelidx *format, const void *init, size_t len, struct vcr_why *why);
/* The init segment of a file that has one. MALFORMED: it has none. */
enum vcr_err reel_file_open(struct reel_file *f, struct vcr_why *why);
/* Room for the next fragment in the arrays and in the index file on disk. */
enum vcr_err reel_file_reserve(struct reel_file *f, const struct reelwalk_fragment *w, struct vcr_why *why);
/* One write at the end; not yet part of the reel. */
enum vcr_err reel_file_write(struct reel_file *f, const void *bytes, size_t len, struct vcr_why *why);
/* What stands at the end is a fragment of it from now on. After reel_file_reserve. */
void reel_file_take(struct reel_file *f, const struct reelwalk_fragment *w, bool gap, int64_t wall_ms);
/* Cuts what is not part of it, writes the index, makes both durable. */
enum vcr_err reel_file_seal(struct reel_file *f, struct vcr_why *why);

/* What there is to tell of a sealed one. */
struct recorder_track_result;
void reel_file_describe(const struct reel_file *f, struct recorder_track_result *ret);

/* Shared with the journal: all of it at that place; space set aside (no error where the file system cannot). */
enum vcr_err reel_file_pwrite(int fd, const void *bytes, size_t len, uint64_t offset, const char *what, struct vcr_why *why);
enum vcr_err reel_file_sync(int fd, const char *what, struct vcr_why *why);
enum vcr_err reel_file_set_aside(int fd, uint64_t from, uint64_t len, const char *what, struct vcr_why *why);
