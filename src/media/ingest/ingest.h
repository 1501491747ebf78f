/* media/ingest/ingest.h - from a file someone brought to reels, a thumbnail and facts: what the program vcr-ingest does.
 *
 * The original is only ever read by pread of the descriptor given; nothing opens a name found inside it. Every output is a descriptor too, so the whole of it runs
 * after ingest_seal, when the process can open nothing any more.
 * Errors   of ingest_run are sentences for a person, without paths.     Threads  one call at a time; encoders have their own threads. */
#pragma once
#include <stdint.h>

#include "base/why.h"

enum { INGEST_FD_ORIGINAL = 3, INGEST_FD_REPORT = 4, INGEST_FD_OUTPUTS = 5 };
/* The outputs follow in this order from INGEST_FD_OUTPUTS on. */
enum ingest_output {
    INGEST_CLEAN, INGEST_CLEAN_INDEX, INGEST_AUDIO, INGEST_AUDIO_INDEX, INGEST_OPUS, INGEST_OPUS_INDEX, INGEST_TAPE, INGEST_TAPE_INDEX, INGEST_THUMB,
    INGEST_OUTPUTS
};

/* No new rights, dies with its parent, limits on memory, time and file size, and a list of system calls that can open, connect and start nothing. */
enum vcr_err ingest_seal(struct vcr_why *why);
/* After ingest_seal: tries what must be refused. VCR_OK when all of it was. */
enum vcr_err ingest_prove_sealed(struct vcr_why *why);
/* Loads what the libraries load on first use, so that nothing is missing after the seal. */
void ingest_warm_up(void);
/* Reads INGEST_FD_ORIGINAL, writes the outputs and reports as JSON lines to INGEST_FD_REPORT: {"stage","progress","speed"}, at last {"result":…} or {"error":…}. */
enum vcr_err ingest_run(struct vcr_why *why);
/* Draws the demo film of that name ("bars", "leader", "scene", "interlaced") into INGEST_FD_ORIGINAL, a file like any upload; reports progress. */
enum vcr_err ingest_demo(const char *name, struct vcr_why *why);
