/* app/process_job.c - one job under way: its blobs, the child that gets their descriptors, and the lines that it reports. See process_internal.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "app/child.h"
#include "app/process_internal.h"
#include "app/process_result.h"
#include "base/clock.h"
#include "base/util.h"

enum { RENEW_MS = 1000, POLL_MS = 250, SILENCE_MS = 60000, LOCK_TRIES = 100, LOCK_WAIT_NS = 50000000 };
enum { CHILD_FDS = 2 + OUTPUTS, DEMO_FDS = 2 };
#define SPEED_MAX 100000.0

#define ADVANCE_MIN 0.002 /* of the job: less may be the time that a line took */

/* In the order of media/ingest/ingest.h. */
const struct work_output work_outputs[OUTPUTS] = {
    { "clean.mp4", "clean_video", 0 },  { "clean.idx", NULL, 0 },   { "audio.mp4", "clean_audio", 0 },  { "audio.idx", NULL, 0 },
    { "opus.mp4", "opus", 0 },          { "opus.idx", NULL, 0 },    { "tape.mp4", "tape_video", 0 },    { "tape.idx", NULL, 0 },
    { "thumb.jpg", NULL, 0 },           { "story.jpg", NULL, 0 },   { "captions.vtt", NULL, 0 },        { "audio2.mp4", "clean_audio", 1 },
    { "audio2.idx", NULL, 0 },          { "audio3.mp4", "clean_audio", 2 }, { "audio3.idx", NULL, 0 },  { "audio4.mp4", "clean_audio", 3 },
    { "audio4.idx", NULL, 0 },
};

void work_key(const struct work *x, int output, char *out)
{
    if (output == OUTPUT_THUMB)
        snprintf(out, KEY_BYTES, "tapes/%" PRId64 "/thumb.jpg", x->job.tape_id);
    else
        snprintf(out, KEY_BYTES, "tapes/%" PRId64 "/r%" PRId64 "/%s", x->job.tape_id, x->job.id, work_outputs[output].name);
}

void work_original_key(const struct work *x, char *out) { snprintf(out, KEY_BYTES, "tapes/%" PRId64 "/original", x->job.tape_id); }

/* The owner's word on what a film is, for the child's command line: only what it may hear. */
static void add_wishes(const struct work *x, char words[ARGUMENTS_MAX][64], char **arguments, int *count)
{
    static const struct { const char *name, *values[4]; } wishes[] = {
        { "field_order", { "progressive", "tff", "bff", NULL } }, { "standard", { "ntsc", "pal", NULL } }, { "aspect", { "4:3", "16:9", NULL } },
    };
    json_t *payload = json_loads(x->job.payload ? x->job.payload : "", 0, NULL);
    for (size_t i = 0; i < ARRAY_LEN(wishes); i++) {
        const char *value = json_string_value(json_object_get(payload, wishes[i].name));
        for (int k = 0; value && wishes[i].values[k]; k++)
            if (strcmp(value, wishes[i].values[k]) == 0) {
                snprintf(words[*count], sizeof(words[0]), "%s=%s", wishes[i].name, wishes[i].values[k]);
                arguments[*count] = words[*count];
                ++*count;
            }
    }
    json_decref(payload);
}

const json_t *work_reel_of(const struct work *x, int output)
{
    size_t i;
    json_t *reel;
    const struct work_output *o = &work_outputs[output];
    json_array_foreach(json_object_get(x->result, "reels"), i, reel)
    {
        const char *name = json_string_value(json_object_get(reel, "kind"));
        if (name && o->reel && strcmp(name, o->reel) == 0 && json_integer_value(json_object_get(reel, "track")) == o->track)
            return reel;
    }
    return NULL;
}

void work_error(struct work *x, const char *sentence)
{
    free(x->error);
    x->error = vcr_strdup(sentence);
}

/* demo: the name of the film to draw, or NULL to process one. */
static enum vcr_err spawn(struct work *x, const int *fds, int count, char *demo, struct vcr_why *why)
{
    char words[ARGUMENTS_MAX][64], *arguments[ARGUMENTS_MAX + 1] = { x->w->program, demo ? (char[]){ "--demo" } : x->finish ? (char[]){ "--finish" } : (char[]){ "--run" }, demo };
    int count_words = demo ? 3 : 2;
    if (!demo)
        add_wishes(x, words, arguments, &count_words);
    x->said = -1;
    return child_start(&x->child, arguments, fds, count, why);
}

static int output_fd(const struct work *x, int output) { return output == OUTPUT_THUMB ? (x->thumb ? blob_writer_fd(x->thumb) : -1) : x->files[output]; }

/* As an attempt before left it, or new. */
static enum vcr_err open_output(struct work *x, int output, struct vcr_why *why)
{
    char key[KEY_BYTES];
    work_key(x, output, key);
    if (output == OUTPUT_THUMB)
        return blob_begin(x->w->config.blobs, key, &x->thumb, why);
    enum vcr_err err = blob_grow(x->w->config.blobs, key, false, &x->files[output], why);
    return err == VCR_E_NOT_FOUND ? blob_grow(x->w->config.blobs, key, true, &x->files[output], why) : err;
}

