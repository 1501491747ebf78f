/* store/sqlite/sqlite.c - the SQL port on SQLite: several readers, and one writer that commits many jobs at once.
 *
 * A commit costs a sync of the disk whatever it holds. So the writer takes all jobs that wait, runs each in a savepoint of one transaction, commits once, and only
 * then reports all of them; a job that fails takes back only its own savepoint. While it syncs the next group gathers: nothing waits for a timer. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "store/sqlite/conn.h"

enum { QUEUE_MAX = 512, GROUP_MAX = 64, READERS_MAX = 4, WAIT_US = 2000000 };

struct db {
    struct sql_db db; /* first */
    /* set by open, then read-only */
    int lock_fd;      /* holds the data directory against other processes */
    char *path;
    struct pool *readers;
    pthread_t writer;
    bool writer_runs;
    /* the writer's own */
    struct conn *conn;
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct sql_job *first, **last;
    int waiting;
    bool stop;
};

/* ---- one job ---- */

static void deliver(struct loop_msg *m)
{
    struct sql_job *job = container_of(m, struct sql_job, pool.msg);
    job->done(job);
}

static void report(struct sql_job *job, enum vcr_err err, const struct vcr_why *why)
{
    job->err = err;
    if (err != VCR_OK && why)
        job->why = *why;
    if (!job->done)
        return;
    if (!job->loop) {
        job->done(job);
        return;
    }
    job->pool.msg.fn = deliver;
    loop_post(job->loop, &job->pool.msg);
}

/* The job's work on an open transaction; a statement that failed fails the job even if its work overlooked it. */
static enum vcr_err run_work(struct sql_job *job, struct conn *c)
{
    struct conn_tx tx;
    conn_tx_init(&tx, c);
    enum vcr_err err = job->work(job, &tx.tx, &job->why);
    assert(tx.open_rows == 0); /* sql_rows_close was forgotten */
    if (err == VCR_OK && tx.tx.broken != VCR_OK) {
        err = tx.tx.broken;
        job->why = tx.tx.broken_why;
    }
    return err;
}

/* ---- readers ---- */

static enum vcr_err reader_open(void **ret, void *ctx, struct vcr_why *why)
{
    struct conn *c = NULL;
    enum vcr_err err = sqlite_conn_open(&c, ((struct db *)ctx)->path, false, why);
    *ret = c;
    return err;
}

static void reader_close(void *worker)
{
    struct conn *c = worker;
    sqlite_conn_close(&c);
}

static enum vcr_err read_work(struct pool_job *pool_job, void *worker, struct vcr_why *why)
{
    struct sql_job *job = container_of(pool_job, struct sql_job, pool);
    struct conn *c = worker;
    enum vcr_err err = conn_do(c, "BEGIN", why);
    if (err != VCR_OK)
        return err;
    err = run_work(job, c);
    if (err != VCR_OK && why)
        *why = job->why;
    if (conn_in_transaction(c))
        conn_do(c, "ROLLBACK", NULL); /* it wrote nothing */
    return err;
}

static void read_done(struct pool_job *pool_job)
{
    struct sql_job *job = container_of(pool_job, struct sql_job, pool);
    job->err = pool_job->err;
    job->why = pool_job->why;
    if (job->done)
        job->done(job);
}

/* ---- the writer ---- */

/* The oldest jobs, at most GROUP_MAX, as a list; NULL when stopped and empty. */
static struct sql_job *take_group(struct db *d)
{
    pthread_mutex_lock(&d->lock);
    while (!d->first && !d->stop)
        pthread_cond_wait(&d->more, &d->lock);
    struct sql_job *group = d->first, **end = &d->first;
    for (int n = 0; *end && n < GROUP_MAX; n++) {
        end = &(*end)->next;
        d->waiting--;
    }
    if (group) {
        d->first = *end;
        *end = NULL;
        if (!d->first)
            d->last = &d->first;
    }
    pthread_mutex_unlock(&d->lock);
    return group;
}

