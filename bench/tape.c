/* bench/tape.c - see tape.h. */
#include "tape.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x264.h>

#include "base/io.h"
#include "base/util.h"
#include "media/encode.h"
#include "media/reel.h"
#include "reel_make.h"
#include "wire/reelidx.h"

enum { STORED_TIMES = 6, INDEXED_TIMES = 720, KEYS = 15 /* fields from key to key */ };

void tape_check(enum vcr_err err, const struct vcr_why *why)
{
    if (err == VCR_OK)
        return;
    fprintf(stderr, "bench: %s\n", why->text);
    exit(1);
}

double tape_cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A textured picture that pans and zooms a little, with a camera's noise: neither a slide nor an explosion. */
static void scene(struct picture *p, const uint8_t *texture, int n, uint32_t *seed)
{
    for (int y = 0; y < TAPE_HEIGHT; y++)
        for (int x = 0; x < TAPE_WIDTH; x++) {
            *seed = *seed * 1664525 + 1013904223;
            int u = (x + n * 2 + (y * n >> 10)) & 1023, v = (y + n) & 1023;
            p->plane[0][y * TAPE_WIDTH + x] = (uint8_t)(texture[v << 10 | u] + (int)(*seed >> 30) - 2);
        }
    for (int i = 1; i < 3; i++)
        for (int y = 0; y < TAPE_HEIGHT / 2; y++)
            for (int x = 0; x < TAPE_WIDTH / 2; x++)
                p->plane[i][y * TAPE_WIDTH / 2 + x] = (uint8_t)(96 + (texture[((y * 2 + n) & 1023) << 10 | ((x * 2 + n * 2) & 1023)] >> (i + 1)));
}

