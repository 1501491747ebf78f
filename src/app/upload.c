/* app/upload.c - streaming an original into the blob store with back-pressure. */
#include "app/upload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct block { struct block *next; size_t len; uint8_t bytes[]; };
struct upload {
    /* set by open, then read-only */
    const struct app *app;
    struct loop *loop;
    struct upload_events events;
    char key[64];
    /* the loop's own */
    struct block *first, **last;
    size_t queued;
    bool writing, paused, ended, complete;
    struct vcr_why why;          /* the first failure; after it, blocks are dropped */
    enum vcr_err err;
    /* the job's while writing, else the loop's */
    struct pool_job job;
    struct block *batch;
    struct blob_writer *writer;
    bool last_batch, keep;
    char sha256[65];
    uint64_t size;
};

static void write_next(struct upload *u);

static void free_blocks(struct block *b)
{
    for (struct block *next; b; b = next) {
        next = b->next;
        free(b);
    }
}

static enum vcr_err write_batch(struct pool_job *job, void *worker, struct vcr_why *why)
{
    struct upload *u = container_of(job, struct upload, job);
    enum vcr_err err = u->err;
    if (err == VCR_OK && !u->writer && !(u->last_batch && !u->keep))
        err = blob_begin(u->app->config.blobs, u->key, &u->writer, why);
    for (struct block *b = u->batch; b && err == VCR_OK; b = b->next)
        err = blob_write(u->writer, b->bytes, b->len, why);
    if (u->last_batch && u->keep && err == VCR_OK)
        err = blob_commit(&u->writer, u->sha256, &u->size, why);
    else if (u->last_batch || err != VCR_OK)
        blob_abort(&u->writer);
    return err;
}

static void finish(struct upload *u)
{
    if (u->err == VCR_OK && !u->complete)
        u->err = vcr_fail(&u->why, VCR_E_IO, "the upload was cut");
    free_blocks(u->first);
    u->events.done(u->events.arg, u->err, &u->why, u->sha256, u->size);
    free(u);
}

static void batch_done(struct pool_job *job)
{
    struct upload *u = container_of(job, struct upload, job);
    bool over = u->last_batch;
    free_blocks(u->batch);
    u->batch = NULL;
    u->writing = false;
    if (job->err != VCR_OK && u->err == VCR_OK) {
        u->err = job->err;
        u->why = job->why;
    }
    if (over) {
        finish(u);
        return;
    }
    bool resume = u->paused && !u->ended; /* once ended, write_next may be the last thing that u does */
    u->paused = false;
    write_next(u);
    if (resume)
        u->events.resume(u->events.arg);
}

static void write_next(struct upload *u)
{
    if (u->writing || (!u->first && !u->ended))
        return;
    u->batch = u->first;
    u->first = NULL;
    u->last = &u->first;
    u->queued = 0;
    u->last_batch = u->ended;
    u->keep = u->complete;
    u->writing = true;
    u->job = (struct pool_job){ .work = write_batch, .done = batch_done };
    enum vcr_err err = u->app->files ? pool_submit(u->app->files, &u->job, u->loop, &u->job.why) : vcr_fail(&u->job.why, VCR_E_BUSY, "the server is stopping");
    if (err == VCR_OK)
        return;
    free_blocks(u->batch);
    u->batch = NULL;
    u->writing = false;
    if (u->err == VCR_OK) {
        u->err = err;
        u->why = u->job.why;
    }
    if (u->ended) {
        blob_abort(&u->writer);
        finish(u);
    }
}

struct upload *upload_open(const struct app *a, int64_t tape_id, struct loop *loop, const struct upload_events *events)
{
    struct upload *u = vcr_alloc(sizeof(*u));
    u->app = a;
    u->loop = loop;
    u->events = *events;
    u->last = &u->first;
    app_original_key(tape_id, u->key, sizeof(u->key));
    return u;
}

bool upload_data(struct upload *u, const uint8_t *bytes, size_t len)
{
    struct block *b = u->err == VCR_OK ? malloc(sizeof(*b) + len) : NULL;
    if (!b) {
        if (u->err == VCR_OK)
            u->err = vcr_fail(&u->why, VCR_E_NOMEM, "no memory for the upload");
        return true;
    }
    b->next = NULL;
    b->len = len;
    memcpy(b->bytes, bytes, len);
    *u->last = b;
    u->last = &b->next;
    u->queued += len;
    write_next(u);
    u->paused = u->queued >= UPLOAD_QUEUE_BYTES; /* only while a batch is being written, whose end resumes */
    return !u->paused;
}

void upload_end(struct upload *u, bool complete)
{
    u->ended = true;
    u->complete = complete;
    write_next(u);
}

void app_original_key(int64_t tape_id, char *out, size_t size)
{
    snprintf(out, size, "tapes/%" PRId64 "/original", tape_id);
}

