/* tests/unit/render/rig.c - see rig.h. */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "barcode.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/util.h"
#include "reel_make.h"

enum { LOUD = 4000 };

static struct io *file(int *ret_fd)
{
    struct io *io = NULL;
    *ret_fd = memfd_create("reel", MFD_CLOEXEC);
    int own = dup(*ret_fd);
    assert_true(own >= 0);
    assert_int_equal(io_fd_open(&io, own, "test", NULL), VCR_OK);
    return io;
}

static int64_t place_us(const struct video_encoder_config *c, int n) { return (int64_t)n * 1000000 * c->rate_den / c->rate_num; }

static void video_make(struct rig_tape *t, bool pal, bool field_rate, int pictures, rig_draw draw)
{
    int height = pal ? 576 : 480;
    const struct video_encoder_config config = { .width = 720, .height = height, .sar_num = pal ? 16 : 8, .sar_den = pal ? 15 : 9,
                                                 .rate_num = pal ? (field_rate ? 50 : 25) : field_rate ? 60000 : 30000, .rate_den = pal ? 1 : 1001, .pal = pal,
                                                 .gop_frames = RIG_GOP, .bitrate_bps = 3000000, .effort = VIDEO_EFFORT_ULTRAFAST };
    struct reel_format format = { .codec = REEL_H264, .timescale = REEL_VIDEO_TIMESCALE, .width = 720, .height = (uint16_t)height, .sar_num = (uint16_t)config.sar_num,
                                  .sar_den = (uint16_t)config.sar_den, .pass_through = true };
    uint8_t *memory = malloc((size_t)(720 * height * 3 / 2));
    assert_non_null(memory);
    struct picture p = { 720, height, { memory, memory + 720 * height, memory + 720 * height * 5 / 4 }, { 720, 360, 360 } };
    struct io *reel = file(&t->video_fd), *index = file(&t->video_index_fd);
    struct video_encoder *e = NULL;
    struct reel_writer *w = NULL;
    int64_t duration;
    assert_int_equal(video_encoder_open(&e, &config, NULL), VCR_OK);
    for (int n = 0; n < pictures; n++) {
        struct packet packet;
        struct vcr_why why = { 0 };
        draw(&p, (unsigned)n);
        assert_int_equal(video_encode(e, &p, place_us(&config, n), false, &packet, NULL), VCR_OK);
        if (n == 0) {
            assert_true(reel_make_avcc(&format, &packet));
            assert_int_equal(reel_writer_open(&w, &format, reel, index, NULL), VCR_OK);
        }
        if (reel_write(w, packet.data, packet.len, packet.pts_us, packet.pts_us, place_us(&config, n + 1) - place_us(&config, n), packet.flags & PACKET_KEY, &why) != VCR_OK)
            fail_msg("%s", why.text);
    }
    assert_int_equal(reel_writer_finish(w, &duration, NULL), VCR_OK);
    reel_writer_close(&w);
    video_encoder_close(&e);
    io_close(&reel);
    io_close(&index);
    free(memory);
}

static void sound_make(struct rig_tape *t, int64_t length_us)
{
    struct reel_format format = { .codec = REEL_OPUS, .timescale = 48000, .channels = 2, .sample_rate = 48000 };
    struct io *reel = file(&t->sound_fd), *index = file(&t->sound_index_fd);
    struct audio_encoder *e = NULL;
    struct reel_writer *w = NULL;
    int64_t duration;
    int16_t pcm[AUDIO_FRAME * 2];
    reel_make_dops(&format);
    assert_int_equal(audio_encoder_open(&e, 96000, NULL), VCR_OK);
    assert_int_equal(reel_writer_open(&w, &format, reel, index, NULL), VCR_OK);
    for (int k = 0; k * AUDIO_FRAME_US < length_us; k++) {
        struct packet packet;
        for (int i = 0; i < AUDIO_FRAME; i++)
            pcm[2 * i] = pcm[2 * i + 1] = (int16_t)(8000 * sin(2 * M_PI * 1000 * (k * AUDIO_FRAME + i) / 48000));
        assert_int_equal(audio_encode(e, pcm, k * AUDIO_FRAME_US, &packet, NULL), VCR_OK);
        assert_int_equal(reel_write(w, packet.data, packet.len, packet.pts_us, packet.pts_us, AUDIO_FRAME_US, true, NULL), VCR_OK);
    }
    assert_int_equal(reel_writer_finish(w, &duration, NULL), VCR_OK);
    reel_writer_close(&w);
    audio_encoder_close(&e);
    io_close(&reel);
    io_close(&index);
}

