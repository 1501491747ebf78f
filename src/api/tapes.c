/* api/tapes.c - /tapes: the catalogue. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "app/audit.h"
#include "app/shares.h"
#include "app/tape_map.h"
#include "app/timeline.h"
#include "base/log.h"

/* ---- from a body to columns ---- */
enum to { TO_TEXT, TO_INT, TO_BOOL, TO_JSON, TO_DATE, TO_LOOK, TO_URI };
static const struct { const char *member; enum app_col col; enum to to; } members[] = {
    { "title", APP_T_TITLE, TO_TEXT },           { "description", APP_T_DESCRIPTION, TO_TEXT }, { "tags", APP_T_TAGS, TO_JSON },
    { "recorded_at", APP_T_RECORDED_AT, TO_DATE }, { "format", APP_T_FORMAT, TO_TEXT },         { "storage_uri", APP_T_STORAGE_URI, TO_URI },
    { "standard", APP_T_STANDARD, TO_TEXT },     { "tape_speed", APP_T_TAPE_SPEED, TO_TEXT },   { "length_minutes", APP_T_LENGTH_MINUTES, TO_INT },
    { "write_protected", APP_T_WRITE_PROTECTED, TO_BOOL }, { "look", APP_T_LOOK, TO_LOOK },     { "identifier", APP_T_IDENTIFIER, TO_TEXT },
    { "location", APP_T_LOCATION, TO_TEXT },     { "notes", APP_T_NOTES, TO_TEXT },             { "rights", APP_T_RIGHTS, TO_TEXT },
    { "language", APP_T_LANGUAGE, TO_TEXT },     { "user_id", APP_T_USER_ID, TO_INT },
};
struct changes {
    struct app_change list[APP_CHANGES_MAX];
    size_t count;
    char *owned[4];
    size_t owned_count;
};

static void changes_free(struct changes *ch)
{
    for (size_t i = 0; i < ch->owned_count; i++)
        free(ch->owned[i]);
}

static void put(struct changes *ch, enum app_col col, struct sql_val val)
{
    ch->list[ch->count++] = (struct app_change){ col, val };
}

static enum vcr_err put_date(struct api_call *c, struct changes *ch, const char *text, struct vcr_why *why)
{
    int64_t from, to;
    if (text && !app_date_bounds(text, &from, &to))
        return api_invalid(c, why, "/recorded_at", "must be YYYY, YYYY-MM, YYYY-MM-DD or a RFC 3339 time");
    put(ch, APP_T_RECORDED_AT, SQL_T(text));
    put(ch, APP_T_RECORDED_FROM, text ? SQL_I(from) : SQL_NUL);
    put(ch, APP_T_RECORDED_TO, text ? SQL_I(to) : SQL_NUL);
    return VCR_OK;
}

static enum vcr_err put_member(struct api_call *c, struct changes *ch, size_t i, const json_t *v, struct vcr_why *why)
{
    enum app_col col = members[i].col;
    char *text = NULL, name[DECK_LOOK_BYTES];
    bool clean;
    enum vcr_err err = VCR_OK;
    switch (members[i].to) {
    case TO_TEXT: put(ch, col, SQL_T(json_string_value(v))); break;
    case TO_INT: put(ch, col, json_is_null(v) ? SQL_NUL : SQL_I(json_integer_value(v))); break;
    case TO_BOOL: put(ch, col, SQL_B(json_is_true(v))); break;
    case TO_DATE: return put_date(c, ch, json_string_value(v), why);
    case TO_URI:
        if (strncasecmp(json_string_value(v), "file:", 5) == 0)
            return api_invalid(c, why, "/storage_uri", "may not be a file: address");
        put(ch, col, SQL_T(json_string_value(v)));
        break;
    case TO_JSON: text = json_dumps(v, JSON_COMPACT); break;
    case TO_LOOK:
        err = look_read(c, v, "/look", &text, &clean, name, why);
        if (err == VCR_OK && strchr(name, ';'))
            err = api_invalid(c, why, "/look/settings", "are for a session: a tape's own look is a profile as it is");
        break;
    }
    if (text) {
        ch->owned[ch->owned_count++] = text;
        put(ch, col, SQL_T(text));
    }
    return err;
}

static enum vcr_err read_changes(struct api_call *c, struct changes *ch, struct vcr_why *why)
{
    enum vcr_err err = VCR_OK;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const json_t *v = json_object_get(c->body, members[i].member);
        enum vcr_err one = v ? put_member(c, ch, i, v, why) : VCR_OK;
        err = one != VCR_OK ? one : err;
    }
    return err;
}

