/* render/render.c - see render.h. */
#include "render/render.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "media/decode.h"
#include "media/encode.h"
#include "render/control.h"
#include "render/out.h"
#include "render/seal.h"
#include "render/seat.h"

enum { STATS_US = 1000000, BUSY_TOO_MUCH = 950, STRAINED_S = 2, RELAXED_S = 10, PREPARE_WAIT_US = 300000, WAKE_US = 500, TOGETHER_US = 1000 };

struct render {
    /* set by open, then read-only */
    int control_fd;
    int64_t (*clock_us)(void);
    /* the one thread's own */
    struct out out;
    struct seat *seats[RENDER_SEAT_MAX]; /* NULL: free */
    int64_t due_us[RENDER_SEAT_MAX];     /* of each what seat_due_us says, INT64_MAX of none */
    bool preparing[RENDER_SEAT_MAX];     /* and seat_preparing */
    struct seat_counts counts;           /* since the last statistics */
    int64_t stats_us, busy_us;           /* when they were sent; time spent working since then */
    int shed, strained_s, relaxed_s;     /* what overload takes away now, and for how long it has been so */
};

/* After anything was asked of a seat. */
static void note(struct render *r, size_t i)
{
    r->due_us[i] = r->seats[i] ? seat_due_us(r->seats[i]) : INT64_MAX;
    r->preparing[i] = r->seats[i] && seat_preparing(r->seats[i]);
}

/* Everything that a codec reads or sets up at its first use happens here, before sealing. */
static enum vcr_err warm_up(struct vcr_why *why)
{
    static const struct video_encoder_config small = { .width = 64, .height = 64, .sar_num = 1, .sar_den = 1, .rate_num = 25, .rate_den = 1,
                                                       .bitrate_bps = 100000, .effort = VIDEO_EFFORT_SUPERFAST };
    uint8_t grey[64 * 64 * 3 / 2];
    memset(grey, 128, sizeof(grey));
    struct picture picture = { 64, 64, { grey, grey + 64 * 64, grey + 64 * 64 * 5 / 4 }, { 64, 32, 32 } };
    struct video_encoder *e = NULL;
    struct video_decoder *d = NULL;
    struct frame *f = NULL;
    struct packet p;
    video_decoder_silence();
    enum vcr_err err = video_encoder_open(&e, &small, why);
    if (err == VCR_OK)
        err = video_encode(e, &picture, 0, true, &p, why);
    if (err == VCR_OK)
        err = video_decoder_open(&d, why);
    if (err == VCR_OK)
        err = video_decode(d, p.data, p.len, &f, why);
    frame_unref(&f);
    video_decoder_close(&d);
    video_encoder_close(&e);
    return err;
}

enum vcr_err render_open(struct render **ret, const struct render_config *config, struct vcr_why *why)
{
    static const struct render_head ready = { RENDER_READY, 0 };
    struct render *r = vcr_alloc(sizeof(*r));
    r->control_fd = config->control_fd;
    r->clock_us = config->clock_us;
    r->out.wake_fd = config->wake_fd;
    enum vcr_err err = ring_attach(&r->out.ring, config->ring_fd, why);
    if (err == VCR_OK)
        err = warm_up(why);
    if (err == VCR_OK && config->seals)
        err = seal(r->control_fd, why);
    if (err == VCR_OK && !control_send(r->control_fd, &ready, sizeof(ready)))
        err = vcr_fail(why, VCR_E_IO, "the control socket takes nothing");
    if (err != VCR_OK) {
        render_close(&r);
        return err;
    }
    r->stats_us = r->clock_us();
    for (size_t i = 0; i < RENDER_SEAT_MAX; i++)
        note(r, i);
    *ret = r;
    return VCR_OK;
}

void render_close(struct render **r)
{
    if (!*r)
        return;
    for (size_t i = 0; i < RENDER_SEAT_MAX; i++)
        seat_close(&(*r)->seats[i]);
    ring_close(&(*r)->out.ring);
    free(*r);
    *r = NULL;
}

static struct seat **find(struct render *r, uint32_t id)
{
    for (size_t i = 0; i < RENDER_SEAT_MAX; i++)
        if (r->seats[i] && seat_id(r->seats[i]) == id)
            return &r->seats[i];
    return NULL;
}