void rig_tape_make_of(struct rig_tape *t, bool pal, bool field_rate, int pictures, rig_draw draw)
{
    video_make(t, pal, field_rate, pictures, draw);
    sound_make(t, pal ? pictures * INT64_C(1000000) / (field_rate ? 50 : 25) : rig_pts_us(field_rate ? pictures : 2 * pictures));
}

void rig_tape_make_as(struct rig_tape *t, bool pal, bool field_rate, int pictures) { rig_tape_make_of(t, pal, field_rate, pictures, barcode_draw); }

void rig_tape_make(struct rig_tape *t, int pictures) { rig_tape_make_as(t, false, true, pictures); }

void rig_tape_free(struct rig_tape *t)
{
    int *fds[] = { &t->video_fd, &t->video_index_fd, &t->sound_fd, &t->sound_index_fd };
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        vcr_close(fds[i]);
}

struct rig_tape rig_group_tape;

int rig_group_make(void **state)
{
    rig_tape_make(&rig_group_tape, RIG_PICTURES);
    return 0;
}

int rig_group_free(void **state)
{
    rig_tape_free(&rig_group_tape);
    return 0;
}

static void become_render(int control, int ring, int wake)
{
    /* first out of the way, so that no dup2 closes what is still needed */
    int high[3] = { control, ring, wake };
    for (int i = 0; i < 3; i++)
        high[i] = fcntl(high[i], F_DUPFD_CLOEXEC, 10);
    for (int i = 0; i < 3; i++)
        dup2(high[i], RENDER_FD_CONTROL + i);
    execl(VCR_RENDER, VCR_RENDER, (char *)NULL);
    _exit(127);
}

static int64_t staged_now_us; /* 0: the real time counts */

int64_t rig_now_us(void) { return staged_now_us ? staged_now_us : clock_mono_us(); }

/* The program's end of the control socket. */
static int rig_lines(struct rig *r)
{
    int pair[2];
    memset(r, 0, sizeof(*r));
    r->missing = -1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(ring_create(&r->ring, &r->ring_fd, 4 << 20, NULL), VCR_OK);
    r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r->control = pair[0];
    return pair[1];
}

static void expect_ready(struct rig *r)
{
    struct render_head ready = { 0 };
    assert_int_equal(recv(r->control, &ready, sizeof(ready), 0), sizeof(ready));
    assert_int_equal(ready.type, RENDER_READY);
}

void rig_start(struct rig *r)
{
    int control = rig_lines(r);
    r->child = fork();
    if (r->child == 0)
        become_render(control, r->ring_fd, r->wake);
    close(control);
    expect_ready(r);
}

void rig_stage(struct rig *r)
{
    int control = rig_lines(r);
    staged_now_us = clock_mono_us();
    const struct render_config config = { control, r->ring_fd, r->wake, .clock_us = rig_now_us };
    assert_int_equal(render_open(&r->staged, &config, NULL), VCR_OK);
    r->staged_control = control;
    expect_ready(r);
}

