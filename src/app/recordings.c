/* app/recordings.c - see recordings.h. */
#include "app/recordings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app/recordings_internal.h"
#include "app/recover.h"
#include "app/tapes.h"
#include "base/clock.h"
#include "base/log.h"
#include "session/session.h"
#include "wire/json.h"

enum { UNFINISHED_MAX = 256, RECOVER_MS = 2000 };

/* What the call-backs of one recording's files need; theirs. */
struct sealing {
    const struct app *a;
    struct app_recording r;
    struct record_picture picture;
    bool recovered;
    const struct recorder_result *result;
};

static struct record_place place_of(const struct sealing *s) { return (struct record_place){ .tape_id = s->r.tape_id }; }

/* ---- the tape ---- */
static enum vcr_err name_of_device(struct sql_tx *tx, int64_t id, char *out, size_t size, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT name FROM devices WHERE id = $1", SQL_ARGS(SQL_I(id)), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        vcr_strcpy(out, size, sql_text(rows, 0));
    sql_rows_close(&rows);
    return err == VCR_E_END ? vcr_fail(why, VCR_E_NOT_FOUND, "there is no such device") : err;
}

enum vcr_err app_record_tape(struct sql_tx *tx, const struct app_principal *who, const char *session_id, int64_t device_id, const char *title, int64_t now_ms,
                             struct app_recording *ret, struct vcr_why *why)
{
    char name[401] = "", date[24];
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm utc;
    *ret = (struct app_recording){ .user_id = who->user_id, .device_id = device_id };
    vcr_strcpy(ret->session_id, sizeof(ret->session_id), session_id);
    enum vcr_err err = name_of_device(tx, device_id, name, sizeof(name), why);
    strftime(date, sizeof(date), "%Y-%m-%d %H:%M", gmtime_r(&seconds, &utc));
    if (title)
        vcr_strcpy(ret->title, sizeof(ret->title), title);
    else
        snprintf(ret->title, sizeof(ret->title), "%.200s, %s", name, date);
    while (!vcr_utf8_ok(ret->title, strlen(ret->title))) /* cut inside a character */
        ret->title[strlen(ret->title) - 1] = '\0';
    const struct app_change changes[] = { { APP_T_TITLE, SQL_T(title ? title : ret->title) }, { APP_T_STATUS, SQL_T("recording") } };
    if (err == VCR_OK)
        err = app_tape_create(tx, who, changes, ARRAY_LEN(changes), now_ms, &ret->tape_id, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "UPDATE sessions SET tape_id = $2 WHERE id = $1", SQL_ARGS(SQL_T(session_id), SQL_I(ret->tape_id)), NULL, why);
    return err;
}

enum vcr_err app_record_undo(struct sql_tx *tx, const char *session_id, int64_t tape_id, struct vcr_why *why)
{
    enum vcr_err err = sql_exec(tx, "UPDATE sessions SET tape_id = NULL WHERE id = $1 AND tape_id = $2", SQL_ARGS(SQL_T(session_id), SQL_I(tape_id)), NULL, why);
    return err == VCR_OK ? app_tape_purge(tx, tape_id, why) : err;
}

enum vcr_err app_record_delete(const struct app *a, int64_t tape_id, struct vcr_why *why) { return app_tape_delete_blobs(a, tape_id, why); }

/* ---- sealed ---- */
static char *details_text(const struct sealing *s)
{
    struct buf b;
    struct jsonw j;
    buf_init(&b, 2048);
    jsonw_init(&j, &b);
    jsonw_open(&j, NULL);
    jsonw_int(&j, "device_id", s->r.device_id);
    jsonw_seconds(&j, "duration", s->result->duration_us);
    jsonw_str(&j, "stop_reason", s->result->stop_reason);
    jsonw_bool(&j, "recovered", s->recovered);
    jsonw_close(&j);
    return b.data;
}