/* Runs one job in its savepoint; VCR_OK when it is part of what will be committed. */
static enum vcr_err write_one(struct db *d, struct sql_job *job)
{
    if (clock_mono_us() > job->deadline_us)
        return vcr_fail(&job->why, VCR_E_TIMEOUT, "the server is too busy; try again");
    enum vcr_err err = conn_do(d->conn, "SAVEPOINT job", &job->why);
    if (err != VCR_OK)
        return err;
    err = run_work(job, d->conn);
    if (!conn_in_transaction(d->conn))
        return err != VCR_OK ? err : vcr_fail(&job->why, VCR_E_IO, "database: the transaction was lost");
    if (err != VCR_OK) {
        conn_do(d->conn, "ROLLBACK TO job", NULL);
        conn_do(d->conn, "RELEASE job", NULL);
        return err;
    }
    return conn_do(d->conn, "RELEASE job", &job->why);
}

/* Gives each job of the list up to stop (not included) its own error, or the group's. */
static void report_group(struct sql_job *group, const struct sql_job *stop, enum vcr_err err, const struct vcr_why *why)
{
    while (group != stop) {
        struct sql_job *job = group;
        group = job->next; /* done may free it */
        if (job->err != VCR_OK)
            report(job, job->err, NULL);
        else
            report(job, err, why);
    }
}

/* Runs jobs of the list in one transaction until its end, or until SQLite itself rolled the transaction back (on a full disk): then what ran
 * before is lost too and gets that error. Returns where to go on. */
static struct sql_job *write_group(struct db *d, struct sql_job *group)
{
    struct vcr_why why = { 0 };
    enum vcr_err err = conn_do(d->conn, "BEGIN IMMEDIATE", &why);
    struct sql_job *at = group;
    if (err != VCR_OK) {
        report_group(group, NULL, err, &why);
        return NULL;
    }
    while (at) {
        struct sql_job *job = at;
        at = at->next;
        job->err = write_one(d, job);
        if (!conn_in_transaction(d->conn)) {
            report_group(group, at, job->err, &job->why);
            return at;
        }
    }
    err = conn_do(d->conn, "COMMIT", &why);
    if (err != VCR_OK && conn_in_transaction(d->conn))
        conn_do(d->conn, "ROLLBACK", NULL);
    d->db.changes++;
    report_group(group, NULL, err, &why);
    return NULL;
}

static void *writer_main(void *arg)
{
    struct db *d = arg;
    struct sql_job *group;
    pthread_setname_np(pthread_self(), "sql-writer");
    while ((group = take_group(d)) != NULL)
        while (group)
            group = write_group(d, group);
    return NULL;
}

static enum vcr_err submit(struct sql_db *db, struct sql_job *job, struct vcr_why *why)
{
    struct db *d = (struct db *)db;
    if (job->deadline_us == 0)
        job->deadline_us = clock_mono_us() + WAIT_US;
    if (job->mode == SQL_READ) {
        job->pool.deadline_us = job->deadline_us;
        job->pool.work = read_work;
        job->pool.done = read_done;
        memset(&job->pool.why, 0, sizeof(job->pool.why));
        return pool_submit(d->readers, &job->pool, job->loop, why);
    }
    enum vcr_err err = VCR_OK;
    job->next = NULL;
    pthread_mutex_lock(&d->lock);
    if (d->stop || d->waiting >= QUEUE_MAX) {
        err = vcr_fail(why, VCR_E_BUSY, "the server is too busy; try again");
    } else {
        *d->last = job;
        d->last = &job->next;
        d->waiting++;
        pthread_cond_signal(&d->more);
    }
    pthread_mutex_unlock(&d->lock);
    return err;
}

/* ---- opening ---- */

