/* tests/unit/render/test_make.c - segments made one at a time: the same bytes whenever and wherever they are made, and no seam where they meet. */
#include <errno.h>
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "barcode.h"
#include "base/buf.h"
#include "base/util.h"
#include "render/film.h"
#include "render/make.h"
#include "render/screen.h"
#include "render/tune.h"
#include "rig.h"
#include "wire/fmp4.h"

enum { BYTES_MAX = 8 << 20, SEGMENT = 70, PICTURES = 210, SOUND_SEGMENT = 40, TONE_HZ = 1000 };
static struct rig_tape tape;

static int make_tape(void **state)
{
    rig_tape_make(&tape, RIG_PICTURES);
    return 0;
}

static int free_tape(void **state)
{
    rig_tape_free(&tape);
    return 0;
}

static struct make_job job_of(enum make_kind kind, uint32_t first, uint32_t count, const char *look)
{
    struct make_job j = { .h = { MAKE_JOB, 1 }, .kind = (uint8_t)kind, .field_rate = 1, .sound = DECK_SOUND_HIFI, .seed = 7, .number = first / SEGMENT, .first = first,
                          .count = count, .width = 720, .height = 480, .max_bps = kind == MAKE_TAPE_SOUND || kind == MAKE_TAPE_OPUS ? 128000 : 5000000 };
    if (kind == MAKE_CLEAN_VIDEO)
        j.width = 320, j.height = 240, j.max_bps = 700000;
    /* pictures that carry their number flash from one to the next as no film may */
    snprintf(j.look, sizeof(j.look), "%s%s", look, kind == MAKE_TAPE_VIDEO && strcmp(look, MAKE_CLEAN) ? ";limiter=off" : "");
    return j;
}

static void files_of(const struct make_job *j, int fds[MAKE_FDS])
{
    bool sound = make_is_sound(j), none = j->init && j->kind != MAKE_CLEAN_VIDEO;
    fds[0] = memfd_create("segment", MFD_CLOEXEC);
    fds[1] = none ? -1 : dup(sound ? tape.sound_fd : tape.video_fd);
    fds[2] = none ? -1 : dup(sound ? tape.sound_index_fd : tape.video_index_fd);
}

static void read_back(int *fd, struct buf *out)
{
    off_t size = lseek(*fd, 0, SEEK_END);
    void *to = buf_reserve(out, (size_t)size);
    assert_true(size > 0 && to);
    assert_int_equal(pread(*fd, to, (size_t)size, 0), size);
    buf_commit(out, (size_t)size);
    vcr_close(fd);
}

/* Appends what the job makes, in this process. */
static void make(const struct make_job *j, struct buf *out)
{
    int fds[MAKE_FDS];
    uint64_t bytes = 0;
    size_t before = out->len;
    struct vcr_why why = { 0 };
    files_of(j, fds);
    if (make_segment(j, fds, NULL, &bytes, &why) != VCR_OK)
        fail_msg("%s", why.text);
    read_back(&fds[0], out);
    assert_int_equal(bytes, out->len - before);
}

static struct buf made(enum make_kind kind, uint32_t first, uint32_t count, const char *look)
{
    struct buf b;
    struct make_job j = job_of(kind, first, count, look);
    buf_init(&b, BYTES_MAX);
    make(&j, &b);
    return b;
}

static bool same(const struct buf *a, const struct buf *b) { return a->len == b->len && memcmp(a->data, b->data, a->len) == 0; }

static void assert_same(struct buf *a, struct buf *b)
{
    assert_true(same(a, b));
    buf_free(a);
    buf_free(b);
}

/* ---- the program ---- */
struct program {
    int control;
    pid_t child;
};

static void program_start(struct program *p)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    p->child = fork();
    if (p->child == 0) {
        int high = fcntl(pair[1], F_DUPFD_CLOEXEC, 10);
        dup2(high, MAKE_FD_CONTROL);
        execl(VCR_RENDER, VCR_RENDER, "--make", (char *)NULL);
        _exit(127);
    }
    vcr_close(&pair[1]);
    p->control = pair[0];
    struct make_head ready = { 0 };
    assert_int_equal(recv(p->control, &ready, sizeof(ready), 0), sizeof(ready));
    assert_int_equal(ready.type, MAKE_READY);
}

