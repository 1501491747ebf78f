/* test_flash.c - no more than three flashes in any second of what a viewer sees, wherever in a made segment what is drawn begins and ends. Flashes are counted here by the whole
 * picture's mean, in floating point. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/util.h"
#include "render/make.h"
#include "render/seat.h"
#include "rig.h"

enum { EACH = 60, PICTURES = 180, SHOWN_MAX = 400 };

/* Of the film's pictures (29.97 a second): still, then changes every second picture, as a strobe. */
enum { STROBE_BEGIN = 46, STROBE_END = 150 };
static struct rig_tape tape, bright_tape;

static void bright(struct picture *p, unsigned number)
{
    memset(p->plane[0], 200, (size_t)p->stride[0] * (size_t)p->height);
    for (int i = 1; i < 3; i++)
        memset(p->plane[i], 128, (size_t)p->stride[i] * (size_t)p->height / 2);
}

static void strobe(struct picture *p, unsigned number)
{
    bool is_bright = number >= STROBE_BEGIN && number < STROBE_END && (number / 2) % 2;
    memset(p->plane[0], is_bright ? 200 : 50, (size_t)p->stride[0] * (size_t)p->height);
    for (int i = 1; i < 3; i++)
        memset(p->plane[i], 128, (size_t)p->stride[i] * (size_t)p->height / 2);
}

struct deck {
    const struct rig_tape *tape;
    struct rig_seat at;
    struct video_decoder *eyes;
    double light[SHOWN_MAX];
    bool replayed[SHOWN_MAX];
    int64_t at_us[SHOWN_MAX];
    int count;
};

static struct deck_snapshot playing(void)
{
    struct deck_snapshot s = rig_snap(DECK_PLAY, 1, 5000, 1, "family");
    s.since_us = 0;
    vcr_strcpy(s.look, sizeof(s.look), "family");
    return s;
}

static void deck_open(struct deck *d, const struct rig_tape *in_it)
{
    struct render_open open = { .h = { RENDER_OPEN, 1 }, .pieces = 1, .bitrate_bps = 4000000 };
    struct render_tape in = { .h = { RENDER_TAPE, 1 }, .in = 1, .has = RENDER_HAS_VIDEO, .tape = 3 };
    struct deck_snapshot snap = playing();
    memset(d, 0, sizeof(*d));
    d->tape = in_it;
    assert_int_equal(video_decoder_open(&d->eyes, NULL), VCR_OK);
    rig_seat_open(&d->at, 4 << 20, &open, &in, in_it, &snap);
}

static void deck_close(struct deck *d)
{
    rig_seat_close(&d->at);
    video_decoder_close(&d->eyes);
}

/* ---- vcrd: all of the tape is made ---- */
static int made[2][PICTURES / EACH + 1]; /* the init segment last */

static int make(const struct rig_tape *t, uint32_t number, bool init, const struct render_piece *of)
{
    struct make_job j = { .h = { MAKE_JOB, 1 }, .kind = MAKE_TAPE_VIDEO, .init = init, .seed = of->seed, .first = number * EACH, .count = EACH, .width = 720, .height = 480,
                          .max_bps = 4000000 };
    int fds[MAKE_FDS] = { memfd_create("segment", MFD_CLOEXEC), init ? -1 : dup(t->video_fd), init ? -1 : dup(t->video_index_fd) };
    uint64_t bytes;
    vcr_strcpy(j.look, sizeof(j.look), of->look);
    assert_int_equal(make_segment(&j, fds, NULL, &bytes, NULL), VCR_OK);
    return fds[0];
}

static void answer(struct deck *d, struct render_piece m)
{
    int fds[2] = { -1, -1 };
    m.h.type = RENDER_PIECE;
    m.has = m.number < PICTURES / EACH ? RENDER_PIECE_HERE : RENDER_PIECE_NOT_YET;
    for (int i = 0; m.has == RENDER_PIECE_HERE && i < 2; i++) {
        int *kept = &made[d->tape == &bright_tape][i ? PICTURES / EACH : m.number];
        *kept = *kept ? *kept : make(d->tape, m.number, i, &m);
        fds[i] = dup(*kept);
    }
    seat_piece(d->at.seat, &m, fds);
}

/* ---- the viewer ---- */
static double light_of(const struct picture *p)
{
    double sum = 0;
    int n = 0;
    for (int y = 4; y < p->height; y += 8)
        for (int x = 4; x < p->width; x += 8, n++)
            sum += pow(fmax(p->plane[0][y * p->stride[0] + x] - 16, 0) / 219, 2.2);
    return sum / n;
}

static void see(struct deck *d, const struct render_packet *head, const uint8_t *data)
{
    struct frame *f = NULL;
    assert_true(d->count < SHOWN_MAX);
    assert_int_equal(video_decode(d->eyes, data, head->len, &f, NULL), VCR_OK);
    d->replayed[d->count] = head->flags & PACKET_REPLAYED;
    d->at_us[d->count] = head->pts_us;
    d->light[d->count++] = light_of(&f->picture);
    frame_unref(&f);
}

