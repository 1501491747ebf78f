/* api/hls_made.c - HLS of a tape as it looks, and of smaller sizes: segments that may have to be made while the player waits. */
#include <stdlib.h>
#include <string.h>

#include "api/hls.h"
#include "app/made.h"

enum { RETRY_MS = 2000 };

/* h->own of a segment that is asked for. */
struct made_call {
    struct made_ask ask;
    struct made_pieces pieces;     /* of a tape that was recorded over */
    struct app_hls_reel piece;     /* of a smaller size of it */
    struct app_pieces timeline;    /* of the same, where it is needed */
    struct made_found found;
    struct maker_ticket *ticket;   /* NULL: not waiting */
};

static void own_free(void *p)
{
    struct made_call *m = p;
    made_found_close(&m->found);
    free(m->timeline.items);
    free(m);
}

static void refuse(struct api_call *c, enum vcr_err err, const struct vcr_why *why)
{
    struct vcr_why copy = *why;
    copy.code = err;
    c->retry_ms = RETRY_MS;
    api_fail(c, &copy);
}

static void on_made(void *arg, enum vcr_err err, const struct vcr_why *why, int fd, uint64_t size)
{
    struct api_call *c = arg;
    struct hls_call *h = hls_of(c);
    struct made_call *m = h->own;
    m->ticket = NULL;
    if (err != VCR_OK) {
        refuse(c, err, why);
        return;
    }
    h->fd = fd;
    h->size = size;
    hls_send_file(c);
}

/* The player went away, or somewhere else on the tape. */
static void on_gone(struct http_req *r)
{
    struct api_call *c = http_req_own(r);
    struct made_call *m = hls_of(c)->own;
    struct vcr_why why;
    if (!m->ticket)
        return;
    maker_leave(m->ticket);
    m->ticket = NULL;
    vcr_fail(&why, VCR_E_BUSY, "nobody waits for this segment any more");
    refuse(c, VCR_E_BUSY, &why);
}

static enum vcr_err find(struct api_call *c, struct vcr_why *why)
{
    struct hls_call *h = hls_of(c);
    struct made_call *m = h->own;
    return made_find(c->app, &h->hls, &m->ask, &m->found, why);
}

static void serve(struct api_call *c)
{
    struct hls_call *h = hls_of(c);
    struct made_call *m = h->own;
    struct maker *maker = c->app->config.maker;
    vcr_strcpy(h->etag, sizeof(h->etag), m->found.etag);
    h->versioned = m->found.versioned;
    h->type = m->ask.kind == MADE_VHS_SOUND ? "audio/mp4" : "video/mp4";
    if (m->found.fd >= 0) {
        h->fd = m->found.fd;
        h->size = m->found.size;
        m->found.fd = -1;
    } else {
        m->ticket = maker_ask(maker, &m->found.want, c->loop, on_made, c);
    }
    for (int i = 0; i < m->found.ahead_count; i++)
        maker_ahead(maker, &m->found.ahead[i]);
    if (!m->ticket)
        hls_send_file(c);
    else if (http_req_gone(c->req))
        on_gone(c->req);
    else
        http_req_on_gone(c->req, on_gone);
}

static void find_file(struct api_call *c)
{
    c->then = serve;
    api_pool(c, c->app->files, find);
}

static enum vcr_err read_pieces(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct hls_call *h = hls_of(c);
    struct made_call *m = h->own;
    m->ask.pieces = &m->pieces;
    return made_pieces_read(tx, &h->hls, &m->ask, &m->pieces, why);
}

static struct made_call *own_of(struct api_call *c, const struct made_ask *ask)
{
    struct hls_call *h = hls_of(c);
    struct made_call *m = vcr_alloc(sizeof(*m));
    m->ask = *ask;
    m->found = (struct made_found){ .fd = -1, .want = { .reel_fd = -1, .index_fd = -1 } };
    h->own = m;
    h->free_own = own_free;
    return m;
}

static void begin_segment(struct api_call *c, const struct made_ask *ask)
{
    const struct hls_call *h = hls_of(c);
    own_of(c, ask);
    if (made_needs_pieces(&h->hls, ask)) {
        c->then = find_file;
        api_sql(c, SQL_READ, read_pieces);
    } else {
        find_file(c);
    }
}

static enum vcr_err read_piece(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct hls_call *h = hls_of(c);
    struct made_call *m = h->own;
    enum vcr_err err = made_piece_read(tx, h->tape_id, &m->piece, why);
    if (err != VCR_OK || !made_piece_needs_timeline(c->app, &h->hls))
        return err;
    m->ask.timeline = &m->timeline;
    return app_timeline_pieces(tx, h->tape_id, APP_PIECE_VIDEO, &m->timeline, why);
}

