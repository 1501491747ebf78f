/* app/import_take.c - one file out of the import folder: a tape is begun, the bytes are copied and hashed, the tape is finished, the file is removed. The row in `imports`
 * says after a kill how far it had come. A copy, not a rename: whoever still holds the file open could write into a renamed one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/import_internal.h"
#include "app/tapes.h"
#include "app/upload.h"
#include "base/log.h"

enum { PIECE_BYTES = 1 << 20, RECOVER_AT_ONCE = 64 };

static enum vcr_err copy(struct importer *m, struct taking *t, int from, struct vcr_why *why)
{
    char key[64], *piece = malloc(PIECE_BYTES);
    struct blob_writer *w = NULL;
    struct outside_facts after;
    app_original_key(t->tape_id, key, sizeof(key));
    enum vcr_err err = piece ? blob_begin(m->config.app->config.blobs, key, &w, why) : vcr_fail(why, VCR_E_NOMEM, "no memory for an import");
    posix_fadvise(from, 0, 0, POSIX_FADV_SEQUENTIAL);
    while (err == VCR_OK) {
        ssize_t n = read(from, piece, PIECE_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            err = vcr_fail(why, VCR_E_IO, "reading: %s", strerror(errno));
        if (n <= 0)
            break;
        err = import_stopping(m) ? vcr_fail(why, VCR_E_BUSY, "the server is stopping") : blob_write(w, piece, (size_t)n, why);
    }
    if (err == VCR_OK)
        err = outside_facts_of(from, &after, why);
    if (err == VCR_OK && !outside_same(&after, &t->facts))
        err = vcr_fail(why, VCR_E_BUSY, "The file changed while it was read.");
    if (err == VCR_OK)
        err = blob_commit(&w, t->sha256, &t->size, why);
    blob_abort(&w);
    free(piece);
    return err;
}

static void undo(struct importer *m, struct taking *t)
{
    struct vcr_why why;
    if (sql_run(m->config.app->config.db, SQL_WRITE, import_undo_tx, t, &why) != VCR_OK ||
        app_tape_delete_blobs(m->config.app, t->tape_id, &why) != VCR_OK)
        log_warn("import", "what was begun of %s was not taken back: %s", t->path_text, why.text);
}

/* The tape is there: the file goes. One that changed meanwhile is another film, and stays. */
static void remove_source(struct importer *m, struct taking *t)
{
    struct vcr_why why = { 0 };
    enum vcr_err err = outside_remove(t->root, t->path, &t->facts, &why);
    outside_note_remove(t->root, t->path, IMPORT_NOTE);
    if (err == VCR_E_IO) {
        log_warn("import", "%s is on the shelf, but cannot be removed from the import folder: %s", t->path_text, why.text);
        return; /* the row stays, so that it is not taken twice */
    }
    sql_run(m->config.app->config.db, SQL_WRITE, import_over_tx, t, NULL);
}

/* Whether this very file was taken before and only its removal failed. */
static enum vcr_err taken_before(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    const struct taking *t = arg;
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows,
                                 "SELECT id FROM imports WHERE root = $1 AND path = $2 AND state = 'taken' AND size_bytes = $3 AND written_us = $4 AND changed_us = $5 AND inode = $6",
                                 SQL_ARGS(SQL_T(t->root), SQL_T(t->path_text), SQL_I((int64_t)t->facts.size), SQL_I(t->facts.written_us), SQL_I(t->facts.changed_us),
                                          SQL_I((int64_t)t->facts.inode)),
                                 why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    sql_rows_close(&rows);
    return err;
}

