/* session/calls.c - the way in: each public call becomes a message to the media loop and its answer a message back. */
#include <string.h>

#include "base/clock.h"
#include "session/live_internal.h"

/* A call on its way there and back. */
struct request {
    struct loop_msg msg;
    struct sessions *owner;
    void (*act)(struct request *r); /* on the media loop */
    char id[VCR_UUID_BYTES];
    struct session_settings settings;
    enum deck_cmd cmd;
    struct deck_args args;
    bool has_args, has_tape;
    struct session_tape tape;
    int64_t device_id, asker;
    bool is_master;
    enum session_remote_action action;
    struct session_person who;
    struct session_recording recording;
    struct session_source source;
    bool later;                   /* answered when something has happened */
    char peer_id[VCR_UUID_BYTES];
    char *sdp;
    size_t sdp_len;               /* of session_view and session_view_trickle alone */
    struct loop *loop;
    session_done done;
    void *arg;
    struct session_reply reply;
};

static void answer(struct loop_msg *m)
{
    struct request *r = container_of(m, struct request, msg);
    r->done(r->arg, &r->reply);
    free(r->sdp);
    free(r);
}

static void answer_now(struct request *r)
{
    r->msg.fn = answer;
    loop_post(r->loop, &r->msg);
}

static void act(struct loop_msg *m)
{
    struct request *r = container_of(m, struct request, msg);
    r->act(r);
    if (!r->later)
        answer_now(r);
}

static struct request *request_new(struct sessions *s, const char *id, struct loop *loop, session_done done, void *arg)
{
    struct request *r = vcr_alloc(sizeof(*r));
    r->owner = s;
    r->loop = loop;
    r->done = done;
    r->arg = arg;
    vcr_strcpy(r->id, sizeof(r->id), id);
    return r;
}

static void request_send(struct request *r, void (*fn)(struct request *r))
{
    r->act = fn;
    r->msg.fn = act;
    loop_post(r->owner->loop, &r->msg);
}

/* The session asked for, its state already in the answer; NULL: the answer says why not. */
static struct session *find(struct request *r)
{
    struct session *x = sessions_find(r->owner, r->id);
    if (x)
        actor_info(x, &r->reply.info);
    else
        r->reply.err = vcr_refuse(&r->reply.why, VCR_E_CONFLICT, "/session-ended", "The session has ended.");
    return x;
}

static struct session *find_or_absent(struct request *r)
{
    struct session *x = find(r);
    if (!x)
        r->reply.err = vcr_fail(&r->reply.why, VCR_E_NOT_FOUND, "There is no such session running.");
    return x;
}

static void act_start(struct request *r)
{
    struct session *x = sessions_find(r->owner, r->id);
    struct session_tape *tape = r->has_tape ? &r->tape : NULL;
    if (x || r->owner->closing) {
        r->reply.err = x ? vcr_fail(&r->reply.why, VCR_E_CONFLICT, "This session runs already.")
                         : vcr_fail(&r->reply.why, VCR_E_BUSY, "The server is stopping.");
        if (tape)
            session_tape_close(tape);
        return;
    }
    r->reply.err = actor_start(r->owner, r->id, &r->settings, tape, &x, &r->reply.why);
    if (r->reply.err == VCR_OK)
        actor_info(x, &r->reply.info);
}

void session_start(struct sessions *s, const char *id, const struct session_settings *settings, struct session_tape *tape, struct loop *loop,
                   session_done done, void *arg)
{
    struct request *r = request_new(s, id, loop, done, arg);
    r->settings = *settings;
    r->has_tape = tape != NULL;
    if (tape)
        r->tape = *tape;
    request_send(r, act_start);
}

static void act_start_live(struct request *r)
{
    struct session *x = sessions_find(r->owner, r->id);
    if (x || r->owner->closing || !r->owner->ingest_program) {
        r->reply.err = x ? vcr_fail(&r->reply.why, VCR_E_CONFLICT, "This session runs already.")
                         : vcr_fail(&r->reply.why, VCR_E_BUSY, "This server shows no live pictures now.");
        return;
    }
    r->reply.err = live_session_start(r->owner, r->id, &r->settings, r->device_id, &x, &r->reply.why);
    if (r->reply.err == VCR_OK)
        actor_info(x, &r->reply.info);
}