static void program_ask(struct program *p, const struct make_job *j, const int fds[MAKE_FDS])
{
    int count = fds[1] >= 0 ? MAKE_FDS : 1;
    size_t bytes = (size_t)count * sizeof(int);
    _Alignas(struct cmsghdr) char room[CMSG_SPACE(MAKE_FDS * sizeof(int))] = { 0 };
    struct iovec iov = { (void *)(uintptr_t)j, sizeof(*j) };
    struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = CMSG_SPACE(bytes) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(c), fds, bytes);
    assert_int_equal(sendmsg(p->control, &h, MSG_NOSIGNAL), (ssize_t)sizeof(*j));
}

static struct make_done program_done(struct program *p)
{
    struct make_done d = { 0 };
    do
        assert_true(recv(p->control, &d, sizeof(d), 0) > 0);
    while (d.h.type == MAKE_BEAT);
    assert_int_equal(d.h.type, MAKE_DONE);
    return d;
}

static void program_stop(struct program *p)
{
    int status = -1;
    vcr_close(&p->control);
    assert_int_equal(waitpid(p->child, &status, 0), p->child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static struct buf made_by(struct program *p, enum make_kind kind, uint32_t first, uint32_t count, bool init)
{
    struct buf b;
    struct make_job j = job_of(kind, first, count, "vhs");
    int fds[MAKE_FDS];
    j.init = init;
    j.h.job = first;
    files_of(&j, fds);
    program_ask(p, &j, fds);
    vcr_close(&fds[1]);
    vcr_close(&fds[2]);
    struct make_done d = program_done(p);
    if (d.err != VCR_OK)
        fail_msg("%s", d.text);
    assert_int_equal(d.h.job, first);
    buf_init(&b, BYTES_MAX);
    read_back(&fds[0], &b);
    return b;
}

static void any_order_and_any_process_give_the_same_bytes(void **state)
{
    struct program p;
    program_start(&p);
    for (enum make_kind kind = 0; kind < MAKE_KINDS; kind++) {
        struct buf late = made_by(&p, kind, 50, 20, false), early = made_by(&p, kind, 30, 20, false), here = made(kind, 30, 20, "vhs"), there = made(kind, 50, 20, "vhs");
        assert_false(same(&late, &early));
        assert_same(&early, &here);
        assert_same(&late, &there);
    }
    program_stop(&p);
}

static void what_is_made_follows_the_tape(void **state)
{
    struct make_job j = job_of(MAKE_TAPE_VIDEO, 0, 2, "vhs");
    struct buf first = made(MAKE_TAPE_VIDEO, 0, 2, "vhs"), other;
    const struct { size_t at; uint8_t value; } changes[] = { { offsetof(struct make_job, seed), 8 }, { offsetof(struct make_job, wear_16), 9 },
                                                             { offsetof(struct make_job, tape_speed), 2 }, { offsetof(struct make_job, look), 'x' } };
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct make_job k = j;
        ((uint8_t *)&k)[changes[i].at] = changes[i].value;
        if (changes[i].value == 'x')
            vcr_strcpy(k.look, sizeof(k.look), "rental");
        buf_init(&other, BYTES_MAX);
        make(&k, &other);
        assert_false(same(&first, &other));
        buf_free(&other);
    }
    buf_free(&first);
}

/* ---- pictures ---- */
struct film_strip {
    struct video_decoder *decoder;
    uint8_t sets[512];
    size_t sets_len;
    uint64_t next_tfdt;
    uint32_t sequence, pictures, keys;
};

static void strip_open(struct film_strip *s, enum make_kind kind, uint8_t level, int width, int height)
{
    struct make_job j = job_of(kind, 0, 1, "vhs");
    struct buf b;
    struct fmp4_track t;
    memset(s, 0, sizeof(*s));
    buf_init(&b, BYTES_MAX);
    j.init = 1;
    make(&j, &b);
    assert_int_equal(fmp4_parse_init(&t, (uint8_t *)b.data, b.len, NULL), VCR_OK);
    assert_int_equal(t.timescale, MAKE_VIDEO_TIMESCALE);
    assert_int_equal(t.width, width);
    assert_int_equal(t.height, height);
    /* what playlists say without asking: constrained baseline of that level */
    assert_int_equal(t.config[1], 0x42);
    assert_int_equal(t.config[2], 0xc0);
    assert_int_equal(t.config[3], level);
    size_t at = 5;
    for (int set = 0; set < 2; set++) { /* one SPS, one PPS */
        size_t len = rd16be(t.config + at + 1);
        memcpy(s->sets + s->sets_len, "\0\0\0\1", 4);
        memcpy(s->sets + s->sets_len + 4, t.config + at + 3, len);
        s->sets_len += 4 + len;
        at += 3 + len;
    }
    buf_free(&b);
    assert_int_equal(video_decoder_open(&s->decoder, NULL), VCR_OK);
}

/* A sample as a decoder takes it. */
static void unit_of(struct buf *unit, const struct film_strip *s, const uint8_t *data, size_t len, bool key)
{
    if (key)
        buf_add(unit, s->sets, s->sets_len);
    for (size_t at = 0; at < len;) {
        size_t nal = rd32be(data + at);
        buf_add(unit, "\0\0\0\1", 4);
        buf_add(unit, data + at + 4, nal);
        at += 4 + nal;
    }
}

static void strip_see(struct film_strip *s, const uint8_t *data, size_t len, bool key, int number, int first_row, int last_row)
{
    struct buf unit;
    struct frame *f = NULL;
    struct vcr_why why = { 0 };
    buf_init(&unit, BYTES_MAX);
    unit_of(&unit, s, data, len, key);
    if (video_decode(s->decoder, (uint8_t *)unit.data, unit.len, &f, &why) != VCR_OK)
        fail_msg("picture %u: %s", s->pictures, why.text);
    assert_int_equal(barcode_read(&f->picture, first_row, last_row), number);
    frame_unref(&f);
    buf_free(&unit);
}

static void strip_add(struct film_strip *s, struct buf *segment, int first_row, int last_row)
{
    struct fmp4_fragment f;
    assert_int_equal(fmp4_parse_fragment(&f, (uint8_t *)segment->data, segment->len, NULL), VCR_OK);
    assert_int_equal(f.tfdt, s->next_tfdt);
    assert_true(f.sequence > s->sequence);
    s->sequence = f.sequence;
    const uint8_t *at = f.data;
    for (uint32_t i = 0; i < f.count; i++) {
        struct fmp4_sample sample;
        fmp4_fragment_sample(&f, i, &sample);
        assert_int_equal(sample.key, i % 60 == 0);
        strip_see(s, at, sample.size, sample.key, (int)s->pictures++, first_row, last_row);
        s->keys += sample.key;
        s->next_tfdt += sample.duration;
        at += sample.size;
    }
    buf_free(segment);
}

static void pictures_join(enum make_kind kind, uint8_t level, int width, int height, int first_row, int last_row)
{
    struct film_strip s;
    strip_open(&s, kind, level, width, height);
    for (uint32_t first = 0; first < PICTURES; first += SEGMENT) {
        struct buf b = made(kind, first, SEGMENT, "good");
        strip_add(&s, &b, first_row, last_row);
    }
    assert_int_equal(s.pictures, PICTURES);
    assert_int_equal(s.keys, 6); /* two a segment of 70 */
    assert_in_range(s.next_tfdt, PICTURES * 2002 - 2, PICTURES * 2002 + 2);
    video_decoder_close(&s.decoder);
}

static void pictures_of_the_tape_follow_one_another(void **state) { pictures_join(MAKE_TAPE_VIDEO, 31, 720, 480, 200, 280); }
static void smaller_pictures_follow_one_another(void **state) { pictures_join(MAKE_CLEAN_VIDEO, 31, 320, 240, 100, 140); }

static void a_segment_stays_below_its_ceiling(void **state)
{
    struct make_job j = job_of(MAKE_TAPE_VIDEO, 0, 60, "rental");
    struct buf b;
    buf_init(&b, BYTES_MAX);
    j.max_bps = 1000000; /* far too little for that noise */
    make(&j, &b);
    assert_in_range(b.len, 500000 / 8, make_peak_bps(j.max_bps, 1001000) * 1001 / 8000);
    buf_free(&b);
}

/* ---- beside a session ---- */
static double apart(const struct picture *a, const struct picture *b)
{
    int64_t sum = 0;
    for (int y = 0; y < a->height; y++)
        for (int x = 0; x < a->width; x++)
            sum += abs(a->plane[0][y * a->stride[0] + x] - b->plane[0][y * b->stride[0] + x]);
    return (double)sum / (a->width * a->height);
}

/* Picture n of a segment that begins at 0; the caller's reference. */
static struct frame *made_picture(struct buf *segment, struct film_strip *s, uint32_t n)
{
    struct fmp4_fragment f;
    struct frame *frame = NULL;
    assert_int_equal(fmp4_parse_fragment(&f, (uint8_t *)segment->data, segment->len, NULL), VCR_OK);
    const uint8_t *at = f.data;
    for (uint32_t i = 0; i <= n; i++) {
        struct fmp4_sample sample;
        struct buf unit;
        fmp4_fragment_sample(&f, i, &sample);
        buf_init(&unit, BYTES_MAX);
        unit_of(&unit, s, at, sample.size, sample.key);
        frame_unref(&frame);
        assert_int_equal(video_decode(s->decoder, (uint8_t *)unit.data, unit.len, &frame, NULL), VCR_OK);
        buf_free(&unit);
        at += sample.size;
    }
    return frame;
}

/* The quantiser goes with the look's noise: twice the noise does not take twice the bits, and all looks share one init segment. */
static void the_encode_goes_with_the_looks_noise(void **state)
{
    static const char *const looks[] = { "none", "family", "rental", "ep-thin" };
    size_t size[ARRAY_LEN(looks)];
    struct buf init[ARRAY_LEN(looks)];
    for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
        struct make_job j = job_of(MAKE_TAPE_VIDEO, 0, 30, looks[i]);
        struct buf b;
        buf_init(&b, BYTES_MAX);
        make(&j, &b);
        size[i] = b.len;
        buf_free(&b);
        j.init = 1;
        buf_init(&init[i], BYTES_MAX);
        make(&j, &init[i]);
    }
    print_message("# a second of none, family, rental, ep-thin: %zu, %zu, %zu, %zu bytes\n", size[0], size[1], size[2], size[3]);
    assert_true(size[0] < size[1]);
    assert_true(size[2] < size[1] * 5 / 4 && size[3] < size[1] * 5 / 4);
    for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
        assert_true(init[i].len == init[0].len && !memcmp(init[i].data, init[0].data, init[0].len));
        if (i)
            buf_free(&init[i]);
    }
    buf_free(&init[0]);
}