static enum vcr_err lock_dir(struct db *d, const char *data_dir, struct vcr_why *why)
{
    if (mkdir(data_dir, 0700) != 0 && errno != EEXIST)
        return vcr_fail(why, VCR_E_IO, "data directory %s: %s", data_dir, strerror(errno));
    char *name = vcr_asprintf("%s/vcr.lock", data_dir);
    d->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    free(name);
    if (d->lock_fd < 0)
        return vcr_fail(why, VCR_E_IO, "data directory %s: %s", data_dir, strerror(errno));
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return VCR_OK;
    if (errno == EWOULDBLOCK)
        return vcr_fail(why, VCR_E_CONFLICT, "data directory %s is in use by another process", data_dir);
    return vcr_fail(why, VCR_E_IO, "data directory %s: lock: %s", data_dir, strerror(errno));
}

/* The file is made here so that only its owner may read it; SQLite gives its other files the same mode. */
static enum vcr_err make_file(const char *path, struct vcr_why *why)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return vcr_fail(why, VCR_E_IO, "database %s: %s", path, strerror(errno));
    close(fd);
    return VCR_OK;
}

static void close_db(struct sql_db *db)
{
    struct db *d = (struct db *)db;
    pool_close(&d->readers);
    if (d->writer_runs) {
        pthread_mutex_lock(&d->lock);
        d->stop = true;
        pthread_cond_signal(&d->more);
        pthread_mutex_unlock(&d->lock);
        pthread_join(d->writer, NULL);
    }
    sqlite_conn_close(&d->conn); /* the last one: folds the WAL into the file */
    vcr_close(&d->lock_fd);
    pthread_cond_destroy(&d->more);
    pthread_mutex_destroy(&d->lock);
    free(d->path);
    free(d);
}

static enum vcr_err open_db(struct sql_db **ret, const char *rest, const char *data_dir, bool beside, struct vcr_why *why)
{
    struct db *d = vcr_alloc(sizeof(*d));
    d->db.ops = &sql_sqlite_ops;
    d->lock_fd = -1;
    d->last = &d->first;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->more, NULL);
    enum vcr_err err = beside ? VCR_OK : lock_dir(d, data_dir, why);
    if (err != VCR_OK)
        goto fail;
    char *dir = realpath(data_dir, NULL); /* SQLITE_OPEN_NOFOLLOW refuses links anywhere in a path */
    d->path = rest[0] == '/' ? vcr_strdup(rest) : vcr_asprintf("%s/%s", dir ? dir : data_dir, rest);
    free(dir);
    err = beside ? VCR_OK : make_file(d->path, why);
    if (err != VCR_OK)
        goto fail;
    err = sqlite_conn_open(&d->conn, d->path, true, why); /* before the readers: it turns WAL on */
    if (err != VCR_OK)
        goto fail;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct pool_config readers = { .name = "sql", .threads = (int)VCR_CLAMP(cores, 1, READERS_MAX), .queue_max = QUEUE_MAX,
                                   .worker_open = reader_open, .worker_close = reader_close, .ctx = d };
    err = pool_open(&d->readers, &readers, why);
    if (err != VCR_OK)
        goto fail;
    int rc = pthread_create(&d->writer, NULL, writer_main, d);
    if (rc != 0) {
        err = vcr_fail(why, VCR_E_IO, "database: no thread: %s", strerror(rc));
        goto fail;
    }
    d->writer_runs = true;
    *ret = &d->db;
    return VCR_OK;
fail:
    close_db(&d->db);
    return err;
}

const struct sql_ops sql_sqlite_ops = {
    .scheme = "sqlite",
    .engine = SQL_SQLITE,
    .open = open_db,
    .close = close_db,
    .submit = submit,
    .exec = conn_exec,
    .query = conn_query,
    .next = conn_next,
    .rows_close = conn_rows_close,
    .is_null = conn_is_null,
    .get_int = conn_int,
    .get_real = conn_real,
    .get_bool = conn_bool,
    .get_text = conn_text,
    .get_blob = conn_blob,
};
