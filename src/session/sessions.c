/* session/sessions.c - the way in: each public call becomes a message to the media loop and its answer a message back; and opening and closing it all. */
#include <string.h>
#include <unistd.h>

#include "session/internal.h"

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
    char peer_id[VCR_UUID_BYTES];
    char *sdp;
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

static void act(struct loop_msg *m)
{
    struct request *r = container_of(m, struct request, msg);
    r->act(r);
    r->msg.fn = answer;
    loop_post(r->loop, &r->msg);
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

static void act_command(struct request *r)
{
    struct session *x = find(r);
    if (!x) {
        if (r->has_tape)
            session_tape_close(&r->tape);
        return;
    }
    r->reply.err = actor_command(x, r->cmd, r->has_args ? &r->args : NULL, r->has_tape ? &r->tape : NULL, &r->reply.why);
    actor_info(x, &r->reply.info);
}

void session_command(struct sessions *s, const char *id, enum deck_cmd cmd, const struct deck_args *args, struct session_tape *tape,
                     struct loop *loop, session_done done, void *arg)
{
    struct request *r = request_new(s, id, loop, done, arg);
    r->cmd = cmd;
    r->has_args = args != NULL;
    if (args)
        r->args = *args;
    r->has_tape = tape != NULL;
    if (tape)
        r->tape = *tape;
    request_send(r, act_command);
}

static void act_get(struct request *r) { find_or_absent(r); }

void session_get(struct sessions *s, const char *id, struct loop *loop, session_done done, void *arg)
{
    request_send(request_new(s, id, loop, done, arg), act_get);
}

static void act_end(struct request *r)
{
    struct session *x = find_or_absent(r);
    if (!x)
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
        r->reply.err = rtc_offer(x->stream, r->reply.peer_id, &r->reply.sdp, &r->reply.why);
}

void session_offer(struct sessions *s, const char *id, struct loop *loop, session_done done, void *arg)
{
    request_send(request_new(s, id, loop, done, arg), act_offer);
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

struct session *sessions_find(struct sessions *s, const char *id)
{
    struct session *x = s->list;
    while (x && strcmp(x->id, id) != 0)
        x = x->next;
    return x;
}

/* Counts for the metrics, and the loop's open handles */

void sessions_count(struct sessions *s)
{
    struct sessions_counts c = { 0 };
    for (struct session *x = s->list; x; x = x->next) {
        c.sessions++;
        c.viewers += x->viewer_count;
    }
    for (int i = 0; i < s->engine_count; i++) {
        struct run *r = s->engines[i].run;
        if (!r || !run_is_ready(r))
            continue;
        struct render_stats stats;
        run_stats(r, &stats);
        c.render_processes++;
        c.frames_per_s += stats.frames;
        c.late_per_s += stats.late_frames;
    }
    c.render_wanted = s->engine_count;
    pthread_mutex_lock(&s->counts_lock);
    c.render_restarts = s->counts.render_restarts;
    s->counts = c;
    pthread_mutex_unlock(&s->counts_lock);
}

void sessions_counts(struct sessions *s, struct sessions_counts *ret)
{
    pthread_mutex_lock(&s->counts_lock);
    *ret = s->counts;
    pthread_mutex_unlock(&s->counts_lock);
}

void sessions_handle_opened(struct sessions *s) { s->open_handles++; }

void sessions_handle_closed(struct sessions *s)
{
    if (--s->open_handles == 0 && s->closing)
        loop_stop(s->loop);
}

static void on_second(uv_timer_t *t)
{
    struct sessions *s = t->data;
    for (struct session *x = s->list, *next; x; x = next) {
        next = x->next;
        actor_second(x);
    }
    for (int i = 0; i < s->engine_count; i++)
        engine_second(&s->engines[i]);
    sessions_count(s);
}

static void open_on_loop(void *arg)
{
    struct sessions *s = arg;
    if (s->closing)
        return; /* the loop's thread could not be started */
    uv_timer_init(loop_uv(s->loop), &s->second);
    s->second.data = s;
    sessions_handle_opened(s);
    uv_timer_start(&s->second, on_second, 1000, 1000);
    for (int i = 0; i < s->engine_count; i++)
        engine_open(&s->engines[i], s, i);
}

enum vcr_err sessions_open(struct sessions **ret, const struct sessions_config *config, struct vcr_why *why)
{
    if (access(config->render_program, X_OK) != 0)
        return vcr_fail(why, VCR_E_IO, "the program vcr-render is not where it should be: %s", config->render_program);
    struct sessions *s = vcr_alloc(sizeof(*s));
    s->config = *config;
    s->render_program = vcr_strdup(config->render_program);
    long cores = config->render_processes > 0 ? config->render_processes : sysconf(_SC_NPROCESSORS_ONLN);
    s->engine_count = (int)VCR_CLAMP(cores, 1, ENGINES_MAX);
    pthread_mutex_init(&s->counts_lock, NULL);
    enum vcr_err err = loop_open(&s->loop, "media", why);
    if (err == VCR_OK) {
        loop_call(s->loop, open_on_loop, s);
        err = loop_start(s->loop, why);
    }
    if (err != VCR_OK)
        goto fail;
    *ret = s;
    return VCR_OK;

fail:
    s->closing = true;
    loop_close(&s->loop);
    pthread_mutex_destroy(&s->counts_lock);
    free(s->render_program);
    free(s);
    return err;
}

static void second_closed(uv_handle_t *h) { sessions_handle_closed(h->data); }

static void close_on_loop(void *arg)
{
    struct sessions *s = arg;
    s->closing = true;
    while (s->list)
        actor_end(s->list, "ended", NULL);
    for (int i = 0; i < s->engine_count; i++)
        engine_close(&s->engines[i]);
    uv_close((uv_handle_t *)&s->second, second_closed);
}

void sessions_close(struct sessions **sp)
{
    struct sessions *s = *sp;
    if (!s)
        return;
    loop_call(s->loop, close_on_loop, s);
    loop_join(s->loop);
    loop_close(&s->loop);
    pthread_mutex_destroy(&s->counts_lock);
    free(s->render_program);
    free(s);
    *sp = NULL;
}