/* What a deck in settled PLAY shows at a moment when the tape is at picture n, somewhere within it. */
static void it_is_what_a_session_shows(void **state)
{
    enum { N = 5 };
    struct film *film = NULL;
    struct screen *screen = NULL;
    struct screen_shot shot;
    struct film_strip s;
    struct view view;
    struct deck_snapshot snap = rig_snap(DECK_PLAY, 1, 0, 1, "rental");
    struct make_job other = job_of(MAKE_TAPE_VIDEO, 0, N + 1, "rental");
    struct buf mine = made(MAKE_TAPE_VIDEO, 0, N + 1, "rental"), not_mine;
    assert_int_equal(film_open(&film, dup(tape.video_fd), dup(tape.video_index_fd), NULL), VCR_OK);
    assert_int_equal(screen_open(&screen, false, &(struct fit_shape){ 720, 480, 8, 9 }, NULL), VCR_OK);
    view_at(&view, &snap, snap.since_us + rig_pts_us(N) + 5000);
    assert_true(view.settled);
    assert_int_equal(screen_draw(screen, &snap, &view, &(struct screen_tape){ .film = film }, &(struct screen_time){ 12345, 0 }, &shot, NULL), VCR_OK);
    strip_open(&s, MAKE_TAPE_VIDEO, 31, 720, 480);
    struct frame *f = made_picture(&mine, &s, N);
    double same_tape = apart(shot.picture, &f->picture);
    frame_unref(&f);
    other.seed++;
    buf_init(&not_mine, BYTES_MAX);
    make(&other, &not_mine);
    video_decoder_flush(s.decoder);
    f = made_picture(&not_mine, &s, N);
    double other_tape = apart(shot.picture, &f->picture);
    frame_unref(&f);
    if (same_tape * 11 >= other_tape * 10)
        fail_msg("%.2f from the session, %.2f from another tape", same_tape, other_tape); /* of a tape so worn the encoder leaves out half of the noise: 7.3 against 8.4 */
    video_decoder_close(&s.decoder);
    screen_close(&screen);
    film_close(&film);
    buf_free(&mine);
    buf_free(&not_mine);
}

