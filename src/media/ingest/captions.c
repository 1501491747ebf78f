/* media/ingest/captions.c - closed captions found in a film: carried with its pictures (A/53: ATSC and DVD), in a track of their own (QuickTime), or drawn in line 21 at the top.
 *
 * While the film is read, the pairs of bytes go to the captions' output as records of 16 bytes, so that an attempt that is killed keeps them as it keeps its reels. In
 * the end they are decoded, from the first of the three sources that yields cues, and WebVTT takes their place: a text a channel, one after another. */
#include <libavutil/intreadwrite.h>
#include <libavutil/pixdesc.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "media/ingest/internal.h"
#include "wire/cea608.h"
#include "wire/webvtt.h"

enum { RECORD_BYTES = 16, RECORDS_AT_ONCE = 1024, FRAME_US = 33367, TRIPLET = 3, VALID = 4, LINES_MIN = 480, LINES_MAX = 490 };
enum { KIND_PICTURE, KIND_TRACK, KIND_DRAWN, KINDS }; /* in the order in which they are believed */
static const char magic[RECORD_BYTES + 1] = "VCR-line21-log\n";

/* One record: time of the picture, kind, field (or row), the pair, how much later it is. */
struct record {
    int64_t at_us;
    uint8_t kind, field, bytes[2];
    uint32_t later_us;
};

static void add(struct captions *c, const struct record *r)
{
    uint8_t bytes[RECORD_BYTES];
    if (r->at_us < c->from_us)
        return;
    if (c->err == VCR_OK && io_size(c->out) == 0)
        c->err = io_append(c->out, magic, RECORD_BYTES, NULL);
    AV_WL64(bytes, (uint64_t)r->at_us);
    bytes[8] = r->kind;
    bytes[9] = r->field;
    memcpy(bytes + 10, r->bytes, 2);
    AV_WL32(bytes + 12, r->later_us);
    if (c->err == VCR_OK)
        c->err = io_append(c->out, bytes, RECORD_BYTES, NULL);
}

static struct record parse(const uint8_t *bytes)
{
    return (struct record){ (int64_t)AV_RL64(bytes), bytes[8], bytes[9], { bytes[10], bytes[11] }, AV_RL32(bytes + 12) };
}

static bool is_filler(const uint8_t *pair) { return (pair[0] & 0x7F) == 0 && (pair[1] & 0x7F) == 0; }

/* cc_data: a byte of flags and two of text. A DVD has those of a whole group with its first picture: each field's follow one another. */
static void add_triplets(struct captions *c, int kind, int64_t at_us, const uint8_t *data, size_t size)
{
    uint32_t count[2] = { 0 };
    for (size_t i = 0; i + TRIPLET <= size; i += TRIPLET) {
        int field = data[i] & 3;
        if (!(data[i] & VALID) || field > 1)
            continue;
        struct record r = { at_us, (uint8_t)kind, (uint8_t)field, { data[i + 1], data[i + 2] }, count[field]++ * FRAME_US };
        if (!is_filler(r.bytes))
            add(c, &r);
    }
}

static void add_drawn(void *arg, int row, const struct line21_pair *pair)
{
    struct record r = { pair->at_us, KIND_DRAWN, (uint8_t)row, { pair->bytes[0], pair->bytes[1] }, 0 };
    add(arg, &r); /* fillers also: they tell which rows are lines of captions */
}

void captions_open(struct captions *c, struct io *out, int64_t from_us)
{
    c->out = out;
    c->from_us = from_us;
    c->err = VCR_OK;
    c->count = 0;
    line21_open(&c->line21, add_drawn, c);
}

/* A row of luma in eight bits. */
static void copy_luma(uint8_t *out, const AVFrame *f, int row, const AVPixFmtDescriptor *d)
{
    const AVComponentDescriptor *y = &d->comp[0];
    const uint8_t *from = f->data[y->plane] + (ptrdiff_t)row * f->linesize[y->plane] + y->offset;
    for (int x = 0; x < f->width; x++, from += y->step)
        out[x] = (uint8_t)(y->depth > 8 ? AV_RL16(from) >> y->shift >> (y->depth - 8) : *from >> y->shift);
}

static void look_at_lines(struct captions *c, const AVFrame *f, int64_t at_us)
{
    uint8_t luma[LINE21_WIDTH_MAX];
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(f->format);
    if (!d || (d->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_BE | AV_PIX_FMT_FLAG_FLOAT)))
        return;
    for (int row = 0; row < LINE21_ROWS; row++) {
        copy_luma(luma, f, row, d);
        line21_look(&c->line21, row, at_us, luma, f->width);
    }
}

enum vcr_err captions_look(struct run *r, AVFrame *f, int64_t at_us, struct vcr_why *why)
{
    struct captions *c = &r->captions;
    const AVFrameSideData *side = av_frame_get_side_data(f, AV_FRAME_DATA_A53_CC);
    if (side)
        add_triplets(c, KIND_PICTURE, at_us, side->data, side->size);
    /* An encoder would carry it on, once for each of two pictures made of one. */
    av_frame_remove_side_data(f, AV_FRAME_DATA_A53_CC);
    if (!r->facts.pal && f->height >= LINES_MIN && f->height <= LINES_MAX && f->width >= LINE21_WIDTH_MIN && f->width <= LINE21_WIDTH_MAX)
        look_at_lines(c, f, at_us);
    return c->err == VCR_OK ? VCR_OK : vcr_fail(why, c->err, "An output cannot be written.");
}

enum vcr_err captions_packet(struct run *r, const AVPacket *p, struct vcr_why *why)
{
    int64_t at_us = p->pts - r->facts.first_us;
    if (p->pts == AV_NOPTS_VALUE || at_us < 0)
        return VCR_OK;
    add_triplets(&r->captions, KIND_TRACK, at_us, p->data, (size_t)p->size);
    return r->captions.err == VCR_OK ? VCR_OK : vcr_fail(why, r->captions.err, "An output cannot be written.");
}

