/* api/session_record.c - the key record of a streaming session: a new tape, its files, then the session's actor takes them; or everything is taken back.
 *
 * ask what the picture is -> transaction (the tape) -> files (pool) -> actor -> answer; refused: transaction (no tape) -> files go (pool) -> the refusal. */
#include <string.h>

#include "api/session_call.h"
#include "app/recordings.h"

struct record {
    struct app_recording tape;
    struct recorder_files files;
    struct session_reply refused;
    enum vcr_err files_err;
    struct vcr_why files_why;
};

static struct record *record(struct api_call *c) { return call_session(c)->record; }

/* ---- taking it back ---- */
static void refuse(struct api_call *c)
{
    struct record *r = record(c);
    if (r->refused.err != VCR_OK) {
        call_session_fail(c, &r->refused);
        return;
    }
    r->files_why.code = r->files_err;
    api_fail(c, &r->files_why);
}

static enum vcr_err delete_files(struct api_call *c, struct vcr_why *why)
{
    app_record_delete(c->app, record(c)->tape.tape_id, NULL); /* what stays is swept with the tape's number */
    return VCR_OK;
}

static void undone(struct api_call *c)
{
    c->then = refuse;
    api_pool(c, c->app->files, delete_files);
}

static enum vcr_err undo_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    return app_record_undo(tx, call_session(c)->row.id, record(c)->tape.tape_id, why);
}

static void take_back(struct api_call *c)
{
    c->then = undone;
    api_sql(c, SQL_WRITE, undo_run);
}

/* ---- forward ---- */
static void started(void *arg, struct session_reply *reply)
{
    struct api_call *c = arg;
    struct record *r = record(c);
    if (reply->err != VCR_OK) {
        r->refused = *reply;
        app_record_files_forget(&r->files);
        take_back(c);
        return;
    }
    jsonw_open(&c->json, NULL);
    deck_json(&c->json, "deck", &reply->info);
    jsonw_close(&c->json);
    api_finish(c);
}

static void have_files(struct api_call *c)
{
    struct record *r = record(c);
    struct session_recording to = { .tape_id = r->tape.tape_id, .files = r->files };
    if (r->files_err != VCR_OK) {
        take_back(c);
        return;
    }
    vcr_strcpy(to.title, sizeof(to.title), r->tape.title);
    session_record(c->app->config.sessions, call_session(c)->row.id, &to, c->loop, started, c);
}

static enum vcr_err open_files(struct api_call *c, struct vcr_why *why)
{
    struct record *r = record(c);
    r->files_err = app_record_files(c->app, &r->tape, &r->files, &r->files_why);
    return VCR_OK;
}

static void have_tape(struct api_call *c)
{
    c->then = have_files;
    api_pool(c, c->app->files, open_files);
}

static enum vcr_err tape_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct record *r = record(c);
    const struct call_session *o = call_session(c);
    struct session_picture p = o->picture;
    enum vcr_err err = app_record_tape(tx, &c->who, o->row.id, o->row.device_id, api_str(c, "title"), c->now_ms, &r->tape, why);
    r->tape.width = p.width, r->tape.height = p.height;
    r->tape.sar_num = p.sar_num, r->tape.sar_den = p.sar_den;
    r->tape.frames_per_1000_s = p.frames_per_1000_s;
    r->tape.passed_through = p.passed_through;
    return err;
}

/* The actor is asked first, so that a refusal leaves no trace; what changes until it is asked again is taken back. */
static void may_record(void *arg, struct session_reply *reply)
{
    struct api_call *c = arg;
    if (reply->err != VCR_OK) {
        call_session_fail(c, reply);
        return;
    }
    call_session(c)->picture = reply->info.picture;
    call_session(c)->record = vcr_alloc(sizeof(struct record));
    c->then = have_tape;
    api_sql(c, SQL_WRITE, tape_run);
}

void session_record_then(struct api_call *c)
{
    session_command(c->app->config.sessions, call_session(c)->row.id, c->who.user_id, DECK_CMD_RECORD, &call_session(c)->command.args, NULL, c->loop, may_record, c);
}