static void run(struct deck *d, int64_t until_us)
{
    for (int64_t due; (due = seat_due_us(d->at.seat)) < until_us;) {
        const uint8_t *record;
        size_t len;
        union seat_said said;
        assert_int_equal(seat_run(d->at.seat, due, &d->at.out, &d->at.counts, NULL), VCR_OK);
        for (; ring_peek(d->at.reader, &record, &len, NULL) == VCR_OK; ring_next(d->at.reader)) {
            struct render_packet head;
            memcpy(&head, record, sizeof(head));
            if (head.track == PACKET_VIDEO)
                see(d, &head, record + sizeof(head));
        }
        while (seat_says(d->at.seat, &said, &len))
            if (said.head.type == RENDER_WANT_PIECE)
                answer(d, said.piece);
    }
}

/* The most pairs of opposing changes by a tenth of white in any second. */
static int flashes(const struct deck *d)
{
    int64_t at_us[SHOWN_MAX];
    int turns = 0, way = 0, most = 0;
    double extreme = d->light[0];
    for (int i = 1; i < d->count; i++) {
        double is = d->light[i];
        int now = fmin(is, extreme) >= 0.8 ? 0 : way <= 0 && is >= extreme + 0.1 ? 1 : way >= 0 && is <= extreme - 0.1 ? -1 : 0;
        if (now)
            at_us[turns++] = d->at_us[i], way = now;
        if (now || (way > 0 && is > extreme) || (way < 0 && is < extreme))
            extreme = is;
    }
    for (int i = 0; i < turns; i++) {
        int k = i;
        while (k < turns && at_us[k] - at_us[i] < 1000000)
            k++;
        most = VCR_MAX(most, (k - i) / 2);
    }
    return most;
}

/* The display comes on in the middle of a made segment, for a while, or somebody needs a key frame. */
static void a_hand_over_makes_no_more_flashes(void **state)
{
    static const struct { int64_t leave_us, osd_until_us; } rows[] = { { 2140000, 9000000 }, { 2240000, 9000000 }, { 2500000, 2900000 }, { 3300000, 9000000 }, { 2300000, 0 } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct deck d;
        struct deck_snapshot snap = playing();
        deck_open(&d, &tape);
        run(&d, rows[i].leave_us);
        assert_true(d.replayed[d.count - 1]);
        int at = d.count;
        snap.osd_until_us = rows[i].osd_until_us;
        vcr_strcpy(snap.osd[DECK_OSD_MODE], sizeof(snap.osd[0]), "PLAY");
        if (snap.osd_until_us)
            seat_deck(d.at.seat, &snap);
        else
            seat_key(d.at.seat);
        run(&d, 5500000);
        assert_false(d.replayed[at]);
        if (flashes(&d) > 3)
            fail_msg("%d flashes in a second after %lld us", flashes(&d), (long long)rows[i].leave_us);
        assert_true(flashes(&d) >= 2); /* the film does flash */
        deck_close(&d);
    }
}

/* STOP, wherever in a segment and in the midst of flashes: the blue screen is a change more. */
static void nor_does_a_key(void **state)
{
    for (int64_t leave_us = 2070000; leave_us < 4200000; leave_us += 310000) {
        struct deck d;
        struct deck_snapshot snap = playing();
        deck_open(&d, &tape);
        run(&d, leave_us);
        snap.mode = DECK_STOP;
        snap.picture = DECK_PICTURE_BLUE;
        snap.rate = snap.rate_from = 0;
        seat_deck(d.at.seat, &snap);
        run(&d, leave_us + 1500000);
        if (flashes(&d) > 3)
            fail_msg("%d flashes in a second after %lld us", flashes(&d), (long long)leave_us);
        assert_true(d.light[d.count - 1] < 0.05); /* blue by then */
        deck_close(&d);
    }
}

/* Nothing is held back of what follows a film that does not flash: the limiter has looked at all that was shown. */
static void a_key_shows_at_once(void **state)
{
    for (int64_t leave_us = 2140000; leave_us < 3300000; leave_us += 510000) {
        struct deck d;
        struct deck_snapshot snap = playing();
        deck_open(&d, &bright_tape);
        run(&d, leave_us);
        int at = d.count;
        assert_true(d.replayed[at - 1] && d.light[at - 1] > 0.3);
        snap.mode = DECK_STOP;
        snap.picture = DECK_PICTURE_BLUE;
        snap.rate = snap.rate_from = 0;
        seat_deck(d.at.seat, &snap);
        run(&d, leave_us + 100000);
        assert_true(d.count > at && !d.replayed[at]);
        assert_true(d.light[at] < 0.05);
        deck_close(&d);
    }
}

static int tape_make(void **state)
{
    rig_tape_make_of(&bright_tape, false, false, PICTURES, bright);
    rig_tape_make_of(&tape, false, false, PICTURES, strobe);
    return 0;
}

static int tape_free(void **state)
{
    rig_tape_free(&tape);
    rig_tape_free(&bright_tape);
    for (size_t i = 0; i < 2 * ARRAY_LEN(made[0]); i++)
        if (made[i % 2][i / 2])
            vcr_close(&made[i % 2][i / 2]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_hand_over_makes_no_more_flashes), cmocka_unit_test(nor_does_a_key), cmocka_unit_test(a_key_shows_at_once) };
    return cmocka_run_group_tests(tests, tape_make, tape_free);
}
