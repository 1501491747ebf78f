/* deliver/live/serve.c - what players ask for: answered at once, or when it is there. A request waits in the list of its track and is looked at when that grows. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "deliver/live/internal.h"
#include "deliver/live/reel_file.h"

#define LIST_TYPE "application/vnd.apple.mpegurl"
enum { ADVANCE_PARTS = 9 /* three seconds of parts */, YEAR_S = 31536000, LIST_S = 6 * PROGRAMME_TARGET_S };

/* What a wish is about. */
static const struct what { bool list, init, segment, part; int track; const char *type; } whats[] = {
    [PROGRAMME_GET_LIST] = { .track = PROGRAMME_VIDEO, .type = LIST_TYPE },
    [PROGRAMME_GET_VIDEO_LIST] = { .list = true, .track = PROGRAMME_VIDEO, .type = LIST_TYPE },
    [PROGRAMME_GET_AUDIO_LIST] = { .list = true, .track = PROGRAMME_AAC, .type = LIST_TYPE },
    [PROGRAMME_GET_VIDEO_INIT] = { .init = true, .track = PROGRAMME_VIDEO, .type = "video/mp4" },
    [PROGRAMME_GET_AUDIO_INIT] = { .init = true, .track = PROGRAMME_AAC, .type = "audio/mp4" },
    [PROGRAMME_GET_VIDEO_SEGMENT] = { .segment = true, .track = PROGRAMME_VIDEO, .type = "video/mp4" },
    [PROGRAMME_GET_AUDIO_SEGMENT] = { .segment = true, .track = PROGRAMME_AAC, .type = "audio/mp4" },
    [PROGRAMME_GET_VIDEO_PART] = { .part = true, .track = PROGRAMME_VIDEO, .type = "video/mp4" },
    [PROGRAMME_GET_AUDIO_PART] = { .part = true, .track = PROGRAMME_AAC, .type = "audio/mp4" },
};

static int track_of(const struct programme *p, const struct programme_request *r)
{
    return r->want == PROGRAMME_GET_LIST ? p->leader : whats[r->want].track;
}

/* ---- is it there? AGAIN: not yet. The lock is held. ---- */
static enum vcr_err gone(struct vcr_why *why) { return vcr_fail(why, VCR_E_NOT_FOUND, "this stretch of the live picture is not there (any more)"); }

/* A list is wanted that holds segment msn as a whole, or its part. One part too many of a whole segment is the first of the next one. */
static enum vcr_err list_state(const struct programme *p, const struct live_window *w, const struct programme_request *r, struct vcr_why *why)
{
    if (r->part >= 0 && r->msn < 0)
        return vcr_fail(why, VCR_E_MALFORMED, "_HLS_part without _HLS_msn");
    const struct live_segment *last = w->end > w->first ? &w->segments[w->end - 1] : NULL;
    if (p->over)
        return VCR_OK;
    if (r->msn < 0)
        return last ? VCR_OK : VCR_E_AGAIN;
    bool under_way = last && !last->whole;
    int64_t now_msn = under_way ? last->msn : w->next_msn, now_part = under_way ? last->count : 0; /* what comes next */
    if (r->msn > now_msn + 1 || (r->part >= 0 && (r->msn > now_msn ? (int64_t)r->part : r->msn == now_msn ? r->part - now_part : 0) > ADVANCE_PARTS))
        return vcr_fail(why, VCR_E_MALFORMED, "_HLS_msn or _HLS_part is too far ahead");
    if (r->msn > now_msn || (r->msn == now_msn && (r->part < 0 || r->part >= now_part)))
        return VCR_E_AGAIN;
    if (last && last->whole && last->msn == r->msn && r->part >= last->count)
        return VCR_E_AGAIN; /* of the next one, which has not begun */
    return VCR_OK;
}