/* Four octaves of smooth noise, 1024 x 1024, that joins at its edges. */
static uint8_t *texture_make(void)
{
    uint8_t *t = malloc(1 << 20), grid[64 * 64];
    uint32_t seed = 5;
    memset(t, 0, 1 << 20);
    for (int octave = 0; octave < 4; octave++) {
        int cells = 8 << octave, size = 1024 / cells;
        for (int i = 0; i < cells * cells; i++)
            grid[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
        for (int y = 0; y < 1024; y++)
            for (int x = 0; x < 1024; x++) {
                int gx = x / size, gy = y / size, fx = x % size, fy = y % size, rx = (gx + 1) % cells, ry = (gy + 1) % cells;
                int top = grid[gy * cells + gx] * (size - fx) + grid[gy * cells + rx] * fx;
                int low = grid[ry * cells + gx] * (size - fx) + grid[ry * cells + rx] * fx;
                t[y << 10 | x] = (uint8_t)(t[y << 10 | x] + (((top * (size - fy) + low * fy) / (size * size)) >> (octave + 1)));
            }
    }
    return t;
}

static struct io *file(int *fd)
{
    struct io *io = NULL;
    struct vcr_why why;
    *fd = memfd_create("reel", MFD_CLOEXEC);
    tape_check(io_fd_open(&io, dup(*fd), "bench", &why), &why);
    return io;
}

/* As media/ingest/picture_out.c makes tape reels. */
static x264_t *reel_encoder(void)
{
    x264_param_t p;
    x264_param_default_preset(&p, "superfast", NULL);
    p.i_log_level = X264_LOG_NONE;
    p.i_threads = 1;
    p.i_width = TAPE_WIDTH;
    p.i_height = TAPE_HEIGHT;
    p.i_csp = X264_CSP_I420;
    p.vui.i_sar_width = 8;
    p.vui.i_sar_height = 9;
    p.i_fps_num = 60000;
    p.i_fps_den = 1001;
    p.b_vfr_input = 0;      /* no delay */
    p.i_keyint_max = KEYS;
    p.i_scenecut_threshold = 0;
    p.i_bframe = 0;
    p.rc.i_lookahead = 0;
    p.rc.b_mb_tree = 0;
    p.b_deblocking_filter = 0;
    p.i_level_idc = 31;
    p.rc.i_rc_method = X264_RC_CRF;
    p.rc.f_rf_constant = 20;
    p.rc.i_vbv_max_bitrate = 6500;
    p.rc.i_vbv_buffer_size = 1500;
    x264_param_apply_profile(&p, "baseline");
    return x264_encoder_open(&p);
}

static struct packet encoded(x264_t *e, const struct picture *picture, int64_t n, bool key)
{
    x264_picture_t in, out;
    x264_nal_t *nals = NULL;
    int count = 0;
    x264_picture_init(&in);
    in.i_pts = n;
    in.i_type = key ? X264_TYPE_IDR : X264_TYPE_AUTO;
    in.img.i_csp = X264_CSP_I420;
    in.img.i_plane = 3;
    for (int i = 0; i < 3; i++) {
        in.img.plane[i] = picture->plane[i];
        in.img.i_stride[i] = (int)picture->stride[i];
    }
    int bytes = x264_encoder_encode(e, &nals, &count, &in, &out);
    if (bytes <= 0) {
        fprintf(stderr, "bench: x264 gave no picture\n");
        exit(1);
    }
    return (struct packet){ .track = PACKET_VIDEO, .flags = out.b_keyframe ? PACKET_KEY : 0, .len = (size_t)bytes, .data = nals[0].p_payload };
}

static void video_make(struct tape *t, bool field_rate)
{
    struct reel_format format = { .codec = REEL_H264, .timescale = REEL_VIDEO_TIMESCALE, .width = TAPE_WIDTH, .height = TAPE_HEIGHT, .sar_num = 8, .sar_den = 9, .pass_through = true };
    uint8_t *m = malloc(TAPE_WIDTH * TAPE_HEIGHT * 3 / 2), *texture = texture_make();
    struct picture p = { TAPE_WIDTH, TAPE_HEIGHT, { m, m + TAPE_WIDTH * TAPE_HEIGHT, m + TAPE_WIDTH * TAPE_HEIGHT * 5 / 4 }, { TAPE_WIDTH, TAPE_WIDTH / 2, TAPE_WIDTH / 2 } };
    struct io *reel = file(&t->fds[0]), *index = file(&t->fds[1]);
    x264_t *e = reel_encoder();
    struct reel_writer *w = NULL;
    struct vcr_why why;
    uint32_t seed = 1;
    int64_t duration;
    for (int n = 0; n < TAPE_PICTURES; n++) {
        int64_t pts = (int64_t)n * 1001000 / 60;
        bool repeats = !field_rate && n % 2, key = n % KEYS == 0;
        if (!repeats)
            scene(&p, texture, n, &seed);
        else if (!key && n + 1 < TAPE_PICTURES) /* it stands until the next one */
            continue;
        struct packet k = encoded(e, &p, n, key);
        if (n == 0) {
            reel_make_avcc(&format, &k);
            tape_check(reel_writer_open(&w, &format, reel, index, &why), &why);
        }
        tape_check(reel_write(w, k.data, k.len, pts, pts, 16683, k.flags & PACKET_KEY, &why), &why);
    }
    tape_check(reel_writer_finish(w, &duration, &why), &why);
    reel_writer_close(&w);
    x264_encoder_close(e);
    io_close(&reel);
    io_close(&index);
    free(m);
    free(texture);
}

static void sound_make(struct tape *t)
{
    struct reel_format format = { .codec = REEL_OPUS, .timescale = 48000, .channels = 2, .sample_rate = 48000 };
    struct io *reel = file(&t->fds[2]), *index = file(&t->fds[3]);
    struct audio_encoder *e = NULL;
    struct reel_writer *w = NULL;
    struct vcr_why why;
    uint32_t seed = 1;
    int64_t duration;
    int16_t pcm[AUDIO_FRAME * 2];
    reel_make_dops(&format);
    tape_check(audio_encoder_open(&e, 112000, &why), &why);
    tape_check(reel_writer_open(&w, &format, reel, index, &why), &why);
    for (int64_t pts = 0; pts < INT64_C(10010000); pts += AUDIO_FRAME_US) {
        struct packet k;
        for (int i = 0; i < AUDIO_FRAME * 2; i++) /* noise through a gentle low-pass */
            pcm[i] = (int16_t)((i > 1 ? pcm[i - 2] * 7 / 8 : 0) + (int)((seed = seed * 1664525 + 1013904223) >> 21) - 1024);
        tape_check(audio_encode(e, pcm, pts, &k, &why), &why);
        tape_check(reel_write(w, k.data, k.len, pts, pts, AUDIO_FRAME_US, true, &why), &why);
    }
    tape_check(reel_writer_finish(w, &duration, &why), &why);
    reel_writer_close(&w);
    audio_encoder_close(&e);
    io_close(&reel);
    io_close(&index);
}

/* Makes the ten seconds a minute by repeating their bytes, and two hours by repeating their index; what lies beyond the minute is never played here. */
static void stretch(int reel_fd, int *index_fd)
{
    struct io *reel = NULL, *index = NULL;
    struct reelidx x;
    struct buf out;
    struct vcr_why why;
    tape_check(io_fd_open(&reel, dup(reel_fd), "bench", &why), &why);
    tape_check(io_fd_open(&index, *index_fd, "bench", &why), &why);
    size_t len = io_size(index), film_len = io_size(reel);
    uint8_t *bytes = malloc(len), *film = malloc(film_len);
    tape_check(io_pread_all(index, bytes, len, 0, &why), &why);
    tape_check(reelidx_parse(&x, bytes, len, &why), &why);
    tape_check(io_pread_all(reel, film, film_len, 0, &why), &why);
    for (int i = 1; i < STORED_TIMES; i++)
        tape_check(io_append(reel, film + x.init_size, film_len - x.init_size, &why), &why);
    struct reelidx y = x;
    y.fragment_count *= INDEXED_TIMES;
    y.sample_count *= INDEXED_TIMES;
    y.duration_us *= INDEXED_TIMES;
    y.fragments = malloc(y.fragment_count * sizeof(*y.fragments));
    y.samples = x.samples ? malloc(y.sample_count * sizeof(*y.samples)) : NULL;
    for (uint32_t i = 0; i < INDEXED_TIMES; i++) {
        for (uint32_t k = 0; k < x.fragment_count; k++) {
            struct reelidx_fragment f = x.fragments[k];
            f.offset += i * (film_len - x.init_size);
            f.start_us += i * x.duration_us;
            f.first_sample += i * x.sample_count;
            y.fragments[i * x.fragment_count + k] = f;
        }
        if (x.samples)
            memcpy(y.samples + i * x.sample_count, x.samples, x.sample_count * sizeof(*x.samples));
    }
    buf_init(&out, 64 << 20);
    reelidx_write(&out, &y);
    io_close(&index);
    index = file(index_fd);
    tape_check(io_append(index, out.data, out.len, &why), &why);
    io_close(&index);
    io_close(&reel);
    buf_free(&out);
    reelidx_free(&x);
    reelidx_free(&y);
    free(bytes);
    free(film);
}

void tape_make(struct tape *t, bool field_rate)
{
    video_make(t, field_rate);
    sound_make(t);
    stretch(t->fds[0], &t->fds[1]);
    stretch(t->fds[2], &t->fds[3]);
}