enum vcr_err import_take(struct importer *m, const char *root, const struct ready *file, struct vcr_why *why)
{
    struct taking t = { .app = m->config.app, .root = root, .path = file->path };
    struct sql_db *db = m->config.app->config.db;
    int fd = -1;
    if (!library_path_text(t.path_text, sizeof(t.path_text), file->path))
        return vcr_fail(why, VCR_E_INVALID, "The file's name is too long.");
    enum vcr_err err = outside_open(root, file->path, &fd, &t.facts, why);
    if (err == VCR_OK && !outside_same(&t.facts, &file->facts))
        err = vcr_fail(why, VCR_E_BUSY, "The file changed.");
    if (err == VCR_OK && sql_run(db, SQL_READ, taken_before, &t, NULL) == VCR_OK) {
        vcr_close(&fd);
        remove_source(m, &t);
        return VCR_OK;
    }
    if (err == VCR_OK)
        err = sql_run(db, SQL_WRITE, import_over_tx, &t, why); /* what stood there once was another file */
    if (err == VCR_OK)
        err = sql_run(db, SQL_WRITE, import_begin_tx, &t, why);
    if (err == VCR_OK) {
        err = copy(m, &t, fd, why);
        if (err == VCR_OK)
            err = sql_run(db, SQL_WRITE, import_finish_tx, &t, why);
        if (err != VCR_OK)
            undo(m, &t);
    }
    vcr_close(&fd);
    if (err == VCR_OK) {
        log_info("import", "%s is tape %lld", t.path_text, (long long)t.tape_id);
        remove_source(m, &t);
    }
    return err;
}

/* ---- after a kill ---- */
struct left {
    int64_t last_id;
    int count;
    struct { int64_t tape_id; char root[OUTSIDE_PATH_BYTES], path_text[LIBRARY_TEXT_BYTES]; bool taken; struct outside_facts facts; } rows[RECOVER_AT_ONCE];
};

static enum vcr_err find_left(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct left *l = arg;
    struct sql_rows *rows = NULL;
    l->count = 0;
    enum vcr_err err = sql_query(tx, &rows,
                                 "SELECT root, path, state, tape_id, size_bytes, written_us, changed_us, inode, id FROM imports WHERE state IN ('taking', 'taken')"
                                 " AND id > $1 ORDER BY id LIMIT $2",
                                 SQL_ARGS(SQL_I(l->last_id), SQL_I(RECOVER_AT_ONCE)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        int i = l->count++;
        vcr_strcpy(l->rows[i].root, sizeof(l->rows[i].root), sql_text(rows, 0));
        vcr_strcpy(l->rows[i].path_text, sizeof(l->rows[i].path_text), sql_text(rows, 1));
        l->rows[i].taken = strcmp(sql_text(rows, 2), "taken") == 0;
        l->rows[i].tape_id = sql_int(rows, 3);
        l->rows[i].facts = (struct outside_facts){ .size = (uint64_t)sql_int(rows, 4), .written_us = sql_int(rows, 5), .changed_us = sql_int(rows, 6),
                                                   .inode = (uint64_t)sql_int(rows, 7) };
        l->last_id = sql_int(rows, 8);
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

enum vcr_err import_recover(struct importer *m, struct vcr_why *why)
{
    struct left *l = vcr_alloc(sizeof(*l));
    enum vcr_err err;
    char path[OUTSIDE_PATH_BYTES];
    do {
        err = sql_run(m->config.app->config.db, SQL_READ, find_left, l, why);
        for (int i = 0; i < l->count && err == VCR_OK; i++) {
            struct taking t = { .app = m->config.app, .root = l->rows[i].root, .path = path, .tape_id = l->rows[i].tape_id, .facts = l->rows[i].facts };
            vcr_strcpy(t.path_text, sizeof(t.path_text), l->rows[i].path_text);
            bool there = library_path_bytes(path, t.path_text) && outside_has_root(m->config.watch, t.root);
            if (!l->rows[i].taken) {
                err = app_tape_delete_blobs(m->config.app, t.tape_id, why);
                if (err == VCR_OK)
                    err = sql_run(m->config.app->config.db, SQL_WRITE, import_undo_tx, &t, why);
                continue;
            }
            if (!there || outside_remove(t.root, path, &t.facts, NULL) != VCR_E_IO)
                err = sql_run(m->config.app->config.db, SQL_WRITE, import_over_tx, &t, why);
        }
    } while (err == VCR_OK && l->count == RECOVER_AT_ONCE);
    free(l);
    return err;
}