static void on_open(struct render *r, struct seat **seat, struct control_msg *m)
{
    struct vcr_why why = { 0 };
    enum vcr_err err = VCR_OK;
    if (seat) { /* a seat taken anew starts anew */
        seat_close(seat);
    } else {
        for (size_t i = 0; i < RENDER_SEAT_MAX && !seat; i++)
            seat = r->seats[i] ? NULL : &r->seats[i];
    }
    if (!seat)
        err = vcr_fail(&why, VCR_E_BUSY, "all %d seats are taken", RENDER_SEAT_MAX);
    else
        err = seat_open(seat, &m->open, r->clock_us(), &why);
    if (err != VCR_OK)
        control_failed(r->control_fd, m->head.seat, why.text);
    else
        seat_shed(*seat, r->shed);
}

static void close_fds(struct control_msg *m)
{
    for (size_t i = 0; i < ARRAY_LEN(m->fds); i++)
        vcr_close(&m->fds[i]);
}

static void on_tape(struct render *r, struct seat **seat, struct control_msg *m)
{
    struct vcr_why why;
    if (!seat) {
        close_fds(m);
        return;
    }
    if (seat_tape(*seat, &m->tape, m->fds, &why) != VCR_OK)
        control_failed(r->control_fd, m->head.seat, why.text);
}

static void on_spans(struct render *r, struct seat **seat, struct control_msg *m)
{
    struct vcr_why why;
    if (!seat)
        close_fds(m);
    else if (seat_spans(*seat, &m->spans, m->fds[0], &why) != VCR_OK)
        log_warn("render", "%s", why.text);
}

static void on_take(struct render *r, struct seat **seat, struct control_msg *m)
{
    if (!seat)
        close_fds(m);
    else
        seat_take(*seat, &m->take, m->fds);
}

static void on_piece(struct render *r, struct seat **seat, struct control_msg *m)
{
    if (!seat)
        close_fds(m);
    else
        seat_piece(*seat, &m->piece, m->fds);
}

static void on_deck(struct render *r, struct seat **seat, struct control_msg *m)
{
    struct deck_snapshot snap;
    if (m->deck.len != sizeof(snap)) {
        log_warn("render", "a deck of %u bytes", m->deck.len);
        return;
    }
    memcpy(&snap, m->deck.snapshot, sizeof(snap));
    if (seat)
        seat_deck(*seat, &snap);
}

static void on_key(struct render *r, struct seat **seat, struct control_msg *m)
{
    if (seat)
        seat_key(*seat);
}

static void on_rate(struct render *r, struct seat **seat, struct control_msg *m)
{
    if (seat)
        seat_line(*seat, m->value.value);
}

static void on_encode(struct render *r, struct seat **seat, struct control_msg *m)
{
    if (seat)
        seat_encode(*seat, m->value.value != 0);
}

static void on_close(struct render *r, struct seat **seat, struct control_msg *m)
{
    if (seat)
        seat_close(seat);
}

/* Takes what has come, up to the first message that takes milliseconds: pictures that are due go out before the next. False when vcrd has gone. */
static bool obey(struct render *r)
{
    static void (*const handlers[])(struct render *, struct seat **, struct control_msg *) = {
        [RENDER_OPEN] = on_open, [RENDER_TAPE] = on_tape, [RENDER_DECK] = on_deck, [RENDER_KEY] = on_key, [RENDER_RATE] = on_rate, [RENDER_CLOSE] = on_close,
        [RENDER_ENCODE] = on_encode, [RENDER_SPANS] = on_spans, [RENDER_TAKE] = on_take, [RENDER_PIECE] = on_piece,
    };
    struct control_msg m;
    for (;;) {
        switch (control_receive(r->control_fd, &m)) {
        case CONTROL_NOTHING: return true;
        case CONTROL_END: return false;
        case CONTROL_BAD: log_warn("render", "a message that is none"); break;
        case CONTROL_MSG:
            handlers[m.head.type](r, find(r, m.head.seat), &m);
            for (size_t i = 0; i < RENDER_SEAT_MAX; i++)
                note(r, i);
            if (m.head.type == RENDER_OPEN || m.head.type == RENDER_TAPE || m.head.type == RENDER_TAKE || m.head.type == RENDER_CLOSE)
                return true;
            break;
        }
    }
}

