/* base/log_writer.h - a thread that writes the log, so that no loop waits for the disk or the pipe behind standard error.
 *
 * Lines of all threads gather in a buffer of LOG_BUFFER_BYTES for LOG_GATHER_MS and while a write is under way: one write for many. When it is full, lines are left out and
 * counted, and a warning says how many; memory and loops stay well. An error is on its way to the kernel when log_fields returns (or LOG_ERROR_WAIT_MS later): it may be
 * the last word. Threads: begin and end on the main thread, while others run or not. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"

enum { LOG_BUFFER_BYTES = 1 << 20, LOG_GATHER_MS = 20, LOG_ERROR_WAIT_MS = 200 };

/* Without the thread (it is not there before, after, or when it can't be made) each line is written by its caller. */
void log_writer_begin(void);
/* Writes what is left. */
void log_writer_end(void);
/* For log.c: false when the caller has to write. */
bool log_writer_take(enum log_level level, const char *line, size_t len);
