/* api/replay.c - the frame's side of Idempotency-Key: which request it is, its first answer kept, and given again. */
#include "app/replay.h"

#include <string.h>

#include "api/internal.h"

/* An answer may hold what is told once (a device's token), and is kept for a day: nobody reads it in a copy of the database. */
#define SEALED "replay"

static bool key_ok(const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; i < n; i++)
        if (key[i] <= ' ' || key[i] > '~')
            return false;
    return n > 0 && n <= APP_REPLAY_KEY_MAX;
}

enum vcr_err replay_begin(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct app_replay first;
    char digest[33];
    if (!key_ok(c->idempotency_key))
        return api_invalid(c, why, "Idempotency-Key", "must have 1 to %d characters, none of them a space", APP_REPLAY_KEY_MAX);
    struct buf what;
    buf_init(&what, c->route->body_max + 1024);
    buf_addf(&what, "%s %s\n", http_method_name(c->route->method), c->route->path);
    buf_add(&what, c->raw, c->raw_len);
    app_digest(what.data, what.len, digest);
    buf_free(&what);
    enum vcr_err err = app_replay_begin(tx, c->who.user_id, c->idempotency_key, digest, c->now_ms, &first, why);
    if (err == VCR_E_INVALID)
        return api_invalid(c, why, "Idempotency-Key", "was used for another request");
    c->reserved = err == VCR_OK && !first.status;
    if (err == VCR_OK && first.status) {
        c->replayed = true;
        c->then = NULL;
        c->status = first.status;
        char *body = app_unseal(c->app, SEALED, first.body); /* one of before bodies were sealed is itself */
        buf_adds(&c->out, body ? body : first.body);
        free(body);
        if (first.location)
            api_header(c, "Location", first.location);
        api_header(c, "Idempotency-Replayed", "true");
    }
    app_replay_free(&first);
    return err;
}

enum vcr_err replay_end(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    const char *location = NULL;
    for (int i = 0; i < c->header_count; i++)
        if (strcmp(c->headers[i].name, "Location") == 0)
            location = c->headers[i].value;
    if (c->refuse)
        return app_replay_forget(tx, c->who.user_id, c->idempotency_key, why);
    char *body = app_seal(c->app, SEALED, c->out.data);
    enum vcr_err err = app_replay_keep(tx, c->who.user_id, c->idempotency_key, c->status, location, body, why);
    free(body);
    return err;
}
