/* deliver/live/window.c - the segments of a programme that players may ask for: added part by part, taken out when they are old, found in a recording when they are there. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "deliver/live/internal.h"

enum { SEGMENTS_MIN = 6 };

void live_file_unref(struct live_file **f)
{
    if (*f && atomic_fetch_sub(&(*f)->refs, 1) == 1) {
        vcr_close(&(*f)->fd);
        free(*f);
    }
    *f = NULL;
}

struct live_segment *live_find(struct live_window *w, int64_t msn)
{
    if (w->first == w->end || msn < w->segments[w->first].msn || msn > w->segments[w->end - 1].msn)
        return NULL;
    return &w->segments[w->first + (int)(msn - w->segments[w->first].msn)];
}

/* The first one that lists name: what is only in memory is named for PROGRAMME_WINDOW_US, and then nothing before it. */
int live_listed_from(const struct live_window *w)
{
    int from = VCR_MAX(w->first, w->end - PROGRAMME_LISTED_MAX);
    for (int i = w->end - 1; i >= from; i--) {
        const struct live_segment *s = &w->segments[i];
        if (!s->file && s->whole && s->start_us + s->duration_us < w->end_us - PROGRAMME_WINDOW_US)
            return i + 1;
    }
    return from;
}

static void forget_text(struct live_window *w)
{
    live_bytes_unref(&w->text[0]);
    live_bytes_unref(&w->text[1]);
}

static void drop_bytes(struct live_window *w, struct live_segment *s)
{
    for (int i = 0; i < s->count; i++)
        live_bytes_unref(&s->parts[i].bytes);
    w->bytes -= s->bytes;
    s->bytes = 0;
}

static void free_segment(struct live_window *w, struct live_segment *s)
{
    drop_bytes(w, s);
    free(s->parts);
    live_file_unref(&s->file);
}

static void take_out(struct live_window *w)
{
    struct live_segment *s = &w->segments[w->first++];
    w->gaps_gone += s->gap;
    free_segment(w, s);
}

void live_window_free(struct live_window *w)
{
    while (w->first < w->end)
        take_out(w);
    free(w->segments);
    forget_text(w);
}

/* Bytes of what is old are let go of where a file has them; where none has them, the segment goes, and all before it. */
static void tidy(struct live_window *w, int64_t keep_us, uint64_t max_bytes)
{
    uint64_t newer = 0;
    int last_out = -1;
    for (int i = w->end - 1; i >= w->first; i--) {
        struct live_segment *s = &w->segments[i];
        newer += s->bytes;
        bool old = s->start_us + s->duration_us < w->end_us - keep_us || (newer > max_bytes && w->end - i > SEGMENTS_MIN);
        if (!s->whole || !old)
            continue;
        if (!s->file) {
            last_out = i;
            break;
        }
        if (s->bytes > 0)
            drop_bytes(w, s);
    }
    while (w->first <= last_out || w->end - w->first > PROGRAMME_LISTED_MAX + SEGMENTS_MIN)
        take_out(w);
    if (w->first > 64 && w->first > w->cap / 2) {
        memmove(w->segments, w->segments + w->first, (size_t)(w->end - w->first) * sizeof(*w->segments));
        w->end -= w->first;
        w->first = 0;
    }
}

static struct live_segment *begin_segment(struct programme *p, int track, const struct reelcut_part *part)
{
    struct live_window *w = &p->window[track];
    if (w->end == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 128;
        struct live_segment *grown = vcr_calloc((size_t)w->cap, sizeof(*grown));
        if (w->end > w->first)
            memcpy(grown, w->segments + w->first, (size_t)(w->end - w->first) * sizeof(*grown));
        free(w->segments);
        w->segments = grown;
        w->end -= w->first;
        w->first = 0;
    }
    /* A form lasts for a stretch. */
    int init = w->end > w->first && !part->gap ? w->segments[w->end - 1].init : p->init_now;
    struct live_segment *s = &w->segments[w->end++];
    *s = (struct live_segment){
        .msn = w->next_msn++, .start_us = part->start_us, .gap = part->gap, .init = init,
        .wall_ms = p->config.wall_of_zero_ms + (part->start_us + p->date_shift_us) / 1000,
    };
    return s;
}

void live_add_part(struct programme *p, int track, const struct reelcut_part *part)
{
    struct live_window *w = &p->window[track];
    struct live_segment *s = part->first ? begin_segment(p, track, part) : live_last(w);
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 4;
        struct live_part *grown = vcr_calloc((size_t)s->cap, sizeof(*grown));
        if (s->count > 0)
            memcpy(grown, s->parts, (size_t)s->count * sizeof(*grown));
        free(s->parts);
        s->parts = grown;
    }
    struct live_bytes *bytes = live_bytes_make(part->bytes, part->len);
    s->parts[s->count++] = (struct live_part){ bytes, part->duration_us, part->key };
    s->duration_us += part->duration_us;
    s->bytes += part->len;
    w->bytes += part->len;
    w->end_us = s->start_us + s->duration_us;
    if (track == p->leader)
        p->end_us = w->end_us;
    forget_text(w);
}

void live_end_segment(struct programme *p, int track)
{
    struct live_window *w = &p->window[track];
    struct live_segment *s = live_last(w);
    s->whole = true;
    forget_text(w);
    if (track == PROGRAMME_OPUS) /* no list has it; it is here for the recorder only */
        tidy(w, 0, 0);
    else
        tidy(w, PROGRAMME_WINDOW_US + PROGRAMME_LINGER_US, PROGRAMME_MEMORY_BYTES);
}

void live_written(struct programme *p, int track, int64_t msn, uint64_t offset, uint32_t size)
{
    struct live_segment *s = live_find(&p->window[track], msn);
    if (!s || s->file || !p->files[track])
        return;
    s->file = p->files[track];
    atomic_fetch_add(&s->file->refs, 1);
    s->offset = offset;
    s->size = size;
}