/* "12.m4s" or "init.mp4", without what stands before the number. */
static bool read_file(const char *file, struct made_ask *ret)
{
    char number[12];
    const char *dot = strchr(file, '.');
    uint64_t n;
    if (strcmp(file, "init.mp4") == 0) {
        ret->init = true;
        return true;
    }
    if (!dot || strcmp(dot, ".m4s") != 0 || (size_t)(dot - file) >= sizeof(number))
        return false;
    memcpy(number, file, (size_t)(dot - file));
    number[dot - file] = '\0';
    if (!vcr_parse_u64(number, UINT32_MAX, &n) || (number[0] == '0' && number[1]))
        return false;
    ret->n = (uint32_t)n;
    return true;
}

/* ---- what the routes name ---- */
void hls_playlist(struct api_call *c)
{
    struct hls_call *h = hls_of(c);
    const char *look = api_query(c, "look");
    bool vhs = look ? strcmp(look, "vhs") == 0 : !h->hls.tape.looks_clean && made_has_look(c->app, &h->hls);
    h->ask = (struct app_hls_ask){ .list = vhs ? APP_HLS_VHS : APP_HLS_MULTIVARIANT };
    hls_list(c);
}

/* Without a look it is the film: DASH is there for its bytes. */
void hls_manifest(struct api_call *c)
{
    const char *look = api_query(c, "look");
    hls_of(c)->ask = (struct app_hls_ask){ .list = look && strcmp(look, "vhs") == 0 ? APP_HLS_VHS_MANIFEST : APP_HLS_MANIFEST };
    hls_list(c);
}

void hls_vhs_list(struct api_call *c)
{
    char stem[8];
    bool list = hls_file_stem(c, "m3u8", stem, sizeof(stem)), sound = list && strcmp(stem, "audio") == 0;
    if (!sound && !(list && strcmp(stem, "video") == 0)) {
        hls_absent(c);
        return;
    }
    hls_of(c)->ask = (struct app_hls_ask){ .list = sound ? APP_HLS_VHS_SOUND : APP_HLS_VHS_VIDEO };
    hls_list(c);
}

void hls_vhs_segment(struct api_call *c)
{
    const char *file = api_param(c, "file");
    struct made_ask ask = { .kind = file[0] == 'a' ? MADE_VHS_SOUND : MADE_VHS_VIDEO, .revision = api_param(c, "rev") };
    if ((file[0] == 'a' || file[0] == 'v') && read_file(file + 1, &ask))
        begin_segment(c, &ask);
    else
        hls_absent(c);
}

void hls_rung(struct api_call *c)
{
    struct made_ask ask = { .kind = MADE_RUNG, .rung = made_rung(api_param(c, "rung")), .revision = api_query(c, "v") };
    const char *file = api_param(c, "file");
    if (ask.rung < 0) {
        hls_absent(c);
    } else if (strcmp(file, "video.m3u8") == 0) {
        hls_of(c)->ask = (struct app_hls_ask){ .list = APP_HLS_RUNG, .track = ask.rung };
        hls_list(c);
    } else if (read_file(file, &ask)) {
        begin_segment(c, &ask);
    } else {
        hls_absent(c);
    }
}

/* "12-5.m4s": five fragments from the twelfth on; or "init.mp4". */
static bool read_piece_file(const char *file, struct made_ask *ret)
{
    char number[12];
    const char *dash = strchr(file, '-');
    uint64_t n;
    struct made_ask rest = { .init = false };
    if (!dash)
        return read_file(file, ret) && ret->init;
    if ((size_t)(dash - file) >= sizeof(number))
        return false;
    memcpy(number, file, (size_t)(dash - file));
    number[dash - file] = '\0';
    if (!vcr_parse_u64(number, UINT32_MAX, &n) || (number[0] == '0' && number[1]) || !read_file(dash + 1, &rest) || rest.init || rest.n == 0)
        return false;
    ret->n = (uint32_t)n;
    ret->fragments = rest.n;
    return true;
}

void hls_rung_piece(struct api_call *c)
{
    struct made_ask ask = { .kind = MADE_RUNG, .rung = made_rung(api_param(c, "rung")) };
    struct app_hls_reel piece = { .version = "" };
    if (ask.rung < 0 || !read_piece_file(api_param(c, "file"), &ask)) {
        hls_absent(c);
    } else if (!hls_piece_named(c, api_param(c, "reel"), &piece)) {
        hls_piece_absent(c);
    } else {
        struct made_call *m = own_of(c, &ask);
        m->piece = piece;
        m->ask.piece = &m->piece;
        c->then = find_file;
        api_sql(c, SQL_READ, read_piece);
    }
}