static enum vcr_err add_reels(struct sql_tx *tx, const struct sealing *s, struct vcr_why *why)
{
    const struct record_place place = place_of(s);
    enum vcr_err err = sql_exec(tx, "DELETE FROM reels WHERE tape_id = $1 AND take_id IS NULL", SQL_ARGS(SQL_I(s->r.tape_id)), NULL, why);
    for (int i = 0; err == VCR_OK && i < RECORDER_TRACKS; i++) {
        char file[RECORD_KEY_BYTES], index[RECORD_KEY_BYTES];
        if (!s->result->track[i].there)
            continue;
        record_key(&place, record_tracks[i].file, file);
        record_key(&place, record_tracks[i].index, index);
        err = sql_exec(tx, "INSERT INTO reels(tape_id, kind, blob_key, index_key, size_bytes, duration_us, info, track) VALUES($1, $2, $3, $4, $5, $6, '{}', 0)",
                       SQL_ARGS(SQL_I(s->r.tape_id), SQL_T(record_tracks[i].reel), SQL_T(file), SQL_T(index), SQL_I((int64_t)s->result->track[i].size_bytes),
                                SQL_I(s->result->duration_us)),
                       NULL, why);
    }
    return err;
}

/* Nothing was recorded: the tape is blank. */
static enum vcr_err end_tape(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    const struct sealing *s = arg;
    const struct recorder_result *r = s->result;
    bool some = r->sealed && r->duration_us > 0 && r->track[RECORDER_VIDEO].there;
    bool pal = record_is_pal(&s->picture);
    const struct record_place place = place_of(s);
    int64_t now_ms = clock_wall_ms(), changed = 0, job;
    char key[RECORD_KEY_BYTES], address[512];
    char *media = some ? record_media_text(&s->picture, r, s->recovered) : NULL, *details = details_text(s);
    record_key(&place, record_tracks[RECORDER_VIDEO].file, key);
    blob_address(s->a->config.blobs, key, address, sizeof(address));
    enum vcr_err err = sql_exec(tx,
                                "UPDATE tapes SET status = $2, duration_us = $3, standard = $4, media = $5, storage_uri = $6, updated_at = $7, revision = revision + 1"
                                " WHERE id = $1 AND status = 'recording'",
                                SQL_ARGS(SQL_I(s->r.tape_id), SQL_T(some ? "ready" : "blank"), some ? SQL_I(r->duration_us) : SQL_NUL, some ? SQL_T(pal ? "pal" : "ntsc") : SQL_NUL,
                                         SQL_T(media), SQL_T(some ? address : ""), SQL_I(now_ms)),
                                &changed, why);
    if (err == VCR_OK && changed == 0)
        err = vcr_fail(why, VCR_E_NOT_FOUND, "the tape was removed meanwhile");
    if (err == VCR_OK && some)
        err = add_reels(tx, s, why);
    if (err == VCR_OK && some)
        err = app_history_add(tx, s->r.tape_id, "recorded", s->r.user_id, details, now_ms, why);
    if (err == VCR_OK && some)
        err = queue_put(tx, s->r.tape_id, "finish", QUEUE_PERSON, "{}", now_ms, &job, why);
    free(media);
    free(details);
    return err;
}

static enum vcr_err seal(void *arg, const struct recorder_result *result, struct vcr_why *why)
{
    const struct sealing *s = arg;
    return record_seal_files(s->a, &(struct record_place){ .tape_id = s->r.tape_id }, result, why);
}

static void tidy(const struct sealing *s, bool some) { record_tidy(s->a, &(struct record_place){ .tape_id = s->r.tape_id }, some); }

/* False: what could not be sealed or noted stays as it is, to be tried again. */
static bool conclude(struct sealing *s, const struct recorder_result *result)
{
    struct vcr_why why = { 0 };
    s->result = result;
    record_fill_picture(&s->picture, result); /* after a crash nobody knows the programme any more, but its reels say what it was */
    bool some = result->sealed && result->duration_us > 0, lost = !result->sealed && result->duration_us > 0;
    if (lost) {
        log_error("recording", "tape %" PRId64 " could not be sealed (%s); it will be", s->r.tape_id, result->why.text);
        return false;
    }
    enum vcr_err err = sql_run(s->a->config.db, SQL_WRITE, end_tape, s, &why);
    bool noted = err == VCR_OK || err == VCR_E_NOT_FOUND;
    if (noted)
        tidy(s, some && err == VCR_OK);
    else
        log_error("recording", "tape %" PRId64 " was recorded, and not noted: %s; it will be", s->r.tape_id, why.text);
    return noted;
}

static bool recover_one(const struct app *a, int64_t tape_id);

static void done(void *arg, const struct recorder_result *result)
{
    struct sealing *s = arg;
    if (!conclude(s, result))
        app_recover_later(s->a, recover_one, s->r.tape_id, RECOVER_MS);
    if (s->a->config.sessions)
        session_recorded(s->a->config.sessions, s->r.session_id, s->r.tape_id, result->stop_reason);
    free(s);
}