/* ---- sound ---- */
/* Decodes segments one after the other, as a player does; sample pairs of the left channel, from the first frame of the first segment on. */
static float *hear_all(struct buf *segments, size_t count, size_t *ret_n)
{
    struct make_job j = job_of(MAKE_TAPE_SOUND, 0, 1, "vhs");
    struct buf b;
    struct fmp4_track t;
    buf_init(&b, BYTES_MAX);
    j.init = 1;
    make(&j, &b);
    assert_int_equal(fmp4_parse_init(&t, (uint8_t *)b.data, b.len, NULL), VCR_OK);
    AVCodecContext *av = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_AAC));
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    av->extradata = av_mallocz(t.config_len + AV_INPUT_BUFFER_PADDING_SIZE);
    memcpy(av->extradata, t.config, t.config_len);
    av->extradata_size = (int)t.config_len;
    assert_int_equal(avcodec_open2(av, NULL, NULL), 0);
    float *pcm = calloc(48000 * 10, sizeof(*pcm));
    uint64_t next_tfdt = 0;
    *ret_n = 0;
    for (size_t s = 0; s < count; s++) {
        struct fmp4_fragment f;
        assert_int_equal(fmp4_parse_fragment(&f, (uint8_t *)segments[s].data, segments[s].len, NULL), VCR_OK);
        assert_true(s == 0 || f.tfdt == next_tfdt);
        const uint8_t *at = f.data;
        for (uint32_t i = 0; i < f.count; i++) {
            struct fmp4_sample sample;
            fmp4_fragment_sample(&f, i, &sample);
            assert_int_equal(av_new_packet(packet, (int)sample.size), 0);
            memcpy(packet->data, at, sample.size);
            assert_int_equal(avcodec_send_packet(av, packet), 0);
            assert_int_equal(avcodec_receive_frame(av, frame), 0);
            memcpy(pcm + *ret_n, frame->extended_data[0], (size_t)frame->nb_samples * sizeof(*pcm));
            *ret_n += (size_t)frame->nb_samples;
            at += sample.size;
            av_packet_unref(packet);
        }
        next_tfdt = f.tfdt + (uint64_t)f.count * MAKE_SOUND_FRAME;
    }
    avcodec_free_context(&av);
    av_packet_free(&packet);
    av_frame_free(&frame);
    buf_free(&b);
    return pcm;
}

