/* test_pieces_sound.c - a seat that sends made sound where it is what it would render: nobody hears where that begins and ends. */
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

enum { PACKETS = 100 /* a segment */, FRAMES_MAX = 400, WINDOW = 240 };
static struct rig_tape tape;

struct deck {
    struct rig_seat at;
    struct audio_decoder *ears;
    int asked;
    int16_t heard[FRAMES_MAX * AUDIO_FRAME * 2];
    bool replayed[FRAMES_MAX];
    int64_t tape_us[FRAMES_MAX];
    int count;
};

static struct deck_snapshot playing(int64_t pos_us)
{
    struct deck_snapshot s = rig_snap(DECK_PLAY, 1, pos_us, 1, "good");
    s.since_us = 0;
    s.sound = DECK_SOUND_HIFI;
    vcr_strcpy(s.look, sizeof(s.look), "good");
    return s;
}

static struct deck *deck_open(bool pieces, int64_t pos_us)
{
    struct deck *d = vcr_alloc(sizeof(*d));
    struct render_open open = { .h = { RENDER_OPEN, 1 }, .pieces = pieces, .bitrate_bps = 1000000 };
    struct render_tape in = { .h = { RENDER_TAPE, 1 }, .in = 1, .has = RENDER_HAS_VIDEO | RENDER_HAS_AUDIO, .tape = 3 };
    struct deck_snapshot snap = playing(pos_us);
    assert_int_equal(audio_decoder_open(&d->ears, NULL), VCR_OK);
    rig_seat_open(&d->at, 4 << 20, &open, &in, &tape, &snap);
    return d;
}

static void deck_close(struct deck *d)
{
    rig_seat_close(&d->at);
    audio_decoder_close(&d->ears);
    free(d);
}

/* ---- vcrd: all of the sound is made, and none of the pictures ---- */
static int make(const struct render_piece *m, bool init)
{
    struct make_job j = { .h = { MAKE_JOB, 1 }, .kind = MAKE_TAPE_OPUS, .init = init, .sound = DECK_SOUND_HIFI, .seed = m->seed, .first = m->number * PACKETS, .count = PACKETS,
                          .max_bps = MAKE_OPUS_BPS };
    int fds[MAKE_FDS] = { memfd_create("segment", MFD_CLOEXEC), init ? -1 : dup(tape.sound_fd), init ? -1 : dup(tape.sound_index_fd) };
    uint64_t bytes;
    vcr_strcpy(j.look, sizeof(j.look), m->look);
    assert_int_equal(make_segment(&j, fds, NULL, &bytes, NULL), VCR_OK);
    return fds[0];
}

static void answer(struct deck *d, struct render_piece m)
{
    bool is_there = m.kind == RENDER_PIECE_SOUND && m.number < 3;
    int fds[2] = { is_there ? make(&m, false) : -1, is_there ? make(&m, true) : -1 };
    m.h.type = RENDER_PIECE;
    m.has = m.kind != RENDER_PIECE_SOUND ? RENDER_PIECE_NEVER : is_there ? RENDER_PIECE_HERE : RENDER_PIECE_NOT_YET;
    d->asked++;
    seat_piece(d->at.seat, &m, fds);
}

static void listen_to(struct deck *d, const struct render_packet *head, const uint8_t *data)
{
    int16_t pcm[AUDIO_FRAMES_MAX * 2];
    int n = 0;
    assert_true(d->count < FRAMES_MAX);
    assert_int_equal(audio_decode(d->ears, data, head->len, pcm, &n, NULL), VCR_OK);
    assert_int_equal(n, AUDIO_FRAME);
    assert_true(head->flags & PACKET_KEY);
    memcpy(d->heard + 2 * AUDIO_FRAME * d->count, pcm, sizeof(*pcm) * 2 * AUDIO_FRAME);
    d->tape_us[d->count] = head->tape_us;
    d->replayed[d->count++] = head->flags & PACKET_REPLAYED;
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
            if (head.track == PACKET_AUDIO)
                listen_to(d, &head, record + sizeof(head));
        }
        while (seat_says(d->at.seat, &said, &len))
            if (said.head.type == RENDER_WANT_PIECE)
                answer(d, said.piece);
    }
}

static int replayed(const struct deck *d, int from, int to)
{
    int n = 0;
    for (int i = from; i < to; i++)
        n += d->replayed[i];
    return n;
}

