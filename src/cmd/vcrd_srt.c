/* cmd/vcrd_srt.c - see vcrd_srt.h. */
#include "cmd/vcrd_srt.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/devices.h"
#include "base/log.h"
#include "base/util.h"

struct caller {
    struct vcrd_srt *v;
    int64_t device_id;
    struct live_publisher *publisher;
};

static enum srtin_verdict admit(void *arg, const char *name, int64_t *ret_id, char ret_passphrase[SRTIN_PASSPHRASE_BYTES])
{
    const struct vcrd_srt *v = arg;
    if (!device_list_passphrase(v->app, name, ret_id, ret_passphrase))
        return SRTIN_UNKNOWN;
    return live_sends(v->sessions, *ret_id, LIVE_PACKETS) ? SRTIN_BUSY : SRTIN_TAKE; /* who came here before is the listener's matter */
}

static void drop(void *arg, const char *reason)
{
    struct caller *c = arg;
    log_info("srt", "device %lld is hung up on: %s", (long long)c->device_id, reason);
    srtin_drop(c->v->listener, c->device_id);
}

static bool arrived(void *arg, int64_t id, const char *address, void **ret_own)
{
    struct caller *c = vcr_alloc(sizeof(*c));
    const struct live_events events = { .drop = drop, .arg = c };
    struct vcr_why why;
    c->v = arg;
    c->device_id = id;
    if (live_publish(c->v->sessions, &c->publisher, id, LIVE_TS, &events, &why) != VCR_OK) {
        free(c);
        return false;
    }
    log_info("srt", "device %lld sends, from %s", (long long)id, address);
    *ret_own = c;
    return true;
}

static void bytes(void *own, const uint8_t *data, size_t len) { live_ts(((struct caller *)own)->publisher, data, len); }

static void left(void *own, const char *reason)
{
    struct caller *c = own;
    log_info("srt", "device %lld sends no more: %s", (long long)c->device_id, reason);
    live_unpublish(&c->publisher);
    free(c);
}

/* The first public address, else the listen address, else (every interface) this machine's name. */
static void make_url(struct vcrd_srt *v, const char *listen, const char *public_address)
{
    const char *colon = strrchr(listen, ':');
    char host[200];
    snprintf(host, sizeof(host), "%.*s", (int)(colon - listen), listen);
    if (public_address) {
        size_t len = strcspn(public_address, ",");
        bool bare_v6 = memchr(public_address, ':', len) && *public_address != '[';
        snprintf(host, sizeof(host), bare_v6 ? "[%.*s]" : "%.*s", (int)len, public_address);
    } else if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "[::]") == 0) {
        gethostname(host, sizeof(host) - 1);
    }
    snprintf(v->url, sizeof(v->url), "srt://%s:%d", host, srtin_port(v->listener));
}

enum vcr_err vcrd_srt_open(struct vcrd_srt *v, const char *listen, bool may_fail, const char *public_address, struct vcr_why *why)
{
    const struct srtin_config c = { .listen = listen, .admit = admit, .arrived = arrived, .bytes = bytes, .left = left, .arg = v };
    if (!*listen)
        return VCR_OK;
    struct vcr_why reason;
    enum vcr_err err = srtin_open(&v->listener, &c, &reason);
    if (err == VCR_OK) {
        make_url(v, listen, public_address);
        return VCR_OK;
    }
    if (!may_fail)
        return vcr_fail(why, err, "VCR_SRT_LISTEN: %s", reason.text);
    log_warn("srt", "no SRT: %s; set VCR_SRT_LISTEN", reason.text);
    return VCR_OK;
}

void vcrd_srt_close(struct vcrd_srt *v) { srtin_close(&v->listener); }
