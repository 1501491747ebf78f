/* app/import_internal.h - what the files of the importer share; for app/import*.c only.
 *
 *   import.c          the thread: looks, waits until files stand still, listens for file events
 *   import_take.c     one file out of the import folder
 *   import_library.c  a look at a library
 *   import_tx.c       the transactions
 *   import_name.c     what a name says */
#pragma once
#include <pthread.h>
#include <stdbool.h>

#include "app/import.h"
#include "app/library.h"

enum { READY_MAX = 64, ENTRIES_MAX = 200000, FOLDERS_MAX = 64 };

/* A file that is not known yet, between looks. */
struct seen {
    uint64_t key;                /* of root and path; 0: an empty place */
    struct outside_facts facts;
    int64_t since_us;            /* since when it stands still */
    int64_t retry_us;            /* not to be tried before; INT64_MAX: not until it changes */
    int fails;
};
struct seen_table {
    struct seen *places;
    size_t size, used;           /* size: a power of two */
};

struct ready {
    char *path;
    struct outside_facts facts;
    uint64_t key;
};

struct importer {
    /* set by open, then read-only */
    struct import_config config;
    pthread_t thread;
    bool started;
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop, woken;
    /* the thread's own */
    struct seen_table before, now; /* of the last look, and of the one under way */
    struct ready ready[READY_MAX];
    size_t ready_count;
    bool pending;                  /* something will stand still soon, or there is more than a look takes */
    bool cut;                      /* the last look at the import folder did not see all, which was said */
    char *folders[FOLDERS_MAX];    /* to be listened at */
    size_t folder_count;
    /* the loop's own */
    struct import_events *events;
};

bool import_stopping(struct importer *m);
/* Remembers a file for the next look. True: it has stood still long enough and may be tried now. */
bool import_settled(struct importer *m, const char *root, const char *path, const struct outside_facts *facts, uint64_t *ret_key);
/* After a try: not again until the file changes (VCR_OK), in the next look (VCR_E_END), or after a while that grows. */
void import_later(struct importer *m, uint64_t key, enum vcr_err err);
/* A folder that was walked through: events of it wake the importer. */
void import_folder(struct importer *m, const char *root, const char *path);
/* Puts a file on the list of those to be tried after the walk; false when it is full. */
bool import_ready_add(struct importer *m, const char *path, const struct outside_facts *facts, uint64_t key);
void import_ready_clear(struct importer *m);

/* ---- import_take.c ---- */
enum vcr_err import_take(struct importer *m, const char *root, const struct ready *file, struct vcr_why *why);
/* At start: what was under way when the server was killed. */
enum vcr_err import_recover(struct importer *m, struct vcr_why *why);

/* ---- import_library.c ---- */
void import_look_library(struct importer *m, const char *root);

/* ---- import_tx.c ---- */
/* A file on its way in; also the argument of the transactions. */
struct taking {
    const struct app *app;
    const char *root, *path;
    struct outside_facts facts;
    char path_text[LIBRARY_TEXT_BYTES];
    int64_t tape_id;
    struct app_principal who;
    char sha256[65];
    uint64_t size;
};
enum vcr_err import_begin_tx(struct sql_tx *tx, void *arg, struct vcr_why *why);   /* tape `uploading`, row `taking`; VCR_E_END: nobody is there yet who could own it */
enum vcr_err import_finish_tx(struct sql_tx *tx, void *arg, struct vcr_why *why);  /* tape `processing`, job, row `taken` */
enum vcr_err import_undo_tx(struct sql_tx *tx, void *arg, struct vcr_why *why);    /* neither tape nor row */
enum vcr_err import_over_tx(struct sql_tx *tx, void *arg, struct vcr_why *why);    /* no row */
enum vcr_err import_refer_tx(struct sql_tx *tx, void *arg, struct vcr_why *why);   /* a library file: tape, row `library`, job */
