/* app/process_result.h - whether what a vcr-ingest says of its film can be true. Such a process has parsed hostile bytes: its report is input, not our own word. */
#pragma once
#include <jansson.h>
#include <stdbool.h>

/* The object "result" of media/ingest/report.c: everything that is kept or shown has its type and a possible value, and both video reels are named (of a "finish"
 * job the tape's alone). */
bool process_result_ok(const json_t *result, bool finish);