/* Another worker's child may still write to these files for a moment after that worker has lost the job: the lock goes with the last of its descriptors. What went wrong
 * before each time is not gone on with for the last attempt. */
static enum vcr_err claim_outputs(struct work *x, struct vcr_why *why)
{
    int tries = 0;
    while (flock(x->files[0], LOCK_EX | LOCK_NB) != 0) {
        if (++tries > LOCK_TRIES)
            return vcr_fail(why, VCR_E_BUSY, "another process still writes its reels");
        nanosleep(&(struct timespec){ 0, LOCK_WAIT_NS }, NULL);
    }
    for (int i = 0; x->job.attempts >= QUEUE_ATTEMPTS_MAX && i < OUTPUTS; i++)
        if (x->files[i] >= 0 && ftruncate(x->files[i], 0) != 0)
            return vcr_fail(why, VCR_E_IO, "ftruncate: %s", strerror(errno));
    return VCR_OK;
}

/* Opens all and starts the child. */
enum vcr_err work_start(struct work *x, struct vcr_why *why)
{
    int fds[CHILD_FDS], pipe_fds[2] = { -1, -1 }, original = -1;
    memset(fds, -1, sizeof(fds));
    enum vcr_err err = work_open_original(x, &original, why);
    if (err == VCR_OK && pipe2(pipe_fds, O_CLOEXEC) != 0)
        err = vcr_fail(why, VCR_E_IO, "pipe: %s", strerror(errno));
    for (int i = 0; err == VCR_OK && i < OUTPUTS; i++)
        err = open_output(x, i, why);
    if (err == VCR_OK)
        err = claim_outputs(x, why);
    if (err == VCR_OK) {
        fds[0] = child_fd(original);
        fds[1] = child_fd(pipe_fds[1]);
        for (int i = 0; i < OUTPUTS; i++)
            fds[2 + i] = child_fd(output_fd(x, i));
        err = spawn(x, fds, CHILD_FDS, NULL, why);
    }
    for (int i = 0; i < CHILD_FDS; i++)
        vcr_close(&fds[i]);
    vcr_close(&original);
    vcr_close(&pipe_fds[1]);
    x->report = pipe_fds[0];
    return err;
}

bool work_advanced(const struct work *x) { return x->progress > x->known_progress + ADVANCE_MIN; }

void work_close(struct work *x)
{
    for (int i = 0; i < OUTPUTS; i++)
        vcr_close(&x->files[i]);
    blob_abort(&x->thumb);
}

static void take_line(struct work *x)
{
    json_t *line = json_loadb(x->line, x->line_len, JSON_REJECT_DUPLICATES, NULL), *value;
    x->line_len = 0;
    if (json_is_object(value = json_object_get(line, "result"))) {
        json_decref(x->result);
        x->result = json_incref(value);
    } else if (json_is_string(value = json_object_get(line, "error"))) {
        work_error(x, json_string_value(value));
    } else if (json_is_number(value = json_object_get(line, "progress"))) {
        double progress = VCR_CLAMP(json_number_value(value), 0.0, 0.99);
        x->rose = x->rose || progress > x->said;
        x->said = VCR_MAX(x->said, progress);
        x->progress = VCR_MAX(progress, x->progress);
        x->speed = VCR_CLAMP(json_number_value(json_object_get(line, "speed")), 0.0, SPEED_MAX);
        if (!x->begun_us) {
            x->begun_us = clock_mono_us();
            x->begun_progress = x->progress;
        }
        vcr_strcpy(x->stage, sizeof(x->stage), json_is_string(json_object_get(line, "stage")) ? json_string_value(json_object_get(line, "stage")) : "");
    }
    json_decref(line);
}

/* False: the child has closed its end, or talks nonsense. */
static bool take_bytes(struct work *x)
{
    char bytes[4096];
    ssize_t n = read(x->report, bytes, sizeof(bytes));
    if (n <= 0)
        return n < 0 && errno == EINTR;
    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] == '\n') {
            take_line(x);
        } else if (x->line_len == sizeof(x->line)) {
            return false;
        } else {
            x->line[x->line_len++] = bytes[i];
        }
    }
    return true;
}

void work_watch(struct work *x)
{
    int silence_ms = x->w->config.silence_ms ? x->w->config.silence_ms : SILENCE_MS;
    int64_t heard_us = clock_mono_us(), asked_us = heard_us, renewed_us = 0;
    for (bool open = true; open;) {
        struct pollfd p = { .fd = x->report, .events = POLLIN };
        if (poll(&p, 1, POLL_MS) > 0)
            open = take_bytes(x);
        int64_t now_us = clock_mono_us();
        if (x->rose) /* lines alone are no sign of life: it must get on */
            heard_us = now_us;
        x->rose = false;
        if (now_us - asked_us >= POLL_MS * 1000) {
            bool renew = now_us - renewed_us >= RENEW_MS * 1000;
            asked_us = now_us;
            renewed_us = renew ? now_us : renewed_us;
            x->lost = sql_run(x->w->config.db, renew ? SQL_WRITE : SQL_READ, renew ? work_renew : work_holds, x, NULL) == VCR_E_CONFLICT;
        }
        if (process_stopping(x->w))
            x->lost = true;
        if (now_us - heard_us > silence_ms * INT64_C(1000)) {
            work_error(x, "Processing made no progress for a minute and was ended.");
            open = false;
        }
        open = open && !x->lost;
    }
}

