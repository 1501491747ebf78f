/* app/made.c - see made.h: revisions, and one segment from its address to what its maker is told. */
#include "app/made.h"

#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/hls_state.h"
#include "deck/snapshot.h"
#include "deliver/hls/made.h"
#include "store/segments.h"

enum { DIGEST_HEX = 16, RUNG_LIST_VERSION = 2 /* another one when other pictures go into a segment */ };
const struct made_rung_kind made_rung_kinds[MADE_RUNGS] = { { "480p", 480, 1600000 }, { "240p", 240, 500000 } };

/* ---- what a deck would be told ---- */
static bool look_ok(const char *s)
{
    size_t len = strlen(s);
    return len > 0 && len < MAKE_LOOK_BYTES && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

/* "clean", "vhs", or {"profile": NAME}. */
static void read_look(const char *json, struct app_hls_tape *ret)
{
    json_t *j = json ? json_loads(json, JSON_DECODE_ANY, NULL) : NULL;
    const char *word = json_string_value(j), *profile = json_string_value(json_object_get(j, "profile"));
    ret->looks_clean = word && strcmp(word, "clean") == 0;
    vcr_strcpy(ret->look, sizeof(ret->look), profile && look_ok(profile) ? profile : "vhs");
    json_decref(j);
}

void made_describe(const struct app_tape *row, struct app_hls_tape *ret)
{
    const struct app_cell *c = row->c;
    const char *speed = c[APP_T_TAPE_SPEED].s ? c[APP_T_TAPE_SPEED].s : "sp";
    ret->pal = c[APP_T_STANDARD].s && strcmp(c[APP_T_STANDARD].s, "pal") == 0;
    ret->tape_speed = strcmp(speed, "lp") == 0 ? 1 : strcmp(speed, "ep") == 0 ? 2 : 0;
    ret->wear_16 = (uint8_t)VCR_CLAMP(c[APP_T_WEAR].i, 0, 16);
    ret->seed = (uint64_t)c[APP_T_SEED].i;
    read_look(c[APP_T_LOOK].s, ret);
}

static bool read_field_rate(const char *info)
{
    json_t *j = json_loads(info, 0, NULL);
    bool is = !json_is_false(json_object_get(j, "field_rate"));
    json_decref(j);
    return is;
}

static void read_row(struct sql_rows *rows, struct app_hls_tape *t)
{
    char name[APP_HLS_KEY_BYTES + 24];
    bool video = strcmp(sql_text(rows, 0), "tape_video") == 0;
    struct app_hls_reel *r = video ? &t->video : &t->sound;
    if (!vcr_strcpy(r->blob_key, sizeof(r->blob_key), sql_text(rows, 1)) || !vcr_strcpy(r->index_key, sizeof(r->index_key), sql_text(rows, 2)))
        return;
    int len = snprintf(name, sizeof(name), "%s %" PRId64, r->blob_key, sql_int(rows, 3));
    app_digest(name, (size_t)len, r->version);
    if (video) {
        t->duration_us = sql_int(rows, 4);
        t->field_rate = read_field_rate(sql_is_null(rows, 5) ? "" : sql_text(rows, 5));
    }
}

enum vcr_err made_read(struct sql_tx *tx, struct app_hls *h, struct vcr_why *why)
{
    struct app_hls_tape *t = &h->tape;
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT kind, blob_key, index_key, size_bytes, duration_us, info FROM reels WHERE tape_id = $1 AND take_id IS NULL AND track = 0"
                                 " AND kind IN ('tape_video', 'opus')", SQL_ARGS(SQL_I(h->tape_id)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        read_row(rows, t);
    sql_rows_close(&rows);
    if (err != VCR_E_END)
        return err;
    t->has = app_hls_has(&t->video);
    t->has_sound = app_hls_has(&t->sound);
    return app_hls_cut(h) ? made_read_cut(tx, h, why) : VCR_OK;
}

bool made_has_look(const struct app *a, const struct app_hls *h) { return a->config.maker && h->tape.has; }

bool made_has_rungs(const struct app *a, const struct app_hls *h) { return made_has_look(a, h); }

/* ---- revisions ---- */
static void revision_of(const struct app *a, const struct app_hls *h, unsigned wear_16, const char *look, char ret[MADE_REVISION_BYTES])
{
    const struct app_hls_tape *t = &h->tape;
    char text[480], hex[DIGEST_HEX + 1];
    uint8_t key[32], hash[crypto_generichash_BYTES];
    int len = snprintf(text, sizeof(text), "%" PRId64 " %s %s %d %d %d %" PRIu64 " %" PRId64 " %u %s %d %d %d", h->tape_id, t->video.version, t->sound.version, t->pal, t->field_rate,
                       t->tape_speed, t->seed, t->duration_us, wear_16, look, MAKE_VERSION, MADE_VIDEO_BPS, MADE_SOUND_BPS);
    if (app_hls_cut(h))
        len += snprintf(text + len, sizeof(text) - (size_t)len, " %" PRId64 " %" PRId64 " %" PRId64, t->timeline[0], t->timeline[1], t->timeline[2]);
    app_key(a, "made", key);
    crypto_generichash(hash, sizeof(hash), (const unsigned char *)text, (size_t)len, key, sizeof(key));
    sodium_memzero(key, sizeof(key));
    vcr_hex(hex, hash, DIGEST_HEX / 2);
    snprintf(ret, MADE_REVISION_BYTES, "w%u-%s-%s", wear_16, look, hex);
}

void made_revision(const struct app *a, const struct app_hls *h, char ret[MADE_REVISION_BYTES]) { revision_of(a, h, h->tape.wear_16, h->tape.look, ret); }

void made_revision_as(const struct app *a, const struct app_hls *h, unsigned wear_16, const char *look, char ret[MADE_REVISION_BYTES]) { revision_of(a, h, wear_16, look, ret); }

/* Wear does nothing to it. */
void made_clean_revision(const struct app *a, const struct app_hls *h, char ret[MADE_REVISION_BYTES]) { revision_of(a, h, 0, MAKE_CLEAN, ret); }

/* What a revision says, if it is one that was given out for these reels. */
static bool read_revision(const struct app *a, const struct app_hls *h, const char *revision, unsigned *ret_wear, char ret_look[MAKE_LOOK_BYTES])
{
    char good[MADE_REVISION_BYTES];
    int at = 0;
    if (sscanf(revision, "w%2u-%31[a-z0-9_]-%n", ret_wear, ret_look, &at) != 2 || at == 0 || *ret_wear > 16)
        return false;
    revision_of(a, h, *ret_wear, ret_look, good);
    return strlen(good) == strlen(revision) && sodium_memcmp(good, revision, strlen(good)) == 0;
}

int made_rung(const char *name)
{
    for (int i = 0; i < MADE_RUNGS; i++)
        if (strcmp(made_rung_kinds[i].name, name) == 0)
            return i;
    return -1;
}

void made_rung_version(const char *reel_version, int rung, char ret[APP_HLS_VERSION_BYTES])
{
    char text[APP_HLS_VERSION_BYTES + 64];
    int len = snprintf(text, sizeof(text), "%s %d %d %d %u", reel_version, MAKE_VERSION, RUNG_LIST_VERSION, made_rung_kinds[rung].height, made_rung_kinds[rung].max_bps);
    app_digest(text, (size_t)len, ret);
}

struct hls_grid made_grid(const struct app_hls_tape *t, bool sound)
{
    int num, den;
    make_rate(t->pal, t->field_rate, &num, &den);
    return sound ? hls_sound_grid(t->duration_us) : hls_picture_grid((uint32_t)num, (uint32_t)den, t->duration_us);
}

/* ---- one segment ---- */
static enum vcr_err absent(struct vcr_why *why) { return vcr_fail(why, VCR_E_NOT_FOUND, "there is no such segment"); }
static enum vcr_err replaced(struct vcr_why *why) { return vcr_fail(why, VCR_E_NOT_FOUND, "this recording was replaced; load its playlist again"); }

/* Where a segment's material comes from, and what is the same for all of its list. */
struct plan {
    struct maker_want base;
    char folder[SEGMENT_KEY_BYTES], version[APP_HLS_VERSION_BYTES];
    const char *letter;              /* before the number in the key */
    const struct app_hls_reel *reel;
    const struct made_pieces *pieces; /* instead of reel, of a tape that was recorded over */
    bool init_needs_reel;
    struct hls_grid grid;            /* of a look */
    struct hls_stretch *stretches;   /* of a rung, owned */
    uint32_t stretch_count;
    struct hls_stretch piece;        /* of a rung of a piece, that segment and no other */
    uint32_t fragments;              /* of it; 0: it is none */
};

static enum vcr_err plan_look(const struct app *a, const struct app_hls *h, const struct made_ask *ask, struct plan *p, struct vcr_why *why)
{
    const struct app_hls_tape *t = &h->tape;
    bool opus = ask->kind == MADE_VHS_OPUS, sound = opus || ask->kind == MADE_VHS_SOUND;
    unsigned wear;
    struct make_job *j = &p->base.job;
    if (!made_has_look(a, h))
        return absent(why);
    if (!read_revision(a, h, ask->revision, &wear, j->look))
        return replaced(why);
    p->pieces = ask->pieces;
    p->reel = sound ? &t->sound : &t->video;
    if (sound && !t->has_sound)
        return absent(why);
    j->kind = opus ? MAKE_TAPE_OPUS : sound ? MAKE_TAPE_SOUND : MAKE_TAPE_VIDEO;
    j->pal = t->pal, j->field_rate = t->field_rate, j->tape_speed = t->tape_speed, j->wear_16 = (uint8_t)wear, j->seed = t->seed;
    j->sound = DECK_SOUND_HIFI; /* as the deck plays it */
    j->width = 720, j->height = t->pal ? 576 : 480;
    j->max_bps = opus ? MAKE_OPUS_BPS : sound ? MADE_SOUND_BPS : MADE_VIDEO_BPS;
    p->letter = opus ? "o" : sound ? "a" : "v";
    p->grid = opus ? hls_opus_grid(t->duration_us) : made_grid(t, sound);
    snprintf(p->folder, sizeof(p->folder), "%" PRId64 "/%s", h->tape_id, ask->revision);
    return VCR_OK;
}

static void name_rung(const struct app_hls *h, int rung, const char *reel_version, struct plan *p)
{
    made_rung_version(reel_version, rung, p->version);
    snprintf(p->folder, sizeof(p->folder), "%" PRId64 "/r%s", h->tape_id, p->version);
}

/* A rung of one reel of those that a tape that was recorded over plays. */
static void plan_piece(const struct app_hls *h, int rung, const struct app_hls_reel *reel, const struct hls_track *track, struct plan *p)
{
    name_rung(h, rung, reel->version, p);
    made_rung_size(rung, track, &p->base.job.width, &p->base.job.height);
    p->reel = reel;
}

static enum vcr_err find_piece(const struct app *a, const struct app_hls *h, const struct made_ask *ask, struct plan *p, struct vcr_why *why)
{
    struct hls_track track;
    enum vcr_err err = made_piece_samples(a, ask, &track, &p->piece, why);
    if (err == VCR_OK)
        plan_piece(h, ask->rung, ask->piece, &track, p);
    p->fragments = ask->fragments;
    return err;
}

/* Of the film. */
static enum vcr_err plan_film(const struct app *a, const struct app_hls *h, const struct made_ask *ask, struct plan *p, struct vcr_why *why)
{
    struct hls_track track;
    name_rung(h, ask->rung, h->video.version, p);
    if (ask->revision && strcmp(ask->revision, p->version) != 0)
        return replaced(why);
    enum vcr_err err = made_stretches(a, h, &p->stretches, &p->stretch_count, &track, why);
    if (err != VCR_OK)
        return err;
    if (track.height <= made_rung_kinds[ask->rung].height)
        return absent(why);
    made_rung_size(ask->rung, &track, &p->base.job.width, &p->base.job.height);
    p->reel = &h->video;
    return VCR_OK;
}

static enum vcr_err plan_rung(const struct app *a, const struct app_hls *h, const struct made_ask *ask, struct plan *p, struct vcr_why *why)
{
    struct make_job *j = &p->base.job;
    if (!made_has_rungs(a, h) || !app_hls_has(&h->video) || app_hls_cut(h) != (ask->piece != NULL))
        return absent(why);
    p->init_needs_reel = true;
    p->letter = "";
    j->kind = MAKE_CLEAN_VIDEO;
    j->max_bps = made_rung_kinds[ask->rung].max_bps;
    return ask->piece ? find_piece(a, h, ask, p, why) : plan_film(a, h, ask, p, why);
}

/* Fills in segment n; false: there is none. */
static bool fill(const struct plan *p, bool init, uint32_t n, struct maker_want *ret)
{
    *ret = p->base;
    ret->job.init = init;
    ret->job.number = n;
    if (init)
        return snprintf(ret->key, sizeof(ret->key), "%s/%sinit.mp4", p->folder, p->letter) < (int)sizeof(ret->key);
    if (p->fragments) {
        ret->job.first = p->piece.first;
        ret->job.count = p->piece.count;
        return snprintf(ret->key, sizeof(ret->key), "%s/%" PRIu32 "-%" PRIu32 ".m4s", p->folder, n, p->fragments) < (int)sizeof(ret->key);
    }
    if (p->stretches && n < p->stretch_count) {
        ret->job.first = p->stretches[n].first;
        ret->job.count = p->stretches[n].count;
    } else if (p->stretches || !hls_grid_segment(&p->grid, n, &ret->job.first, &ret->job.count)) {
        return false;
    }
    return snprintf(ret->key, sizeof(ret->key), "%s/%s%u.m4s", p->folder, p->letter, n) < (int)sizeof(ret->key);
}

static enum vcr_err open_reels(const struct app *a, const struct plan *p, struct maker_want *w, struct vcr_why *why)
{
    uint64_t size;
    if (w->job.init && !p->init_needs_reel)
        return VCR_OK;
    if (p->pieces)
        return made_open_pieces(a, p->pieces, w, why);
    enum vcr_err err = app_hls_open(a, p->reel->blob_key, &w->reel_fd, &size, why);
    return err == VCR_OK ? app_hls_open(a, p->reel->index_key, &w->index_fd, &size, why) : err;
}

/* False: what it is made of is not there. */
static bool add_ahead(const struct app *a, const struct plan *p, bool init, uint32_t n, struct made_found *ret)
{
    struct maker_want *w = &ret->ahead[ret->ahead_count];
    if (!fill(p, init, n, w) || segments_has(a->config.segments, w->key))
        return true;
    if (open_reels(a, p, w, NULL) == VCR_OK) {
        ret->ahead_count++;
        return true;
    }
    maker_want_close(w);
    return false;
}

static void look_ahead(const struct app *a, const struct plan *p, const struct made_ask *ask, struct made_found *ret)
{
    uint32_t first = ask->init ? 0 : ask->n + 1;
    for (uint32_t n = first; n - first < MADE_AHEAD; n++)
        if (!add_ahead(a, p, false, n, ret))
            return;
}

/* Which is the next its list knows. */
static void look_ahead_in_list(const struct app *a, const struct app_hls *h, const struct plan *p, const struct made_ask *ask, struct made_found *ret)
{
    struct made_follower f[MADE_AHEAD_MAX];
    int count = made_piece_followers(a, h, ask, f);
    for (int i = 0; i < count; i++) {
        struct plan next = *p;
        plan_piece(h, ask->rung, &f[i].reel, &f[i].track, &next);
        next.piece = (struct hls_stretch){ .first = f[i].first_sample, .count = f[i].samples };
        next.fragments = f[i].fragments;
        if (!add_ahead(a, &next, f[i].init, f[i].n, ret))
            return;
    }
}

void made_found_close(struct made_found *f)
{
    vcr_close(&f->fd);
    maker_want_close(&f->want);
    while (f->ahead_count > 0)
        maker_want_close(&f->ahead[--f->ahead_count]);
}

enum vcr_err made_find(const struct app *a, const struct app_hls *h, const struct made_ask *ask, struct made_found *ret, struct vcr_why *why)
{
    struct plan p = { .base = { .reel_fd = -1, .index_fd = -1 } };
    char hex[APP_HLS_VERSION_BYTES];
    *ret = (struct made_found){ .fd = -1, .want = { .reel_fd = -1, .index_fd = -1 } };
    enum vcr_err err = ask->kind == MADE_RUNG ? plan_rung(a, h, ask, &p, why) : plan_look(a, h, ask, &p, why);
    if (err == VCR_OK && !fill(&p, ask->init, ask->n, &ret->want))
        err = absent(why);
    if (err == VCR_OK) {
        app_digest(ret->want.key, strlen(ret->want.key), hex);
        snprintf(ret->etag, sizeof(ret->etag), "\"%s\"", hex);
        ret->versioned = ask->revision || ask->piece;
        ret->makes = !ask->makes || ask->makes(ask->makes_arg, ret->want.key);
        if (!segments_get(a->config.segments, ret->want.key, &ret->fd, &ret->size) && ret->makes)
            err = open_reels(a, &p, &ret->want, why);
    }
    bool looks_ahead = err == VCR_OK && ret->makes && !ask->alone;
    if (err != VCR_OK)
        made_found_close(ret);
    else if (looks_ahead && ask->piece)
        look_ahead_in_list(a, h, &p, ask, ret);
    else if (looks_ahead)
        look_ahead(a, &p, ask, ret);
    free(p.stretches);
    return err;
}
