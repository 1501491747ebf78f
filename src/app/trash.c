/* app/trash.c - see trash.h. */
#include "app/trash.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

enum { AT_ONCE = 64, PREFIX_BYTES = 201 };

enum vcr_err app_trash_add(struct sql_tx *tx, const char *prefix, struct vcr_why *why)
{
    return sql_exec(tx, "INSERT INTO blob_trash(prefix) VALUES($1)", SQL_ARGS(SQL_T(prefix)), NULL, why);
}

struct batch {
    int64_t last_id;
    int count;
    struct { int64_t id; char prefix[PREFIX_BYTES]; bool gone; } rows[AT_ONCE];
};

static enum vcr_err find(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct batch *b = arg;
    struct sql_rows *rows = NULL;
    b->count = 0;
    enum vcr_err err = sql_query(tx, &rows, "SELECT id, prefix FROM blob_trash WHERE id > $1 ORDER BY id LIMIT $2", SQL_ARGS(SQL_I(b->last_id), SQL_I(AT_ONCE)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        b->last_id = b->rows[b->count].id = sql_int(rows, 0);
        vcr_strcpy(b->rows[b->count++].prefix, PREFIX_BYTES, sql_text(rows, 1));
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

static enum vcr_err cross_out(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    const struct batch *b = arg;
    enum vcr_err err = VCR_OK;
    for (int i = 0; i < b->count && err == VCR_OK; i++)
        if (b->rows[i].gone)
            err = sql_exec(tx, "DELETE FROM blob_trash WHERE id = $1", SQL_ARGS(SQL_I(b->rows[i].id)), NULL, why);
    return err;
}

enum vcr_err app_trash_empty(struct sql_db *db, struct blob_store *blobs, struct vcr_why *why)
{
    struct batch *b = vcr_alloc(sizeof(*b));
    enum vcr_err err, kept = VCR_OK;
    do {
        err = sql_run(db, SQL_READ, find, b, why);
        for (int i = 0; i < b->count && err == VCR_OK; i++) {
            enum vcr_err one = blob_delete_prefix(blobs, b->rows[i].prefix, why);
            b->rows[i].gone = one == VCR_OK;
            kept = one != VCR_OK ? one : kept;
        }
        if (err == VCR_OK && b->count)
            err = sql_run(db, SQL_WRITE, cross_out, b, why);
    } while (err == VCR_OK && b->count == AT_ONCE);
    free(b);
    return err != VCR_OK ? err : kept;
}
