/* app/import.h - films that come in as files: an import folder that empties itself, and libraries whose files stay where they are.
 *
 * Import folder  a file that stands still for a while is copied into the store, gets a tape (titled from its name, owned by whom its folder's name is the e-mail address of,
 *                else by the first administrator) and a job, and is removed from the folder only then. What cannot be taken stays, with a note beside it.
 * Libraries      the tape refers to the file; nothing is written there or removed, ever. Files that change or vanish are noticed.
 * Both           hidden and unfinished files (.part and their kin), links, pipes and devices are passed over; depth, names a look and files a look are bounded. A kill at any
 *                moment leaves a film in the folder or on the shelf, never in both for long and never in none.
 * Threads        one of its own, which looks at the start, a minute after the last look, and when import_wake says that something happened. The loop listens for file events,
 *                of as many folders as it can (64). */
#pragma once
#include "app/app.h"
#include "base/loop.h"
#include "store/outside.h"

struct importer;
struct import_config {
    const struct app *app;                 /* outlives the importer; so do the loop and both folders' names */
    struct loop *loop;                     /* where file events are listened for; NULL: nowhere */
    const struct outside_roots *watch;     /* at most one; NULL or empty: none */
    const struct outside_roots *libraries;
    int settle_ms;                         /* 0: 3000 */
    int rescan_ms;                         /* 0: 60 000 */
};
/* On the loop's thread, as import_close. Takes back first what a killed server had begun. */
enum vcr_err import_open(struct importer **ret, const struct import_config *config, struct vcr_why *why);
void import_wake(struct importer *m); /* any thread */
/* Ends a copy under way. NULL is fine. */
void import_close(struct importer **m);

#define IMPORT_NOTE ".vcr-error.txt"
/* Whether a file of that name is looked at; films: only what has the name of a film. */
bool import_name_wanted(const char *path, bool films);
/* A title out of a file's name: valid text without control characters, at least one character, at most 255. */
enum { IMPORT_TITLE_BYTES = 255 * 4 + 1 };
void import_title(char out[IMPORT_TITLE_BYTES], const char *path);
/* The last part of the path as text, at most 255 bytes. */
void import_file_name(char out[256], const char *path);
