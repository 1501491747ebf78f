/* app/bridge.c - see timeline.h: the bridges of a tape. Read what is wanted -> make each by a vcr-ingest of its own -> write its row. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "app/reel_child.h"
#include "app/reel_index.h"
#include "app/timeline_internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "wire/reelspan.h"

enum { KEY_BYTES = 204, ARG_BYTES = 24, ARGS_MAX = REEL_CHILD_WORDS_MAX, MAKE_MS = 60000 };
enum kind { VIDEO, AUDIO, KINDS };
/* Indexes of reels that are held at once: the film's and of those that its neighbours show. */
enum { OPEN_INDEXES = 8 };
static const char *const kind_names[KINDS] = { "clean_video", "clean_audio" }, *const short_names[KINDS] = { "picture", "sound" };

struct source {               /* a reel that something of shows */
    int64_t take;
    enum kind kind;
    char blob_key[KEY_BYTES], index_key[KEY_BYTES];
    struct reelidx index;
    bool read;                /* index holds it */
    uint64_t used;            /* when it was last needed */
};
struct have {                 /* a bridge that is there */
    int64_t span;
    enum kind kind;
    char place[8];
};
struct plan {
    const struct app_bridges *config;
    int64_t tape_id;
    struct timeline timeline;
    struct source *sources;
    size_t source_count;
    struct have *haves;
    size_t have_count;
    uint64_t clock;           /* of `used` */
    double progress;
};
struct want {
    const struct timeline_span *span;
    const struct source *source;
    const char *place;
    int64_t from_us, to_us;   /* of the reel; of a gap: how long, from 0 */
};

static enum kind kind_of(const char *name) { return strcmp(name, kind_names[AUDIO]) == 0 ? AUDIO : VIDEO; }

/* ---- what is wanted: both lists are sorted, a tape may have thousands of each ---- */
static int by_take(const void *a, const void *b)
{
    const struct source *x = a, *y = b;
    return x->take != y->take ? (x->take < y->take ? -1 : 1) : (int)x->kind - (int)y->kind;
}

static int by_span(const void *a, const void *b)
{
    const struct have *x = a, *y = b;
    return x->span != y->span ? (x->span < y->span ? -1 : 1) : x->kind != y->kind ? (int)x->kind - (int)y->kind : strcmp(x->place, y->place);
}

static enum vcr_err read_sources(struct sql_tx *tx, struct plan *p, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    size_t room = KINDS * (p->timeline.count + 1); /* of every span its take's two reels, and the film's */
    p->sources = vcr_calloc(room, sizeof(*p->sources));
    enum vcr_err err = sql_query(tx, &rows,
                                 "SELECT COALESCE(take_id, 0), kind, blob_key, index_key FROM reels WHERE tape_id = $1 AND track = 0 AND kind IN ('clean_video', 'clean_audio')"
                                 " AND (take_id IS NULL OR take_id IN (SELECT take_id FROM spans WHERE tape_id = $1))", SQL_ARGS(SQL_I(p->tape_id)), why);
    while (err == VCR_OK && p->source_count < room && (err = sql_next(rows, why)) == VCR_OK) {
        struct source *s = &p->sources[p->source_count];
        s->take = sql_int(rows, 0);
        s->kind = kind_of(sql_text(rows, 1));
        p->source_count += vcr_strcpy(s->blob_key, KEY_BYTES, sql_text(rows, 2)) && vcr_strcpy(s->index_key, KEY_BYTES, sql_text(rows, 3));
    }
    sql_rows_close(&rows);
    qsort(p->sources, p->source_count, sizeof(*p->sources), by_take);
    return err == VCR_E_END ? VCR_OK : err;
}

static enum vcr_err read_haves(struct sql_tx *tx, struct plan *p, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    size_t room = 3 * KINDS * p->timeline.count + 1; /* a gap, a head and a tail of each */
    p->haves = vcr_calloc(room, sizeof(*p->haves));
    enum vcr_err err = sql_query(tx, &rows, "SELECT b.span_id, b.kind, b.place FROM bridges b JOIN spans s ON s.id = b.span_id WHERE s.tape_id = $1",
                                 SQL_ARGS(SQL_I(p->tape_id)), why);
    while (err == VCR_OK && p->have_count < room && (err = sql_next(rows, why)) == VCR_OK) {
        struct have *h = &p->haves[p->have_count++];
        h->span = sql_int(rows, 0);
        h->kind = kind_of(sql_text(rows, 1));
        vcr_strcpy(h->place, sizeof(h->place), sql_text(rows, 2));
    }
    sql_rows_close(&rows);
    qsort(p->haves, p->have_count, sizeof(*p->haves), by_span);
    return err == VCR_E_END ? VCR_OK : err;
}

