/* app/sessions.c - session rows, and opening a tape's reels for a deck. */
#include "app/sessions.h"

#include <jansson.h>
#include <string.h>

#include "app/shares.h"
#include "app/tape_map.h"
#include "app/timeline.h"
#include "base/clock.h"
#include "base/log.h"

void app_session_free(struct app_session *s)
{
    free(s->look);
    free(s->settings);
    memset(s, 0, sizeof(*s));
}

enum vcr_err app_session_create(const struct app *a, struct sql_tx *tx, const struct app_principal *who, const char *id, int64_t tape_id, int64_t device_id, const char *look_json,
                                const char *settings_json, int64_t now_ms, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    int64_t running = 0;
    enum vcr_err err = sql_query(tx, &rows, "SELECT COUNT(*) FROM sessions WHERE user_id = $1 AND ended_at IS NULL", SQL_ARGS(SQL_I(who->user_id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK)
        running = sql_int(rows, 0);
    sql_rows_close(&rows);
    if (err != VCR_OK)
        return err;
    if (a->config.rate_limits && running >= APP_SESSIONS_PER_USER)
        return vcr_refuse(why, VCR_E_RATE, "/too-many-sessions", "you have %d running VCRs; end one first", APP_SESSIONS_PER_USER);
    return sql_exec(tx, "INSERT INTO sessions (id, user_id, tape_id, device_id, type, status, started_at, look, settings) VALUES ($1, $2, $3, $4, $5, 'starting', $6, $7, $8)",
                    SQL_ARGS(SQL_T(id), SQL_I(who->user_id), tape_id ? SQL_I(tape_id) : SQL_NUL, device_id ? SQL_I(device_id) : SQL_NUL,
                             SQL_T(device_id ? "streaming" : "emulation"), SQL_I(now_ms), SQL_T(look_json), SQL_T(settings_json)),
                    NULL, why);
}

#define SESSION_COLUMNS "s.id, s.user_id, s.tape_id, s.type, s.status, s.started_at, s.ended_at, s.look, s.settings, s.device_id"

static void read_session(struct sql_rows *r, struct app_session *s)
{
    app_session_free(s);
    vcr_strcpy(s->id, sizeof(s->id), sql_text(r, 0));
    s->user_id = sql_int(r, 1);
    s->tape_id = sql_int(r, 2);
    vcr_strcpy(s->type, sizeof(s->type), sql_text(r, 3));
    vcr_strcpy(s->status, sizeof(s->status), sql_text(r, 4));
    s->started_at = sql_int(r, 5);
    s->ended_at = sql_int(r, 6);
    s->look = sql_is_null(r, 7) ? NULL : vcr_strdup(sql_text(r, 7));
    s->settings = sql_is_null(r, 8) ? NULL : vcr_strdup(sql_text(r, 8));
    s->device_id = sql_int(r, 9);
}

/* Of a streaming session those that its new tape is shared with see it, but not all who see that tape. */
static enum vcr_err relation_to(struct sql_tx *tx, const struct app_principal *who, const struct app_session *s, enum app_relation *ret, struct vcr_why *why)
{
    struct app_tape t = { 0 };
    bool shared = true, mine = s->user_id && s->user_id == who->user_id;
    enum vcr_err err = VCR_OK;
    *ret = mine ? APP_MINE : APP_OTHERS;
    if (mine || !s->tape_id || app_sees_all(who, APP_A_SESSION))
        return VCR_OK;
    if (strcmp(s->type, "streaming") == 0)
        err = app_shared_with(tx, who, s->tape_id, &shared, why);
    if (err == VCR_OK && shared)
        err = app_tape_find(tx, who, s->tape_id, APP_SEE, APP_NOT_BINNED, &t, why);
    app_tape_free(&t);
    if (err == VCR_OK && shared)
        *ret = APP_SHARED;
    return err == VCR_E_NOT_FOUND ? VCR_OK : err;
}

bool app_session_privy(const struct app_principal *who, const struct app_session *s)
{
    return app_may(who, APP_A_SESSION, APP_INSPECT, s->user_id && s->user_id == who->user_id ? APP_MINE : APP_OTHERS, NULL) == VCR_OK;
}

enum vcr_err app_session_find(struct sql_tx *tx, const struct app_principal *who, const char *id, enum app_access access, struct app_session *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    if (!vcr_is_uuid(id))
        return vcr_fail(why, VCR_E_NOT_FOUND, "there is no such session");
    enum vcr_err err = sql_query(tx, &rows, "SELECT " SESSION_COLUMNS " FROM sessions s WHERE s.id = $1", SQL_ARGS(SQL_T(id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK)
        read_session(rows, ret);
    sql_rows_close(&rows);
    if (err != VCR_OK && err != VCR_E_END)
        return err;
    if (err == VCR_E_END)
        return vcr_fail(why, VCR_E_NOT_FOUND, "there is no such session");
    enum app_relation relation;
    err = relation_to(tx, who, ret, &relation, why);
    return err == VCR_OK ? app_may(who, APP_A_SESSION, access, relation, why) : err;
}

enum vcr_err app_session_person(struct sql_tx *tx, const struct app_principal *who, struct session_person *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    *ret = (struct session_person){ .user_id = app_person_id(who) };
    enum vcr_err err = sql_query(tx, &rows, "SELECT display_name, email FROM users WHERE id = $1", SQL_ARGS(SQL_I(who->user_id)), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        const char *name = sql_is_null(rows, 0) ? "" : sql_text(rows, 0), *email = sql_text(rows, 1);
        vcr_strcpy(ret->name, sizeof(ret->name), *name ? name : email);
        if (!*name)
            ret->name[strcspn(ret->name, "@")] = '\0';
        for (size_t n = strlen(ret->name); n > 0 && !vcr_utf8_ok(ret->name, n); n--) /* a long name is cut between its characters */
            ret->name[n - 1] = '\0';
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

enum vcr_err app_session_set_status(struct sql_tx *tx, const char *id, const char *status, int64_t now_ms, struct vcr_why *why)
{
    bool over = strcmp(status, "ended") == 0 || strcmp(status, "failed") == 0;
    return sql_exec(tx, "UPDATE sessions SET status = $2, ended_at = $3 WHERE id = $1 AND ended_at IS NULL",
                    SQL_ARGS(SQL_T(id), SQL_T(status), over ? SQL_I(now_ms) : SQL_NUL), NULL, why);
}

enum vcr_err app_session_set_tape(struct sql_tx *tx, const char *id, int64_t tape_id, struct vcr_why *why)
{
    return sql_exec(tx, "UPDATE sessions SET tape_id = $2 WHERE id = $1", SQL_ARGS(SQL_T(id), tape_id ? SQL_I(tape_id) : SQL_NUL), NULL, why);
}

enum vcr_err app_session_set_look(struct sql_tx *tx, const char *id, const char *look_json, struct vcr_why *why)
{
    return sql_exec(tx, "UPDATE sessions SET look = $2 WHERE id = $1", SQL_ARGS(SQL_T(id), SQL_T(look_json)), NULL, why);
}

enum vcr_err app_session_list(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, const char *before, int limit,
                              void (*each)(void *arg, const struct app_session *s), void *arg, bool *ret_more, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    struct app_session s = { 0 };
    int n = 0;
    *ret_more = false;
    enum vcr_err err = sql_query(tx, &rows,
                                 "SELECT " SESSION_COLUMNS " FROM sessions s LEFT JOIN tapes t ON t.id = s.tape_id WHERE (s.user_id = $1 OR t.user_id = $1 OR $2 = 1 "
                                 "OR s.tape_id IN (SELECT tape_id FROM shares WHERE user_id = $1) OR (s.tape_id = $6 AND s.ended_at IS NULL AND t.trashed_at IS NULL)) "
                                 "AND ($3 = 0 OR s.tape_id = $3) AND ($4 = '' OR s.id < $4) ORDER BY s.id DESC LIMIT $5",
                                 SQL_ARGS(SQL_I(who->user_id), SQL_I(app_sees_all(who, APP_A_SESSION) || (app_sees_all(who, APP_A_TAPE) && tape_id)), SQL_I(tape_id), SQL_T(before),
                                          SQL_I(limit + 1), SQL_I(who->share_tape_id)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        if (n++ == limit) {
            *ret_more = true;
            break;
        }
        read_session(rows, &s);
        each(arg, &s);
    }
    sql_rows_close(&rows);
    app_session_free(&s);
    return err == VCR_E_END ? VCR_OK : err;
}

/* ---- a tape for a deck ---- */
static const struct { const char *kind; size_t file, index; } reel_places[] = {
    { "tape_video", offsetof(struct session_tape, tape_video_fd), offsetof(struct session_tape, tape_video_index_fd) },
    { "opus", offsetof(struct session_tape, tape_audio_fd), offsetof(struct session_tape, tape_audio_index_fd) },
    { "clean_video", offsetof(struct session_tape, clean_video_fd), offsetof(struct session_tape, clean_video_index_fd) },
};

/* One that is not there is left out: the deck shows snow in its place. */
static enum vcr_err open_reel(const struct app *a, struct session_tape *t, size_t place, const char *file_key, const char *index_key, struct vcr_why *why)
{
    int *file = (int *)(void *)((char *)t + reel_places[place].file), *index = (int *)(void *)((char *)t + reel_places[place].index);
    uint64_t size;
    enum vcr_err err = blob_open_fd(a->config.blobs, file_key, file, &size, why);
    if (err == VCR_OK)
        err = blob_open_fd(a->config.blobs, index_key, index, &size, why);
    if (err != VCR_OK)
        vcr_close(file);
    if (err != VCR_E_NOT_FOUND)
        return err;
    log_warn("session", "%s is missing: there is snow in its place", file_key);
    return VCR_OK;
}

/* The raster that vcr-ingest noted with the tape reel; without a word of it 4:3 at field rate. */
static void read_raster(const char *info, struct session_tape *t)
{
    json_t *j = json_loads(info, 0, NULL);
    const char *aspect = json_string_value(json_object_get(j, "display_aspect"));
    t->field_rate = !json_is_false(json_object_get(j, "field_rate"));
    t->wide = aspect && strcmp(aspect, "16:9") == 0;
    json_decref(j);
}

/* take 0: the film. */
static enum vcr_err open_reels(const struct app *a, struct sql_tx *tx, int64_t take, struct session_tape *t, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT kind, blob_key, index_key, info FROM reels WHERE tape_id = $1 AND COALESCE(take_id, 0) = $2 AND track = 0",
                                 SQL_ARGS(SQL_I(t->tape_id), SQL_I(take)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        const char *kind = sql_text(rows, 0), *info = sql_is_null(rows, 3) ? "" : sql_text(rows, 3);
        for (size_t i = 0; i < ARRAY_LEN(reel_places) && err == VCR_OK; i++)
            if (strcmp(kind, reel_places[i].kind) == 0)
                err = open_reel(a, t, i, sql_text(rows, 1), sql_text(rows, 2), why);
        if (strcmp(kind, "tape_video") == 0) {
            read_raster(info, t);
            vcr_strcpy(t->video_key, sizeof(t->video_key), sql_text(rows, 1));
        }
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

enum { SOMEBODY_ELSES = -1 }; /* nobody's, but not for the asker to write on */

static void describe(const struct app_principal *who, const struct app_tape *row, int64_t length_us, struct session_tape *t)
{
    const struct app_cell *c = row->c;
    const char *speed = c[APP_T_TAPE_SPEED].s ? c[APP_T_TAPE_SPEED].s : "sp";
    t->tape_id = c[APP_T_ID].i;
    t->owner_id = !c[APP_T_USER_ID].null ? c[APP_T_USER_ID].i : app_sees_all(who, APP_A_TAPE) ? 0 : SOMEBODY_ELSES;
    vcr_strcpy(t->title, sizeof(t->title), c[APP_T_TITLE].s);
    t->pal = c[APP_T_STANDARD].s && strcmp(c[APP_T_STANDARD].s, "pal") == 0;
    t->field_rate = true;
    t->deck.blank = strcmp(c[APP_T_STATUS].s, "ready") != 0;
    t->deck.length_us = length_us;
    t->deck.position_us = VCR_CLAMP(c[APP_T_POSITION].i, 0, t->deck.length_us);
    t->deck.frame_us = t->pal ? 40000 : 33367;
    t->deck.seed = (uint64_t)c[APP_T_SEED].i;
    t->deck.wear_16 = (int32_t)VCR_CLAMP(c[APP_T_WEAR].i, 0, 16);
    t->deck.tape_speed = strcmp(speed, "lp") == 0 ? 1 : strcmp(speed, "ep") == 0 ? 2 : 0;
    t->deck.write_protected = c[APP_T_WRITE_PROTECTED].i != 0;
}

static const struct session_tape no_reels = {
    .tape_video_fd = -1, .tape_video_index_fd = -1, .tape_audio_fd = -1, .tape_audio_index_fd = -1, .clean_video_fd = -1, .clean_video_index_fd = -1,
};

struct opening {
    const struct app *a;
    int64_t take;
    struct session_tape tape;
};

static enum vcr_err take_work(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct opening *o = arg;
    return open_reels(o->a, tx, o->take, &o->tape, why);
}

enum vcr_err app_take_open(const struct app *a, int64_t tape_id, int64_t take, int ret_fds[APP_TAKE_FDS], struct vcr_why *why)
{
    struct opening o = { .a = a, .take = take, .tape = no_reels };
    o.tape.tape_id = tape_id;
    enum vcr_err err = sql_run(a->config.db, SQL_READ, take_work, &o, why);
    if (err != VCR_OK)
        session_tape_close(&o.tape);
    const int fds[APP_TAKE_FDS] = { o.tape.tape_video_fd,       o.tape.tape_video_index_fd, o.tape.tape_audio_fd,
                                    o.tape.tape_audio_index_fd, o.tape.clean_video_fd,      o.tape.clean_video_index_fd };
    bool some = false;
    for (int i = 0; i < APP_TAKE_FDS; i++) {
        ret_fds[i] = fds[i];
        some = some || fds[i] >= 0;
    }
    return err == VCR_OK && !some ? vcr_fail(why, VCR_E_NOT_FOUND, "this recording is missing") : err;
}

enum vcr_err app_tape_open(const struct app *a, struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, struct session_tape *ret, struct vcr_why *why)
{
    struct app_tape row = { 0 };
    int64_t length_us = 0;
    *ret = no_reels;
    enum vcr_err err = app_tape_find(tx, who, tape_id, APP_START, APP_NOT_BINNED, &row, why);
    if (err == VCR_OK && strcmp(row.c[APP_T_STATUS].s, "recording") == 0)
        err = vcr_refuse(why, VCR_E_CONFLICT, "/tape-in-use", "this tape is being recorded onto elsewhere");
    if (err == VCR_OK && strcmp(row.c[APP_T_STATUS].s, "ready") != 0 && strcmp(row.c[APP_T_STATUS].s, "blank") != 0)
        err = vcr_refuse(why, VCR_E_CONFLICT, "/tape-not-ready", "this tape cannot be played: it is %s", row.c[APP_T_STATUS].s);
    if (err == VCR_OK)
        err = app_tape_length(tx, &row, &length_us, why);
    if (err == VCR_OK) {
        describe(who, &row, length_us, ret);
        err = open_reels(a, tx, 0, ret, why);
    }
    if (err == VCR_OK)
        err = app_tape_map(tx, tape_id, &ret->map, why);
    if (err == VCR_OK)
        ret->deck.map = &ret->map->map;
    app_tape_free(&row);
    if (err != VCR_OK)
        session_tape_close(ret);
    return err;
}

/* ---- what the media loop tells ---- */
struct note {
    struct sql_job job;
    int64_t tape_id, position_us, now_ms;
    char session_id[VCR_UUID_BYTES], status[16];
};

static enum vcr_err note_work(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why)
{
    struct note *n = container_of(job, struct note, job);
    if (n->tape_id)
        return sql_exec(tx, "UPDATE tapes SET position_us = $2 WHERE id = $1", SQL_ARGS(SQL_I(n->tape_id), SQL_I(n->position_us)), NULL, why);
    return app_session_set_status(tx, n->session_id, n->status, n->now_ms, why);
}

static void note_done(struct sql_job *job)
{
    struct note *n = container_of(job, struct note, job);
    if (job->err != VCR_OK)
        log_warn("session", "a tape's place or a session's end was not kept: %s", job->why.text);
    free(n);
}

static void submit_note(struct sql_db *db, struct note *n)
{
    struct vcr_why why;
    n->job.mode = SQL_WRITE;
    n->job.work = note_work;
    n->job.done = note_done;
    n->job.deadline_us = clock_mono_us() + 10000000;
    if (sql_submit(db, &n->job, &why) != VCR_OK) {
        log_warn("session", "a tape's place or a session's end was not kept: %s", why.text);
        free(n);
    }
}

void app_tape_save_position(struct sql_db *db, int64_t tape_id, int64_t position_us)
{
    struct note *n = vcr_alloc(sizeof(*n));
    n->tape_id = tape_id;
    n->position_us = position_us;
    submit_note(db, n);
}

void app_session_over(struct sql_db *db, const char *session_id, const char *status)
{
    struct note *n = vcr_alloc(sizeof(*n));
    vcr_strcpy(n->session_id, sizeof(n->session_id), session_id);
    vcr_strcpy(n->status, sizeof(n->status), status);
    n->now_ms = clock_wall_ms();
    submit_note(db, n);
}
