/* tests/unit/signal/test_golden.c - every look at every tape speed in every mode gives the very bytes it gave before, from every compiler and at every optimisation.
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

#include "looks.h"

enum { W = 720, H_MOST = 576, BYTES = W * H_MOST * 3 / 2, SOURCES = 4, MODES = 8, OSD_ROWS = 12 };
static uint8_t source_memory[SOURCES][BYTES], out_memory[BYTES];

static const struct mode {
    const char *name;
    enum signal_kind kind;
    int32_t rate, lock;
} modes[MODES] = {
    { "play", SIGNAL_TAPE, 65536, 65536 }, { "cue 7x", SIGNAL_TAPE, 7 * 65536, 65536 }, { "review -5x", SIGNAL_TAPE, -5 * 65536, 65536 }, { "still", SIGNAL_TAPE, 0, 65536 },
    { "slow", SIGNAL_TAPE, 13107, 65536 }, { "spin-up", SIGNAL_TAPE, 65536, 30000 },    { "snow", SIGNAL_SNOW, 0, 65536 },                 { "blue", SIGNAL_BLUE, 0, 65536 },
};
/* In the order of looks. */
static const struct golden {
    const char *profile, *where;
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
    static int drawn;
    if (h == drawn)
        return;
    drawn = h;
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

static uint64_t hash_mode(struct signal *s, int m, uint8_t tape_speed, int h)
{
    struct picture source[SOURCES], out = over(out_memory, h);
    const struct picture *from[SIGNAL_BANDS_MAX];
    int64_t place[SIGNAL_BANDS_MAX];
    struct signal_field f = { .kind = modes[m].kind, .tape_us = 7000000 + m * 3016683, .rate = modes[m].rate, .lock_q16 = modes[m].lock, .wear_16 = m % 3 * 2,
                              .tape_speed = tape_speed, .field_index = 50 + m };
    int n = signal_bands(s, &f, place);
    for (int i = 0; i < SOURCES; i++)
        source[i] = over(source_memory[i], h);
    for (int b = 0; b < n; b++)
        from[b] = &source[b % SOURCES];
    signal_render(s, &f, from, n, &out);
    return hash_of(0xCBF29CE484222325ull, &out);
}

static void hash_look(const struct look *look, enum signal_isa isa, uint64_t ret[MODES])
{
    struct signal *s = NULL;
    int h = look->standard == SIGNAL_PAL ? 576 : 480;
    assert_int_equal(signal_open(&s, look->standard, W, h, 1977, NULL), VCR_OK);
    assert_int_equal(signal_set_isa(s, isa, NULL), VCR_OK);
    signal_set_profile(s, &look->profile);
    draw_sources(h);
    for (int m = 0; m < MODES; m++)
        ret[m] = hash_mode(s, m, look->tape_speed, h);
    signal_close(&s);
}

static const char *where(const struct look *look)
{
    static const char *const names[2][3] = { { "ntsc sp", "ntsc lp", "ntsc ep" }, { "pal sp", "pal lp", "pal ep" } };
    return names[look->standard == SIGNAL_PAL][look->tape_speed];
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
    for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
        uint64_t is[MODES];
        if (only_look && strcmp(only_look, looks[i].profile.name))
            continue;
        hash_look(&looks[i], isa, is);
        for (int m = 0; m < MODES; m++)
            if (is[m] != golden[i].hash[m])
                fail_msg("%s, %s %s, %s: %016llx, was %016llx", signal_isa_name(isa), golden[i].profile, golden[i].where, modes[m].name,
                    (unsigned long long)is[m], (unsigned long long)golden[i].hash[m]);
    }
}

static void no_look_is_forgotten(void **state)
{
    assert_int_equal(ARRAY_LEN(golden), ARRAY_LEN(looks) + 1);
    for (size_t i = 0; i < ARRAY_LEN(looks); i++)
        assert_true(!strcmp(golden[i].profile, looks[i].profile.name) && !strcmp(golden[i].where, where(&looks[i])));
}

static void the_letters(void **state)
{
    const struct golden *g = &golden[ARRAY_LEN(golden) - 1];
    assert_true(hash_osd(480) == g->hash[0]);
    assert_true(hash_osd(576) == g->hash[1]);
}

static void print_row(const char *profile, const char *place, const uint64_t *hash, int n)
{
    printf("    { \"%s\", \"%s\", {", profile, place);
    for (int m = 0; m < n; m++)
        printf("%s0x%016llX", m == 0 ? " " : m % 4 ? ", " : ",\n        ", (unsigned long long)hash[m]);
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
    for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
        uint64_t hash[MODES];
        hash_look(&looks[i], SIGNAL_SCALAR, hash);
        print_row(looks[i].profile.name, where(&looks[i]), hash, MODES);
    }
    print_row("letters", "480, 576", (uint64_t[]) { hash_osd(480), hash_osd(576) }, 2);
    return 0;
}
