/* app/piece.c - a made segment for a deck that plays: the one that HLS look=vhs has of the same place, wear and look, if it is there. Else it is made ahead, when it is wished for the second
 * time (wishes.h). */
#include <string.h>

#include "app/made.h"
#include "app/sessions.h"
#include "app/wishes.h"
#include "base/clock.h"
#include "base/util.h"

struct finding {
    const struct app *app;
    int64_t tape_id;
    struct app_hls hls;
};

/* The deck has the tape already: nobody's rights are asked again. */
static enum vcr_err find_work(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct finding *f = arg;
    return app_hls_find_for(f->app, tx, f->tape_id, APP_HLS_DECK, &f->hls, why);
}

/* The deck plays what would be made: the same reel, and nothing was recorded over it. */
static bool is_same(const struct app_hls *h, const struct session_piece *p)
{
    const struct app_hls_tape *t = &h->tape;
    return !app_hls_cut(h) && t->pal == p->pal && t->field_rate == p->field_rate && t->tape_speed == p->tape_speed && t->seed == p->seed &&
           strcmp(t->video.blob_key, p->video_key) == 0;
}

struct wisher {
    const struct app *app;
    uint64_t asker;
};

static bool wishes_it_again(void *arg, const char *key)
{
    const struct wisher *w = arg;
    return wishes_again(w->app->wishes, key, w->asker, clock_mono_us());
}

/* VCR_E_BUSY: it is not there. Then it is made, with those that come after it unless alone, if ask says so. *ret_wanted: it is there or made. */
static enum vcr_err open_one(const struct app *a, const struct app_hls *h, const struct made_ask *ask, int *ret_fd, bool *ret_wanted, struct vcr_why *why)
{
    struct made_found f;
    enum vcr_err err = made_find(a, h, ask, &f, why);
    if (err != VCR_OK)
        return err == VCR_E_NOT_FOUND ? VCR_E_BUSY : err; /* the tape ends before it */
    *ret_fd = f.fd;
    f.fd = -1;
    *ret_wanted = f.makes || *ret_fd >= 0;
    if (*ret_fd < 0 && f.makes)
        maker_ahead(a->config.maker, &f.want);
    for (int i = 0; i < f.ahead_count; i++)
        maker_ahead(a->config.maker, &f.ahead[i]);
    made_found_close(&f);
    return *ret_fd >= 0 ? VCR_OK : vcr_fail(why, VCR_E_BUSY, "it is not there yet");
}

enum vcr_err app_piece_open(const struct app *a, const struct session_piece *p, int ret_fds[2], struct vcr_why *why)
{
    struct finding *f = vcr_alloc(sizeof(*f));
    char revision[MADE_REVISION_BYTES];
    bool wanted = false;
    f->app = a;
    f->tape_id = p->tape_id;
    ret_fds[0] = ret_fds[1] = -1;
    enum vcr_err err = app_hls_remembered(a, p->tape_id, APP_HLS_DECK, &f->hls) ? VCR_OK : sql_run(a->config.db, SQL_READ, find_work, f, why);
    if (err == VCR_OK && (!made_has_look(a, &f->hls) || !is_same(&f->hls, p) || (p->sound && !f->hls.tape.has_sound)))
        err = vcr_fail(why, VCR_E_NOT_FOUND, "what the deck plays is not what is made of this tape");
    if (err == VCR_OK) {
        made_revision_as(a, &f->hls, p->wear_16, p->look, revision);
        enum made_kind kind = p->sound ? MADE_VHS_OPUS : MADE_VHS_VIDEO;
        struct wisher w = { a, p->asker };
        err = open_one(a, &f->hls, &(struct made_ask){ .kind = kind, .revision = revision, .n = p->number, .makes = wishes_it_again, .makes_arg = &w }, &ret_fds[0], &wanted, why);
        enum vcr_err err2 = wanted ? open_one(a, &f->hls, &(struct made_ask){ .kind = kind, .revision = revision, .init = true, .alone = true }, &ret_fds[1], &wanted, why) : err;
        err = err != VCR_OK ? err : err2;
    }
    free(f);
    if (err != VCR_OK)
        for (int i = 0; i < 2; i++)
            vcr_close(&ret_fds[i]);
    return err;
}
