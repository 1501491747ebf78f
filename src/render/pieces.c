/* render/pieces.c - see pieces.h. */
#include "render/pieces.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/util.h"
#include "wire/fmp4.h"

enum { SLOTS = 2, INIT_BYTES_MAX = 64 << 10, SETS_BYTES_MAX = 1024 };

enum piece_state { PIECE_NONE, PIECE_WANTED, PIECE_ASKED, PIECE_ABSENT, PIECE_THERE };
struct piece {
    enum piece_state state;
    uint32_t number;
    int64_t retry_us;                      /* ABSENT: asked for again then; 0: not known yet */
    /* THERE */
    struct io *io;
    struct buf sets;                       /* of pictures: SPS and PPS with start codes */
    uint32_t count;
    struct { uint32_t at, size; bool key; } pictures[PIECE_PICTURES_MAX];
};
struct pieces {
    struct render_piece name;              /* of all that is here; number and has are 0 */
    bool never;                            /* there are none of that name */
    struct piece slots[SLOTS];             /* segment n in slot n % SLOTS */
    struct buf picture;                    /* what pieces_read gave last */
};

static void piece_clear(struct piece *p)
{
    io_close(&p->io);
    buf_free(&p->sets);
    *p = (struct piece){ .state = PIECE_NONE };
}

struct pieces *pieces_open(void)
{
    struct pieces *p = vcr_alloc(sizeof(*p));
    buf_init(&p->picture, PIECE_BYTES_MAX);
    return p;
}

void pieces_clear(struct pieces *p)
{
    for (int i = 0; i < SLOTS; i++)
        piece_clear(&p->slots[i]);
}

void pieces_close(struct pieces **p)
{
    if (!*p)
        return;
    pieces_clear(*p);
    buf_free(&(*p)->picture);
    free(*p);
    *p = NULL;
}

static struct piece *slot_of(struct pieces *p, uint32_t number) { return &p->slots[number % SLOTS]; }

static struct render_piece only_name(const struct render_piece *m)
{
    struct render_piece name = *m;
    memset(&name.h, 0, sizeof(name.h));
    name.number = 0;
    name.has = 0;
    return name;
}

static void need(struct pieces *p, uint32_t number, int64_t now_us)
{
    struct piece *s = slot_of(p, number);
    if (s->state != PIECE_NONE && s->number != number)
        piece_clear(s);
    if (s->state == PIECE_ABSENT && s->retry_us == 0)
        s->retry_us = now_us + PIECE_RETRY_US;
    if (s->state == PIECE_NONE || (s->state == PIECE_ABSENT && now_us >= s->retry_us))
        *s = (struct piece){ .state = PIECE_WANTED, .number = number };
}

bool pieces_are(const struct pieces *p, const struct render_piece *name)
{
    struct render_piece only = only_name(name);
    return memcmp(&only, &p->name, sizeof(only)) == 0;
}

void pieces_need(struct pieces *p, const struct render_piece *name, uint32_t number, int64_t now_us)
{
    if (!pieces_are(p, name)) {
        pieces_clear(p);
        p->name = only_name(name);
        p->never = false;
    }
    for (uint32_t i = 0; i < SLOTS && !p->never; i++)
        need(p, number + i, now_us);
}

bool pieces_want(struct pieces *p, struct render_piece *ret)
{
    struct piece *first = NULL;
    for (int i = 0; i < SLOTS; i++)
        if (p->slots[i].state == PIECE_WANTED && (!first || p->slots[i].number < first->number))
            first = &p->slots[i];
    if (!first)
        return false;
    *ret = p->name;
    ret->number = first->number;
    first->state = PIECE_ASKED;
    return true;
}

void pieces_want_again(struct pieces *p, uint32_t number)
{
    struct piece *s = slot_of(p, number);
    if (s->state == PIECE_ASKED && s->number == number)
        s->state = PIECE_WANTED;
}

/* All of a file. */
static bool read_whole(struct io *io, size_t most, struct buf *out)
{
    uint64_t size = io_size(io);
    void *to = size > 0 && size <= most ? buf_reserve(out, size) : NULL;
    if (!to || io_pread_all(io, to, size, 0, NULL) != VCR_OK)
        return false;
    buf_commit(out, size);
    return true;
}

