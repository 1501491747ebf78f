/* api/internal.h - what the files of this folder share. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "api/api.h"
#include "app/tapes.h"
#include "session/session.h"

/* The groups of routes, each ended by a row without a path. */
extern const struct api_route api_auth_routes[], api_tape_routes[], api_media_routes[], api_job_routes[], api_mark_routes[], api_session_routes[], api_command_routes[], api_remote_routes[],
    api_live_routes[], api_hls_routes[], api_device_routes[], api_audit_routes[], api_user_routes[], api_me_routes[], api_invitation_routes[], api_totp_routes[], api_whip_routes[], api_whep_routes[],
    api_caption_routes[], api_storyboard_routes[], api_share_routes[],
    api_system_routes[];

enum { API_STATUS_MAX = 600, API_JSON_DEPTH = 16, API_ORIGINS_MAX = 32 };
struct api_asset;
struct api_ready {
    int64_t at_us;               /* when it was found; 0: never */
    bool database, full, blob;   /* full: the database could not write for want of space */
    uint64_t free_bytes;
};
struct api {
    /* set by open, then read-only */
    struct app *app;
    struct http_server **server;
    struct http_route *routes;
    size_t route_count;
    struct api_asset *assets;
    size_t asset_count;
    char *origins[API_ORIGINS_MAX]; /* VCR_CORS_ORIGINS */
    int origin_count;
    uint64_t disk_low_bytes, disk_short_bytes;
    /* guarded by ready_lock */
    pthread_mutex_t ready_lock;
    struct api_ready ready;
    /* atomics */
    _Atomic uint64_t *counts; /* [route_count + 1][API_STATUS_MAX]; the last row: no route matched */
    atomic_bool draining;
    atomic_int calls; /* begun and not yet freed */
};

extern const struct api_route api_hls_live_routes[];

/* frame.c: every API route's http_route.begin. */
void frame_begin(struct http_req *r, const struct http_route *route);
/* Who asks, by header or cookie; for routes of API_ANYONE that need it only sometimes. */
void frame_rate_key(const struct api_call *c, char out[64]); /* what it is counted by: the account, else the address */
enum vcr_err frame_identify(struct api_call *c, struct sql_tx *tx, struct vcr_why *why);
/* access.c: the line of a request that is over. */
void access_log(struct http_req *r, int status, uint64_t bytes_sent, int64_t took_us);
/* page.c */
enum vcr_err page_load(struct api *a, const char *web_dir, struct vcr_why *why);
void page_free(struct api *a);
const char *page_path(const struct api_asset *assets, size_t i);
void page_begin(struct http_req *r, const struct http_route *route);
const void *page_asset(const struct api *a, size_t i);
/* body.c: c->raw into c->body, checked against the route's fields. */
enum vcr_err body_parse(struct api_call *c, struct vcr_why *why);
/* A JSON Pointer to a member: prefix, '/', and the name with its '~' and '/' escaped; a long name is cut. */
void body_pointer(char *out, size_t size, const char *prefix, const char *name);
/* replay.c: in the first step of a request with an Idempotency-Key (sets reserved or replayed), and in its last. */
enum vcr_err replay_begin(struct api_call *c, struct sql_tx *tx, struct vcr_why *why);
enum vcr_err replay_end(struct api_call *c, struct sql_tx *tx, struct vcr_why *why);
/* problem.c */
int problem_status(enum vcr_err code);
void problem_write(struct buf *out, const struct api_call *c, const struct vcr_why *why, const char *request_id);
void problem_plain(struct buf *out, int status, const char *detail, const char *request_id);
void security_headers(struct http_req *r);
void shared_headers(struct http_req *r); /* the same for what pages of others may show, too */
/* cors.c */
enum vcr_err cors_read(struct api *a, const char *list, struct vcr_why *why);
void cors_free(struct api *a);
bool cors_allows(const struct api *a, const struct http_req *r);
void cors_head(struct http_req *r);
/* encoding.c */
bool accepts_gzip(const struct http_req *r);
/* ready.c */
void ready_then(struct api_call *c);
/* tapes.c: the id of the address, of a tape that they may see (or edit), not in the bin. */
enum vcr_err tape_of(const struct api_call *c, struct sql_tx *tx, enum app_access access, int64_t *ret, struct vcr_why *why);
/* A bound in time of a query: a partial date or a time, whose first (or, with end, last) millisecond it is. Absent: *ret stays. */
enum vcr_err query_bound(struct api_call *c, const char *name, bool end, int64_t *ret, struct vcr_why *why);
/* lists */
void list_begin(struct api_call *c);
void list_end(struct api_call *c, const char *next_cursor);
/* A cursor that is the id of the last row seen. */
enum vcr_err cursor_id(const struct api_call *c, int64_t *ret, struct vcr_why *why);
void list_end_id(struct api_call *c, int64_t last);
/* After a change of the recordings or the marks of the tape in the path (id): decks with it are told, the answer goes. */
void tape_changed_then(struct api_call *c);
/* scopes.c: DENIED "/scope" unless the API token that asks opens this route. */
enum vcr_err scopes_allow(const struct api_call *c, struct vcr_why *why);
/* auth.c */
void cookies_clear(struct api_call *c);
/* users.c: after the commit that ended an account, or took rights from it: what it has open ends. */
struct app_user_devices;
void person_gone(const struct app *a, int64_t user_id, bool ends_own, const struct app_user_devices *devices);
/* deck_json.c */
void deck_json(struct jsonw *j, const char *key, const struct session_info *info);
/* look.c: "clean", "vhs" or {profile, settings}. look: what the deck takes (deck.h). look_read checks a member of the body; ret_json may be NULL. */
void look_json(struct jsonw *j, const char *key, bool clean, const char *look);
char *look_text(bool clean, const char *look); /* free it */
/* Is its sound on the linear track alone? */
bool look_is_linear(bool clean, const char *look);
enum vcr_err look_read(struct api_call *c, const json_t *value, const char *pointer, char **ret_json, bool *ret_clean, char ret_look[DECK_LOOK_BYTES], struct vcr_why *why);