void session_start_live(struct sessions *s, const char *id, const struct session_settings *settings, int64_t device_id, struct loop *loop, session_done done, void *arg)
{
    struct request *r = request_new(s, id, loop, done, arg);
    r->settings = *settings;
    r->device_id = device_id;
    request_send(r, act_start_live);
}

static void files_close(struct recorder_files *f)
{
    for (int i = 0; i < RECORDER_TRACKS; i++) {
        vcr_close(&f->track[i].fd);
        vcr_close(&f->track[i].index_fd);
    }
    vcr_close(&f->journal_fd);
}

static void act_record(struct request *r)
{
    struct session *x = find(r);
    if (!x || !x->live.is) {
        files_close(&r->recording.files);
        if (x)
            r->reply.err = vcr_refuse(&r->reply.why, VCR_E_CONFLICT, "/not-in-this-mode", "This is no streaming session.");
        return;
    }
    r->reply.err = live_session_record(x, &r->recording, &r->reply.why);
    actor_info(x, &r->reply.info);
}

void session_record(struct sessions *s, const char *id, const struct session_recording *recording, struct loop *loop, session_done done, void *arg)
{
    struct request *r = request_new(s, id, loop, done, arg);
    r->recording = *recording;
    request_send(r, act_record);
}

struct programmes *sessions_programmes(struct sessions *s) { return s->programmes; }

static void act_command(struct request *r)
{
    struct session *x = find(r);
    if (!x) {
        if (r->has_tape)
            session_tape_close(&r->tape);
        return;
    }
    r->reply.err = remote_need(x, r->asker, &r->reply.why);
    if (r->reply.err != VCR_OK) {
        if (r->has_tape)
            session_tape_close(&r->tape);
        return;
    }
    r->reply.err = actor_command(x, r->cmd, r->has_args ? &r->args : NULL, r->has_tape ? &r->tape : NULL, &r->reply.why);
    actor_info(x, &r->reply.info);
}

void session_command(struct sessions *s, const char *id, int64_t asker, enum deck_cmd cmd, const struct deck_args *args, struct session_tape *tape,
                     struct loop *loop, session_done done, void *arg)
{
    struct request *r = request_new(s, id, loop, done, arg);
    r->asker = asker;
    r->cmd = cmd;
    r->has_args = args != NULL;
    if (args)
        r->args = *args;
    r->has_tape = tape != NULL;
    if (tape)
        r->tape = *tape;
    request_send(r, act_command);
}

static void act_record_from(struct request *r)
{
    struct session *x = find(r);
    if (!x)
        return;
    r->reply.err = remote_need(x, r->asker, &r->reply.why);
    if (r->reply.err != VCR_OK)
        return;
    r->reply.err = actor_record(x, &r->source, &r->reply.why);
    actor_info(x, &r->reply.info);
}

void session_record_from(struct sessions *s, const char *id, int64_t asker, const struct session_source *from, struct loop *loop, session_done done, void *arg)
{
    struct request *r = request_new(s, id, loop, done, arg);
    r->asker = asker;
    r->source = *from;
    request_send(r, act_record_from);
}

static void act_remote(struct request *r)
{
    struct session *x = find(r);
    if (!x)
        return;
    r->reply.err = remote_act(x, r->asker, r->is_master, r->action, r->peer_id, &r->reply.why);
    actor_info(x, &r->reply.info);
}

void session_remote(struct sessions *s, const char *id, int64_t asker, bool is_master, enum session_remote_action action, const char *peer_id, struct loop *loop,
                    session_done done, void *arg)
{
    struct request *r = request_new(s, id, loop, done, arg);
    r->asker = asker;
    r->is_master = is_master;
    r->action = action;
    vcr_strcpy(r->peer_id, sizeof(r->peer_id), peer_id ? peer_id : "");
    request_send(r, act_remote);
}

static void act_get(struct request *r)
{
    struct session *x = find_or_absent(r);
    if (x)
        viewers_stats(x, &r->reply.info);
}

void session_get(struct sessions *s, const char *id, struct loop *loop, session_done done, void *arg)
{
    request_send(request_new(s, id, loop, done, arg), act_get);
}

static void act_log(struct request *r)
{
    struct session *x = find(r);
    if (!x)
        return;
    actor_advance(x);
    r->reply.log = log_text(x, clock_mono_us());
}