static void shed(struct render *r, int busy_permille)
{
    /* What was taken away comes back when there is room for it: effort is a sixth, every second picture nearly half. */
    static const int room_below[SEAT_SHED_MAX + 1] = { 0, 750, 480 };
    bool strained = r->counts.late > 0 || busy_permille > BUSY_TOO_MUCH;
    r->strained_s = strained ? r->strained_s + 1 : 0;
    r->relaxed_s = !strained && busy_permille < room_below[r->shed] ? r->relaxed_s + 1 : 0;
    int level = r->shed;
    if (r->strained_s >= STRAINED_S && level < SEAT_SHED_MAX)
        level++;
    else if (r->relaxed_s >= RELAXED_S && level > 0)
        level--;
    if (level == r->shed)
        return;
    r->shed = level;
    r->strained_s = r->relaxed_s = 0;
    for (size_t i = 0; i < RENDER_SEAT_MAX; i++) {
        if (r->seats[i])
            seat_shed(r->seats[i], level);
        note(r, i);
    }
}

static void statistics(struct render *r, int64_t now_us)
{
    int64_t span = now_us - r->stats_us;
    if (span < STATS_US)
        return;
    struct render_stats m = { .h = { RENDER_STATS, 0 }, .frames = r->counts.frames, .late_frames = r->counts.late, .passed_frames = r->counts.passed,
                              .busy_permille = (uint32_t)VCR_MIN(r->busy_us * 1000 / span, 1000) };
    for (size_t i = 0; i < RENDER_SEAT_MAX; i++)
        m.sessions += r->seats[i] != NULL;
    control_send(r->control_fd, &m, sizeof(m)); /* one that does not fit is no loss: the next one comes in a second */
    shed(r, (int)m.busy_permille);
    r->counts = (struct seat_counts){ 0 };
    r->busy_us = 0;
    r->stats_us = now_us;
}

/* The seat whose next picture or sound is due first; RENDER_SEAT_MAX: none is. One that prepares comes after those that are due, unless it has waited for too long. */
static size_t earliest(struct render *r, int64_t now_us, int64_t *ret_due_us)
{
    size_t first = RENDER_SEAT_MAX;
    *ret_due_us = r->stats_us + STATS_US;
    for (size_t i = 0; i < RENDER_SEAT_MAX; i++) {
        int64_t due = r->due_us[i];
        if (r->preparing[i] && now_us - due < PREPARE_WAIT_US)
            due = VCR_MAX(due, now_us);
        if (due < *ret_due_us) {
            first = i;
            *ret_due_us = due;
        }
    }
    return first;
}

static void wait_until(struct render *r, int64_t due_us, int64_t now_us)
{
    struct pollfd p = { .fd = r->control_fd, .events = POLLIN };
    /* hundreds of sessions that are only sent are due all the time: those of a millisecond together */
    int64_t us = VCR_MAX((due_us + TOGETHER_US - 1) / TOGETHER_US * TOGETHER_US - now_us, 0);
    struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
    ppoll(&p, 1, &t, NULL);
}

/* What a seat has to say. Where vcrd's socket is full it says it after its next picture. */
static void hear(struct render *r, struct seat *seat)
{
    union seat_said said;
    for (size_t len; seat_says(seat, &said, &len);) {
        if (!control_send(r->control_fd, &said, len)) {
            seat_unsaid(seat, &said);
            return;
        }
    }
}

bool render_step(struct render *r, int64_t *ret_due_us)
{
    if (!obey(r))
        return false;
    int64_t now = r->clock_us();
    statistics(r, now);
    size_t first = earliest(r, now, ret_due_us);
    if (first == RENDER_SEAT_MAX || *ret_due_us > now)
        return true;
    struct seat *seat = r->seats[first];
    struct vcr_why failed;
    if (seat_run(seat, now, &r->out, &r->counts, &failed) != VCR_OK)
        control_failed(r->control_fd, seat_id(seat), failed.text);
    hear(r, seat);
    note(r, first);
    int64_t done = r->clock_us(), next_us;
    if (done - now >= WAKE_US || earliest(r, done, &next_us) == RENDER_SEAT_MAX || next_us > done) /* what takes no time goes out together */
        out_wake(&r->out);
    r->busy_us += done - now;
    return true;
}

void render_run(struct render *r)
{
    for (int64_t due, now; render_step(r, &due);) {
        now = r->clock_us();
        if (due > now)
            wait_until(r, due, now);
    }
}
