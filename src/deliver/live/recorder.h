/* deliver/live/recorder.h - writes the fragments of a live programme to files, so that a kill at any moment loses at most the fragment that is under way.
 *
 * A recording is one file a track and a journal. Of each fragment a record (wire/reelwalk.h: place, size, time, CRC-32) is appended to the journal first, then its bytes go to
 * the track's file with one pwritev, then both are made durable; the next one is announced only after that. So whatever was torn, the journal's last records tell which bytes
 * are whole.
 * Space for the journal and the indexes is reserved ahead: a recording that fills the disk is stopped at its last whole fragment and sealed all the same.
 * Sealing  tails cut, index files written, everything synced; then files->seal gives them their names.
 * Threads  recorders_*: any. A recorder belongs to one of the writer threads; recorder_* may be called from one thread at a time (the programme's). No lock is held while writing.
 * Bounds   RECORDER_QUEUE_BYTES wait for the disk; beyond it the recording ends ("too_slow"). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/util.h"
#include "base/why.h"

enum { RECORDER_VIDEO, RECORDER_AAC, RECORDER_OPUS, RECORDER_TRACKS };
enum { RECORDER_QUEUE_BYTES = 64 << 20 };

struct recorder_track_result {
    bool there;
    uint64_t size_bytes, samples;
    int64_t duration_us;
    uint32_t fragments;
    int width, height, sar_num, sar_den, channels;
    char codecs[32];
};
struct recorder_result {
    const char *stop_reason;     /* "stop", "no_signal", "disk_full", "too_slow", "picture_changed", "fault", of a deck also "pause", "end", "input" or a rule: deck.stop_reason. Static */
    bool sealed;                 /* the files have their names and are whole. false: nothing was recorded (duration_us 0), or sealing failed (why): recovery tries again at start */
    struct vcr_why why;          /* of a fault */
    int64_t duration_us;         /* of the picture, or of the sound without one */
    int64_t wall_ms;             /* of its first picture */
    bool gaps;                   /* the programme had discontinuities in it */
    struct recorder_track_result track[RECORDER_TRACKS];
};

/* All descriptors are open for reading and writing, empty, and owned by the recorder from the call on; -1: this track is not recorded. */
struct recorder_files {
    int journal_fd;
    struct { int fd, index_fd; } track[RECORDER_TRACKS];
    /* On a writer thread, may block: gives the finished files their names (blob_seal) and syncs the folder. The journal goes last, with the caller's transaction. */
    enum vcr_err (*seal)(void *arg, const struct recorder_result *result, struct vcr_why *why);
    /* Once, on a writer thread, after sealing: may block (a transaction). Then nothing of the recorder is left. */
    void (*done)(void *arg, const struct recorder_result *result);
    void *arg;
};

/* ---- after a crash ----
 * Finds what is whole in the files of a recording that was not sealed, cuts the rest and seals it: the journal says which bytes to expect, its CRCs and the fragments themselves
 * whether they are there. Only the last two announced of a track are read as a whole, the others by their heads: they were durable before the next was announced. What no
 * record vouches for (a lost journal) is kept as far as it is well formed, up to, not including, its last fragment. A file that was sealed already comes out as it was.
 * files: as above; journal_fd -1: lost; seal is called when something was found, done is not. Blocks. *ret as for a recording that ended. */
void recorder_recover(const struct recorder_files *files, struct recorder_result *ret);