static enum vcr_err media_state(struct programme *p, struct live_window *w, const struct programme_request *r, bool part, struct vcr_why *why)
{
    const struct live_segment *s = live_find(w, r->msn), *last = live_last(w);
    bool next = !last || last->whole ? r->msn == w->next_msn && (!part || r->part == 0) : r->msn == last->msn && (!part || r->part == last->count);
    bool there = s && (part ? r->part >= 0 && r->part < s->count && s->parts[r->part].bytes : s->whole && (s->bytes > 0 || s->file));
    if (there)
        return VCR_OK;
    return next && !p->over ? VCR_E_AGAIN : gone(why);
}

static enum vcr_err state_of(struct programme *p, const struct programme_request *r, struct vcr_why *why)
{
    const struct what *what = &whats[r->want];
    int track = track_of(p, r);
    struct live_window *w = &p->window[track];
    if (!p->track[track].cut)
        return vcr_fail(why, VCR_E_NOT_FOUND, track == PROGRAMME_VIDEO ? "this programme has no picture" : "this programme has no sound");
    if (what->list)
        return list_state(p, w, r, why);
    if (what->segment || what->part)
        return media_state(p, w, r, what->part, why);
    if (what->init && (r->msn < 0 || r->msn >= LIVE_INITS_MAX))
        return gone(why);
    if (w->next_msn > 0 && (!what->init || p->inits[track][r->msn]))
        return VCR_OK;
    if (p->over)
        return what->init ? gone(why) : VCR_OK;
    return !what->init || r->msn == 0 ? VCR_E_AGAIN : gone(why);
}

/* ---- answers ---- */
struct found {
    struct live_bytes *bytes;
    int fd;
    uint64_t offset, len;
    int64_t move_us;             /* what the times in the file lack */
    uint32_t timescale;
};

static struct live_bytes *join_parts(const struct live_segment *s)
{
    size_t at = 0;
    struct live_bytes *b = live_bytes_make(NULL, (size_t)s->bytes);
    for (int i = 0; b && i < s->count; i++) {
        if (!s->parts[i].bytes) {
            live_bytes_unref(&b);
            return NULL;
        }
        memcpy(b->data + at, s->parts[i].bytes->data, s->parts[i].bytes->len);
        at += s->parts[i].bytes->len;
    }
    return b;
}

/* What is there, held on to; the lock is held. */
static enum vcr_err find(struct programme *p, const struct programme_request *r, struct found *f)
{
    const struct what *what = &whats[r->want];
    int track = track_of(p, r);
    struct live_window *w = &p->window[track];
    if (what->list) {
        struct live_bytes **text = &w->text[r->skip];
        if (!*text)
            *text = live_write_list(p, track, r->skip);
        f->bytes = live_bytes_ref(*text);
    } else if (what->init) {
        f->bytes = live_bytes_ref(p->inits[track][r->msn]);
    } else if (what->part) {
        f->bytes = live_bytes_ref(live_find(w, r->msn)->parts[r->part].bytes);
    } else if (what->segment) {
        const struct live_segment *s = live_find(w, r->msn);
        if (s->bytes > 0) {
            f->bytes = join_parts(s);
        } else {
            *f = (struct found){ .fd = dup(s->file->fd), .offset = s->offset, .len = s->size, .move_us = s->file->start_us, .timescale = p->track[track].format.timescale };
            return f->fd < 0 || f->len > PROGRAMME_SEGMENT_BYTES ? VCR_E_IO : VCR_OK;
        }
    } else {
        f->bytes = live_write_multivariant(p, r->prefix ? r->prefix : "");
    }
    return f->bytes ? VCR_OK : VCR_E_NOMEM;
}

/* A recording's time begins at its own start: its parts are given the programme's times again. */
enum vcr_err programme_read_moved(const struct programme_answer *a, uint8_t *out, struct vcr_why *why)
{
    int64_t shift = reelcut_ticks(a->timescale, a->move_us);
    bool ok = pread(a->fd, out, a->len, (off_t)a->offset) == (ssize_t)a->len;
    for (size_t at = 0; ok && at < a->len;) {
        uint64_t n = 0;
        bool key;
        ok = reelwalk_part_bytes(out + at, a->len - at, &n, &key) == VCR_OK && n <= a->len - at;
        if (ok)
            wr64be(out + at + REELCUT_TFDT_AT, rd64be(out + at + REELCUT_TFDT_AT) + (uint64_t)shift);
        at += (size_t)n;
    }
    return ok ? VCR_OK : vcr_fail(why, VCR_E_IO, "the live picture could not be read back");
}

