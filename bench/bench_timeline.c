/* bench_timeline.c - a tape's timeline: finding a place and recording over it, of 10 spans and of 10 000; in memory, and in the tables of a database.
 *
 * Usage: bench_timeline [FOLDER]   (where the database is made; default: the present one) */
#include <stdio.h>
#include <stdlib.h>

#include "app/timeline.h"
#include "base/clock.h"
#include "base/util.h"
#include "row.h"

enum { FEW = 10, MANY = 10000, LOOKS = 2000000, RECORDINGS = 20000, STORED = 200 };
#define SPAN_US INT64_C(2000000)
static uint64_t x = 1;
static volatile int64_t seen; /* so that looking is not left out */

static int64_t draw(int64_t below)
{
    x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)((x >> 20) % (uint64_t)below);
}

static void must(enum vcr_err err, const struct vcr_why *why)
{
    if (err == VCR_OK)
        return;
    fprintf(stderr, "%s\n", why->text);
    exit(1);
}

/* Every second one with a gap behind it. */
static void fill(struct timeline *t, int count)
{
    struct vcr_why why;
    for (int64_t i = 0; i < count; i++) {
        struct timeline_span s = { .start_us = i * SPAN_US, .end_us = (i + 1) * SPAN_US - (i % 2 ? SPAN_US / 4 : 0), .take = i + 1 };
        must(timeline_append(t, &s, &why), &why);
    }
}

/* ns a look at a place drawn anew each time. */
static double looking(int count)
{
    double ns[BENCH_ROUNDS];
    struct timeline t = { 0 };
    fill(&t, count);
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        int64_t begin = clock_mono_us();
        for (int i = 0; i < LOOKS; i++) {
            const struct timeline_span *s = timeline_at(&t, draw(count * SPAN_US));
            seen += s ? s->take : 0;
        }
        ns[round] = (double)(clock_mono_us() - begin) * 1000 / LOOKS;
    }
    timeline_free(&t);
    return bench_median(ns);
}

/* us for a recording over a few spans somewhere and undoing it. */
static double recording(int count)
{
    double us[BENCH_ROUNDS];
    struct timeline t = { 0 };
    struct vcr_why why;
    fill(&t, count);
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        int64_t begin = clock_mono_us();
        for (int i = 0; i < RECORDINGS; i++) {
            int64_t from = draw(count * SPAN_US);
            struct timeline_span s = { .start_us = from, .end_us = from + 1 + draw(2 * SPAN_US), .take = 1 };
            struct timeline_cut cut = { 0 };
            must(timeline_record(&t, &s, &cut, &why), &why);
            must(timeline_undo(&t, &cut, &why), &why);
            timeline_free(&cut.former);
        }
        us[round] = (double)(clock_mono_us() - begin) / RECORDINGS;
    }
    timeline_free(&t);
    return bench_median(us);
}

/* ---- in the tables: all in one transaction, so that the disk's time is not in it ---- */
struct stored { int count; double ms[BENCH_ROUNDS]; };

static enum vcr_err make_tape(struct sql_tx *tx, int count, int64_t *ret_id, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "INSERT INTO tapes(title, created_at, status) VALUES('bench', 0, 'ready') RETURNING id", SQL_NONE, why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        *ret_id = sql_int(rows, 0);
    sql_rows_close(&rows);
    for (int64_t i = 0; err == VCR_OK && i < count; i++)
        err = sql_exec(tx, "INSERT INTO spans(tape_id, tape_start_us, tape_end_us, reel_start_us) VALUES($1, $2, $3, 0)",
                       SQL_ARGS(SQL_I(*ret_id), SQL_I(i * SPAN_US), SQL_I((i + 1) * SPAN_US)), NULL, why);
    return err;
}

static enum vcr_err stored_work(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct stored *s = arg;
    const struct app_recorded note = { .user_id = 0 };
    int64_t tape = 0;
    enum vcr_err err = make_tape(tx, s->count, &tape, why);
    for (int round = 0; err == VCR_OK && round < BENCH_ROUNDS; round++) {
        int64_t begin = clock_mono_us();
        for (int i = 0; err == VCR_OK && i < STORED; i++) {
            int64_t from = draw(s->count * SPAN_US);
            const struct timeline_span span = { .start_us = from, .end_us = from + 1 + draw(2 * SPAN_US) };
            err = app_timeline_record(tx, tape, &span, &note, 1, why);
        }
        s->ms[round] = (double)(clock_mono_us() - begin) / 1000 / STORED;
    }
    return err;
}

static double storing(struct sql_db *db, int count)
{
    struct stored s = { .count = count };
    struct vcr_why why;
    must(sql_run(db, SQL_WRITE, stored_work, &s, &why), &why);
    return bench_median(s.ms);
}

int main(int argc, char **argv)
{
    struct sql_db *db = NULL;
    struct vcr_why why;
    char *dir = vcr_asprintf("%s/timeline-XXXXXX", argc > 1 ? argv[1] : ".");
    if (!mkdtemp(dir))
        return 1;
    bench_row(&(struct bench_row){ "a place found on a tape of 10 000 spans", "ns", looking(MANY), "a place drawn anew each time", "of 10 spans", looking(FEW), BENCH_BELOW, 1000 });
    bench_row(&(struct bench_row){ "recorded over and undone, of 10 000 spans", "us", recording(MANY), "what lies behind moves", "of 10 spans", recording(FEW), BENCH_BELOW, 1000 });
    must(sql_open(&db, "sqlite:vcr.db", dir, &why), &why);
    bench_row(&(struct bench_row){ "a recording noted, tape of 10 000 spans", "ms", storing(db, MANY), "rows, history, job; without the commit", "of 10 spans", storing(db, FEW), BENCH_BELOW, 10 });
    sql_close(&db);
    char *clean = vcr_asprintf("rm -rf '%s'", dir);
    int rc = system(clean);
    free(clean);
    free(dir);
    return rc != 0;
}
