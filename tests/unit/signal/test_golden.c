/* tests/unit/signal/test_golden.c - every look in every mode gives the very bytes it gave before, from every compiler and at every optimisation.
 *
 * A change of the picture that is meant is followed by new hashes, looked at as pictures first (tools/signal_frames.c):
 *   build/tests/test_signal_golden print > tests/unit/signal/golden.inc */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "signal/signal.h"

enum { W = 720, H_MOST = 576, BYTES = W * H_MOST * 3 / 2, FIELDS = 3, SOURCES = 4, MODES = 10, OSD_ROWS = 12 };
static uint8_t source_memory[SOURCES][BYTES], out_memory[BYTES];

static const struct mode {
    const char *name;
    enum signal_kind kind;
    int32_t rate, lock;
    uint8_t tape_speed;
} modes[MODES] = {
    { "play", SIGNAL_TAPE, 65536, 65536, 0 },       { "cue 7x", SIGNAL_TAPE, 7 * 65536, 65536, 0 }, { "review -7x", SIGNAL_TAPE, -7 * 65536, 65536, 0 },
    { "still", SIGNAL_TAPE, 0, 65536, 0 },          { "slow", SIGNAL_TAPE, 13107, 65536, 0 },       { "spin-up", SIGNAL_TAPE, 65536, 30000, 0 },
    { "snow", SIGNAL_SNOW, 0, 65536, 0 },           { "blue", SIGNAL_BLUE, 0, 65536, 0 },           { "play EP", SIGNAL_TAPE, 65536, 65536, 2 },
    { "cue 5x LP", SIGNAL_TAPE, 5 * 65536, 65536, 1 },
};
static const struct golden {
    const char *profile, *standard;
    uint64_t hash[MODES];
} golden[] = {
#include "golden.inc"
};

static struct picture over(uint8_t *m, int h)
{
    return (struct picture) { W, h, { m, m + W * h, m + W * h * 5 / 4 }, { W, W / 2, W / 2 } };
}

/* FNV-1a, eight bytes at a time. */
static uint64_t hash_of(uint64_t hash, const struct picture *p)
{
    for (int plane = 0; plane < 3; plane++)
        for (int r = 0; r < (plane ? p->height / 2 : p->height); r++)
            for (int x = 0; x < (plane ? W / 2 : W); x += 8) {
                uint64_t eight;
                memcpy(&eight, p->plane[plane] + r * p->stride[plane] + x, sizeof(eight));
                hash = (hash ^ eight) * 0x100000001B3ull;
                hash ^= hash >> 29;
            }
    return hash;
}

/* Ramps, hard edges and texture, another one for each source. */
static void draw_sources(int h)
{
    for (int i = 0; i < SOURCES; i++) {
        struct picture p = over(source_memory[i], h);
        uint32_t noise = 7u + (uint32_t)i;
        for (int r = 0; r < h; r++)
            for (int x = 0; x < W; x++) {
                noise = noise * 1664525 + 1013904223;
                int y = x < W / 3 ? 16 + (x + 9 * i) % 220 : x < W * 2 / 3 ? ((x / 24 + r / 16 + i) & 1 ? 235 : 16) : 60 + (int)(noise >> 25);
                p.plane[0][r * W + x] = (uint8_t)y;
            }
        for (int r = 0; r < h / 2; r++)
            for (int x = 0; x < W / 2; x++) {
                p.plane[1][r * (W / 2) + x] = (uint8_t)(64 + (x / 20 + i) % 8 * 16);
                p.plane[2][r * (W / 2) + x] = (uint8_t)(48 + (r / 12 + i) % 9 * 18);
            }
    }
}

static uint64_t hash_mode(struct signal *s, const struct mode *m, int h)
{
    uint64_t hash = 0xCBF29CE484222325ull;
    struct picture source[SOURCES], out = over(out_memory, h);
    const struct picture *from[SIGNAL_BANDS_MAX];
    for (int i = 0; i < SOURCES; i++)
        source[i] = over(source_memory[i], h);
    for (int k = 0; k < FIELDS; k++) {
        int64_t place[SIGNAL_BANDS_MAX], field_us = h == 576 ? 20000 : 16683;
        struct signal_field f = { .kind = m->kind, .tape_us = 7000000 + k * field_us * m->rate / 65536, .rate = m->rate, .lock_q16 = m->lock,
                                  .wear_16 = k, .tape_speed = m->tape_speed, .field_index = 50 + k };
        int n = signal_bands(s, &f, place);
        for (int b = 0; b < n; b++)
            from[b] = &source[(b + k) % SOURCES];
        signal_render(s, &f, from, n, &out);
        hash = hash_of(hash, &out);
    }
    return hash;
}