void session_log(struct sessions *s, const char *id, struct loop *loop, session_done done, void *arg)
{
    request_send(request_new(s, id, loop, done, arg), act_log);
}

static void end_sealed(void *arg)
{
    struct request *r = arg;
    struct session *x = sessions_find(r->owner, r->id);
    if (x)
        actor_end(x, "ended", NULL);
    r->reply.info.status = "ended";
    answer_now(r);
}

static void act_end(struct request *r)
{
    struct session *x = find_or_absent(r);
    if (!x)
        return;
    r->later = x->live.is ? live_session_seal(x, end_sealed, r) : takes_seal(x, end_sealed, r); /* what was recorded is on the disk, and a tape, when the answer comes */
    if (r->later)
        return;
    actor_end(x, "ended", NULL);
    r->reply.info.status = "ended";
}

void session_end(struct sessions *s, const char *id, struct loop *loop, session_done done, void *arg)
{
    request_send(request_new(s, id, loop, done, arg), act_end);
}

static void act_offer(struct request *r)
{
    struct session *x = find(r);
    if (x)
        r->reply.err = viewers_offer(x, &r->who, r->reply.peer_id, &r->reply.sdp, &r->reply.why);
}

void session_offer(struct sessions *s, const char *id, const struct session_person *who, struct loop *loop, session_done done, void *arg)
{
    struct request *r = request_new(s, id, loop, done, arg);
    r->who = *who;
    request_send(r, act_offer);
}

static void act_answer(struct request *r)
{
    struct session *x = find(r);
    if (x)
        r->reply.err = rtc_answer(x->stream, r->peer_id, r->sdp, &r->reply.why);
}

void session_answer(struct sessions *s, const char *id, const char *peer_id, const char *sdp, struct loop *loop, session_done done, void *arg)
{
    struct request *r = request_new(s, id, loop, done, arg);
    vcr_strcpy(r->peer_id, sizeof(r->peer_id), peer_id);
    r->sdp = vcr_strdup(sdp);
    request_send(r, act_answer);
}

/* As a client sent it: it may hold anything. */
static void take_text(struct request *r, const char *text, size_t len)
{
    r->sdp = vcr_alloc(len + 1);
    memcpy(r->sdp, text, len);
    r->sdp_len = len;
}

static void take_peer(struct request *r, const char *peer_id)
{
    if (!vcr_strcpy(r->peer_id, sizeof(r->peer_id), peer_id))
        r->peer_id[0] = '\0'; /* nobody's */
}

static void act_view(struct request *r)
{
    struct session *x = find(r);
    if (x)
        r->reply.err = viewers_view(x, &r->who, r->sdp, r->sdp_len, r->reply.peer_id, &r->reply.sdp, &r->reply.why);
}

void session_view(struct sessions *s, const char *id, const struct session_person *who, const char *offer, size_t len, struct loop *loop, session_done done, void *arg)
{
    struct request *r = request_new(s, id, loop, done, arg);
    r->who = *who;
    take_text(r, offer, len);
    request_send(r, act_view);
}

static void act_view_trickle(struct request *r)
{
    struct session *x = find_or_absent(r);
    if (x)
        r->reply.err = viewers_trickle(x, r->asker, r->peer_id, r->sdp, r->sdp_len, &r->reply.why);
}

void session_view_trickle(struct sessions *s, const char *id, int64_t asker, const char *peer_id, const char *fragment, size_t len, struct loop *loop, session_done done, void *arg)
{
    struct request *r = request_new(s, id, loop, done, arg);
    r->asker = asker;
    take_peer(r, peer_id);
    if (fragment)
        take_text(r, fragment, len);
    request_send(r, act_view_trickle);
}

static void act_view_end(struct request *r)
{
    struct session *x = find_or_absent(r);
    if (x)
        r->reply.err = viewers_end(x, r->asker, r->peer_id, &r->reply.why);
}

void session_view_end(struct sessions *s, const char *id, int64_t asker, const char *peer_id, struct loop *loop, session_done done, void *arg)
{
    struct request *r = request_new(s, id, loop, done, arg);
    r->asker = asker;
    take_peer(r, peer_id);
    request_send(r, act_view_end);
}
