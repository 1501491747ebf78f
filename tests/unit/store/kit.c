/* kit.c - see kit.h. */
#include "kit.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) { return remove(path); }

void kit_dir(struct kit *k)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(k->dir, sizeof(k->dir), "%s/vcr-store-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    assert_non_null(mkdtemp(k->dir));
}

void kit_remove_dir(struct kit *k) { nftw(k->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS); }

int kit_open(void **state)
{
    struct kit *k = vcr_alloc(sizeof(*k));
    struct vcr_why why = { 0 };
    kit_dir(k);
    if (sql_open(&k->db, "sqlite:vcr.db", k->dir, &why) != VCR_OK)
        fail_msg("%s", why.text);
    *state = k;
    return 0;
}

int kit_close(void **state)
{
    struct kit *k = *state;
    sql_close(&k->db);
    kit_remove_dir(k);
    free(k);
    return 0;
}

static enum vcr_err exec_work(struct sql_tx *tx, void *arg, struct vcr_why *why) { return sql_exec(tx, arg, SQL_NONE, NULL, why); }

enum vcr_err kit_exec(struct kit *k, const char *text, struct vcr_why *why)
{
    return sql_run(k->db, SQL_WRITE, exec_work, (void *)(uintptr_t)text, why);
}

struct number {
    const char *text;
    int64_t value;
};

static enum vcr_err int_work(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct number *n = arg;
    struct sql_rows *rows;
    enum vcr_err err = sql_query(tx, &rows, n->text, SQL_NONE, why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK)
        n->value = sql_int(rows, 0);
    sql_rows_close(&rows);
    return err;
}

int64_t kit_int(struct kit *k, const char *text)
{
    struct number n = { text, 0 };
    struct vcr_why why = { 0 };
    if (sql_run(k->db, SQL_READ, int_work, &n, &why) != VCR_OK)
        fail_msg("%s: %s", text, why.text);
    return n.value;
}
