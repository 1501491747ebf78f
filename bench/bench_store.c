/* bench_store.c - how many durable writes a second the SQL port commits, one after another and many waiting at once.
 *
 * Usage: bench_store [FOLDER]   (the folder's disk is what is measured; default: the present one). The baseline is what the disk can do: append and fdatasync of
 * a page, one after another, in rounds that alternate with the writes. */
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "row.h"
#include "store/sql.h"

enum { JOBS = 2000, AT_ONCE_MAX = 256, SYNCS = 200, PAGE = 4096 };

static sem_t free_jobs;
static struct sql_job jobs[AT_ONCE_MAX];

static enum vcr_err insert(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why)
{
    return sql_exec(tx, "INSERT INTO audit(created_at, user_id, action, details) VALUES($1, $2, 'bench', '{\"some\":\"details\"}')",
                    SQL_ARGS(SQL_I(clock_wall_ms()), SQL_I(7)), NULL, why);
}

static void ended(struct sql_job *job)
{
    if (job->err != VCR_OK) {
        fprintf(stderr, "%s\n", job->why.text);
        exit(1);
    }
    sem_post(&free_jobs);
}

static double measure(struct sql_db *db, int at_once, int count)
{
    sem_init(&free_jobs, 0, (unsigned)at_once);
    int64_t start = clock_mono_us();
    for (int i = 0; i < count; i++) {
        sem_wait(&free_jobs);
        struct sql_job *job = &jobs[i % at_once]; /* in order: the writer reports the oldest first */
        *job = (struct sql_job){ .mode = SQL_WRITE, .deadline_us = INT64_MAX, .work = insert, .done = ended };
        if (sql_submit(db, job, NULL) != VCR_OK)
            exit(1);
    }
    for (int i = 0; i < at_once; i++)
        sem_wait(&free_jobs);
    double s = (double)(clock_mono_us() - start) / 1e6;
    sem_destroy(&free_jobs);
    return count / s;
}

/* Pages a second appended and synced, one after another. */
static double synced_pages(const char *dir)
{
    static const char page[PAGE];
    char *name = vcr_asprintf("%s/pages", dir);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int64_t start = clock_mono_us();
    for (int i = 0; i < SYNCS; i++)
        if (write(fd, page, sizeof(page)) != PAGE || fdatasync(fd) != 0)
            exit(1);
    double s = (double)(clock_mono_us() - start) / 1e6;
    vcr_close(&fd);
    unlink(name);
    free(name);
    return SYNCS / s;
}

int main(int argc, char **argv)
{
    static const int at_once[] = { 1, 8, 64, AT_ONCE_MAX };
    struct sql_db *db = NULL;
    struct vcr_why why = { 0 };
    char *dir = vcr_asprintf("%s/bench-store-XXXXXX", argc > 1 ? argv[1] : ".");
    if (!mkdtemp(dir) || sql_open(&db, "sqlite:bench.db", dir, &why) != VCR_OK) {
        fprintf(stderr, "%s: %s\n", dir, why.text);
        return 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(at_once); i++) {
        double writes[BENCH_ROUNDS], pages[BENCH_ROUNDS];
        for (int k = 0; k < BENCH_ROUNDS; k++) {
            pages[k] = synced_pages(dir);
            writes[k] = measure(db, at_once[i], at_once[i] == 1 ? JOBS / 8 : JOBS);
        }
        char name_of[64];
        snprintf(name_of, sizeof(name_of), "durable writes, %d waiting at once", at_once[i]);
        bench_row(&(struct bench_row) { name_of, "/s", bench_median(writes), NULL, "a page and fdatasync", bench_median(pages), BENCH_SHOWN, 0 });
    }
    sql_close(&db);
    static const char *const files[] = { "bench.db", "vcr.lock" };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char *name = vcr_asprintf("%s/%s", dir, files[i]);
        unlink(name);
        free(name);
    }
    rmdir(dir);
    free(dir);
    return 0;
}
