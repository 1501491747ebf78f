/* app/piece.c - a made segment for a deck that plays: the one that HLS look=vhs has of the same place, wear and look, if it is there; else it is made ahead. */
#include <string.h>

#include "app/made.h"
#include "app/sessions.h"
#include "base/util.h"

struct finding {
    int64_t tape_id;
    struct app_hls hls;
};

/* The deck has the tape already: nobody's rights are asked again. */
static enum vcr_err find_work(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    static const struct app_principal house = { .role = APP_ADMIN };
    struct finding *f = arg;
    return app_hls_find(tx, &house, f->tape_id, &f->hls, why);
}

/* The deck plays what would be made: the same reel, and nothing was recorded over it. */
static bool is_same(const struct app_hls *h, const struct session_piece *p)
{
    const struct app_hls_tape *t = &h->tape;
    return !app_hls_cut(h) && t->pal == p->pal && t->field_rate == p->field_rate && t->tape_speed == p->tape_speed && t->seed == p->seed &&
           strcmp(t->video.blob_key, p->video_key) == 0;
}

/* VCR_E_BUSY: it is to be made. ahead: also those that come after it. */
static enum vcr_err open_one(const struct app *a, const struct app_hls *h, const struct made_ask *ask, bool ahead, int *ret_fd, struct vcr_why *why)
{
    struct made_found f;
    enum vcr_err err = made_find(a, h, ask, &f, why);
    if (err != VCR_OK)
        return err == VCR_E_NOT_FOUND ? VCR_E_BUSY : err; /* the tape ends before it */
    *ret_fd = f.fd;
    f.fd = -1;
    if (*ret_fd < 0)
        maker_ahead(a->config.maker, &f.want);
    for (int i = 0; ahead && i < f.ahead_count; i++)
        maker_ahead(a->config.maker, &f.ahead[i]);
    made_found_close(&f);
    return *ret_fd >= 0 ? VCR_OK : vcr_fail(why, VCR_E_BUSY, "it is being made");
}

enum vcr_err app_piece_open(const struct app *a, const struct session_piece *p, int ret_fds[2], struct vcr_why *why)
{
    struct finding *f = vcr_alloc(sizeof(*f));
    char revision[MADE_REVISION_BYTES];
    f->tape_id = p->tape_id;
    ret_fds[0] = ret_fds[1] = -1;
    enum vcr_err err = sql_run(a->config.db, SQL_READ, find_work, f, why);
    if (err == VCR_OK && (!made_has_look(a, &f->hls) || !is_same(&f->hls, p) || (p->sound && !f->hls.tape.has_sound)))
        err = vcr_fail(why, VCR_E_NOT_FOUND, "what the deck plays is not what is made of this tape");
    if (err == VCR_OK) {
        made_revision_as(a, &f->hls, p->wear_16, p->look, revision);
        enum made_kind kind = p->sound ? MADE_VHS_OPUS : MADE_VHS_VIDEO;
        err = open_one(a, &f->hls, &(struct made_ask){ .kind = kind, .revision = revision, .n = p->number }, true, &ret_fds[0], why);
        enum vcr_err err2 = open_one(a, &f->hls, &(struct made_ask){ .kind = kind, .revision = revision, .init = true }, false, &ret_fds[1], why);
        err = err != VCR_OK ? err : err2;
    }
    free(f);
    if (err != VCR_OK)
        for (int i = 0; i < 2; i++)
            vcr_close(&ret_fds[i]);
    return err;
}
