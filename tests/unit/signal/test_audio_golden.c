/* tests/unit/signal/test_audio_golden.c - the tape's sound to the last bit: the same from every compiler, processor and optimisation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "looks.h"

enum { FRAMES = 2 * 48000, CHUNK = 960 };
static int16_t in[FRAMES * 2], out[FRAMES * 2];

/* Every stage on, two passes of a worn tape. */
static void hear(enum signal_audio_track track, enum signal_standard standard)
{
    struct signal_audio *a = NULL;
    struct signal_profile p = *look_named("rental");
    p.audio_track = (uint8_t)track;
    p.dropout_per_minute = 3000;
    assert_int_equal(signal_audio_open(&a, standard, 7, NULL), VCR_OK);
    signal_audio_set_profile(a, &p);
    signal_audio_set_heads(a, 0, 9);
    signal_audio_set_generation(a, 1);
    for (int64_t i = 0; i < FRAMES; i += CHUNK)
        signal_audio_render(a, SIGNAL_SOUND_HIFI, i * 125 / 6, in + 2 * i, out + 2 * i, CHUNK);
    signal_audio_close(&a);
}

/* FNV-1a of two seconds. */
static void the_bytes_are_those(void **state)
{
    static const struct { enum signal_audio_track track; enum signal_standard standard; uint32_t hash; } golden[] = {
        { SIGNAL_TRACK_OFF, SIGNAL_NTSC, 0xa410b1c5 }, { SIGNAL_TRACK_LINEAR, SIGNAL_NTSC, 0xb582582d }, { SIGNAL_TRACK_HIFI, SIGNAL_PAL, 0x4c96b08e },
        { SIGNAL_TRACK_AUTO, SIGNAL_PAL, 0x1e6d25eb } };
    uint32_t r = 1;
    int wrong = 0;
    for (int i = 0; i < 2 * FRAMES; i++) { /* no library's sine here */
        r = r * 1664525 + 1013904223;
        in[i] = (int16_t)((i / 2 * 37 % 1000 - 500) * (i / 2 % 24000) / 1000 + (int32_t)(r >> 24));
    }
    for (size_t k = 0; k < ARRAY_LEN(golden); k++) {
        hear(golden[k].track, golden[k].standard);
        uint32_t hash = 2166136261u;
        for (int i = 0; i < 2 * FRAMES; i++)
            hash = ((hash ^ (uint8_t)out[i]) * 16777619u ^ (uint8_t)(out[i] >> 8)) * 16777619u;
        if (hash != golden[k].hash)
            print_error("track %d: 0x%08x\n", golden[k].track, hash);
        wrong += hash != golden[k].hash;
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_bytes_are_those) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