/* ---- handlers ---- */
static enum vcr_err add_view(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t id;
    enum vcr_err err = api_param_id(c, "id", &id, why);
    return err == VCR_OK ? app_share_viewed(tx, &c->who, id, why) : err;
}

/* A view that cannot be counted (the disk is full) is one all the same. */
static void view_counted(struct api_call *c)
{
    if (c->job.err != VCR_OK)
        log_warn("api", "a view of a shared tape was not counted: %s", c->job.why.text);
    api_finish(c);
}

static void count_view(struct api_call *c)
{
    c->then = view_counted;
    api_sql(c, SQL_WRITE, add_view);
}

static enum vcr_err answer_tape(struct api_call *c, struct sql_tx *tx, int64_t id, struct vcr_why *why)
{
    struct app_tape t = { 0 };
    struct app_duplicates d = { .count = 0 };
    char etag[140];
    enum vcr_err err = app_tape_find(tx, &c->who, id, APP_SEE, APP_NOT_BINNED, &t, why);
    bool whole = err == VCR_OK && app_tape_inspects(&c->who, &t);
    if (whole)
        err = app_tape_duplicates(tx, id, &d, why);
    if (err == VCR_OK && !whole)
        app_tape_hide(&t);
    if (err == VCR_OK) {
        app_tape_etag(&t, &d, etag, sizeof(etag));
        api_header(c, "ETag", etag);
        bool sent = c->route->method != HTTP_GET || !api_not_modified(c, etag);
        if (sent)
            app_tape_json_whole(&t, &d, &c->json);
        if (sent && !whole && !c->is_head)
            c->then = count_view;
    }
    app_tape_free(&t);
    return err;
}

static enum vcr_err create_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct changes ch = { 0 };
    int64_t id = 0;
    char place[64];
    enum vcr_err err = read_changes(c, &ch, why);
    if (err == VCR_OK)
        err = app_tape_create(tx, &c->who, ch.list, ch.count, c->now_ms, &id, why);
    changes_free(&ch);
    if (err != VCR_OK)
        return err;
    snprintf(place, sizeof(place), "/api/v1/tapes/%" PRId64, id);
    api_header(c, "Location", place);
    c->status = 201;
    return answer_tape(c, tx, id, why);
}

static enum vcr_err get_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t id;
    enum vcr_err err = api_param_id(c, "id", &id, why);
    return err == VCR_OK ? answer_tape(c, tx, id, why) : err;
}

/* What only some may change, and what goes elsewhere once there is media. */
static enum vcr_err adjust(struct api_call *c, struct sql_tx *tx, const struct app_tape *t, struct changes *ch, struct vcr_why *why)
{
    bool blank = strcmp(t->c[APP_T_STATUS].s, "blank") == 0;
    for (size_t i = 0; i < ch->count; i++) {
        if (ch->list[i].col == APP_T_STORAGE_URI && !blank)
            ch->list[i].col = APP_T_SOURCE_NOTE;
        if (ch->list[i].col == APP_T_USER_ID && !t->c[APP_T_USER_ID].null)
            return vcr_fail(why, VCR_E_DENIED, "the tape has an owner");
    }
    return VCR_OK;
}

static enum vcr_err patch_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct app_tape t = { 0 };
    struct changes ch = { 0 };
    char etag[140];
    int64_t id;
    enum vcr_err err = api_param_id(c, "id", &id, why);
    if (err == VCR_OK)
        err = app_tape_find(tx, &c->who, id, APP_EDIT, APP_NOT_BINNED, &t, why);
    if (err == VCR_OK) {
        app_tape_etag(&t, NULL, etag, sizeof(etag));
        err = api_if_match(c, etag, why);
    }
    if (err == VCR_OK)
        err = read_changes(c, &ch, why);
    if (err == VCR_OK)
        err = adjust(c, tx, &t, &ch, why);
    if (err == VCR_OK)
        err = app_tape_edit(tx, &c->who, &t, ch.list, ch.count, c->now_ms, why);
    if (err == VCR_OK)
        err = answer_tape(c, tx, id, why);
    changes_free(&ch);
    app_tape_free(&t);
    return err == VCR_E_CONFLICT && api_has(c, "user_id") ? api_invalid(c, why, "/user_id", "is no account") : err;
}

static enum vcr_err purge_blobs(struct api_call *c, struct vcr_why *why)
{
    int64_t id;
    enum vcr_err err = api_param_id(c, "id", &id, why);
    return err == VCR_OK ? app_tape_delete_blobs(c->app, id, why) : err;
}

static void tell_decks(struct api_call *c, const char *reason)
{
    int64_t id;
    if (c->app->config.sessions && api_param_id(c, "id", &id, NULL) == VCR_OK)
        session_tape_gone(c->app->config.sessions, id, reason);
}

