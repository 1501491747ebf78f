/* api/api.h - the HTTP routes as tables, and the frame that carries a request through them.
 *
 * Path of a request: rate limit -> body read (at most body_max) -> job on the SQL pool: who asks (Bearer or cookie + CSRF), its right, the body against the
 * route's fields, then route->run inside the open transaction -> commit -> back on the connection's loop: call->then when run set it, else the answer.
 * A new group of routes is a file with a table `const struct api_route api_x_routes[]`, ended by a row without a path, and one line in api/routes.c.
 *
 * Handlers run(): on a pool thread; touches only its call (never the request). Returns VCR_OK with c->status and c->json filled, or an error, which becomes a problem
 *          body by one table (api/problem.c) and rolls the transaction back. api_invalid names the member that is wrong.
 *          then(): on the request's loop, after the commit; must end in exactly one of api_finish, api_fail, api_sql, or answer the request itself (files, streams).
 *          The call lives as long as its request and is freed with it.
 * Threads  a struct api_call is touched by one thread at a time: loop -> pool -> loop. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/app.h"
#include "base/buf.h"
#include "http/http.h"
#include "store/sql.h"
#include "wire/json.h"

struct api;
struct api_call;

enum api_right {
    API_ANYONE,     /* no account needed; credentials, when there are some, are looked at but may be bad */
    API_VIEWERS,    /* any live account, or the holder of a link to the tape (?share=) */
    API_ACCOUNT,    /* any live account */
    API_CREATOR,    /* user, archivist, admin: role `viewer` gets 403 */
    API_ADMIN,
};
enum api_db { API_DB_NONE, API_DB_READ, API_DB_WRITE };

/* A member of a JSON body. Tables end with a row without a name. */
enum api_type { API_STRING, API_INTEGER, API_NUMBER, API_BOOLEAN, API_OBJECT, API_STRINGS, API_ANY };
struct api_field {
    const char *name;
    enum api_type type;
    bool required, nullable;
    double min, max;       /* characters, items or value; max 0: 65535 for text, no bound for numbers */
    const char *one_of;    /* "sp|lp|ep": the only values of a string */
};

typedef enum vcr_err (*api_run)(struct api_call *c, struct sql_tx *tx, struct vcr_why *why);
typedef void (*api_then)(struct api_call *c);
struct api_route {
    enum http_method method;
    const char *path;      /* as in http_route; also the template in metrics */
    enum api_right right;
    enum app_rate rate;
    enum api_db db;        /* NONE: run (if any) is called on the SQL pool all the same when an account is needed, with a reading transaction */
    uint32_t body_max;     /* 0: the route takes no JSON body. Otherwise 64 KiB is usual */
    const struct api_field *fields;
    api_run run;           /* NULL: only then */
    api_then then;         /* the first c->then; NULL: answer what run filled in */
    bool no_head;
    bool own_body;         /* then() reads the body by http_body_stream; body_max and fields are not used */
    bool body_optional;    /* an empty body is taken as {} */
    bool idempotent;       /* takes an Idempotency-Key; db is WRITE, and so is its last step */
    bool probe;            /* asked every few seconds by machines: no line in the log for it */
    bool then_on_error;    /* then() is called even when the SQL step failed: c->job.err */
};

enum { API_ERRORS_MAX = 8, API_HEADERS_MAX = 12, API_OUT_MAX = 4 << 20 };
struct api_call {
    /* set by the frame before run, then read-only */
    struct api *api;
    struct app *app;
    const struct api_route *route;
    struct http_req *req;          /* loop thread only */
    struct loop *loop;
    struct app_principal who;
    bool is_head;                  /* HEAD of a GET route */
    bool by_cookie;                /* the credentials came as a cookie */
    char ip[48];
    char request_id[80];
    int64_t body_length;           /* Content-Length, -1: chunked */
    json_t *body;                  /* object; NULL when the route takes none */
    /* the handler's */
    int status;                    /* 200 */
    struct jsonw json;             /* writes into out */
    struct buf out;
    const char *content_type;      /* "application/json" */
    api_then then;                 /* next step on the loop, NULL: send */
    void *own;                     /* freed by free_own at the end */
    void (*free_own)(void *own);
    int64_t now_ms;                /* when the request began */
    /* the frame's */
    struct api_pair { char *name, *value; } headers[API_HEADERS_MAX];
    int header_count;
    struct { char pointer[80]; char detail[160]; } errors[API_ERRORS_MAX];
    int error_count;
    char *problem_extra_name;      /* one more member of the problem body, such as "deck" */
    char *problem_extra_json;
    char *raw;                     /* the body as sent */
    size_t raw_len;
    struct vcr_why refused;        /* set with refuse: commit, then answer this problem */
    bool refuse;
    int64_t retry_ms;
    char *authorization, *cookie_access, *cookie_refresh, *csrf;
    char *if_match, *if_none_match, *file_name, *user_agent; /* user_agent: of routes for anyone that take a body */
    char *share_password;          /* X-Share-Password */
    char link_hash[128];           /* what it is still to be checked against, of that share; "" nothing */
    int64_t link_id;
    bool link_password_ok;
    char *idempotency_key;         /* of a route that takes one */
    bool telling;                  /* the audit of a refusal */
    bool reserved, replayed;       /* its answer is to be kept; it is the first one's answer */
    char params[HTTP_PARAMS_MAX][HTTP_PARAM_BYTES];
    const char *param_names[HTTP_PARAMS_MAX];
    struct api_pair query[32];
    int query_count;
    struct sql_job job;
    struct pool_job pool_job;
    api_run run;                   /* of the present step */
    enum vcr_err (*pool_work)(struct api_call *c, struct vcr_why *why);
    bool authenticated;
    int64_t asker_id;              /* the loop's own: who.user_id once that is known, for the access log */
};