static bool read_sets(struct piece *s, struct io *init, bool sound)
{
    struct buf bytes;
    struct fmp4_track track;
    buf_init(&bytes, INIT_BYTES_MAX);
    buf_init(&s->sets, SETS_BYTES_MAX);
    bool ok = read_whole(init, INIT_BYTES_MAX, &bytes) && fmp4_parse_init(&track, (const uint8_t *)bytes.data, bytes.len, NULL) == VCR_OK && 
              (sound ? track.codec == FMP4_OPUS : track.codec == FMP4_H264 && fmp4_read_sets(&s->sets, track.config, track.config_len));
    buf_free(&bytes);
    return ok;
}

/* Where each picture lies. */
static bool read_table(struct piece *s)
{
    struct buf bytes;
    struct fmp4_fragment f;
    buf_init(&bytes, PIECE_BYTES_MAX);
    bool ok = read_whole(s->io, PIECE_BYTES_MAX, &bytes) && fmp4_parse_fragment(&f, (const uint8_t *)bytes.data, bytes.len, NULL) == VCR_OK && f.count > 0 &&
              f.count <= PIECE_PICTURES_MAX;
    uint32_t at = ok ? (uint32_t)(f.data - (const uint8_t *)bytes.data) : 0;
    for (uint32_t i = 0; ok && i < f.count; i++) {
        struct fmp4_sample sample;
        fmp4_fragment_sample(&f, i, &sample);
        s->pictures[i].at = at;
        s->pictures[i].size = sample.size;
        s->pictures[i].key = sample.key;
        at += sample.size;
        s->count = i + 1;
    }
    buf_free(&bytes);
    return ok && s->pictures[0].key;
}

/* Both descriptors are taken, whatever happens. */
static bool open_files(struct io *ret[2], const int fds[2])
{
    bool ok = true;
    for (int i = 0; i < 2; i++) {
        int fd = fds[i];
        ret[i] = NULL;
        if (fd < 0 || io_fd_open(&ret[i], fd, "made segment", NULL) != VCR_OK) {
            vcr_close(&fd);
            ok = false;
        }
    }
    return ok;
}

void pieces_take(struct pieces *p, const struct render_piece *m, const int fds[2])
{
    struct render_piece name = only_name(m);
    struct piece *s = slot_of(p, m->number);
    struct io *files[2];
    bool ok = open_files(files, fds), wanted = s->state == PIECE_ASKED && s->number == m->number && memcmp(&name, &p->name, sizeof(name)) == 0;
    p->never |= wanted && m->has == RENDER_PIECE_NEVER;
    if (wanted) {
        s->io = files[0];
        files[0] = NULL;
        ok = ok && read_sets(s, files[1], m->kind == RENDER_PIECE_SOUND) && read_table(s);
        if (!ok)
            piece_clear(s);
        s->number = m->number;
        s->state = ok ? PIECE_THERE : PIECE_ABSENT;
    }
    io_close(&files[0]);
    io_close(&files[1]);
}

/* NAL units with four bytes of length before each get start codes there instead. */
static bool to_annexb(uint8_t *p, size_t len)
{
    static const uint8_t start_code[4] = { 0, 0, 0, 1 };
    for (size_t at = 0; at < len;) {
        if (len - at < 4 || rd32be(p + at) > len - at - 4)
            return false;
        size_t n = rd32be(p + at);
        memcpy(p + at, start_code, sizeof(start_code));
        at += 4 + n;
    }
    return true;
}

bool pieces_read(struct pieces *p, uint32_t number, uint32_t i, struct packet *ret)
{
    struct piece *s = slot_of(p, number);
    if (s->state != PIECE_THERE || s->number != number || i >= s->count)
        return false;
    bool sound = p->name.kind == RENDER_PIECE_SOUND;
    uint32_t size = s->pictures[i].size;
    buf_reset(&p->picture);
    if (s->pictures[i].key)
        buf_add(&p->picture, s->sets.data, s->sets.len);
    uint8_t *to = buf_reserve(&p->picture, size);
    if (!to || size == 0 || io_pread_all(s->io, to, size, s->pictures[i].at, NULL) != VCR_OK || !(sound || to_annexb(to, size))) {
        piece_clear(s); /* the disk gives it no more */
        s->number = number;
        s->state = PIECE_ABSENT;
        return false;
    }
    buf_commit(&p->picture, size);
    *ret = (struct packet){ .track = sound ? PACKET_AUDIO : PACKET_VIDEO, .flags = s->pictures[i].key ? PACKET_KEY : 0, .tape_us = -1, .len = p->picture.len, .data = (const uint8_t *)p->picture.data };
    return true;
}