static enum vcr_err read_plan(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct plan *p = arg;
    enum vcr_err err = app_timeline_read(tx, p->tape_id, &p->timeline, why);
    if (err == VCR_OK)
        err = read_sources(tx, p, why);
    return err == VCR_OK ? read_haves(tx, p, why) : err;
}

static enum vcr_err read_index(const struct plan *p, struct source *s, struct vcr_why *why)
{
    int fd = -1;
    uint64_t size = 0;
    enum vcr_err err = blob_open_fd(p->config->blobs, s->index_key, &fd, &size, why);
    if (err == VCR_OK)
        err = reel_index_read(fd, size, s->index_key, &s->index, why);
    s->read = err == VCR_OK;
    return err;
}

static void close_index(struct source *s)
{
    if (s->read)
        reelidx_free(&s->index);
    s->read = false;
}

/* A film's index has megabytes: only the last few are held. */
static void close_oldest(struct plan *p)
{
    struct source *oldest = NULL;
    int open = 0;
    for (size_t i = 0; i < p->source_count; i++) {
        struct source *s = &p->sources[i];
        open += s->read;
        if (s->read && (!oldest || s->used < oldest->used))
            oldest = s;
    }
    if (open >= OPEN_INDEXES)
        close_index(oldest);
}

/* The reel of a take, with its index; NULL: there is none, or it cannot be read. */
static struct source *source_of(struct plan *p, int64_t take, enum kind kind)
{
    struct vcr_why why;
    const struct source key = { .take = take, .kind = kind };
    struct source *s = bsearch(&key, p->sources, p->source_count, sizeof(*p->sources), by_take);
    if (!s)
        return NULL;
    if (!s->read)
        close_oldest(p);
    s->used = ++p->clock;
    if (!s->read && read_index(p, s, &why) != VCR_OK) {
        log_warn("timeline", "no bridges for %s: %s", s->blob_key, why.text);
        return NULL;
    }
    return s;
}

static bool is_there(const struct plan *p, const struct want *w)
{
    struct have key = { .span = w->span->row, .kind = w->source->kind };
    vcr_strcpy(key.place, sizeof(key.place), w->place);
    return p->have_count > 0 && bsearch(&key, p->haves, p->have_count, sizeof(*p->haves), by_span);
}

/* ---- making one ---- */
static void arguments_of(const struct want *w, char text[ARGS_MAX][ARG_BYTES], const char *words[ARGS_MAX])
{
    const struct reelidx *x = &w->source->index;
    bool gap = strcmp(w->place, "gap") == 0, video = w->source->kind == VIDEO;
    int64_t values[] = { w->from_us, w->to_us }, slate[] = { video ? x->width : 0, video ? x->height : 0, video ? x->sar_num : 1, video ? x->sar_den : 1, w->to_us };
    const int64_t *v = gap ? slate : values;
    size_t n = gap ? ARRAY_LEN(slate) : ARRAY_LEN(values);
    words[0] = gap ? "--slate" : "--bridge";
    for (size_t i = 0; i < n; i++) {
        snprintf(text[i], ARG_BYTES, "%" PRId64, v[i]);
        words[i + 1] = text[i];
    }
}

static bool keeps_on(const struct plan *p) { return !p->config->keep_on || p->config->keep_on(p->config->arg, p->progress); }

struct row {
    const struct plan *plan;
    const struct want *want;
    const char *blob_key, *index_key;
    uint64_t size;
};

static enum vcr_err add_row(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    const struct row *r = arg;
    const struct want *w = r->want;
    enum vcr_err err = sql_exec(tx,
                                "INSERT INTO bridges(span_id, kind, place, blob_key, index_key, size_bytes, from_us, to_us) VALUES($1, $2, $3, $4, $5, $6, $7, $8)"
                                " ON CONFLICT DO NOTHING",
                                SQL_ARGS(SQL_I(w->span->row), SQL_T(kind_names[w->source->kind]), SQL_T(w->place), SQL_T(r->blob_key), SQL_T(r->index_key),
                                         SQL_I((int64_t)r->size), SQL_I(w->from_us), SQL_I(w->to_us)),
                                NULL, why);
    /* What players were told of the tape is another list now. */
    return err == VCR_OK ? sql_exec(tx, "UPDATE tapes SET revision = revision + 1 WHERE id = $1", SQL_ARGS(SQL_I(r->plan->tape_id)), NULL, why) : err;
}

static bool keeps_making(void *arg) { return keeps_on(arg); }