/* ---- the files ---- */
void app_record_files_forget(struct recorder_files *f)
{
    free(f->arg);
    f->arg = NULL;
}

enum vcr_err app_record_files(const struct app *a, const struct app_recording *r, struct recorder_files *ret, struct vcr_why *why)
{
    enum vcr_err err = record_open_files(a, &(struct record_place){ .tape_id = r->tape_id }, true, true, ret, why);
    if (err != VCR_OK)
        return err;
    struct sealing *s = vcr_alloc(sizeof(*s));
    s->a = a;
    s->r = *r;
    s->picture = (struct record_picture){ r->width, r->height, r->sar_num, r->sar_den, r->frames_per_1000_s };
    ret->seal = seal;
    ret->done = done;
    ret->arg = s;
    return VCR_OK;
}

/* ---- after a crash ---- */
struct unfinished {
    int64_t ids[UNFINISHED_MAX];
    int count;
};

static void found(void *arg, const char *key)
{
    struct unfinished *u = arg;
    int64_t id;
    char again[RECORD_KEY_BYTES];
    if (u->count == UNFINISHED_MAX || sscanf(key, "tapes/%" SCNd64 "/c1/journal", &id) != 1)
        return;
    record_key(&(struct record_place){ .tape_id = id }, "journal", again);
    if (strcmp(key, again) == 0)
        u->ids[u->count++] = id;
}

/* Whose it is; *r stays without an owner when the tape was purged or is ready. */
static enum vcr_err look_up(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct app_recording *r = arg;
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT user_id, status FROM tapes WHERE id = $1", SQL_ARGS(SQL_I(r->tape_id)), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        r->user_id = sql_int(rows, 0);
        vcr_strcpy(r->title, sizeof(r->title), sql_text(rows, 1)); /* its status, here */
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

static bool recover_one(const struct app *a, int64_t tape_id)
{
    struct vcr_why why = { 0 };
    struct recorder_files files;
    struct recorder_result result = { 0 };
    struct sealing s = { .a = a, .r = { .tape_id = tape_id }, .recovered = true };
    if (sql_run(a->config.db, SQL_READ, look_up, &s.r, &why) != VCR_OK)
        return false;
    if (strcmp(s.r.title, "recording") != 0) { /* it was noted before the kill, or the tape is gone */
        tidy(&s, s.r.title[0] != '\0');
        return true;
    }
    if (record_open_files(a, &(struct record_place){ .tape_id = tape_id }, false, true, &files, &why) != VCR_OK) {
        log_error("recording", "tape %" PRId64 ": its files cannot be opened: %s", tape_id, why.text);
        return false;
    }
    files.seal = seal;
    files.arg = &s;
    recorder_recover(&files, &result);
    bool through = conclude(&s, &result);
    if (through)
        log_warn("recording", "tape %" PRId64 " was broken off while it was recorded: %.1f s are whole", tape_id, (double)result.duration_us / 1e6);
    return through;
}

/* Killed between the transaction and the files: there is nothing of it. */
static enum vcr_err forget_rest(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    const struct unfinished *u = arg;
    struct buf ids;
    buf_init(&ids, 16384);
    buf_adds(&ids, "UPDATE tapes SET status = 'blank', revision = revision + 1 WHERE status = 'recording' AND id NOT IN (0");
    for (int i = 0; i < u->count; i++)
        buf_addf(&ids, ", %" PRId64, u->ids[i]);
    buf_adds(&ids, ") AND NOT EXISTS (SELECT 1 FROM takes WHERE takes.tape_id = tapes.id AND takes.status = 'recording')");
    enum vcr_err err = buf_ok(&ids) ? sql_exec(tx, ids.data, SQL_NONE, NULL, why) : VCR_OK;
    buf_free(&ids);
    return err;
}

enum vcr_err app_record_recover(const struct app *a, struct vcr_why *why)
{
    struct unfinished u = { .count = 0 };
    enum vcr_err err = blob_unfinished(a->config.blobs, "journal", found, &u, why);
    for (int i = 0; err == VCR_OK && i < u.count; i++)
        app_recover_later(a, recover_one, u.ids[i], 0);
    return err == VCR_OK ? sql_run(a->config.db, SQL_WRITE, forget_rest, &u, why) : err;
}