/* What is left of a stretch without its tone: rms. */
static double beside_the_tone(const float *pcm, size_t from, size_t n)
{
    double re = 0, im = 0, left = 0;
    for (size_t i = 0; i < n; i++) {
        re += 2 * pcm[from + i] * cos(2 * M_PI * TONE_HZ * (double)(from + i) / 48000) / (double)n;
        im += 2 * pcm[from + i] * sin(2 * M_PI * TONE_HZ * (double)(from + i) / 48000) / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        double phase = 2 * M_PI * TONE_HZ * (double)(from + i) / 48000, off = pcm[from + i] - re * cos(phase) - im * sin(phase);
        left += off * off / (double)n;
    }
    return sqrt(left);
}

/* The sound of the reel itself, from its start. */
static int16_t *reel_sound(size_t n)
{
    struct tune *t = NULL;
    bool jumped;
    int16_t *pcm = calloc(n + AUDIO_FRAME, 2 * sizeof(*pcm));
    assert_int_equal(tune_open(&t, dup(tape.sound_fd), dup(tape.sound_index_fd), NULL), VCR_OK);
    for (size_t at = 0; at < n; at += AUDIO_FRAME)
        tune_read(t, (int64_t)(at * 1000 + 47) / 48, pcm + 2 * at, &jumped);
    tune_close(&t);
    return pcm;
}

