/* api/session_call.c - see session_call.h. */
#include "api/session_call.h"

#include <math.h>

static void own_free(void *p)
{
    struct call_session *o = p;
    app_session_free(&o->row);
    if (o->has_tape)
        session_tape_close(&o->tape);
    for (int i = 0; i < o->count; i++)
        app_session_free(&o->list[i].row);
    free(o->list);
    free(o->record);
    free(o);
}

struct call_session *call_session(struct api_call *c)
{
    if (!c->own) {
        c->own = vcr_alloc(sizeof(struct call_session));
        c->free_own = own_free;
    }
    return c->own;
}

enum vcr_err call_session_need(struct api_call *c, struct vcr_why *why)
{
    return c->app->config.sessions ? VCR_OK : vcr_fail(why, VCR_E_BUSY, "this server plays no tapes");
}

/* ---- JSON ---- */
static void person_json(struct jsonw *j, const struct session_person *who)
{
    if (who->user_id <= 0) {
        jsonw_null(j, "user");
        return;
    }
    jsonw_open(j, "user");
    jsonw_int(j, "id", who->user_id);
    jsonw_str(j, "name", who->name);
    jsonw_close(j);
}

static void viewers_json(struct jsonw *j, const struct session_info *info)
{
    jsonw_open_array(j, "viewers");
    for (int i = 0; info && i < info->viewers_told; i++) {
        const struct rtc_viewer_stats *v = &info->viewers[i].stats;
        jsonw_open(j, NULL);
        jsonw_str(j, "peer_id", v->peer_id);
        person_json(j, &info->viewers[i].who);
        jsonw_bool(j, "requested", info->viewers[i].requested);
        jsonw_bool(j, "holds_remote", info->viewers[i].holds_remote);
        jsonw_bool(j, "connected", v->connected);
        jsonw_num(j, "rtt_ms", v->rtt_ms < 0 ? NAN : v->rtt_ms);
        jsonw_num(j, "loss", v->loss);
        jsonw_int(j, "bitrate_bps", v->bitrate_bps);
        jsonw_num(j, "estimate_bps", v->estimate_bps ? (double)v->estimate_bps : NAN);
        if (v->estimate_by != RTC_ESTIMATE_NONE)
            jsonw_str(j, "estimate_by", v->estimate_by == RTC_ESTIMATE_REMB ? "remb" : "transport-cc");
        else
            jsonw_null(j, "estimate_by");
        jsonw_num(j, "delay_ms_per_s", v->estimate_by == RTC_ESTIMATE_TRANSPORT_CC ? v->delay_ms_per_s : NAN);
        jsonw_num(j, "first_key_frame_ms", v->first_key_frame_ms < 0 ? NAN : v->first_key_frame_ms);
        jsonw_close(j);
    }
    jsonw_close_array(j);
}

static void id_or_null(struct jsonw *j, const char *key, int64_t id)
{
    if (id)
        jsonw_int(j, key, id);
    else
        jsonw_null(j, key);
}

static void aspect_json(struct jsonw *j, const struct session_info *info)
{
    char text[24] = "4:3";
    if (info)
        snprintf(text, sizeof(text), "%d:%d", info->display_aspect_w, info->display_aspect_h);
    jsonw_str(j, "display_aspect", text);
}

void call_remote_json(struct jsonw *j, const char *key, const struct session_remote *r)
{
    jsonw_open(j, key);
    if (r->user_id > 0)
        jsonw_int(j, "user_id", r->user_id);
    else
        jsonw_null(j, "user_id");
    jsonw_str(j, "peer_id", r->peer_id[0] ? r->peer_id : NULL);
    jsonw_close(j);
}

void call_session_json(struct jsonw *j, const struct app_session *s, const struct session_info *info, bool privy)
{
    bool over = s->ended_at != 0;
    jsonw_open(j, NULL);
    jsonw_str(j, "id", s->id);
    id_or_null(j, "user_id", s->user_id);
    id_or_null(j, "tape_id", info ? info->tape_id : s->tape_id);
    id_or_null(j, "device_id", s->device_id);
    jsonw_str(j, "type", s->type);
    jsonw_str(j, "status", over ? s->status : info ? info->status : "ended");
    if (info)
        deck_json(j, "deck", info);
    else
        jsonw_null(j, "deck");
    if (info && !s->device_id)
        look_json(j, "look", info->deck.clean, info->deck.look); /* two keys pressed at once may be written in the other order */
    else
        jsonw_raw(j, "look", s->look ? s->look : "\"vhs\"");
    aspect_json(j, info);
    if (info)
        call_remote_json(j, "remote", &info->remote);
    else
        jsonw_null(j, "remote");
    if (privy) {
        viewers_json(j, info);
        jsonw_raw(j, "settings", s->settings ? s->settings : "{}");
    }
    jsonw_time(j, "started_at", s->started_at);
    if (over)
        jsonw_time(j, "ended_at", s->ended_at);
    else
        jsonw_null(j, "ended_at");
    jsonw_close(j);
}

void call_session_fail(struct api_call *c, const struct session_reply *r)
{
    struct call_session *o = call_session(c);
    struct vcr_why why = r->why;
    why.code = r->err;
    if (r->info.id[0] && why.code == VCR_E_CONFLICT) {
        struct buf b;
        struct jsonw j;
        buf_init(&b, 65536);
        jsonw_init(&j, &b);
        deck_json(&j, NULL, &r->info);
        api_problem_extra(c, "deck", b.data);
        buf_free(&b);
    }
    if (why.code == VCR_E_INVALID && o->command.pointer[0])
        api_invalid(c, NULL, o->command.pointer, "%s", r->why.text);
    api_fail(c, &why);
}

enum vcr_err call_session_find(struct api_call *c, struct sql_tx *tx, enum app_access access, struct vcr_why *why)
{
    struct call_session *o = call_session(c);
    enum vcr_err err = call_session_need(c, why);
    if (err == VCR_OK)
        err = app_session_find(tx, &c->who, api_param(c, "id"), access, &o->row, why);
    o->privy = app_session_privy(&c->who, &o->row);
    return err;
}

enum vcr_err call_session_find_running(struct api_call *c, struct sql_tx *tx, enum app_access access, struct vcr_why *why)
{
    enum vcr_err err = call_session_find(c, tx, access, why);
    if (err == VCR_OK && call_session(c)->row.ended_at)
        err = vcr_refuse(why, VCR_E_CONFLICT, "/session-ended", "this session has ended");
    return err;
}