static void trash_then(struct api_call *c)
{
    tell_decks(c, "tape_trashed");
    api_finish(c);
}

static void purge_then(struct api_call *c)
{
    tell_decks(c, "tape_purged");
    api_pool(c, c->app->files, purge_blobs);
}

static enum vcr_err delete_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct app_tape t = { 0 };
    int64_t id;
    const char *text = api_query(c, "purge");
    bool purge = text && strcmp(text, "true") == 0;
    if (text && !purge && strcmp(text, "false") != 0)
        return api_invalid(c, why, "purge", "must be true or false");
    enum vcr_err err = api_param_id(c, "id", &id, why);
    if (err == VCR_OK)
        err = app_tape_find(tx, &c->who, id, APP_EDIT, purge ? APP_ANYWHERE : APP_NOT_BINNED, &t, why);
    if (err == VCR_OK)
        err = purge ? app_tape_purge(tx, id, why) : app_tape_trash(tx, &c->who, id, c->now_ms, why);
    if (err == VCR_OK)
        err = api_audit(c, tx, why, purge ? "tape_purged" : "tape_trashed", NULL, "tapes/%" PRId64, id);
    app_tape_free(&t);
    c->status = 204;
    c->then = purge ? purge_then : trash_then;
    return err;
}

static enum vcr_err restore_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct app_tape t = { 0 };
    int64_t id;
    enum vcr_err err = api_param_id(c, "id", &id, why);
    if (err == VCR_OK)
        err = app_tape_find(tx, &c->who, id, APP_EDIT, APP_BINNED, &t, why);
    if (err == VCR_OK)
        err = app_tape_restore(tx, &c->who, id, c->now_ms, why);
    if (err == VCR_OK)
        err = api_audit(c, tx, why, "tape_restored", NULL, "tapes/%" PRId64, id);
    app_tape_free(&t);
    return err == VCR_OK ? answer_tape(c, tx, id, why) : err;
}

static void list_item(void *arg, const struct app_tape *t)
{
    app_tape_json(t, NULL, &((struct api_call *)arg)->json);
}

static enum vcr_err read_bool(struct api_call *c, const char *name, bool *ret, struct vcr_why *why)
{
    const char *text = api_query(c, name);
    if (text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return api_invalid(c, why, name, "must be true or false");
    *ret = text && strcmp(text, "true") == 0;
    return VCR_OK;
}

static enum vcr_err read_filter(struct api_call *c, struct app_tape_filter *f, struct vcr_why *why)
{
    static const char *const texts[] = { "q", "title", "format", "status", "cursor" };
    static const char *const statuses[] = { "blank", "uploading", "processing", "recording", "ready", "failed" };
    enum vcr_err errs[5] = { api_query_limit(c, &f->limit, why), read_bool(c, "trashed", &f->trashed, why), read_bool(c, "all", &f->all, why),
                             query_bound(c, "recorded_from", false, &f->recorded_from, why), query_bound(c, "recorded_to", true, &f->recorded_to, why) };
    enum vcr_err err = VCR_OK;
    for (size_t i = 0; i < ARRAY_LEN(errs); i++)
        err = errs[i] != VCR_OK ? errs[i] : err;
    if (!app_tape_sort_ok(f->sort))
        err = api_invalid(c, why, "sort", "must be title, recorded_at or created_at, with - before it for downwards");
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *v = api_query(c, texts[i]);
        if (v && strlen(v) > 1000)
            err = api_invalid(c, why, texts[i], "is too long");
    }
    bool known = !f->status;
    for (size_t i = 0; f->status && i < ARRAY_LEN(statuses); i++)
        known = known || strcmp(f->status, statuses[i]) == 0;
    if (!known)
        err = api_invalid(c, why, "status", "must be blank, uploading, processing, recording, ready or failed");
    return err;
}

static enum vcr_err list_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    char *next = NULL;
    const char *sort = api_query(c, "sort");
    struct app_tape_filter f = { .q = api_query(c, "q"), .title = api_query(c, "title"), .format = api_query(c, "format"), .status = api_query(c, "status"),
                                 .recorded_from = INT64_MIN, .recorded_to = INT64_MAX, .sort = sort ? sort : "-created_at", .cursor = api_query(c, "cursor") };
    enum vcr_err err = read_filter(c, &f, why);
    if (err != VCR_OK)
        return err;
    list_begin(c);
    err = app_tape_list(tx, &c->who, &f, list_item, c, &next, why);
    list_end(c, next);
    free(next);
    return err;
}

