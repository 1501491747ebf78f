/* store/sql.h - the SQL port: one SQL text for SQLite and PostgreSQL.
 *
 * Use      sql_submit(db, SQL_WRITE, work, …): work runs on a pool thread inside a transaction, does its statements one after another, and
 *          returns VCR_OK to commit or an error to roll back; done comes back on the loop after the commit is durable. SQLite has several readers and one writer
 *          that commits many jobs at once (each in a savepoint, so one job's failure undoes only its own).
 * SQL      parameters are $1…$n, bound by position and type (the adapter rewrites them for SQLite); times are BIGINT milliseconds; booleans are
 *          read with sql_bool; RETURNING is fine; what differs between the engines is asked of sql_engine.
 * Bounds   a queue of 512 jobs (VCR_E_BUSY beyond), a deadline of 2 s by default while waiting (VCR_E_TIMEOUT).
 * Failure  after a statement that failed nothing more runs in its transaction (each answers that error), and it is rolled back even if work returns VCR_OK: look
 *          first, or use ON CONFLICT, instead of trying and going on.
 * Errors   a broken UNIQUE is VCR_E_CONFLICT, a broken reference VCR_E_CONFLICT with slug "/reference", a lost server VCR_E_BUSY, a full disk VCR_E_FULL; all else VCR_E_IO.
 * Threads  sql_submit: any. A struct sql_tx lives only inside its work function. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/pool.h"
#include "base/why.h"

struct sql_db;
struct sql_tx;
enum sql_mode { SQL_READ, SQL_WRITE };
enum sql_engine { SQL_SQLITE, SQL_POSTGRES };

enum sql_type { SQL_NULL_T, SQL_INT_T, SQL_TEXT_T, SQL_BLOB_T, SQL_BOOL_T, SQL_REAL_T };
struct sql_val {
    enum sql_type type;
    int64_t i;
    double r;
    const void *p; /* borrowed during the call */
    size_t len;
};
#define SQL_I(x) ((struct sql_val){ .type = SQL_INT_T, .i = (x) })
#define SQL_R(x) ((struct sql_val){ .type = SQL_REAL_T, .r = (x) })
#define SQL_B(x) ((struct sql_val){ .type = SQL_BOOL_T, .i = (x) })
#define SQL_BLOB(x, n) ((struct sql_val){ .type = SQL_BLOB_T, .p = (x), .len = (n) })
#define SQL_NUL ((struct sql_val){ .type = SQL_NULL_T })
/* A NUL-terminated string; NULL binds NULL. */
struct sql_val sql_text_val(const char *s);
#define SQL_T(s) sql_text_val(s)
/* Builds the argument pair of sql_exec and sql_query: SQL_ARGS(SQL_I(id), SQL_T(name)); SQL_NONE for no parameters. */
#define SQL_ARGS(...) (const struct sql_val[]){ __VA_ARGS__ }, sizeof((const struct sql_val[]){ __VA_ARGS__ }) / sizeof(struct sql_val)
#define SQL_NONE NULL, 0

/* Runs a statement to its end; *ret_changed (may be NULL) is the number of rows changed. */
enum vcr_err sql_exec(struct sql_tx *tx, const char *text, const struct sql_val *vals, size_t n, int64_t *ret_changed, struct vcr_why *why);

/* Rows one by one. Always sql_rows_close, also after an error (NULL is fine). One open at a time per transaction is portable; finish it first. */
struct sql_rows;
enum vcr_err sql_query(struct sql_tx *tx, struct sql_rows **ret, const char *text, const struct sql_val *vals, size_t n, struct vcr_why *why);
/* VCR_OK: on a row. VCR_E_END: no more. */
enum vcr_err sql_next(struct sql_rows *rows, struct vcr_why *why);
void sql_rows_close(struct sql_rows **rows);
/* Columns from 0; text is NUL-terminated and valid until the next sql_next; NULL columns give 0, "" is not NULL. */
bool sql_is_null(struct sql_rows *rows, int col);
int64_t sql_int(struct sql_rows *rows, int col);
double sql_real(struct sql_rows *rows, int col);
bool sql_bool(struct sql_rows *rows, int col);
const char *sql_text(struct sql_rows *rows, int col);
const void *sql_blob(struct sql_rows *rows, int col, size_t *ret_len);

enum sql_engine sql_engine(const struct sql_tx *tx);

/* A job. work and done as in pool.h; done == NULL: nobody waits. The struct is the caller's until done was called. */
struct sql_job {
    struct pool_job pool; /* the adapter's own */
    struct loop *loop;    /* where done runs */
    enum sql_mode mode;
    int64_t deadline_us;  /* 0: 2 s from now */
    enum vcr_err (*work)(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why);
    void (*done)(struct sql_job *job);
    enum vcr_err err;     /* result, before done */
    struct vcr_why why;
    struct sql_job *next; /* the adapter's own */
};
/* VCR_E_BUSY when the queue is full: then done is not called. */
enum vcr_err sql_submit(struct sql_db *db, struct sql_job *job, struct vcr_why *why);
/* For start-up, command lines and tests: runs work and waits for its end. Never on a loop or pool thread. */
enum vcr_err sql_run(struct sql_db *db, enum sql_mode mode, enum vcr_err (*work)(struct sql_tx *tx, void *arg, struct vcr_why *why), void *arg,
                     struct vcr_why *why);

/* "sqlite:vcr.db" (relative to data_dir). Opens and migrates: creates, upgrades, and refuses a newer schema (the text contains "newer") and a
 * data directory that another process uses ("in use"). */
enum vcr_err sql_open(struct sql_db **ret, const char *url, const char *data_dir, struct vcr_why *why);
/* The same for a command beside a server that may be running: it holds nothing against others and migrates nothing; there must be a database of exactly this program's schema. What
 * it writes the server does not count (sql_changes). */
enum vcr_err sql_open_beside(struct sql_db **ret, const char *url, const char *data_dir, struct vcr_why *why);
void sql_close(struct sql_db **db);
/* Goes up with each commit that may have changed something: what was read after a value was taken is still true while it stays. Any thread. */
uint64_t sql_changes(const struct sql_db *db);
/* A cheap round trip on a reader, waited for as by sql_run: for readiness. On a pool thread a READ job that runs is itself the proof. */
bool sql_alive(struct sql_db *db);