static void answer(struct programme *p, struct programme_request *r, enum vcr_err err, struct vcr_why *why)
{
    struct found f = { .fd = -1 };
    struct programme_answer a = { .err = err, .fd = -1, .content_type = whats[r->want].type };
    const struct what *what = &whats[r->want];
    if (err == VCR_OK) {
        pthread_mutex_lock(&p->lock);
        a.err = state_of(p, r, why);
        bool there = a.err == VCR_OK;
        if (there)
            a.err = find(p, r, &f);
        pthread_mutex_unlock(&p->lock);
        if (there && a.err != VCR_OK)
            vcr_close(&f.fd), vcr_fail(why, a.err, "the live picture could not be read back");
    }
    if (a.err != VCR_OK)
        a.why = *why;
    a.max_age_s = what->list ? (r->msn >= 0 ? LIST_S : 0) : what->init || what->segment || what->part ? YEAR_S : 0;
    a.fd = f.fd;
    a.offset = f.offset;
    a.move_us = f.move_us;
    a.timescale = f.timescale;
    a.body = f.bytes ? f.bytes->data : NULL;
    a.len = f.bytes ? f.bytes->len : (size_t)f.len;
    r->done(r, &a);
    live_bytes_unref(&f.bytes);
}

static void on_ready(struct loop_msg *msg)
{
    struct programme_request *r = container_of(msg, struct programme_request, msg);
    struct vcr_why why = { 0 };
    if (r->err != VCR_OK)
        vcr_fail(&why, r->err, "the live picture did not go on in time; ask again");
    answer(r->programme, r, r->err, &why);
}

struct programme_request *live_wake(struct programme *p, int64_t now_us)
{
    struct programme_request *woken = NULL;
    for (int t = 0; t < PROGRAMME_TRACKS; t++) {
        for (struct programme_request **at = &p->window[t].waiters, *r; (r = *at) != NULL;) {
            struct vcr_why ignored;
            enum vcr_err err = state_of(p, r, &ignored);
            if (err == VCR_E_AGAIN && r->until_us > now_us) {
                at = &r->next;
                continue;
            }
            *at = r->next;
            p->waiting--;
            r->err = err == VCR_E_AGAIN ? VCR_E_BUSY : VCR_OK; /* refusals are found again by answer() */
            r->next = woken;
            woken = r;
        }
    }
    return woken;
}

void live_post(struct programme_request *woken)
{
    while (woken) {
        struct programme_request *r = woken;
        woken = r->next; /* it may be gone as soon as it is posted */
        loop_post(r->loop, &r->msg);
    }
}

int64_t programme_asked_us(struct programme *p)
{
    pthread_mutex_lock(&p->lock);
    int64_t us = p->asked_us;
    pthread_mutex_unlock(&p->lock);
    return us;
}

void programme_get(struct programme *p, struct programme_request *r)
{
    struct vcr_why why = { 0 };
    pthread_mutex_lock(&p->lock);
    p->asked_us = clock_mono_us();
    enum vcr_err err = state_of(p, r, &why);
    if (err == VCR_E_AGAIN && p->waiting >= PROGRAMME_WAITERS_MAX)
        err = vcr_fail(&why, VCR_E_BUSY, "too many wait for the live picture");
    if (err == VCR_E_AGAIN) {
        struct live_window *w = &p->window[track_of(p, r)];
        r->msg.fn = on_ready;
        r->programme = p;
        r->until_us = clock_mono_us() + PROGRAMME_WAIT_US;
        r->next = w->waiters;
        w->waiters = r;
        p->waiting++;
    }
    pthread_mutex_unlock(&p->lock);
    if (err != VCR_E_AGAIN)
        answer(p, r, err, &why);
}
