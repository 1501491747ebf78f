/* bench/row.h - how a bench in C tells its rows to bench/run.py: one line of JSON each, all else it prints is for people. */
#pragma once
#include <stdio.h>
#include <stdlib.h>

/* What must hold of the value (or, with BENCH_RATIO, of value / baseline_value). A limit without BENCH_MUST is only shown. */
enum bench_must { BENCH_SHOWN, BENCH_BELOW, BENCH_AT_LEAST, BENCH_RATIO_BELOW, BENCH_RATIO_AT_LEAST };
struct bench_row {
    const char *name;
    const char *unit;             /* of value and baseline_value */
    double value;
    const char *note;             /* beside the value, may be NULL */
    const char *baseline;         /* what it is compared with, its version; NULL: nothing */
    double baseline_value;
    enum bench_must must;
    double limit;
};

/* Texts are ours: no quotes or backslashes in them. */
static inline void bench_row(const struct bench_row *r)
{
    static const char *const ops[] = { "", "<", ">=", "ratio <", "ratio >=" };
    printf("{\"row\":\"%s\",\"unit\":\"%s\",\"value\":%.6g,\"note\":\"%s\"", r->name, r->unit, r->value, r->note ? r->note : "");
    if (r->baseline)
        printf(",\"baseline\":\"%s\",\"baseline_value\":%.6g", r->baseline, r->baseline_value);
    if (r->must != BENCH_SHOWN)
        printf(",\"op\":\"%s\",\"limit\":%.6g", ops[r->must], r->limit);
    puts("}");
    fflush(stdout);
}

enum { BENCH_ROUNDS = 5 };
static inline int bench_by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
/* Of BENCH_ROUNDS values; sorts them. */
static inline double bench_median(double *v)
{
    qsort(v, BENCH_ROUNDS, sizeof(*v), bench_by_value);
    return v[BENCH_ROUNDS / 2];
}
