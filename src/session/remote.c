/* session/remote.c - who of those who watch holds the remote control: at first the owner of the session, then whom the holder gives it to. It goes back to the owner when
 * it is released, and when its holder has been away for the time that a viewer has to come back. */
#include <string.h>

#include "base/clock.h"
#include "session/internal.h"

bool remote_is_with(const struct session *x, int64_t asker) { return asker == 0 || asker == x->remote.user_id; }

enum vcr_err remote_need(const struct session *x, int64_t asker, struct vcr_why *why)
{
    return remote_is_with(x, asker) ? VCR_OK : vcr_refuse(why, VCR_E_CONFLICT, "/remote-held", "Somebody else holds the remote control.");
}

bool remote_is_by(const struct session *x, const struct viewer *v)
{
    return v->who.user_id == x->remote.user_id && (!x->remote.peer_id[0] || strcmp(x->remote.peer_id, v->peer_id) == 0);
}

static void told(struct session *x)
{
    x->remote.revision++;
    watch_publish(x);
    actor_changed(x);
}

static void give(struct session *x, int64_t user_id, const char *peer_id)
{
    x->remote.user_id = user_id;
    vcr_strcpy(x->remote.peer_id, sizeof(x->remote.peer_id), peer_id);
    x->remote_back_us = INT64_MAX;
    told(x);
}

static struct viewer *find(const struct session *x, const char *peer_id)
{
    for (int i = 0; i < x->viewer_listed; i++)
        if (strcmp(x->viewers[i].peer_id, peer_id) == 0)
            return &x->viewers[i];
    return NULL;
}

enum vcr_err remote_act(struct session *x, int64_t asker, bool is_master, enum session_remote_action action, const char *peer_id, struct vcr_why *why)
{
    if (action == SESSION_REMOTE_RELEASE) {
        if (!is_master && !remote_is_with(x, asker))
            return remote_need(x, asker, why);
        give(x, x->settings.owner_id, "");
        return VCR_OK;
    }
    struct viewer *v = find(x, peer_id);
    if (action == SESSION_REMOTE_GRANT && !remote_is_with(x, asker))
        return remote_need(x, asker, why);
    if (!v || (action == SESSION_REMOTE_REQUEST && v->who.user_id != asker))
        return vcr_fail(why, VCR_E_NOT_FOUND, action == SESSION_REMOTE_REQUEST ? "You do not watch this session by that peer_id." : "Nobody watches this session by that peer_id.");
    if (action == SESSION_REMOTE_GRANT && v->who.user_id < 0)
        return vcr_refuse(why, VCR_E_CONFLICT, "/only-watches", "Who came by a link only watches.");
    if (action == SESSION_REMOTE_GRANT) {
        v->requested = false;
        give(x, v->who.user_id, v->peer_id);
    } else if (!remote_is_by(x, v) && !v->requested) {
        v->requested = true;
        told(x);
    }
    return VCR_OK;
}

void remote_viewer_came(struct session *x, const struct viewer *v)
{
    if (v->who.user_id == x->remote.user_id && x->remote_back_us != INT64_MAX)
        give(x, v->who.user_id, v->peer_id); /* back in time */
}

void remote_viewer_left(struct session *x, const struct viewer *v)
{
    if (v->requested)
        told(x);
    if (!x->remote.peer_id[0] || strcmp(x->remote.peer_id, v->peer_id) != 0)
        return;
    for (int i = 0; i < x->viewer_listed; i++) {
        if (x->viewers[i].who.user_id == v->who.user_id) { /* the same person by another picture */
            give(x, v->who.user_id, x->viewers[i].peer_id);
            return;
        }
    }
    if (v->who.user_id == x->settings.owner_id)
        give(x, v->who.user_id, "");
    else
        x->remote_back_us = clock_mono_us() + x->settings.grace_us;
}

void remote_check(struct session *x, int64_t now_us)
{
    if (now_us >= x->remote_back_us)
        give(x, x->settings.owner_id, "");
}
