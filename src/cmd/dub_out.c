/* cmd/dub_out.c - outputs that need no library: raw pictures and raw sound. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "cmd/dub.h"
#include "wire/wav.h"
#include "wire/y4m.h"

static enum vcr_err put(int fd, const void *bytes, size_t len, struct vcr_why *why)
{
    if (vcr_write_all(fd, bytes, len))
        return VCR_OK;
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    return vcr_fail(why, full ? VCR_E_FULL : VCR_E_IO, "OUT cannot be written: %s", strerror(errno));
}

struct y4m_out {
    struct dub_out out;
    int fd;
    struct dub_format format;
};

static enum vcr_err y4m_picture(struct dub_out *o, const struct picture *p, struct vcr_why *why)
{
    struct y4m_out *y = container_of(o, struct y4m_out, out);
    enum vcr_err err = put(y->fd, "FRAME\n", 6, why);
    for (int i = 0; err == VCR_OK && i < 3; i++) /* a picture of the deck has no gaps between its lines */
        err = put(y->fd, p->plane[i], dub_plane_bytes(&y->format, i), why);
    return err;
}

static enum vcr_err y4m_finish(struct dub_out *o, struct vcr_why *why) { return VCR_OK; }
static void y4m_out_close(struct dub_out *o) { free(container_of(o, struct y4m_out, out)); }

enum vcr_err dub_y4m_out(struct dub_out **ret, int fd, const struct dub_format *f, const char *line, struct vcr_why *why)
{
    static const struct dub_out_ops ops = { y4m_picture, NULL, y4m_finish, y4m_out_close };
    static const enum y4m_order orders[] = { [DUB_PROGRESSIVE] = Y4M_PROGRESSIVE, [DUB_TFF] = Y4M_TFF, [DUB_BFF] = Y4M_BFF };
    struct y4m_format raw = { f->width, f->height, f->rate_num, f->rate_den, f->sar_num, f->sar_den, orders[f->order], f->is_422 };
    char head[Y4M_LINE_MAX + 2];
    if (line && *line)
        snprintf(head, sizeof(head), "%s\n", line);
    else if (!y4m_write_line(&raw, head, sizeof(head)))
        return vcr_fail(why, VCR_E_INTERNAL, "the header of OUT has no room");
    enum vcr_err err = put(fd, head, strlen(head), why);
    if (err != VCR_OK)
        return err;
    struct y4m_out *y = vcr_alloc(sizeof(*y));
    *y = (struct y4m_out){ { &ops }, fd, *f };
    *ret = &y->out;
    return VCR_OK;
}

struct wav_out {
    struct dub_out out;
    int fd, rate, channels;
    int64_t frames;
};

static enum vcr_err wav_head(struct wav_out *w, struct vcr_why *why)
{
    uint8_t head[WAV_HEAD_BYTES];
    if (!wav_write_head(head, w->rate, w->channels, w->frames))
        return vcr_fail(why, VCR_E_TOO_LARGE, "more sound than a WAV can hold: 4 GiB");
    if (lseek(w->fd, 0, SEEK_SET) < 0)
        return vcr_fail(why, VCR_E_IO, "OUT cannot be written: %s", strerror(errno));
    return put(w->fd, head, sizeof(head), why);
}

static enum vcr_err wav_sound(struct dub_out *o, const int16_t *pcm, int n, struct vcr_why *why)
{
    struct wav_out *w = container_of(o, struct wav_out, out);
    uint8_t bytes[16384];
    int total = n * w->channels;
    w->frames += n;
    for (int i = 0; i < total;) {
        size_t len = 0;
        for (; i < total && len < sizeof(bytes); i++) {
            bytes[len++] = (uint8_t)pcm[i];
            bytes[len++] = (uint8_t)((uint16_t)pcm[i] >> 8);
        }
        enum vcr_err err = put(w->fd, bytes, len, why);
        if (err != VCR_OK)
            return err;
    }
    return VCR_OK;
}

static enum vcr_err wav_finish(struct dub_out *o, struct vcr_why *why) { return wav_head(container_of(o, struct wav_out, out), why); }
static void wav_out_close(struct dub_out *o) { free(container_of(o, struct wav_out, out)); }

enum vcr_err dub_wav_out(struct dub_out **ret, int fd, int rate, int channels, struct vcr_why *why)
{
    static const struct dub_out_ops ops = { NULL, wav_sound, wav_finish, wav_out_close };
    struct wav_out *w = vcr_alloc(sizeof(*w));
    *w = (struct wav_out){ { &ops }, fd, rate, channels, 0 };
    enum vcr_err err = wav_head(w, why);
    if (err != VCR_OK)
        free(w);
    else
        *ret = &w->out;
    return err;
}
