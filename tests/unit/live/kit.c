/* kit.c - see kit.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "media/encode.h"

static const uint8_t sps[2][6] = { { 0x67, 0x42, 0xc0, 0x1e, 0x95, 0xa0 }, { 0x67, 0x42, 0xc0, 0x1f, 0x95, 0xa0 } }, pps[] = { 0x68, 0xce, 0x3c, 0x80 };

struct programme_config kit_config(const char *id)
{
    return (struct programme_config){ .id = id, .track = { true, true, true }, .width = 720, .height = 576, .sar_num = 16, .sar_den = 15, .frames_per_1000_s = 25000,
                                      .channels = 2, .wall_of_zero_ms = 1732540000000 };
}

void kit_open(struct kit *k, const char *id)
{
    struct programmes_config set = { 0 };
    struct programme_config c = kit_config(id);
    *k = (struct kit){ 0 };
    assert_int_equal(programmes_open(&k->set, &set, NULL), VCR_OK);
    assert_int_equal(programme_open(k->set, &k->p, &c, NULL), VCR_OK);
}

void kit_close(struct kit *k)
{
    programme_close(&k->p);
    programmes_close(&k->set);
}

static struct buf film[KIT_GOP];

void kit_film(struct kit *k)
{
    enum { W = 160, H = 120 };
    static uint8_t y[W * H], u[W * H / 4], v[W * H / 4];
    struct video_encoder *e = NULL;
    struct video_encoder_config c = { .width = W, .height = H, .sar_num = 1, .sar_den = 1, .rate_num = 25, .rate_den = 1, .gop_frames = KIT_GOP, .bitrate_bps = 400000,
                                      .effort = VIDEO_EFFORT_ULTRAFAST, .pal = true };
    k->real = true;
    if (film[0].len > 0)
        return;
    assert_int_equal(video_encoder_open(&e, &c, NULL), VCR_OK);
    for (int n = 0; n < KIT_GOP; n++) {
        struct packet out;
        struct picture picture = { .width = W, .height = H, .plane = { y, u, v }, .stride = { W, W / 2, W / 2 } };
        for (int i = 0; i < W * H; i++)
            y[i] = (uint8_t)(16 + (i * 7 + i / W * 3 + n * 11) % 200);
        memset(u, 100 + n, sizeof(u)), memset(v, 150 - n, sizeof(v));
        assert_int_equal(video_encode(e, &picture, n * KIT_FRAME_US, n == 0, &out, NULL), VCR_OK);
        buf_init(&film[n], 1 << 20);
        buf_add(&film[n], out.data, out.len);
    }
    video_encoder_close(&e);
}

static void give(struct kit *k, enum programme_track track, const uint8_t *data, size_t len, int64_t pts_us, bool key)
{
    struct packet p = { .track = track == PROGRAMME_VIDEO ? PACKET_VIDEO : PACKET_AUDIO, .flags = key ? PACKET_KEY : 0, .pts_us = pts_us, .len = len, .data = data };
    assert_int_equal(programme_packet(k->p, track, &p, NULL), VCR_OK);
}

void kit_sound_until(struct kit *k, int64_t pts_us)
{
    static const uint8_t aac[] = { 0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80 }, opus[] = { 0xfc, 0xff, 0xfe };
    for (; k->sound_us <= pts_us; k->sound_us += KIT_AAC_US)
        give(k, PROGRAMME_AAC, aac, sizeof(aac), k->sound_us, true);
    for (; k->opus_us <= pts_us; k->opus_us += KIT_OPUS_US)
        give(k, PROGRAMME_OPUS, opus, sizeof(opus), k->opus_us, true);
}

void kit_picture(struct kit *k, int64_t pts_us)
{
    uint8_t data[1200];
    size_t n = 0;
    bool key = k->frame % KIT_GOP == 0;
    kit_sound_until(k, pts_us);
    if (k->real) {
        const struct buf *b = &film[k->frame++ % KIT_GOP];
        give(k, PROGRAMME_VIDEO, (const uint8_t *)b->data, b->len, pts_us, key);
        return;
    }
    if (key) {
        memcpy(data, "\0\0\0\1", 4), memcpy(data + 4, sps[k->form], 6), memcpy(data + 10, "\0\0\0\1", 4), memcpy(data + 14, pps, 4);
        n = 18;
    }
    memcpy(data + n, "\0\0\0\1", 4);
    data[n + 4] = key ? 0x65 : 0x41;
    size_t body = (size_t)(100 + k->frame * 37 % 900);
    memset(data + n + 5, 0x80 + k->frame % 100, body);
    give(k, PROGRAMME_VIDEO, data, n + 5 + body, pts_us, key);
    k->frame++;
}

int64_t kit_play(struct kit *k, int64_t at_us, int64_t for_us)
{
    if (k->sound_us == 0)
        k->sound_us = k->opus_us = at_us;
    int64_t end_us = at_us + for_us;
    for (; at_us < end_us; at_us += KIT_FRAME_US)
        kit_picture(k, at_us);
    return at_us;
}

static void on_answer(struct programme_request *r, const struct programme_answer *a)
{
    struct kit_get *g = container_of(r, struct kit_get, r);
    assert_false(g->answered);
    g->answered = true;
    g->err = a->err;
    g->max_age_s = a->max_age_s;
    g->from_file = a->fd >= 0;
    if (a->fd >= 0) {
        char *at = buf_reserve(&g->body, a->len);
        if (a->move_us != 0)
            assert_int_equal(programme_read_moved(a, (uint8_t *)at, NULL), VCR_OK);
        else
            assert_int_equal(pread(a->fd, at, a->len, (off_t)a->offset), a->len);
        buf_commit(&g->body, a->len);
        int fd = a->fd;
        vcr_close(&fd);
    } else if (a->body) {
        buf_add(&g->body, a->body, a->len);
    }
}

struct kit_get *kit_get(struct kit *k, struct loop *loop, enum programme_want want, int64_t msn, int part, bool skip)
{
    struct kit_get *g = vcr_alloc(sizeof(*g));
    buf_init(&g->body, 16 << 20);
    g->r = (struct programme_request){ .want = want, .msn = msn, .part = part, .skip = skip, .loop = loop, .done = on_answer };
    programme_get(k->p, &g->r);
    return g;
}

void kit_get_free(struct kit_get *g)
{
    buf_free(&g->body);
    free(g);
}

char *kit_list(struct kit *k, enum programme_want want, bool skip)
{
    struct kit_get *g = kit_get(k, NULL, want, -1, -1, skip);
    assert_true(g->answered);
    char *text = vcr_strdup(g->err == VCR_OK ? g->body.data : "");
    kit_get_free(g);
    return text;
}