static void end_child(struct rig *r)
{
    int status = -1;
    vcr_close(&r->control);
    assert_int_equal(waitpid(r->child, &status, 0), r->child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void end_stage(struct rig *r)
{
    int64_t due;
    vcr_close(&r->control);
    assert_false(render_step(r->staged, &due));
    render_close(&r->staged);
    vcr_close(&r->staged_control);
    staged_now_us = 0;
}

void rig_stop(struct rig *r)
{
    if (r->staged)
        end_stage(r);
    else
        end_child(r);
    for (int i = 0; i < RIG_SEATS; i++) {
        video_decoder_close(&r->eyes[i]);
        audio_decoder_close(&r->ears[i]);
    }
    ring_close(&r->ring);
    vcr_close(&r->ring_fd);
    vcr_close(&r->wake);
}

void rig_send(struct rig *r, const void *msg, size_t len) { assert_int_equal(send(r->control, msg, len, MSG_NOSIGNAL), (ssize_t)len); }

void rig_open(struct rig *r, uint32_t seat, bool field_rate)
{
    struct render_open m = { .h = { RENDER_OPEN, seat }, .field_rate = field_rate, .bitrate_bps = 3000000 };
    rig_send(r, &m, sizeof(m));
}

static void send_with(struct rig *r, const void *msg, size_t len, const int *fds, size_t count)
{
    _Alignas(struct cmsghdr) char room[CMSG_SPACE(6 * sizeof(int))] = { 0 };
    struct iovec iov = { (void *)(uintptr_t)msg, len };
    struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = CMSG_SPACE(count * sizeof(int)) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    assert_int_equal(sendmsg(r->control, &h, MSG_NOSIGNAL), (ssize_t)len);
}

void rig_insert(struct rig *r, uint32_t seat, const struct rig_tape *t, bool clean_reel, bool field_rate)
{
    struct render_tape m = { .h = { RENDER_TAPE, seat }, .in = 1, .has = (uint8_t)(RENDER_HAS_VIDEO | RENDER_HAS_AUDIO | (clean_reel ? RENDER_HAS_CLEAN : 0)),
                             .field_rate = field_rate };
    int fds[6] = { t->video_fd, t->video_index_fd, t->sound_fd, t->sound_index_fd, t->video_fd, t->video_index_fd };
    send_with(r, &m, sizeof(m), fds, clean_reel ? 6 : 4);
}

void rig_spans(struct rig *r, uint32_t seat, const struct render_span *spans, uint32_t count, uint64_t revision)
{
    struct render_spans m = { .h = { RENDER_SPANS, seat }, .count = count, .revision = revision };
    int fd = memfd_create("spans", MFD_CLOEXEC);
    assert_int_equal(write(fd, spans, count * sizeof(*spans)), (ssize_t)(count * sizeof(*spans)));
    if (count > 0)
        send_with(r, &m, sizeof(m), &fd, 1);
    else
        rig_send(r, &m, sizeof(m));
    close(fd);
}

void rig_take(struct rig *r, uint32_t seat, int64_t take, const struct rig_tape *t)
{
    struct render_take m = { .h = { RENDER_TAKE, seat }, .has = RENDER_HAS_AUDIO | RENDER_HAS_CLEAN, .take = take };
    if (!t) {
        m.has = 0;
        rig_send(r, &m, sizeof(m));
        return;
    }
    const int fds[4] = { t->sound_fd, t->sound_index_fd, t->video_fd, t->video_index_fd };
    send_with(r, &m, sizeof(m), fds, 4);
}

void rig_deck(struct rig *r, uint32_t seat, const struct deck_snapshot *snap)
{
    struct render_deck m = { .h = { RENDER_DECK, seat }, .len = sizeof(*snap) };
    memcpy(m.snapshot, snap, sizeof(*snap));
    rig_send(r, &m, sizeof(m));
}

static void hear_control(struct rig *r)
{
    union {
        struct render_head head;
        struct render_failed failed;
        struct render_stats stats;
        struct render_want want;
        struct render_value value;
    } m;
    while (recv(r->control, &m, sizeof(m), MSG_DONTWAIT) > 0) {
        if (m.head.type == RENDER_FAILED) {
            r->failed = m.failed;
            r->failures++;
        } else if (m.head.type == RENDER_STATS) {
            r->stats = m.stats;
        } else if (m.head.type == RENDER_WANT) {
            assert_true(r->want_count < 64);
            r->wants[r->want_count++] = m.want.take;
        } else if (m.head.type == RENDER_MISSING) {
            r->missing = (int)m.value.value;
        }
    }
}

static void step(struct rig *r)
{
    int64_t due;
    assert_true(render_step(r->staged, &due));
    staged_now_us = VCR_MAX(staged_now_us, due);
}

static int middle_of(const struct picture *p)
{
    enum { SIDE = 64 };
    int sum = 0;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            sum += p->plane[0][((p->height - SIDE) / 2 + y) * p->stride[0] + (p->width - SIDE) / 2 + x];
    return sum / (SIDE * SIDE);
}

/* Mean square of what neighbouring lines differ by, in the same place: noise. */
static int grain_of(const struct picture *p)
{
    enum { SIDE = 64 };
    int64_t sum = 0;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const uint8_t *at = p->plane[0] + ((p->height - SIDE) / 2 + y) * p->stride[0] + (p->width - SIDE) / 2 + x;
            sum += (at[0] - at[p->stride[0]]) * (at[0] - at[p->stride[0]]);
        }
    return (int)(sum / (SIDE * SIDE));
}

/* A minute without a sign of life is a failure. */
static void wait_sign(struct rig *r)
{
    if (r->staged) {
        step(r);
        hear_control(r);
        return;
    }
    struct pollfd p[2] = { { .fd = r->wake, .events = POLLIN }, { .fd = r->control, .events = POLLIN } };
    uint64_t n;
    assert_true(poll(p, 2, 60000) > 0);
    hear_control(r);
    assert_true(read(r->wake, &n, sizeof(n)) > 0 || errno == EAGAIN);
}

static void look_at(struct rig *r, struct rig_shot *s)
{
    uint32_t seat = s->head.seat % RIG_SEATS;
    s->number = -1;
    s->luma = s->grain = 0;
    s->loudness = 0;
    s->onset = -1;
    if (s->head.track == PACKET_VIDEO) {
        struct frame *f = NULL;
        struct vcr_why why = { 0 };
        if (!r->eyes[seat])
            assert_int_equal(video_decoder_open(&r->eyes[seat], NULL), VCR_OK);
        if (video_decode(r->eyes[seat], s->bytes, s->head.len, &f, &why) != VCR_OK)
            fail_msg("picture at %lld: %s", (long long)s->head.tape_us, why.text);
        s->number = barcode_read(&f->picture, 200, 280);
        s->luma = middle_of(&f->picture);
        s->grain = grain_of(&f->picture);
        frame_unref(&f);
        return;
    }
    int16_t pcm[AUDIO_FRAMES_MAX * 2];
    int n = 0;
    if (!r->ears[seat])
        assert_int_equal(audio_decoder_open(&r->ears[seat], NULL), VCR_OK);
    assert_int_equal(audio_decode(r->ears[seat], s->bytes, s->head.len, pcm, &n, NULL), VCR_OK);
    assert_int_equal(n, AUDIO_FRAME);
    for (int i = 0; i < n; i++) {
        s->loudness += (double)pcm[2 * i] * pcm[2 * i] / n;
        s->onset = s->onset < 0 && abs(pcm[2 * i]) > LOUD ? i : s->onset;
    }
    s->loudness = sqrt(s->loudness);
}

struct rig_shot *rig_any(struct rig *r)
{
    const uint8_t *record;
    size_t len;
    enum vcr_err err;
    while ((err = ring_peek(r->ring, &record, &len, NULL)) == VCR_E_AGAIN)
        wait_sign(r);
    assert_int_equal(err, VCR_OK);
    struct rig_shot *s = &r->shot;
    assert_true(len > sizeof(s->head) && len - sizeof(s->head) <= sizeof(s->bytes));
    memcpy(&s->head, record, sizeof(s->head));
    memcpy(s->bytes, record + sizeof(s->head), len - sizeof(s->head));
    ring_next(r->ring);
    assert_int_equal(s->head.len, len - sizeof(s->head));
    look_at(r, s);
    return s;
}

struct rig_shot *rig_next(struct rig *r, uint32_t seat, enum packet_track track)
{
    struct rig_shot *s;
    do
        s = rig_any(r);
    while (s->head.track != track || (seat != 0 && s->head.seat != seat));
    return s;
}

void rig_wait_failed(struct rig *r)
{
    while (r->failures == 0)
        rig_next(r, 0, PACKET_VIDEO);
}

struct deck_snapshot rig_snap(enum deck_mode mode, double rate, int64_t place_us, uint32_t seq, const char *look)
{
    struct deck_snapshot s = { .seq = seq, .mode = (uint8_t)mode, .picture = DECK_PICTURE_TAPE, .sound = DECK_SOUND_HIFI, .servo = DECK_SERVO_LOCKED,
                               .since_us = rig_now_us(), .pos_us = place_us, .length_us = rig_pts_us(RIG_PICTURES), .rate = (int32_t)(rate * 65536),
                               .rate_from = (int32_t)(rate * 65536), .seed = 7, .tracking = INT16_MIN, .osd_counter_line = -1 };
    s.clean = strcmp(look, "clean") == 0;
    /* pictures that carry their number flash from one to the next as no film may */
    snprintf(s.look, sizeof(s.look), "%s%s", strcmp(look, "vhs") ? look : "family", s.clean ? "" : ";limiter=off");
    return s;
}

void rig_seat_open(struct rig_seat *s, size_t ring_bytes, const struct render_open *open, const struct render_tape *in, const struct rig_tape *t, const struct deck_snapshot *snap)
{
    bool video = in->has & RENDER_HAS_VIDEO, audio = in->has & RENDER_HAS_AUDIO;
    int fds[6] = { video ? dup(t->video_fd) : -1, video ? dup(t->video_index_fd) : -1, audio ? dup(t->sound_fd) : -1, audio ? dup(t->sound_index_fd) : -1, -1, -1 };
    *s = (struct rig_seat) { .ring_fd = -1 };
    assert_int_equal(ring_create(&s->reader, &s->ring_fd, ring_bytes, NULL), VCR_OK);
    assert_int_equal(ring_attach(&s->out.ring, s->ring_fd, NULL), VCR_OK);
    s->out.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    assert_int_equal(seat_open(&s->seat, open, 0, NULL), VCR_OK);
    assert_int_equal(seat_tape(s->seat, in, fds, NULL), VCR_OK);
    seat_deck(s->seat, snap);
}

void rig_seat_close(struct rig_seat *s)
{
    seat_close(&s->seat);
    ring_close(&s->out.ring);
    ring_close(&s->reader);
    vcr_close(&s->ring_fd);
    vcr_close(&s->out.wake_fd);
}
