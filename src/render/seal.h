/* render/seal.h - the sandbox of vcr-render: after sealing, the process can compute, use the descriptors it has, and end; nothing else.
 *
 * It decodes bytes that strangers made, so it is worth nothing to whoever takes it over: no files, no sockets, no programs, no new processes or threads, no
 * memory that is both written and executed. A forbidden call ends the process (vcrd starts another one). */
#pragma once
#include <stdbool.h>

#include "base/why.h"

/* line: the socket to the parent, or -1. Dies with its parent from here on, can't be traced, dumps no core. Then the system-call filter. Irrevocable; fails
 * when the parent is gone already. */
enum vcr_err seal(int line, struct vcr_why *why);
/* Tries each forbidden act in a sealed child and prints one line an act; false when one was let through. */
bool seal_prove(void);
