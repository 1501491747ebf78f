/* cmd/dub_deck.c - the deck of `vcr dub`: which pictures of the film each of its heads finds, and the passes through the tape in series.
 *
 * Generation g is g + 1 passes. All but the last are settled PLAY of one tape into the next, so each is a film by itself, its pictures made when they are asked for; the
 * last one runs in the mode that was asked for. Everything follows from places, so it does not matter in which order they are. Those that are recorded onto another tape
 * have no peaking: sharpness is for who looks at the picture, and decks turn it off for dubbing (their EDIT switch). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/util.h"
#include "cmd/dub.h"
#include "deck/snapshot.h"
#include "signal/limiter.h"

/* One pass through the tape. */
struct pass {
    struct dub_film film;        /* what it gives in PLAY */
    struct dub_deck *deck;
    struct signal *signal;
    struct dub_kept from;        /* what was recorded on its tape */
    bool crosstalk;              /* its look shows the neighbouring track's colour */
};
struct dub_deck {
    /* set by open, then read-only */
    const struct dub_options *options;
    struct dub_format format;
    int per_picture;             /* places of a picture: 2 where it is made of fields */
    int64_t places, frames;      /* of the film; of the output */
    int64_t start, tape0;        /* place where the mode begins; the tape's place of the film's first one */
    int passes;
    enum signal_isa isa;
    /* its own */
    struct pass pass[DUB_GENERATIONS_MAX + 1];
    struct picture canvas;
    struct signal_limiter *limiter; /* NULL: off */
    int64_t signal_ns, made;
};

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Microseconds on the tape of a position in 1/DUB_SPEED_ONE of a place. */
static int64_t tape_us(const struct dub_deck *d, int64_t at)
{
    dub_wide ticks = (dub_wide)(at + d->tape0 * DUB_SPEED_ONE) * 1000000 * d->format.rate_den;
    dub_wide each = (dub_wide)d->format.rate_num * d->per_picture * DUB_SPEED_ONE;
    return (int64_t)((ticks + each / 2) / each);
}

/* The film's place that is recorded there. */
static int64_t place_at(const struct dub_deck *d, int64_t us)
{
    dub_wide each = (dub_wide)1000000 * d->format.rate_den;
    dub_wide places = ((dub_wide)us * d->format.rate_num * d->per_picture + each / 2) / each;
    return (int64_t)places - d->tape0;
}

static int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

/* Lines of which parity the j-th field of a picture has. */
static int parity_of(const struct dub_deck *d, int64_t place) { return (int)(place & 1) ^ (d->format.order == DUB_BFF); }

/* The picture whose lines of that parity are the field of this place. */
static enum vcr_err find_field(struct pass *p, int64_t place, int parity, struct picture *store, const struct picture **ret, struct vcr_why *why)
{
    const struct dub_deck *d = p->deck;
    const struct picture *from = NULL;
    *ret = NULL; /* nothing was recorded there */
    if (place < 0 || place >= d->places)
        return VCR_OK;
    enum vcr_err err = dub_kept_picture(&p->from, place / d->per_picture, &from, why);
    if (err != VCR_OK)
        return err;
    *store = *from;
    int by = d->per_picture == 2 ? parity_of(d, place) - parity : 0;
    for (int i = 0; i < 3; i++)
        store->plane[i] += by * store->stride[i];
    *ret = store;
    return VCR_OK;
}

/* What the track beside holds, where the head follows one track and the look shows its neighbour: the field before. Through the same lines as the field itself. */
static enum vcr_err find_beside(struct pass *p, int64_t place, int rate, int parity, struct picture *store, const struct picture **ret, struct vcr_why *why)
{
    bool follows = rate >= -65536 && rate <= 65536; /* faster, what comes in passes by: it is not read twice */
    return p->crosstalk && follows ? find_field(p, place - 1, parity, store, ret, why) : VCR_OK;
}