/* ---- for run() ---- */
const char *api_param(const struct api_call *c, const char *name);          /* "" when absent */
/* ":id" as a number; an ill-formed one is VCR_E_NOT_FOUND. */
enum vcr_err api_param_id(const struct api_call *c, const char *name, int64_t *ret, struct vcr_why *why);
const char *api_query(const struct api_call *c, const char *name);          /* NULL when absent */
/* limit (1..200, default 50) */
enum vcr_err api_query_limit(struct api_call *c, int *ret, struct vcr_why *why);
const char *api_str(const struct api_call *c, const char *member);          /* NULL when absent or null */
bool api_has(const struct api_call *c, const char *member);
/* Records that `pointer` ("/title", or a query parameter's name) is wrong and returns VCR_E_INVALID. */
__attribute__((format(printf, 4, 5))) enum vcr_err api_invalid(struct api_call *c, struct vcr_why *why, const char *pointer, const char *fmt, ...);
void api_header(struct api_call *c, const char *name, const char *value);   /* both are copied; replaces one of that name, but for cookies */
/* One more member of a problem body; json is a whole value. */
void api_problem_extra(struct api_call *c, const char *name, const char *json);

/* One more of that class for key (who or what it is counted by): RATE when that is too many. The answer's RateLimit-* tell of the last asked. */
enum vcr_err api_rate(struct api_call *c, enum app_rate rate, const char *key, struct vcr_why *why);
/* A row of the audit (app/audit.h) about what this call does, in its transaction. object: printf, such as "tapes/%" PRId64; NULL: none. details: JSON, or NULL. */
__attribute__((format(printf, 6, 7))) enum vcr_err api_audit(struct api_call *c, struct sql_tx *tx, struct vcr_why *why, const char *action, const char *details, const char *object, ...);
/* Commits what run did, and then answers this problem all the same. Returns VCR_OK. */
enum vcr_err api_refuse_after_commit(struct api_call *c, const struct vcr_why *why);
/* If-Match against an ETag whose part before a '.' is the revision: STALE when none holds. */
enum vcr_err api_if_match(const struct api_call *c, const char *etag, struct vcr_why *why);
/* True: If-None-Match holds this ETag; the status is 304 now. */
bool api_not_modified(struct api_call *c, const char *etag);

/* ---- for then(), on the loop ---- */
/* Another step on the SQL pool; afterwards c->then again (set it before or in run), else the answer. */
void api_sql(struct api_call *c, enum sql_mode mode, api_run run);
/* A step on another pool (passwords, files). */
void api_pool(struct api_call *c, struct pool *pool, enum vcr_err (*work)(struct api_call *c, struct vcr_why *why));
/* Sends status, headers and out. The call may be gone afterwards. */
void api_finish(struct api_call *c);
/* Sends a problem body. The call may be gone afterwards. */
void api_fail(struct api_call *c, const struct vcr_why *why);

/* ---- for cmd/vcrd ---- */
struct api_config {
    struct app *app;
    const char *web_dir;           /* the built page; NULL: none */
    struct http_server **server;   /* filled after http_open: for connection counts in /metrics; may be NULL */
    const char *cors_origins;      /* "https://a.example, https://b.example"; NULL: none */
    uint64_t disk_low_bytes;       /* /readyz: with less free the server is not ready; 0: 32 MiB */
    uint64_t disk_short_bytes;     /* and with less than that "nearly full"; 0: 1 GiB */
};
enum vcr_err api_open(struct api **ret, const struct api_config *config, struct vcr_why *why);
void api_close(struct api **a);
/* Fills routes, user, error_body and on_done. */
void api_http_config(struct api *a, struct http_config *config);
/* While draining /readyz answers 503. Any thread. */
void api_set_draining(struct api *a);
/* Requests begun and not yet over, those whose clients have gone included: at 0 nothing runs that uses the app. Any thread. */
int api_calls(struct api *a);
