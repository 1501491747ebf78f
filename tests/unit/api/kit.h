/* tests/unit/api/kit.h - a whole server in a temporary folder, and a client that asks it over loopback. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "api/api.h"

struct kit {
    char dir[64];
    struct sql_db *db;
    struct blob_store *blobs;
    struct cache *cache;
    struct app *app;
    struct api *api;
    struct http_server *http;
};
/* What kit_open starts the API with, besides the app and the page. */
extern struct api_config kit_api;
/* change (may be NULL) adjusts the settings before opening. */
void kit_open(struct kit *k, void (*change)(struct app_config *c));
void kit_close(struct kit *k);

struct answer {
    int status;
    char head[8192];
    char *body;      /* NUL-terminated */
    size_t len;
    json_t *json;    /* NULL when the body is none */
};
void answer_free(struct answer *a);
/* One exchange. headers: lines ending in CRLF, or NULL. body NULL: none. */
struct answer ask_raw(struct kit *k, const char *method, const char *path, const char *headers, const void *body, size_t len);
/* With a Bearer token (NULL: none) and a JSON body (NULL: none). */
struct answer ask(struct kit *k, const char *token, const char *method, const char *path, const char *body);
/* The status alone. */
int ask_status(struct kit *k, const char *token, const char *method, const char *path, const char *body);
const char *text_at(const struct answer *a, const char *member);
long long int_at(const struct answer *a, const char *member);
/* "X: value" of the head, copied to out; false when absent. */
bool head_value(const struct answer *a, const char *name, char *out, size_t size);
/* A new account's access token. */
void sign_up(struct kit *k, const char *email, char token[1200]);
int kit_connect(struct kit *k);
/* Sets an account's role in the database. */
void set_role(struct kit *k, const char *email, const char *role);
/* The id of a new tape. */
long long kit_make_tape(struct kit *k, const char *token, const char *body);
/* Asks, and expects that status; of a refusal also a whole problem body, whose type ends in slug (NULL: any). */
void kit_expect(struct kit *k, const char *token, const char *method, const char *path, const char *body, int status, const char *slug);
/* A statement of the test's own, and the first number that a query gives. Both must succeed. */
__attribute__((format(printf, 2, 3))) void kit_sql(struct kit *k, const char *fmt, ...);
int64_t kit_number(struct kit *k, const char *query);
