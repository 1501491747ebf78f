/* app/pieces.c - see timeline.h: a tape's timeline as stretches of reels and bridges, for players that read files. */
#include <stdlib.h>
#include <string.h>

#include "app/timeline.h"

/* What a span may come to. */
enum { PIECES_A_SPAN = 4 /* gap, head, its reel, tail */ };
/* A take whose AAC is still to be made (take_sound.c) is in neither list: else the lists would not belong together. */
#define OF_TAKE(kind) "(SELECT 1 FROM reels x WHERE x.tape_id = $1 AND COALESCE(x.take_id, 0) = reels.take_id AND x.kind = '" kind "')"
#define SOUND_MADE " AND (EXISTS " OF_TAKE("clean_audio") " OR NOT EXISTS " OF_TAKE("opus") ")"
static const char *const kinds[] = { [APP_PIECE_VIDEO] = "clean_video", [APP_PIECE_AUDIO] = "clean_audio" };
static const char *const places[PIECES_A_SPAN] = { "gap", "head", NULL, "tail" };

struct row { /* of reels (id: the take, place "") or of bridges (id: the span) */
    int64_t id;
    char place[8], blob_key[APP_PIECE_KEY_BYTES], index_key[APP_PIECE_KEY_BYTES];
};
struct rows {
    size_t count, room;
    struct row *items;
};

static enum vcr_err read_rows(struct sql_tx *tx, const char *text, int64_t tape_id, const char *kind, struct rows *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, text, SQL_ARGS(SQL_I(tape_id), SQL_T(kind)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        if (ret->count == ret->room)
            break;
        struct row *r = &ret->items[ret->count];
        r->id = sql_int(rows, 0);
        ret->count += vcr_strcpy(r->place, sizeof(r->place), sql_text(rows, 1)) && vcr_strcpy(r->blob_key, sizeof(r->blob_key), sql_text(rows, 2)) &&
                      vcr_strcpy(r->index_key, sizeof(r->index_key), sql_text(rows, 3));
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

static int by_id_and_place(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return x->id != y->id ? (x->id < y->id ? -1 : 1) : strcmp(x->place, y->place);
}

static void sort_rows(struct rows *rows) { qsort(rows->items, rows->count, sizeof(*rows->items), by_id_and_place); }

static const struct row *find_row(const struct rows *rows, int64_t id, const char *place)
{
    struct row key = { .id = id };
    vcr_strcpy(key.place, sizeof(key.place), place);
    return bsearch(&key, rows->items, rows->count, sizeof(*rows->items), by_id_and_place);
}

static void add_piece(struct app_pieces *ret, const struct timeline_span *s, const struct row *r, const char *place, int64_t gap_us)
{
    struct app_piece *p = &ret->items[ret->count++];
    memcpy(p->blob_key, r->blob_key, sizeof(p->blob_key));
    memcpy(p->index_key, r->index_key, sizeof(p->index_key));
    p->tape_us = s->start_us;
    p->recorded_ms = s->recorded_ms;
    if (place) {
        p->tape_us -= strcmp(place, "gap") == 0 ? gap_us : 0;
        p->recorded_ms = strcmp(place, "head") == 0 ? p->recorded_ms : 0;
        return;
    }
    p->is_take = s->take != 0;
    p->take_from_us = s->take_start_us;
    p->take_to_us = s->take_start_us + s->end_us - s->start_us;
}

static void lay_out(const struct timeline *t, const struct rows *reels, const struct rows *bridges, struct app_pieces *ret)
{
    ret->count = 0;
    ret->items = vcr_calloc(t->count * PIECES_A_SPAN + 1, sizeof(*ret->items));
    for (size_t i = 0; i < t->count; i++) {
        const struct timeline_span *s = &t->spans[i];
        const struct row *reel = find_row(reels, s->take, "");
        int64_t gap_us = s->start_us - (i > 0 ? s[-1].end_us : 0);
        for (int k = 0; reel && k < PIECES_A_SPAN; k++) {
            const struct row *r = places[k] ? find_row(bridges, s->row, places[k]) : reel;
            if (r)
                add_piece(ret, s, r, places[k], gap_us);
        }
    }
}

enum vcr_err app_timeline_pieces(struct sql_tx *tx, int64_t tape_id, enum app_piece_track track, struct app_pieces *ret, struct vcr_why *why)
{
    struct timeline t = { 0 };
    struct rows reels = { 0 }, bridges = { 0 };
    enum vcr_err err = app_timeline_read(tx, tape_id, &t, why);
    reels.room = t.count + 1;
    bridges.room = t.count * (PIECES_A_SPAN - 1) + 1;
    reels.items = vcr_calloc(reels.room, sizeof(*reels.items));
    bridges.items = vcr_calloc(bridges.room, sizeof(*bridges.items));
    if (err == VCR_OK)
        err = read_rows(tx,
                        "SELECT COALESCE(take_id, 0), '', blob_key, index_key FROM reels WHERE tape_id = $1 AND kind = $2 AND track = 0"
                        " AND (take_id IS NULL OR (take_id IN (SELECT take_id FROM spans WHERE tape_id = $1)" SOUND_MADE "))", tape_id, kinds[track], &reels, why);
    if (err == VCR_OK)
        err = read_rows(tx, "SELECT b.span_id, b.place, b.blob_key, b.index_key FROM bridges b JOIN spans s ON s.id = b.span_id WHERE s.tape_id = $1 AND b.kind = $2",
                        tape_id, kinds[track], &bridges, why);
    if (err == VCR_OK) {
        sort_rows(&reels);
        sort_rows(&bridges);
        lay_out(&t, &reels, &bridges, ret);
    }
    free(reels.items);
    free(bridges.items);
    timeline_free(&t);
    return err;
}