int64_t captions_keep(int fd, int64_t before_us)
{
    uint8_t bytes[RECORD_BYTES];
    off_t size = lseek(fd, 0, SEEK_END), to = RECORD_BYTES;
    if (size <= 0)
        return 0;
    if (pread(fd, bytes, sizeof(bytes), 0) != sizeof(bytes) || memcmp(bytes, magic, sizeof(bytes)) != 0)
        return -1;
    for (off_t from = RECORD_BYTES; from + RECORD_BYTES <= size; from += RECORD_BYTES) {
        if (pread(fd, bytes, sizeof(bytes), from) != sizeof(bytes))
            return -1;
        if (parse(bytes).at_us >= before_us)
            continue;
        if (to != from && pwrite(fd, bytes, sizeof(bytes), to) != sizeof(bytes))
            return -1;
        to += RECORD_BYTES;
    }
    return to;
}

/* ---- in the end ---- */
struct making {
    struct cea608 decoder;
    struct buf text[CEA608_CHANNELS];
    uint32_t cues[CEA608_CHANNELS];
    int64_t counts[LINE21_ROWS]; /* pairs drawn, by row */
};

static void take_cue(void *arg, const struct cea608_cue *cue)
{
    struct making *m = arg;
    if (m->cues[cue->channel] < WEBVTT_CUES_MAX && buf_ok(&m->text[cue->channel]) && cea608_write_cue(&m->text[cue->channel], cue))
        m->cues[cue->channel]++;
}

typedef void record_fn(struct making *m, const struct record *r, int kind);
static enum vcr_err each_record(struct captions *c, struct making *m, record_fn *fn, int kind, struct vcr_why *why)
{
    uint8_t bytes[RECORD_BYTES * RECORDS_AT_ONCE];
    size_t n = 0;
    for (uint64_t at = RECORD_BYTES;; at += n) {
        enum vcr_err err = io_pread(c->out, bytes, sizeof(bytes), at, &n, why);
        n -= n % RECORD_BYTES;
        if (err != VCR_OK || n == 0)
            return err;
        for (size_t i = 0; i < n; i += RECORD_BYTES) {
            struct record r = parse(bytes + i);
            if (r.kind == kind)
                fn(m, &r, kind);
        }
    }
}

static void count_row(struct making *m, const struct record *r, int kind)
{
    if (r->field < LINE21_ROWS)
        m->counts[r->field]++;
}

/* Line 21 lies right above line 284 in a picture. */
static int field_of_row(const struct making *m, int row)
{
    int before = 0;
    for (int i = 0; i < row && i < LINE21_ROWS; i++)
        before += m->counts[i] > 0;
    return before;
}

static void decode(struct making *m, const struct record *r, int kind)
{
    int field = kind == KIND_DRAWN ? field_of_row(m, r->field) : r->field;
    if (field <= 1)
        cea608_pair(&m->decoder, field, r->at_us + r->later_us, r->bytes[0], r->bytes[1]);
}

static enum vcr_err make(struct captions *c, struct making *m, int kind, int64_t duration_us, struct vcr_why *why)
{
    cea608_open(&m->decoder, take_cue, m);
    for (int i = 0; i < CEA608_CHANNELS; i++) {
        buf_reset(&m->text[i]);
        buf_adds(&m->text[i], "WEBVTT\n\n");
        m->cues[i] = 0;
    }
    enum vcr_err err = each_record(c, m, decode, kind, why);
    cea608_finish(&m->decoder, duration_us);
    return err;
}

/* A line that was smeared over both fields says the same twice. */
static void drop_same(struct making *m)
{
    if (m->cues[2] > 0 && m->text[0].len == m->text[2].len && memcmp(m->text[0].data, m->text[2].data, m->text[0].len) == 0)
        m->cues[2] = 0;
}

static enum vcr_err write_texts(struct run *r, struct making *m, struct vcr_why *why)
{
    struct captions *c = &r->captions;
    enum vcr_err err = resume_output(r, INGEST_CAPTIONS, 0, why);
    c->out = r->outputs[INGEST_CAPTIONS];
    for (int i = 0; i < CEA608_CHANNELS && err == VCR_OK; i++) {
        if (m->cues[i] == 0)
            continue;
        err = io_append(c->out, m->text[i].data, m->text[i].len, why);
        c->made[c->count++] = (struct captions_made){ i + 1, m->cues[i], m->text[i].len };
    }
    return err;
}

enum vcr_err captions_finish(struct run *r, int64_t duration_us, struct vcr_why *why)
{
    struct captions *c = &r->captions;
    c->count = 0;
    if (io_size(c->out) == 0)
        return VCR_OK;
    struct making *m = vcr_alloc(sizeof(*m));
    for (int i = 0; i < CEA608_CHANNELS; i++)
        buf_init(&m->text[i], WEBVTT_BYTES_MAX);
    enum vcr_err err = each_record(c, m, count_row, KIND_DRAWN, why);
    for (int kind = 0; kind < KINDS && err == VCR_OK; kind++) {
        err = make(c, m, kind, duration_us, why);
        if (m->cues[0] + m->cues[1] + m->cues[2] + m->cues[3] > 0)
            break;
    }
    drop_same(m);
    if (err == VCR_OK)
        err = write_texts(r, m, why);
    for (int i = 0; i < CEA608_CHANNELS; i++)
        buf_free(&m->text[i]);
    free(m);
    return err == VCR_OK ? VCR_OK : vcr_fail(why, err, "The captions cannot be written.");
}