/* Draws one field (or, where there are none, the picture) into `out`. at: position in 1/DUB_SPEED_ONE of a place; k: how many came before. */
static enum vcr_err draw(struct pass *p, int64_t at, int rate, enum signal_kind kind, int64_t k, bool last, int parity, struct picture *out, struct vcr_why *why)
{
    struct dub_deck *d = p->deck;
    const struct dub_options *o = d->options;
    struct signal_field f = { .kind = kind, .tape_us = tape_us(d, at), .rate = rate, .lock_q16 = 65536, .tape_speed = o->tape_speed, .field_index = k };
    struct picture store[SIGNAL_BANDS_MAX], beside;
    const struct picture *sources[SIGNAL_BANDS_MAX] = { NULL };
    int64_t places[SIGNAL_BANDS_MAX];
    if (last) {
        f.tracking_error_q8 = dub_tracking_q8(o);
        f.wear_16 = o->wear_16;
        f.pass = o->pass;
        f.over_us = o->recorded_over ? VCR_MAX(f.tape_us - tape_us(d, 0), 1) : 0;
    }
    int n = kind == SIGNAL_TAPE ? VCR_CLAMP(signal_bands(p->signal, &f, places), 1, SIGNAL_BANDS_MAX) : 0;
    for (int i = 0; i < n; i++) {
        int64_t place = i == 0 ? floor_div(at, DUB_SPEED_ONE) : place_at(d, places[i]);
        enum vcr_err err = find_field(p, place, parity, &store[i], &sources[i], why);
        if (err == VCR_OK && n == 1)
            err = find_beside(p, place, rate, parity, &beside, &f.beside, why);
        if (err != VCR_OK)
            return err;
    }
    int64_t begun = cpu_ns();
    if (d->per_picture == 2)
        signal_render_field(p->signal, &f, sources, n, out, parity);
    else
        signal_render(p->signal, &f, sources, n, out);
    d->signal_ns += cpu_ns() - begun;
    return VCR_OK;
}

/* A picture of a pass in settled PLAY: what is recorded onto the next tape. */
static enum vcr_err play_on(struct dub_film *film, int64_t n, struct picture *into, struct vcr_why *why)
{
    struct pass *p = container_of(film, struct pass, film);
    enum vcr_err err = VCR_OK;
    for (int j = 0; err == VCR_OK && j < p->deck->per_picture; j++) {
        int64_t place = n * p->deck->per_picture + j;
        err = draw(p, place * DUB_SPEED_ONE, 65536, SIGNAL_TAPE, p->deck->tape0 + place, false, parity_of(p->deck, place), into, why);
    }
    p->deck->made++;
    return err;
}

static void nothing(struct dub_film *film) { }

static void draw_osd(struct dub_deck *d, int64_t at)
{
    static const char *const texts[DUB_MODES] = { "\x01 PLAY", "\x02 STILL", "\x07 SLOW", "\x04\x04 CUE", "\x05\x05 REVIEW", "\x03 STOP" };
    static const char *const speeds[] = { "SP", "LP", "EP" };
    char counter[16], mode[32];
    int speed = VCR_CLAMP(d->options->speed < 0 ? -d->options->speed : d->options->speed, 1, 1000 * DUB_SPEED_ONE);
    const char *text = texts[d->options->mode];
    deck_counter_text(tape_us(d, at), counter);
    if (speed > DUB_SPEED_ONE)
        snprintf(mode, sizeof(mode), "%s x%d", text, speed / DUB_SPEED_ONE);
    else if (d->options->mode == DUB_SLOW && speed < DUB_SPEED_ONE)
        snprintf(mode, sizeof(mode), "%s %s1/%d", text, d->options->speed < 0 ? "-" : "", (DUB_SPEED_ONE + speed / 2) / speed);
    else
        vcr_strcpy(mode, sizeof(mode), text);
    signal_osd(&d->canvas, 0, 0, mode);
    signal_osd(&d->canvas, 1, 0, counter);
    signal_osd(&d->canvas, 0, SIGNAL_OSD_RIGHT, speeds[d->options->tape_speed]);
    if (d->options->tracking != DUB_TRACKING_AUTO)
        signal_osd_tracking(&d->canvas, d->options->tracking);
}

/* Fields come one after the other, at their own times. */
static void limit(struct dub_deck *d, int64_t n)
{
    int64_t begun = cpu_ns();
    for (int j = 0; j < d->per_picture; j++) {
        int64_t k = n * d->per_picture + j;
        int64_t at_us = (int64_t)((dub_wide)k * 1000000 * d->format.rate_den / ((dub_wide)d->format.rate_num * d->per_picture));
        signal_limiter_apply(d->limiter, &d->canvas, d->per_picture == 2 ? parity_of(d, k) : -1, at_us);
    }
    d->signal_ns += cpu_ns() - begun;
}