static enum vcr_err make(struct plan *p, const struct want *w, struct vcr_why *why)
{
    char keys[2][KEY_BYTES], text[ARGS_MAX][ARG_BYTES];
    static const char *const ends[2] = { "mp4", "idx" };
    for (int i = 0; i < 2; i++)
        snprintf(keys[i], KEY_BYTES, "tapes/%" PRId64 "/b%" PRId64 "/%s-%s.%s", p->tape_id, w->span->row, w->place, short_names[w->source->kind], ends[i]);
    struct reel_child c = { .blobs = p->config->blobs, .program = p->config->program, .from_blob = w->source->blob_key, .from_index = w->source->index_key,
                            .to_blob = keys[0], .to_index = keys[1], .limit_ms = MAKE_MS, .keep_on = keeps_making, .arg = p };
    arguments_of(w, text, c.words);
    enum vcr_err err = reel_child_make(&c, why);
    struct row r = { .plan = p, .want = w, .blob_key = keys[0], .index_key = keys[1], .size = c.size_bytes };
    if (err == VCR_OK && c.some)
        err = sql_run(p->config->db, SQL_WRITE, add_row, &r, why);
    for (int i = 0; err != VCR_OK && i < 2; i++)
        blob_delete(p->config->blobs, keys[i], NULL);
    return err;
}

/* ---- all of a tape ---- */
/* Storage that is full or away will not be better for the next bridge; a damaged reel is this bridge's alone. */
static enum vcr_err make_wanted(struct plan *p, const struct want *w, struct vcr_why *ret_why)
{
    struct vcr_why why = { 0 };
    if (w->to_us <= w->from_us || is_there(p, w))
        return VCR_OK;
    enum vcr_err err = make(p, w, &why);
    if (err == VCR_E_FULL || err == VCR_E_BUSY)
        return vcr_fail(ret_why, err, "%s", why.text);
    if (err == VCR_OK)
        return VCR_OK;
    log_warn("timeline", "tape %" PRId64 ": no %s of its %s from %" PRId64 " us on: %s", p->tape_id, w->place, short_names[w->source->kind], w->span->start_us, why.text);
    return VCR_OK;
}

static enum vcr_err bridge_span(struct plan *p, size_t i, enum kind kind, struct vcr_why *why)
{
    const struct timeline_span *s = &p->timeline.spans[i];
    int64_t gap_from_us = i > 0 ? s[-1].end_us : 0, gap_us = kind == AUDIO ? reelspan_silence_us(gap_from_us, s->start_us) : s->start_us - gap_from_us;
    int64_t from_us = s->take_start_us, to_us = from_us + s->end_us - s->start_us;
    const struct source *source = source_of(p, s->take, kind);
    struct reelspan cut;
    if (!source || !s->row)
        return VCR_OK;
    reelspan_sound(&source->index, s->start_us, &from_us, &to_us);
    reelspan_cut(&cut, &source->index, from_us, to_us);
    const struct want wants[] = {
        { s, source, "gap", 0, gap_us },
        { s, source, "head", cut.head_from_us, cut.head_to_us },
        { s, source, "tail", cut.tail_from_us, cut.tail_to_us },
    };
    enum vcr_err err = VCR_OK;
    for (size_t k = 0; err == VCR_OK && k < ARRAY_LEN(wants); k++)
        err = make_wanted(p, &wants[k], why);
    return err;
}

static void delete_gone(const struct plan *p, const char *payload)
{
    json_t *root = json_loads(payload ? payload : "{}", 0, NULL), *gone = json_object_get(root, "gone"), *id;
    size_t i;
    char prefix[KEY_BYTES];
    json_array_foreach(gone, i, id)
    {
        snprintf(prefix, sizeof(prefix), "tapes/%" PRId64 "/b%" PRId64 "/", p->tape_id, (int64_t)json_integer_value(id));
        blob_delete_prefix(p->config->blobs, prefix, NULL);
    }
    json_decref(root);
}

enum vcr_err app_bridge_tape(const struct app_bridges *b, int64_t tape_id, const char *payload, struct vcr_why *why)
{
    struct plan *p = vcr_alloc(sizeof(*p));
    p->config = b;
    p->tape_id = tape_id;
    enum vcr_err err = app_take_sounds(b, tape_id, why);
    if (err == VCR_OK)
        err = sql_run(b->db, SQL_READ, read_plan, p, why);
    for (size_t i = 0; err == VCR_OK && i < p->timeline.count; i++) {
        p->progress = (double)i / (double)p->timeline.count;
        err = keeps_on(p) ? VCR_OK : vcr_fail(why, VCR_E_BUSY, "told to stop");
        for (enum kind kind = VIDEO; err == VCR_OK && kind < KINDS; kind++)
            err = bridge_span(p, i, kind, why);
    }
    if (err == VCR_OK)
        delete_gone(p, payload);
    for (size_t i = 0; i < p->source_count; i++)
        close_index(&p->sources[i]);
    free(p->sources);
    free(p->haves);
    timeline_free(&p->timeline);
    free(p);
    return err;
}