static enum vcr_err check_quota(const struct app *a, struct sql_tx *tx, int64_t user_id, int64_t length, struct vcr_why *why)
{
    if (!a->config.quota_bytes)
        return VCR_OK;
    struct sql_rows *rows = NULL;
    int64_t used = 0;
    enum vcr_err err = sql_query(tx, &rows,
                                 "SELECT COALESCE(SUM(r.size_bytes), 0) FROM reels r JOIN tapes t ON t.id = r.tape_id WHERE t.user_id = $1", SQL_ARGS(SQL_I(user_id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK)
        used = sql_int(rows, 0);
    sql_rows_close(&rows);
    if (err == VCR_OK && (uint64_t)(used + VCR_MAX(length, 0)) > a->config.quota_bytes)
        err = vcr_refuse(why, VCR_E_TOO_LARGE, "/quota", "this is more than your share of the storage");
    return err;
}

enum vcr_err app_upload_begin(const struct app *a, struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, int64_t length, int64_t now_ms,
                              struct vcr_why *why)
{
    struct app_tape t = { 0 };
    struct app_change uploading = { APP_T_STATUS, SQL_T("uploading") };
    uint64_t free_bytes;
    enum vcr_err err = app_tape_find(tx, who, tape_id, APP_OWN, APP_NOT_BINNED, &t, why);
    if (err == VCR_OK && strcmp(t.c[APP_T_STATUS].s, "blank") != 0)
        err = vcr_refuse(why, VCR_E_CONFLICT, "/has-media", "this tape has its recording already");
    if (err == VCR_OK && length >= 0 && (uint64_t)length > a->config.max_upload_bytes)
        err = vcr_refuse(why, VCR_E_TOO_LARGE, "/too-large", "the file is larger than this server takes");
    if (err == VCR_OK)
        err = check_quota(a, tx, who->user_id, length, why);
    if (err == VCR_OK && length > 0 && blob_free_bytes(a->config.blobs, &free_bytes) && (uint64_t)length > free_bytes)
        err = vcr_refuse(why, VCR_E_FULL, "/storage-full", "there is no space left for this file");
    if (err == VCR_OK)
        err = app_tape_update(tx, tape_id, &uploading, 1, now_ms, why);
    app_tape_free(&t);
    return err;
}

enum vcr_err app_upload_undo(struct sql_tx *tx, int64_t tape_id, int64_t now_ms, struct vcr_why *why)
{
    struct app_change blank = { APP_T_STATUS, SQL_T("blank") };
    return app_tape_update(tx, tape_id, &blank, 1, now_ms, why);
}

static char *text_of(void (*fill)(struct jsonw *j, const void *arg), const void *arg)
{
    struct buf b;
    struct jsonw j;
    buf_init(&b, 8192);
    jsonw_init(&j, &b);
    jsonw_open(&j, NULL);
    fill(&j, arg);
    jsonw_close(&j);
    return b.data;
}

struct original { const char *sha256, *file_name; uint64_t size; };

static void original_json(struct jsonw *j, const void *arg)
{
    const struct original *o = arg;
    jsonw_str(j, "sha256", o->sha256);
    jsonw_int(j, "size_bytes", (int64_t)o->size);
    jsonw_str(j, "file_name", o->file_name);
}

/* What is known before the file was looked into; the worker fills in the rest. */
static void media_json(struct jsonw *j, const void *arg)
{
    const struct original *o = arg;
    jsonw_null(j, "container");
    jsonw_null(j, "video");
    jsonw_open_array(j, "audio");
    jsonw_close_array(j);
    jsonw_str(j, "sha256", o->sha256);
    jsonw_int(j, "size_bytes", (int64_t)o->size);
    jsonw_bool(j, "recovered", false);
    jsonw_null(j, "damage");
}

enum vcr_err app_upload_finish(const struct app *a, struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, enum queue_priority priority,
                               const char *file_name, const char *sha256, uint64_t size, int64_t now_ms, int64_t *ret_job, struct vcr_why *why)
{
    struct app_tape t = { 0 };
    struct original o = { sha256, file_name, size };
    char key[64], address[512];
    char *facts = text_of(original_json, &o), *media = text_of(media_json, &o);
    app_original_key(tape_id, key, sizeof(key));
    blob_address(a->config.blobs, key, address, sizeof(address));
    enum vcr_err err = app_tape_find(tx, who, tape_id, APP_OWN, APP_NOT_BINNED, &t, why);
    if (err == VCR_OK && strcmp(t.c[APP_T_STATUS].s, "uploading") != 0)
        err = vcr_refuse(why, VCR_E_CONFLICT, "/has-media", "the tape changed during the upload");
    if (err == VCR_OK) {
        const struct app_change changes[] = {
            { APP_T_STATUS, SQL_T("processing") }, { APP_T_FILE_NAME, SQL_T(file_name) }, { APP_T_MEDIA, SQL_T(media) },
            { APP_T_SOURCE_NOTE, SQL_T(t.c[APP_T_STORAGE_URI].s) }, { APP_T_STORAGE_URI, SQL_T(address) },
        };
        err = app_tape_update(tx, tape_id, changes, ARRAY_LEN(changes), now_ms, why);
    }
    if (err == VCR_OK)
        err = sql_exec(tx, "UPDATE tapes SET original_sha256 = $2 WHERE id = $1", SQL_ARGS(SQL_I(tape_id), SQL_T(sha256)), NULL, why);
    if (err == VCR_OK)
        err = app_history_add(tx, tape_id, "uploaded", who->user_id, facts, now_ms, why);
    if (err == VCR_OK)
        err = queue_put(tx, tape_id, "process", priority, facts, now_ms, ret_job, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "UPDATE jobs SET user_id = $1 WHERE id = $2", SQL_ARGS(SQL_I(who->user_id), SQL_I(*ret_job)), NULL, why);
    app_tape_free(&t);
    free(facts);
    free(media);
    return err;
}