enum vcr_err dub_deck_picture(struct dub_deck *d, int64_t n, const struct picture **ret, struct vcr_why *why)
{
    const struct dub_options *o = d->options;
    struct pass *last = &d->pass[d->passes - 1];
    enum vcr_err err = VCR_OK;
    for (int j = 0; err == VCR_OK && j < d->per_picture; j++) {
        int64_t k = n * d->per_picture + j, at = d->start * DUB_SPEED_ONE + k * o->speed;
        /* in PLAY all follows from the place, wherever the playing began */
        int64_t index = o->mode == DUB_PLAY ? d->tape0 + floor_div(at, DUB_SPEED_ONE) : k;
        int rate = (int)floor_div((int64_t)o->speed * 65536 + DUB_SPEED_ONE / 2, DUB_SPEED_ONE);
        err = draw(last, at, rate, o->mode == DUB_STOP ? SIGNAL_BLUE : SIGNAL_TAPE, index, true, parity_of(d, k), &d->canvas, why);
    }
    d->made++;
    if (err == VCR_OK && o->osd)
        draw_osd(d, d->start * DUB_SPEED_ONE + n * d->per_picture * o->speed);
    if (err == VCR_OK && d->limiter)
        limit(d, n);
    *ret = &d->canvas;
    return err;
}

int64_t dub_deck_frames(const struct dub_deck *d) { return d->frames; }

double dub_deck_signal_s(const struct dub_deck *d, int64_t *ret_pictures)
{
    *ret_pictures = d->made;
    return (double)d->signal_ns / 1e9;
}

const char *dub_deck_isa(const struct dub_deck *d) { return signal_isa_name(d->isa); }

/* How many places the mode goes through before it leaves the film. */
static int64_t places_of(const struct dub_deck *d)
{
    int64_t speed = d->options->speed;
    if (speed > 0)
        return ((d->places - d->start) * DUB_SPEED_ONE + speed - 1) / speed;
    return speed < 0 ? d->start * DUB_SPEED_ONE / -speed + 1 : 0;
}

static bool is_search(const struct dub_options *o) { return o->speed < 0 || o->speed > DUB_SPEED_ONE; }

static enum vcr_err open_pass(struct dub_deck *d, int n, const struct signal_profile *profile, enum signal_standard standard, struct dub_film *from, struct vcr_why *why)
{
    static const struct dub_film_ops ops = { play_on, nothing, NULL };
    struct pass *p = &d->pass[n];
    /* every copy is on a tape of its own; the last one is the seed's */
    uint64_t seed = d->options->seed + (uint64_t)(d->passes - 1 - n) * 0x9E3779B97F4A7C15ull;
    *p = (struct pass){ .film = { &ops, d->format, from->frames }, .deck = d };
    dub_kept_open(&p->from, from, n == d->passes - 1 && is_search(d->options) ? DUB_KEPT_IN_SEARCH : DUB_KEPT);
    enum vcr_err err = signal_open(&p->signal, standard, d->format.width, d->format.height, seed, why);
    if (err == VCR_OK)
        err = signal_set_isa(p->signal, d->isa, why);
    struct signal_profile look = *profile;
    if (n < d->passes - 1)
        look.peaking_db10 = 0;
    if (err == VCR_OK)
        signal_set_profile(p->signal, &look);
    p->crosstalk = profile->chroma_crosstalk_db10 > 0;
    return err;
}

enum vcr_err dub_deck_open(struct dub_deck **ret, const struct dub_options *o, const struct signal_profile *profile, enum signal_standard standard, struct dub_film *film, struct vcr_why *why)
{
    struct dub_deck *d = vcr_alloc(sizeof(*d));
    d->options = o;
    d->format = film->format;
    d->per_picture = film->format.order == DUB_PROGRESSIVE ? 1 : 2;
    d->places = film->frames * d->per_picture;
    d->start = o->mode == DUB_REVIEW ? d->places - 1 : 0;
    d->tape0 = place_at(d, o->tape_at_us);
    d->frames = o->frames;
    int64_t most = VCR_MAX(places_of(d) / d->per_picture, 1);
    if (o->speed != 0)
        d->frames = o->frames ? VCR_MIN(o->frames, most) : most;
    enum vcr_err err = dub_isa(&d->isa, o, why);
    if (err == VCR_OK)
        err = dub_picture_open(&d->canvas, &d->format, why);
    if (err == VCR_OK && profile->limiter)
        err = signal_limiter_open(&d->limiter, d->canvas.width, d->canvas.height, d->canvas.is_422, why);
    d->passes = o->generation + 1;
    for (int i = 0; err == VCR_OK && i < d->passes; i++)
        err = open_pass(d, i, profile, standard, i ? &d->pass[i - 1].film : film, why);
    if (err != VCR_OK)
        dub_deck_close(&d);
    else
        *ret = d;
    return err;
}

void dub_deck_close(struct dub_deck **d)
{
    if (!*d)
        return;
    for (int i = 0; i <= DUB_GENERATIONS_MAX; i++) {
        signal_close(&(*d)->pass[i].signal);
        dub_kept_close(&(*d)->pass[i].from);
    }
    signal_limiter_close(&(*d)->limiter);
    dub_picture_close(&(*d)->canvas);
    free(*d);
    *d = NULL;
}
