/* api/audit.c - /audit for admins: page by page, or all of it as CSV. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/internal.h"
#include "app/audit.h"
#include "base/clock.h"

enum { CSV_AT_ONCE = 500 };

static enum vcr_err read_filter(struct api_call *c, struct app_audit_filter *f, struct vcr_why *why)
{
    const char *user = api_query(c, "user_id");
    uint64_t id = 0;
    *f = (struct app_audit_filter){ .action = api_query(c, "action"), .object = api_query(c, "object"), .request_id = api_query(c, "request_id"),
                                    .from_ms = INT64_MIN, .to_ms = INT64_MAX };
    enum vcr_err errs[] = { query_bound(c, "from", false, &f->from_ms, why), query_bound(c, "to", true, &f->to_ms, why),
                            user && (!vcr_parse_u64(user, INT64_MAX, &id) || id == 0) ? api_invalid(c, why, "user_id", "must be the id of an account") : VCR_OK };
    f->user_id = (int64_t)id;
    for (size_t i = 0; i < ARRAY_LEN(errs); i++)
        if (errs[i] != VCR_OK)
            return errs[i];
    return VCR_OK;
}

/* ---- pages ---- */
static void list_item(void *arg, const struct app_audit_row *row) { app_audit_json(row, &((struct api_call *)arg)->json); }

static enum vcr_err list_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct app_audit_filter f;
    int64_t last;
    enum vcr_err err = read_filter(c, &f, why);
    enum vcr_err limit = api_query_limit(c, &f.limit, why);
    err = err == VCR_OK ? limit : err;
    if (err == VCR_OK)
        err = cursor_id(c, &f.before_id, why);
    if (err != VCR_OK)
        return err;
    list_begin(c);
    err = app_audit_list(tx, &f, list_item, c, &last, why);
    list_end_id(c, last);
    return err;
}

/* ---- all of it ----
 * Written page by page into a file without a name in the data directory, which then is sent: memory stays as it is whatever the audit's length. */
struct csv {
    struct app_audit_filter filter;
    struct buf text;
    int fd;
    int64_t size_bytes;
    bool over;
};

static void csv_free(void *p)
{
    struct csv *v = p;
    vcr_close(&v->fd);
    buf_free(&v->text);
    free(v);
}

/* Quoted always; a cell that a spreadsheet would take for a formula begins with an apostrophe. */
static void cell(struct buf *b, const char *text, char end)
{
    buf_addc(b, '"');
    if (text && *text && strchr("=+-@\t\r\n|%", *text))
        buf_addc(b, '\'');
    for (const char *p = text ? text : ""; *p; p++) {
        if (*p == '"')
            buf_addc(b, '"');
        buf_addc(b, *p);
    }
    buf_adds(b, end == ',' ? "\"," : "\"\r\n");
}

static void csv_row(void *arg, const struct app_audit_row *r)
{
    struct buf *b = arg;
    char when[CLOCK_RFC3339_BYTES];
    clock_rfc3339(when, r->created_at);
    buf_addf(b, "%" PRId64 ",%s,", r->id, when);
    if (r->user_id)
        buf_addf(b, "%" PRId64, r->user_id);
    buf_addc(b, ',');
    cell(b, r->action, ',');
    cell(b, r->object, ',');
    cell(b, r->request_id, ',');
    cell(b, r->ip, ',');
    cell(b, r->details, ',');
    cell(b, r->hash, '\n');
}

static enum vcr_err csv_page(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct csv *v = c->own;
    int64_t last;
    enum vcr_err err = app_audit_list(tx, &v->filter, csv_row, &v->text, &last, why);
    if (err != VCR_OK)
        return err;
    if (!buf_ok(&v->text) || !vcr_write_all(v->fd, v->text.data, v->text.len))
        return vcr_fail(why, VCR_E_FULL, "there is no room for the list");
    v->size_bytes += (int64_t)v->text.len;
    buf_reset(&v->text);
    v->filter.before_id = last;
    v->over = last == 0;
    return VCR_OK;
}

static enum vcr_err csv_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct csv *v = vcr_alloc(sizeof(*v));
    c->own = v;
    c->free_own = csv_free;
    buf_init(&v->text, 8 << 20);
    v->fd = open(c->app->config.data_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    enum vcr_err err = read_filter(c, &v->filter, why);
    if (err != VCR_OK)
        return err;
    if (v->fd < 0)
        return vcr_fail(why, VCR_E_IO, "no temporary file for the list");
    v->filter.limit = CSV_AT_ONCE;
    buf_adds(&v->text, "id,created_at,user_id,action,object,request_id,ip_address,details,hash\r\n");
    return csv_page(c, tx, why);
}

static void csv_then(struct api_call *c)
{
    struct csv *v = c->own;
    if (!v->over && !http_req_gone(c->req)) {
        c->then = csv_then;
        api_sql(c, SQL_READ, csv_page);
        return;
    }
    struct http_file f = { .fd = v->fd, .len = (uint64_t)v->size_bytes, .content_type = "text/csv; charset=utf-8", .download_name = "audit.csv" };
    v->fd = -1;
    security_headers(c->req);
    http_send_file(c->req, &f);
}

const struct api_route api_audit_routes[] = {
    { HTTP_GET, "/api/v1/audit", API_ADMIN, APP_RATE_READ, API_DB_READ, .run = list_run },
    { HTTP_GET, "/api/v1/audit.csv", API_ADMIN, APP_RATE_READ, API_DB_READ, .run = csv_run, .then = csv_then },
    { 0 }
};