static void sound_is_in_its_place_and_has_no_click_at_joins(void **state)
{
    enum { SEGMENTS = 6, WINDOW = 480, SKIP = 4 * MAKE_SOUND_FRAME };
    struct buf segments[SEGMENTS];
    size_t n;
    for (uint32_t i = 0; i < SEGMENTS; i++)
        segments[i] = made(MAKE_TAPE_SOUND, i * SOUND_SEGMENT, SOUND_SEGMENT, "good");
    float *heard = hear_all(segments, SEGMENTS, &n);
    int16_t *reel = reel_sound(n);
    assert_int_equal(n, SEGMENTS * SOUND_SEGMENT * MAKE_SOUND_FRAME);
    double within = 0, join = 0, loud = 0, off = 0;
    for (size_t at = SKIP; at + WINDOW <= n; at += WINDOW / 2) {
        size_t past = at % (SOUND_SEGMENT * MAKE_SOUND_FRAME);
        bool meets = past < MAKE_SOUND_FRAME || past + WINDOW + MAKE_SOUND_FRAME > SOUND_SEGMENT * MAKE_SOUND_FRAME;
        double *most = meets ? &join : &within, left = beside_the_tone(heard, at, WINDOW);
        *most = VCR_MAX(*most, left);
    }
    for (size_t i = SKIP; i < n; i++) {
        loud += heard[i] * heard[i] / (double)(n - SKIP);
        off += pow(heard[i] - reel[2 * i] / 32768.0, 2) / (double)(n - SKIP);
    }
    assert_true(sqrt(loud) > 0.165 && sqrt(loud) < 0.18); /* a tone of 8000 of 32768 */
    assert_true(sqrt(off) < 0.005);                       /* a sample late would be 0.022 */
    assert_true(within < 0.006);
    assert_true(join < within * 1.2 + 0.0005);
    free(heard);
    free(reel);
    for (int i = 0; i < SEGMENTS; i++)
        buf_free(&segments[i]);
}

/* ---- refusals ---- */
static void jobs_that_make_no_sense_are_refused(void **state)
{
    struct make_job bad[8];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        bad[i] = job_of(MAKE_TAPE_VIDEO, 0, 1, "vhs");
    bad[0].kind = MAKE_KINDS;
    bad[1].count = 0;
    bad[2].count = MAKE_COUNT_MAX + 1;
    bad[3].width = 721;
    bad[4].wear_16 = 17;
    memset(bad[5].look, 'a', sizeof(bad[5].look));
    bad[6].width = 640; /* the reel has another size */
    bad[7].kind = MAKE_CLEAN_VIDEO;
    bad[7].first = RIG_PICTURES;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int fds[MAKE_FDS];
        uint64_t bytes;
        files_of(&bad[i], fds);
        assert_int_equal(make_segment(&bad[i], fds, NULL, &bytes, NULL), VCR_E_INVALID);
        assert_int_equal(lseek(fds[0], 0, SEEK_END), 0);
        vcr_close(&fds[0]);
    }
}

static void a_job_that_nobody_wants_ends_and_the_next_one_is_made(void **state)
{
    struct program p;
    struct make_job j = job_of(MAKE_TAPE_VIDEO, 0, MAKE_COUNT_MAX, "vhs");
    struct make_head cancel = { MAKE_CANCEL, 5 };
    int fds[MAKE_FDS];
    program_start(&p);
    files_of(&j, fds);
    j.h.job = 5;
    program_ask(&p, &j, fds);
    assert_int_equal(send(p.control, &cancel, sizeof(cancel), MSG_NOSIGNAL), sizeof(cancel));
    assert_int_equal(program_done(&p).err, VCR_E_STALE);
    assert_int_equal(send(p.control, &cancel, sizeof(cancel), MSG_NOSIGNAL), sizeof(cancel)); /* too late: nothing */
    struct buf after = made_by(&p, MAKE_TAPE_SOUND, 0, 10, false), here = made(MAKE_TAPE_SOUND, 0, 10, "vhs");
    assert_same(&after, &here);
    for (int i = 0; i < MAKE_FDS; i++)
        vcr_close(&fds[i]);
    program_stop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_and_any_process_give_the_same_bytes),
        cmocka_unit_test(what_is_made_follows_the_tape),
        cmocka_unit_test(pictures_of_the_tape_follow_one_another),
        cmocka_unit_test(smaller_pictures_follow_one_another),
        cmocka_unit_test(a_segment_stays_below_its_ceiling),
        cmocka_unit_test(the_encode_goes_with_the_looks_noise), cmocka_unit_test(it_is_what_a_session_shows),
        cmocka_unit_test(sound_is_in_its_place_and_has_no_click_at_joins),
        cmocka_unit_test(jobs_that_make_no_sense_are_refused),
        cmocka_unit_test(a_job_that_nobody_wants_ends_and_the_next_one_is_made),
    };
    return cmocka_run_group_tests(tests, make_tape, free_tape);
}
