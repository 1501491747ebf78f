/* record_kit.h - a recording's files in a folder, its end, and whether what is in them is whole. */
#pragma once
#include "kit.h"

struct recording {
    char dir[64];
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool sealed, done;           /* guarded by lock */
    struct recorder_result result;
};
void recording_init(struct recording *r, const char *dir);
/* The files of a new recording (made), or of one that was left behind. */
struct recorder_files recording_files(struct recording *r, bool made);
void recording_wait(struct recording *r);
/* Waits until us of it are on the disk (so that a test goes no faster) or it is over; false: neither within a minute. */
bool recording_reaches(struct recording *r, struct programme *p, int64_t us);

/* What is in a track's file by its index: every fragment has its checksum, begins with a key frame, follows the one before in bytes and time; and nothing else is there. */
struct contents {
    uint32_t fragments, samples, gaps;
    int64_t duration_us, first_wall_ms;
};
void recording_check(const char *dir, const char *track, struct contents *ret);
void copy_file(const char *from, const char *to, int64_t len); /* -1: all */
int64_t file_size(const char *path);