enum vcr_err tape_of(const struct api_call *c, struct sql_tx *tx, enum app_access access, int64_t *ret, struct vcr_why *why)
{
    struct app_tape t = { 0 };
    enum vcr_err err = api_param_id(c, "id", ret, why);
    if (err == VCR_OK)
        err = app_tape_find(tx, &c->who, *ret, access, APP_NOT_BINNED, &t, why);
    app_tape_free(&t);
    return err;
}

static enum vcr_err history_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t id, before = 0, last;
    int limit;
    enum vcr_err err = api_query_limit(c, &limit, why);
    if (err == VCR_OK)
        err = cursor_id(c, &before, why);
    if (err == VCR_OK)
        err = tape_of(c, tx, APP_INSPECT, &id, why);
    if (err != VCR_OK)
        return err;
    list_begin(c);
    err = app_history_list(tx, id, before, limit, &c->json, &last, why);
    list_end_id(c, last);
    return err;
}

void tape_changed_then(struct api_call *c)
{
    int64_t id;
    if (api_param_id(c, "id", &id, NULL) == VCR_OK)
        app_tape_changed(c->app, id);
    api_finish(c);
}

static enum vcr_err undo_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t id, item;
    enum vcr_err err = api_param_id(c, "id", &id, why);
    if (err == VCR_OK)
        err = api_param_id(c, "itemId", &item, why);
    if (err == VCR_OK)
        err = app_timeline_undo(tx, &c->who, id, item, c->now_ms, why);
    c->then = tape_changed_then;
    return err == VCR_OK ? answer_tape(c, tx, id, why) : err;
}

static enum vcr_err timeline_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t id;
    enum vcr_err err = tape_of(c, tx, APP_SEE, &id, why);
    if (err != VCR_OK)
        return err;
    struct timeline spans = { 0 };
    err = app_timeline_read(tx, id, &spans, why);
    jsonw_open(&c->json, NULL);
    jsonw_open_array(&c->json, "items");
    app_timeline_json(&spans, &c->json);
    jsonw_close_array(&c->json);
    jsonw_close(&c->json);
    timeline_free(&spans);
    return err;
}

#define TAPE_FIELDS(title_required)                                                                                                                     \
    { "title", API_STRING, .required = title_required, .min = 1, .max = 255 }, { "description", API_STRING, .max = 10000 },                           \
    { "tags", API_STRINGS, .max = 50 }, { "recorded_at", API_STRING, .nullable = true, .min = 1, .max = 40 }, { "format", API_STRING, .min = 1, .max = 50 }, \
    { "storage_uri", API_STRING, .max = 2000 }, { "standard", API_STRING, .nullable = true, .one_of = "ntsc|pal" },                                     \
    { "tape_speed", API_STRING, .one_of = "sp|lp|ep" }, { "length_minutes", API_INTEGER, .nullable = true, .min = 1, .max = 600 },                      \
    { "write_protected", .type = API_BOOLEAN }, { "look", .type = API_ANY }, { "identifier", API_STRING, .nullable = true, .max = 255 },                                \
    { "location", API_STRING, .nullable = true, .max = 255 }, { "notes", API_STRING, .nullable = true, .max = 10000 },                                  \
    { "rights", API_STRING, .nullable = true, .max = 1000 }, { "language", API_STRING, .nullable = true, .max = 35 }
static const struct api_field new_tape[] = { TAPE_FIELDS(true), { 0 } };
static const struct api_field edit_tape[] = { TAPE_FIELDS(false), { "user_id", API_INTEGER, .min = 1, .max = 9007199254740991.0 }, { 0 } };

#define BODY 65536
const struct api_route api_tape_routes[] = {
    { HTTP_GET, "/api/v1/tapes", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = list_run },
    { HTTP_POST, "/api/v1/tapes", API_CREATOR, APP_RATE_WRITE, API_DB_WRITE, BODY, new_tape, .run = create_run, .idempotent = true },
    { HTTP_GET, "/api/v1/tapes/:id", API_VIEWERS, APP_RATE_READ, API_DB_READ, .run = get_run, .then_on_error = true },
    { HTTP_PATCH, "/api/v1/tapes/:id", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, BODY, edit_tape, .run = patch_run },
    { HTTP_DELETE, "/api/v1/tapes/:id", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, .run = delete_run },
    { HTTP_POST, "/api/v1/tapes/:id/restore", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, .run = restore_run },
    { HTTP_GET, "/api/v1/tapes/:id/history", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = history_run },
    { HTTP_POST, "/api/v1/tapes/:id/history/:itemId/undo", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, .run = undo_run },
    { HTTP_GET, "/api/v1/tapes/:id/timeline", API_VIEWERS, APP_RATE_READ, API_DB_READ, .run = timeline_run },
    { 0 }
};
