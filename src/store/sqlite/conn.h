/* store/sqlite/conn.h - one connection to SQLite with its prepared statements.
 *
 * Threads  a connection belongs to one thread at a time (the library is used without its own locks on it). */
#pragma once
#include <sqlite3.h>

#include "store/internal.h"

struct conn;
/* A transaction on this connection; ops and conn are set by conn_tx_init. */
struct conn_tx {
    struct sql_tx tx; /* first */
    struct conn *conn;
    int open_rows;    /* must be 0 when work returns */
};

enum vcr_err sqlite_conn_open(struct conn **ret, const char *path, bool write, struct vcr_why *why);
void sqlite_conn_close(struct conn **c);
void conn_tx_init(struct conn_tx *tx, struct conn *c);
/* Runs a statement without parameters or rows, such as BEGIN. */
enum vcr_err conn_do(struct conn *c, const char *text, struct vcr_why *why);
/* False when SQLite rolled the transaction back by itself (a full disk, for one). */
bool conn_in_transaction(struct conn *c);

/* The statement functions of sql_ops. */
enum vcr_err conn_exec(struct sql_tx *tx, const char *text, const struct sql_val *vals, size_t n, int64_t *ret_changed, struct vcr_why *why);
enum vcr_err conn_query(struct sql_tx *tx, struct sql_rows **ret, const char *text, const struct sql_val *vals, size_t n, struct vcr_why *why);
enum vcr_err conn_next(struct sql_rows *rows, struct vcr_why *why);
void conn_rows_close(struct sql_rows *rows);
bool conn_is_null(struct sql_rows *rows, int col);
int64_t conn_int(struct sql_rows *rows, int col);
double conn_real(struct sql_rows *rows, int col);
bool conn_bool(struct sql_rows *rows, int col);
const char *conn_text(struct sql_rows *rows, int col);
const void *conn_blob(struct sql_rows *rows, int col, size_t *ret_len);
