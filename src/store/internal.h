/* store/internal.h - what the SQL port asks of an adapter, and the migrations built into the program.
 *
 * An adapter embeds struct sql_db, sql_tx and sql_rows first in its own and fills ops; sql.c turns the port's functions into calls of this table. */
#pragma once
#include "store/sql.h"

struct sql_ops {
    const char *scheme; /* "sqlite": the part of the URL before ':' */
    enum sql_engine engine;
    /* Opens without migrating; rest is the URL behind "scheme:". beside: a server may be running on it; it must be there. */
    enum vcr_err (*open)(struct sql_db **ret, const char *rest, const char *data_dir, bool beside, struct vcr_why *why);
    void (*close)(struct sql_db *db);
    enum vcr_err (*submit)(struct sql_db *db, struct sql_job *job, struct vcr_why *why);
    enum vcr_err (*exec)(struct sql_tx *tx, const char *text, const struct sql_val *vals, size_t n, int64_t *ret_changed, struct vcr_why *why);
    enum vcr_err (*query)(struct sql_tx *tx, struct sql_rows **ret, const char *text, const struct sql_val *vals, size_t n, struct vcr_why *why);
    enum vcr_err (*next)(struct sql_rows *rows, struct vcr_why *why);
    void (*rows_close)(struct sql_rows *rows);
    bool (*is_null)(struct sql_rows *rows, int col);
    int64_t (*get_int)(struct sql_rows *rows, int col);
    double (*get_real)(struct sql_rows *rows, int col);
    bool (*get_bool)(struct sql_rows *rows, int col);
    const char *(*get_text)(struct sql_rows *rows, int col);
    const void *(*get_blob)(struct sql_rows *rows, int col, size_t *ret_len);
};
struct sql_db {
    const struct sql_ops *ops;
    _Atomic uint64_t changes; /* the adapter counts it up after each commit, before anybody is told */
};
struct sql_tx {
    const struct sql_ops *ops;
    /* The first error of a statement: nothing more runs in this transaction and it is rolled back, in every engine alike. */
    enum vcr_err broken;
    struct vcr_why broken_why;
};
struct sql_rows {
    const struct sql_ops *ops;
    struct sql_tx *tx;
};

extern const struct sql_ops sql_sqlite_ops;

/* Migrations in their order, built from store/migrations/NNNN_name.sql. */
struct sql_migration {
    int version;
    const char *name;
    const char *text;
};
extern const struct sql_migration sql_migrations[];
extern const size_t sql_migration_count;

/* CONFLICT unless the schema is exactly this program's. */
enum vcr_err sql_migrated(struct sql_tx *tx, void *arg, struct vcr_why *why);
/* Brings the schema up to the newest migration, all in the one transaction tx; refuses what this program does not know. */
enum vcr_err sql_migrate(struct sql_tx *tx, void *arg, struct vcr_why *why);