/* What a deck without made segments sends beside what one with them does, over a display that comes and goes: by how much a window of 5 ms differs, of full scale. */
static void nobody_hears_where_made_sound_begins_and_ends(void **state)
{
    struct deck *drawn = deck_open(false, 5000), *d = deck_open(true, 5000);
    struct deck_snapshot snap = playing(5000);
    run(d, 2510000);
    assert_true(d->replayed[d->count - 1]);
    int at = d->count;
    snap.osd_until_us = 3200000;
    vcr_strcpy(snap.osd[DECK_OSD_MODE], sizeof(snap.osd[0]), "PLAY");
    seat_deck(d->at.seat, &snap);
    run(d, 5000000);
    run(drawn, 5000000);
    assert_int_equal(replayed(drawn, 0, drawn->count), 0);
    assert_int_equal(replayed(d, 0, 50), 0);         /* what begins to play has heard nothing before */
    assert_int_equal(replayed(d, at, at + 34), 0);
    assert_in_range(replayed(d, 0, d->count), 150, 170);
    assert_int_equal(d->count, drawn->count);
    double loud = 0, most = 0;
    for (int w = 10 * AUDIO_FRAME / WINDOW; w < d->count * AUDIO_FRAME / WINDOW; w++) {
        double off = 0;
        for (int i = 2 * w * WINDOW; i < 2 * (w + 1) * WINDOW; i++) {
            off += pow((d->heard[i] - drawn->heard[i]) / 32768.0, 2) / (2 * WINDOW);
            loud += pow(drawn->heard[i] / 32768.0, 2) / (2.0 * AUDIO_FRAME * (d->count - 10));
        }
        most = fmax(most, sqrt(off));
    }
    for (int i = 1; i < d->count; i++)
        assert_int_equal(d->tape_us[i] - d->tape_us[i - 1], AUDIO_FRAME_US);
    assert_true(sqrt(loud) > 0.1);
    if (most > 0.006) /* two encoders of the same samples differ by 0.001 to 0.004; one that had not heard what was before: 0.03 */
        fail_msg("%f beside %f", most, sqrt(loud));
    deck_close(d);
    deck_close(drawn);
}

/* The tape is found anywhere within 20 ms: what is heard of it begins at its grid all the same. */
static void sound_in_play_lies_on_the_grid_of_the_tape(void **state)
{
    static const int64_t places[] = { 0, 1, 5000, 9999, 12345, 19999 };
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct deck *d = deck_open(false, places[i]);
        run(d, 300000);
        for (int k = 0; k < d->count; k++) {
            assert_int_equal(d->tape_us[k] % AUDIO_FRAME_US, 0);
            assert_in_range(d->tape_us[k] - (places[i] + k * AUDIO_FRAME_US) + 10000, 0, 20000 + 7000); /* and the encoder's delay */
        }
        deck_close(d);
    }
}

/* A pause and a jump: nothing that was made before them is heard after. */
static void made_sound_ends_with_play(void **state)
{
    struct deck *d = deck_open(true, 0);
    struct deck_snapshot snap = playing(0);
    run(d, 2000000);
    assert_true(d->replayed[d->count - 1]);
    int at = d->count;
    snap.mode = DECK_PAUSE;
    snap.rate = snap.rate_from = 0;
    snap.pos_us = snap.since_us = 2000000;
    seat_deck(d->at.seat, &snap);
    run(d, 2500000);
    assert_int_equal(replayed(d, at, d->count), 0);
    for (int i = 2 * AUDIO_FRAME * (at + 3); i < 2 * AUDIO_FRAME * d->count; i++)
        assert_in_range(d->heard[i] + 50, 0, 100);
    snap = playing(4000000);
    snap.since_us = 2500000;
    seat_deck(d->at.seat, &snap);
    at = d->count;
    run(d, 4000000);
    assert_int_equal(replayed(d, at, at + 50), 0);
    assert_true(d->replayed[d->count - 1]);
    deck_close(d);
}

static int tape_make(void **state)
{
    rig_tape_make_as(&tape, false, false, 180);
    return 0;
}

static int tape_free(void **state)
{
    rig_tape_free(&tape);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_hears_where_made_sound_begins_and_ends),
        cmocka_unit_test(sound_in_play_lies_on_the_grid_of_the_tape),
        cmocka_unit_test(made_sound_ends_with_play),
    };
    return cmocka_run_group_tests(tests, tape_make, tape_free);
}