int work_reap(struct work *x) { return child_reap(x->child, true); /* it has closed its report, or is to end */ }

static bool demo_name(const struct work *x, char *out, size_t size)
{
    json_t *payload = json_loads(x->job.payload ? x->job.payload : "", 0, NULL);
    const char *name = json_string_value(json_object_get(payload, "name"));
    bool ok = name && vcr_strcpy(out, size, name);
    json_decref(payload);
    return ok;
}

/* A demo tape's film is drawn by the child into the original's blob, and from then on is a film like any other. */
enum vcr_err work_draw(struct work *x, struct vcr_why *why)
{
    char key[KEY_BYTES], name[32], sha[65];
    uint64_t size;
    struct blob_writer *film = NULL;
    int fds[DEMO_FDS] = { -1, -1 }, pipe_fds[2] = { -1, -1 };
    work_original_key(x, key);
    if (strcmp(x->job.kind, "demo") != 0 || blob_stat(x->w->config.blobs, key, &size, NULL) == VCR_OK)
        return VCR_OK;
    if (!demo_name(x, name, sizeof(name)))
        return vcr_fail(why, VCR_E_INVALID, "a demo job without a name");
    enum vcr_err err = blob_begin(x->w->config.blobs, key, &film, why);
    if (err == VCR_OK && pipe2(pipe_fds, O_CLOEXEC) != 0)
        err = vcr_fail(why, VCR_E_IO, "pipe: %s", strerror(errno));
    if (err == VCR_OK) {
        fds[0] = child_fd(blob_writer_fd(film));
        fds[1] = child_fd(pipe_fds[1]);
        err = spawn(x, fds, DEMO_FDS, name, why);
    }
    for (int i = 0; i < DEMO_FDS; i++)
        vcr_close(&fds[i]);
    vcr_close(&pipe_fds[1]);
    x->report = pipe_fds[0];
    if (err == VCR_OK) {
        work_watch(x);
        if (work_reap(x) != 0)
            err = vcr_fail(why, VCR_E_INTERNAL, "the demo film %s was not drawn", name);
    }
    vcr_close(&x->report);
    if (err == VCR_OK)
        err = blob_commit(&film, sha, &size, why);
    blob_abort(&film);
    return err;
}

/* Whether the result can be true and the reels that it names, with their indexes, were written. */
bool work_result_holds(const struct work *x)
{
    if (!process_result_ok(x->result, x->finish))
        return false;
    for (int i = 0; i < OUTPUTS; i++) {
        if (!work_reel_of(x, i))
            continue;
        if (lseek(output_fd(x, i), 0, SEEK_END) <= 0 || lseek(output_fd(x, i + 1), 0, SEEK_END) <= 0)
            return false;
    }
    return true;
}

static bool has_thumb(const struct work *x)
{
    char key[KEY_BYTES];
    uint64_t size;
    work_key(x, OUTPUT_THUMB, key);
    return blob_stat(x->w->config.blobs, key, &size, NULL) == VCR_OK;
}

static enum vcr_err commit_file(struct work *x, int output, struct vcr_why *why)
{
    char key[KEY_BYTES];
    off_t size = lseek(x->files[output], 0, SEEK_END);
    work_key(x, output, key);
    if (size < 0 || fsync(x->files[output]) != 0)
        return vcr_fail(why, errno == ENOSPC || errno == EDQUOT ? VCR_E_FULL : VCR_E_IO, "fsync: %s", strerror(errno));
    enum vcr_err err = blob_seal(x->w->config.blobs, key, why);
    if (err == VCR_OK && size == 0)
        err = blob_delete(x->w->config.blobs, key, why);
    x->sizes[output] = (uint64_t)size;
    return err;
}

/* What the child wrote becomes visible; empty outputs (a film without sound) leave no blob. */
enum vcr_err work_commit(struct work *x, struct vcr_why *why)
{
    enum vcr_err err = VCR_OK;
    char sha[65];
    for (int i = 0; err == VCR_OK && i < OUTPUTS; i++)
        if (i != OUTPUT_THUMB)
            err = commit_file(x, i, why);
    bool other = x->finish && has_thumb(x); /* the tape's poster stays */
    if (err == VCR_OK && !other && lseek(output_fd(x, OUTPUT_THUMB), 0, SEEK_END) > 0)
        err = blob_commit(&x->thumb, sha, &x->sizes[OUTPUT_THUMB], why);
    return err;
}
