/* kit.h - a temporary folder, and SQL in few words, for the tests of the store. */
#pragma once
#include "store/sql.h"

struct kit {
    char dir[64]; /* the data directory, removed by kit_close */
    struct sql_db *db;
};
/* Makes the folder; opens nothing. */
void kit_dir(struct kit *k);
void kit_remove_dir(struct kit *k);
/* The same with a database in it. */
int kit_open(void **state);
int kit_close(void **state);
/* One statement in its own transaction, without parameters. */
enum vcr_err kit_exec(struct kit *k, const char *text, struct vcr_why *why);
/* The first column of the first row as a number. */
int64_t kit_int(struct kit *k, const char *text);
