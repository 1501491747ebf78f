/* cmd/dub_av.c - what libav reads and writes, as films, sound and outputs of `vcr dub`. */
#include <stdio.h>
#include <stdlib.h>

#include "base/util.h"
#include "cmd/dub.h"
#include "media/offline/offline.h"

struct av_film {
    struct dub_film film;
    struct offline_film *from;
};
static enum vcr_err film_read(struct dub_film *f, int64_t n, struct picture *into, struct vcr_why *why) { return offline_film_read(container_of(f, struct av_film, film)->from, n, into, why); }
static int film_damaged(const struct dub_film *f) { return offline_film_damaged(container_of(f, struct av_film, film)->from); }
static void film_close(struct dub_film *f)
{
    struct av_film *a = container_of(f, struct av_film, film);
    offline_film_close(&a->from);
    free(a);
}

struct av_sound {
    struct dub_sound sound;
    struct offline_sound *from;
};
static enum vcr_err sound_read(struct dub_sound *s, int16_t *pcm, int n, int *ret_n, struct vcr_why *why)
{
    return offline_sound_read(container_of(s, struct av_sound, sound)->from, pcm, n, ret_n, why);
}
static void sound_close(struct dub_sound *s)
{
    struct av_sound *a = container_of(s, struct av_sound, sound);
    offline_sound_close(&a->from);
    free(a);
}

static enum vcr_err open_pictures(struct dub_input *in, int64_t *ret_zero_us, struct vcr_why *why)
{
    static const struct dub_film_ops ops = { film_read, film_close, film_damaged };
    static const enum dub_order orders[] = { [OFFLINE_PROGRESSIVE] = DUB_PROGRESSIVE, [OFFLINE_TFF] = DUB_TFF, [OFFLINE_BFF] = DUB_BFF };
    struct offline_facts f;
    struct av_film *a = vcr_alloc(sizeof(*a));
    enum vcr_err err = offline_film_open(&a->from, &f, why);
    if (err != VCR_OK) {
        struct offline_sound *alone = NULL;
        if (err == VCR_E_INVALID && offline_sound_open(&alone, INT64_MIN, NULL) == VCR_OK)
            err = vcr_fail(why, VCR_E_INVALID, "IN holds sound but no picture: OUT can only be a .wav");
        offline_sound_close(&alone);
        free(a);
        return err;
    }
    a->film = (struct dub_film){ &ops, { f.width, f.height, f.is_422, orders[f.order], f.rate_num, f.rate_den, f.sar_num, f.sar_den }, f.frames };
    in->film = &a->film;
    *ret_zero_us = f.zero_us;
    return VCR_OK;
}

enum vcr_err dub_film_open(struct dub_input *in, bool wants_film, bool wants_sound, struct vcr_why *why)
{
    static const struct dub_sound_ops ops = { sound_read, sound_close };
    int64_t zero_us = INT64_MIN;
    enum vcr_err err = wants_film ? open_pictures(in, &zero_us, why) : VCR_OK;
    if (err != VCR_OK || !wants_sound)
        return err;
    struct av_sound *a = vcr_alloc(sizeof(*a));
    err = offline_sound_open(&a->from, zero_us, why);
    if (err != VCR_OK) {
        free(a);
        return err == VCR_E_NOT_FOUND && in->film ? VCR_OK : err; /* silent films there are */
    }
    a->sound = (struct dub_sound){ &ops, OFFLINE_HZ, 2, -1 };
    in->sound = &a->sound;
    return VCR_OK;
}

struct av_out {
    struct dub_out out;
    struct offline_out *to;
};
static enum vcr_err out_picture(struct dub_out *o, const struct picture *p, struct vcr_why *why) { return offline_out_picture(container_of(o, struct av_out, out)->to, p, why); }
static enum vcr_err out_sound(struct dub_out *o, const int16_t *pcm, int n, struct vcr_why *why) { return offline_out_sound(container_of(o, struct av_out, out)->to, pcm, n, why); }
static enum vcr_err out_finish(struct dub_out *o, struct vcr_why *why) { return offline_out_finish(container_of(o, struct av_out, out)->to, why); }
static void out_close(struct dub_out *o)
{
    struct av_out *a = container_of(o, struct av_out, out);
    offline_out_close(&a->to);
    free(a);
}

enum vcr_err dub_film_out(struct dub_out **ret, int fd, enum dub_kind kind, const struct dub_format *f, bool has_sound, struct vcr_why *why)
{
    static const struct dub_out_ops ops = { out_picture, out_sound, out_finish, out_close };
    static const enum offline_order orders[] = { [DUB_PROGRESSIVE] = OFFLINE_PROGRESSIVE, [DUB_TFF] = OFFLINE_TFF, [DUB_BFF] = OFFLINE_BFF };
    const struct offline_facts facts = { f->width, f->height, f->is_422, orders[f->order], f->rate_num, f->rate_den, f->sar_num, f->sar_den, 0, 0 };
    struct av_out *a = vcr_alloc(sizeof(*a));
    a->out.ops = &ops;
    enum vcr_err err = offline_out_open(&a->to, fd, kind == DUB_MKV, &facts, has_sound, why);
    if (err != VCR_OK)
        free(a);
    else
        *ret = &a->out;
    return err;
}
