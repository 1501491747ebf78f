/* app/process_original.c - what a job reads: opened once, compared with what came in, and only then handed to the child, by the same descriptor. */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "app/library.h"
#include "app/process_internal.h"
#include "base/clock.h"
#include "base/util.h"

enum { ASK_MS = 250, RENEW_MS = 1000 };

struct expected {
    int64_t tape_id;
    char sha256[65]; /* "": not known yet */
    bool library;
    struct library_file file;
};

/* Of an original that came in before its SHA-256 had a column of its own, the media facts have it. */
static enum vcr_err find_expected(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct expected *e = arg;
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT original_sha256, media FROM tapes WHERE id = $1", SQL_ARGS(SQL_I(e->tape_id)), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        json_t *media = sql_is_null(rows, 1) ? NULL : json_loads(sql_text(rows, 1), 0, NULL);
        const char *known = sql_is_null(rows, 0) ? json_string_value(json_object_get(media, "sha256")) : sql_text(rows, 0);
        vcr_strcpy(e->sha256, sizeof(e->sha256), known ? known : "");
        json_decref(media);
    }
    sql_rows_close(&rows);
    if (err == VCR_OK)
        err = library_find(tx, e->tape_id, &e->file, why);
    e->library = err == VCR_OK;
    return err == VCR_E_END ? VCR_OK : err; /* purged meanwhile: the job is lost */
}

struct progress {
    struct work *x;
    int64_t asked_us, renewed_us;
};

static bool go_on(void *arg, uint64_t done)
{
    struct progress *p = arg;
    struct work *x = p->x;
    int64_t now_us = clock_mono_us();
    if (now_us - p->asked_us < ASK_MS * 1000)
        return true;
    bool renew = now_us - p->renewed_us >= RENEW_MS * 1000;
    p->asked_us = now_us;
    p->renewed_us = renew ? now_us : p->renewed_us;
    x->lost = sql_run(x->w->config.db, renew ? SQL_WRITE : SQL_READ, renew ? work_renew : work_holds, x, NULL) == VCR_E_CONFLICT || process_stopping(x->w);
    return !x->lost;
}

enum vcr_err work_open_original(struct work *x, int *ret_fd, struct vcr_why *why)
{
    struct expected e = { .tape_id = x->job.tape_id };
    struct progress p = { x, clock_mono_us(), 0 };
    uint64_t size = 0;
    int fd = -1;
    enum vcr_err err = sql_run(x->w->config.db, SQL_READ, find_expected, &e, why);
    x->library = err == VCR_OK && e.library && !x->finish;
    if (x->library)
        err = library_open(x->w->config.libraries, &e.file, &fd, &size, why);
    else if (err == VCR_OK)
        err = blob_open_fd(x->w->config.blobs, x->original, &fd, &size, why);
    if (x->library && err == VCR_E_CONFLICT)
        work_error(x, "The file in the library was changed since this tape was made of it.");
    else if (err == VCR_E_NOT_FOUND && !x->finish)
        work_error(x, "The original of this tape is no longer there.");
    if (err == VCR_OK && !x->finish) { /* what was recorded here has no file that it came in as */
        vcr_strcpy(x->stage, sizeof(x->stage), "checking");
        err = blob_digest_fd(fd, go_on, &p, x->sha256, &size, why);
    }
    if (err == VCR_OK && !x->finish && e.sha256[0] && strcmp(e.sha256, x->sha256) != 0) {
        vcr_strcpy(x->changed_from, sizeof(x->changed_from), e.sha256);
        work_error(x, "The stored original is no longer the file that came in: its checksum is another. Nothing was made of it; bring the film in again.");
        err = vcr_fail(why, VCR_E_MALFORMED, "the original was changed");
    }
    if (err == VCR_OK)
        *ret_fd = fd;
    else
        vcr_close(&fd);
    return err;
}