static void hash_look(const struct signal_profile *p, enum signal_standard standard, enum signal_isa isa, uint64_t ret[MODES])
{
    struct signal *s = NULL;
    int h = standard == SIGNAL_PAL ? 576 : 480;
    assert_int_equal(signal_open(&s, standard, W, h, 1977, NULL), VCR_OK);
    assert_int_equal(signal_set_isa(s, isa, NULL), VCR_OK);
    signal_set_profile(s, p);
    draw_sources(h);
    for (int m = 0; m < MODES; m++)
        ret[m] = hash_mode(s, &modes[m], h);
    signal_close(&s);
}

static uint64_t hash_osd(int h)
{
    struct picture p = over(out_memory, h);
    memset(out_memory, 90, sizeof(out_memory));
    for (int row = 0; row < OSD_ROWS; row++) {
        char text[25] = { 0 };
        for (int i = 0; i < 24; i++) {
            int c = row * 24 + i;
            text[i] = (char)(c && c < 256 ? c : ' ');
        }
        signal_osd(&p, row, 0, text);
    }
    return hash_of(0xCBF29CE484222325ull, &p);
}

static const char *only_look; /* NULL: all */

static void every_look_in_every_mode(void **state)
{
    const enum signal_isa isa = *(const enum signal_isa *)*state;
    if (!signal_isa_here(isa)) {
        print_message("# reason: this processor or this build has no %s\n", signal_isa_name(isa));
        skip();
    }
    for (size_t i = 0; i + 1 < ARRAY_LEN(golden); i++) {
        uint64_t is[MODES];
        if (only_look && strcmp(only_look, golden[i].profile))
            continue;
        hash_look(signal_profile_by_name(golden[i].profile), golden[i].standard[0] == 'p' ? SIGNAL_PAL : SIGNAL_NTSC, isa, is);
        for (int m = 0; m < MODES; m++)
            if (is[m] != golden[i].hash[m])
                fail_msg("%s, %s %s, %s: %016llx, was %016llx", signal_isa_name(isa), golden[i].profile, golden[i].standard, modes[m].name,
                    (unsigned long long)is[m], (unsigned long long)golden[i].hash[m]);
    }
}

static void no_look_is_forgotten(void **state)
{
    int looks = 0;
    while (signal_profile_at(looks))
        looks++;
    assert_int_equal(ARRAY_LEN(golden), 2 * looks + 1);
}

static void the_letters(void **state)
{
    const struct golden *g = &golden[ARRAY_LEN(golden) - 1];
    assert_true(hash_osd(480) == g->hash[0]);
    assert_true(hash_osd(576) == g->hash[1]);
}

static void print_row(const char *profile, const char *standard, const uint64_t *hash, int n)
{
    printf("    { \"%s\", \"%s\", {", profile, standard);
    for (int m = 0; m < n; m++)
        printf("%s0x%016llX", m == 0 ? " " : m % 5 ? ", " : ",\n        ", (unsigned long long)hash[m]);
    printf(" } },\n");
}

int main(int argc, char **argv)
{
    static enum signal_isa isa[SIGNAL_ISAS];
    struct CMUnitTest tests[SIGNAL_ISAS + 2] = { cmocka_unit_test(no_look_is_forgotten), cmocka_unit_test(the_letters) };
    for (int i = 0; i < SIGNAL_ISAS; i++) {
        isa[i] = (enum signal_isa)i;
        tests[2 + i] = (struct CMUnitTest) { signal_isa_name(isa[i]), every_look_in_every_mode, NULL, NULL, &isa[i] };
    }
    if (argc == 3) { /* UNIT LOOK: those only, for slow machines */
        enum signal_isa unit = SIGNAL_SCALAR;
        only_look = signal_isa_by_name(argv[1], &unit) ? argv[2] : NULL;
        const struct CMUnitTest one[] = { tests[2 + unit] };
        return cmocka_run_group_tests(one, NULL, NULL);
    }
    if (argc < 2)
        return cmocka_run_group_tests(tests, NULL, NULL);
    for (int i = 0; signal_profile_at(i); i++)
        for (int pal = 0; pal < 2; pal++) {
            uint64_t hash[MODES];
            hash_look(signal_profile_at(i), pal ? SIGNAL_PAL : SIGNAL_NTSC, SIGNAL_SCALAR, hash);
            print_row(signal_profile_at(i)->name, pal ? "pal" : "ntsc", hash, MODES);
        }
    print_row("letters", "480, 576", (uint64_t[]) { hash_osd(480), hash_osd(576) }, 2);
    return 0;
}
