/* media/ingest/ingest.h - from a file someone brought to reels, a thumbnail and facts: what the program vcr-ingest does.
 *
 * The original is only ever read by pread of the descriptor given; nothing opens a name found inside it. Every output is a descriptor too, so the whole of it runs
 * after ingest_seal, when the process can open nothing any more.
 * Errors   of ingest_run are sentences for a person, without paths.     Threads  one call at a time; encoders have their own threads. */
#pragma once
#include <stdbool.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"

enum { INGEST_FD_ORIGINAL = 3, INGEST_FD_REPORT = 4, INGEST_FD_OUTPUTS = 5 };
/* The outputs follow in this order from INGEST_FD_OUTPUTS on. */
enum ingest_output {
    INGEST_CLEAN, INGEST_CLEAN_INDEX, INGEST_AUDIO, INGEST_AUDIO_INDEX, INGEST_OPUS, INGEST_OPUS_INDEX, INGEST_TAPE, INGEST_TAPE_INDEX, INGEST_THUMB,
    INGEST_STORY,    /* JPEG sheets one after another; the result says how long each is */
    INGEST_CAPTIONS, /* WebVTT, a text a channel one after another; the result says how long each is */
    INGEST_AUDIO_2, INGEST_AUDIO_2_INDEX, INGEST_AUDIO_3, INGEST_AUDIO_3_INDEX, INGEST_AUDIO_4, INGEST_AUDIO_4_INDEX, /* further sound tracks, AAC */
    INGEST_OUTPUTS
};

/* What the owner says of a film: his word is the last one. */
struct ingest_wish {
    const char *field_order;   /* "progressive", "tff", "bff"; NULL: looked at */
    const char *standard;      /* "ntsc", "pal" */
    const char *aspect;        /* "4:3", "16:9" */
    int64_t output_limit_bytes; /* of all that is written; 0: 4 GiB and 64 times the original */
    bool finish;               /* the original is the clean reel of a recording: only what is missing beside it is made (tape reel, poster, storyboard, marks) */
};
/* One "name=value" of a command line. */
enum vcr_err ingest_wish_add(struct ingest_wish *w, const char *text, struct vcr_why *why);

/* No new rights, dies with its parent, limits on memory, time and file size, and a list of system calls that can open, connect and start nothing. */
enum vcr_err ingest_seal(struct vcr_why *why);
/* After ingest_seal: tries what must be refused. VCR_OK when all of it was. */
enum vcr_err ingest_prove_sealed(struct vcr_why *why);
/* Loads what the libraries load on first use, so that nothing is missing after the seal. */
void ingest_warm_up(void);
/* A live stream, until its publisher goes: MPEG-TS (ts) or messages, descriptors and records as in wire/live_msg.h. The ring is attached before the seal. */
struct ring;
enum vcr_err ingest_live_attach(struct ring **ret, struct vcr_why *why);
enum vcr_err ingest_live(bool ts, struct ring *ring, struct vcr_why *why);
/* Reads INGEST_FD_ORIGINAL, writes the outputs and reports as JSON lines to INGEST_FD_REPORT: {"stage","progress","speed"}, at last {"result":…} or {"error":…}. */
enum vcr_err ingest_run(const struct ingest_wish *wish, struct vcr_why *why);
/* Draws the demo film of that name ("bars", "leader", "scene", "interlaced") into INGEST_FD_ORIGINAL, a file like any upload; reports progress. */
enum vcr_err ingest_demo(const char *name, struct vcr_why *why);
/* The pictures (or sounds) of a reel between two of its times, as a reel of its own: INGEST_FD_ORIGINAL the reel, then at INGEST_FD_OUTPUTS the bridge, its index, and
 * the reel's index. Both outputs stay empty where nothing begins in that stretch. */
enum vcr_err ingest_bridge(int64_t from_us, int64_t to_us, struct vcr_why *why);
/* The sound of an Opus reel as AAC, as long as the picture; the descriptors are those of a bridge. */
enum vcr_err ingest_aac(int64_t duration_us, struct vcr_why *why);
/* Unrecorded tape for so long, as a reel at INGEST_FD_OUTPUTS and its index; width 0: its silence. */
enum vcr_err ingest_slate(int width, int height, int sar_num, int sar_den, int64_t duration_us, struct vcr_why *why);
