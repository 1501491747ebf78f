/* tests/unit/signal/test_kernels.c - every kernel of every vector unit against plain C: random and extreme samples, all narrow and odd widths, guards on both sides.
 *
 * Bytes are in blocks of exactly their size, so that AddressSanitizer sees a read past them; what may be written past a line of int16 is checked by guards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signal/kernels.h"

enum { GUARD = 0x5a5a, WIDEST = 1920, SPAN = WIDEST + 2 * LINE_PAD, BUFFERS = 3, ROUNDS = 6 };

/* The arguments of a call and all that it may change. */
struct work {
    int n;
    int16_t line[BUFFERS][SPAN];  /* 0 and 1 are written, 2 is read */
    uint8_t bytes[WIDEST + 2 * LINE_PAD]; /* written */
    uint8_t *from;                /* n bytes */
    uint8_t *table;               /* n bytes and what rounds them up */
    int16_t number[CHROMA_HALF + 1];
};

static uint64_t state;
static uint32_t chance32(void)
{
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(state >> 32);
}

static int16_t sample(int kind)
{
    static const int16_t extreme[] = { INT16_MIN, INT16_MAX, -16000, 16000, -1, 0, 1, 15296, -1024, 32736 };
    if (kind == 0)
        return (int16_t)(chance32() % 17000 - 1500u); /* what pictures have */
    return kind == 1 ? (int16_t)chance32() : extreme[chance32() % ARRAY_LEN(extreme)];
}

static void fill(struct work *w, int kind)
{
    for (int b = 0; b < BUFFERS; b++)
        for (int i = 0; i < SPAN; i++)
            w->line[b][i] = sample(kind);
    for (int i = 0; i < w->n; i++)
        w->from[i] = (uint8_t)(kind == 2 ? -(chance32() & 1) : chance32());
    for (int i = 0; i < w->n + LINE_ROUND; i++)
        w->table[i] = (uint8_t)(kind == 2 ? -(chance32() & 1) : chance32());
    memset(w->bytes, GUARD & 0xff, sizeof(w->bytes));
    for (size_t i = 0; i < ARRAY_LEN(w->number); i++)
        w->number[i] = kind == 0 ? (int16_t)(chance32() % 4000) : sample(kind);
    for (size_t i = 0; i < ARRAY_LEN(w->number); i++)
        w->number[i] = w->number[i] == INT16_MIN ? INT16_MIN + 1 : w->number[i]; /* no weight is that */
}

/* Each calls one kernel; an entry of the table that a set lacks is skipped. */
#define CALL(member, ...)                                             \
    static bool call_##member(const struct signal_kernels *k, struct work *w) \
    {                                                                 \
        int16_t *a = w->line[0] + LINE_PAD, *b = w->line[1] + LINE_PAD, *c = w->line[2] + LINE_PAD; \
        const int16_t *m = w->number;                                 \
        int n = w->n;                                                 \
        (void)a, (void)b, (void)c, (void)m, (void)n;                  \
        if (k->member)                                                \
            k->member(__VA_ARGS__);                                   \
        return k->member;                                             \
    }
static int16_t eighth(int16_t q8) /* 0..256 */
{
    return (int16_t)((uint16_t)q8 % 257);
}
CALL(widen, w->from, a, n, m[0] & 255)
CALL(narrow, c, w->bytes + LINE_PAD, n, m[0] & 255)
CALL(fir, c, a, n, m, m[1] & 1 ? LUMA_HALF : CHROMA_HALF)
CALL(noise, a, c, n, m[0])
CALL(peak, c, a, n, m[0], 1 + (m[1] & 15))
CALL(shift, c, a, n, m)
CALL(comb, a, b, n, m[0] & 1 ? COMB_HALF : COMB_QUARTER)
CALL(turn, a, b, n, (&(struct signal_turn) { m[0], m[1], c, c + 7, m[2], m[3] }))
CALL(scale, a, n, (int16_t)((uint16_t)m[0] % 256))
CALL(snow, a, w->table, c, n, eighth(m[0]))
CALL(edges, a, n)
CALL(fir_noise, c, a, n, m, b, m[2])
CALL(fir_comb_noise, c, a, b, n, m[3] & 1 ? COMB_HALF : COMB_QUARTER, m, c + 5, m[2])
CALL(shift_narrow, c, w->bytes + LINE_PAD, n, m, m[4] & 255)

/* Levels that pictures reach, weights of any kind; nobody looks at the scratch. */
static bool call_clip(const struct signal_kernels *k, struct work *w)
{
    static int16_t memory[CLIP_SCRATCH][SPAN];
    int16_t *scratch[CLIP_SCRATCH] = { memory[0] + LINE_PAD, memory[1] + LINE_PAD, memory[2] + LINE_PAD };
    struct signal_emphasis e = { .white = (int16_t)(5606 + (w->number[0] & 255)), .dark = -1402 };
    for (int i = 0; i < 4; i++) {
        e.fast[0][i] = e.fast[1][i] = w->number[i];
        for (int j = 0; j < 4; j++)
            e.slow[i][j] = w->number[(i + j) % 4 + 4];
    }
    if (k->clip)
        k->clip(w->line[0] + LINE_PAD, scratch, w->n, &e);
    return k->clip;
}

enum beyond { ROUND, EDGES };
static const struct row {
    const char *name;
    bool (*call)(const struct signal_kernels *, struct work *);
    enum beyond beyond; /* what of a line it may change past n */
} rows[] = {
    { "widen", call_widen, ROUND }, { "narrow", call_narrow, ROUND }, { "fir", call_fir, ROUND }, { "noise", call_noise, ROUND }, { "peak", call_peak, ROUND },
    { "shift", call_shift, ROUND }, { "comb", call_comb, ROUND }, { "turn", call_turn, ROUND }, { "scale", call_scale, ROUND }, { "snow", call_snow, ROUND },
    { "edges", call_edges, EDGES }, { "clip", call_clip, ROUND }, { "fir_noise", call_fir_noise, ROUND }, { "fir_comb_noise", call_fir_comb_noise, ROUND }, { "shift_narrow", call_shift_narrow, ROUND },
};
_Static_assert(ARRAY_LEN(rows) == sizeof(struct signal_kernels) / sizeof(void (*)(void)), "a kernel without its row here");

/* Outside of what it may change, a line must be as it was; inside, as plain C has it. */
static void compare(const struct row *row, const char *isa, int kind, const struct work *before, const struct work *is, const struct work *should)
{
    int n = is->n, rounded = (n + LINE_ROUND - 1) / LINE_ROUND * LINE_ROUND;
    for (int b = 0; b < BUFFERS; b++)
        for (int i = -LINE_PAD; i < SPAN - LINE_PAD; i++) {
            bool free = row->beyond == ROUND && i >= n && i < rounded;
            if (!free && is->line[b][LINE_PAD + i] != should->line[b][LINE_PAD + i])
                fail_msg("%s %s, width %d, input %d: line %d at %d is %d, should be %d (was %d)", isa, row->name, n, kind, b, i, is->line[b][LINE_PAD + i],
                    should->line[b][LINE_PAD + i], before->line[b][LINE_PAD + i]);
        }
    for (int i = 0; i < (int)sizeof(is->bytes); i++)
        if (is->bytes[i] != should->bytes[i])
            fail_msg("%s %s, width %d, input %d: byte %d is %d, should be %d", isa, row->name, n, kind, i - LINE_PAD, is->bytes[i], should->bytes[i]);
}

static struct work before, is, should;

static void run_row(const struct row *row, const struct signal_kernels *set, const char *isa, int n, int kind)
{
    before.n = n;
    before.from = malloc((size_t)n);
    before.table = malloc((size_t)n + LINE_ROUND);
    assert_non_null(before.from);
    assert_non_null(before.table);
    fill(&before, kind);
    is = should = before;
    if (row->call(set, &is)) {
        row->call(&signal_kernels_scalar, &should);
        compare(row, isa, kind, &before, &is, &should);
    }
    free(before.from);
    free(before.table);
}

static void equals_plain_c(void **arg)
{
    const enum signal_isa isa = *(const enum signal_isa *)*arg;
    static const int wide[] = { 176, 180, 351, 352, 359, 360, 361, 719, 720, 1279, 1919, 1920 };
    if (!signal_isa_here(isa)) {
        print_message("# reason: this processor or this build has no %s\n", signal_isa_name(isa));
        skip();
    }
    state = 20260101;
    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        for (int n = 1; n <= 130; n++)
            for (int kind = 0; kind < 3; kind++)
                run_row(&rows[r], signal_kernels_of(isa), signal_isa_name(isa), n, kind);
        for (size_t i = 0; i < ARRAY_LEN(wide); i++)
            for (int round = 0; round < ROUNDS; round++)
                run_row(&rows[r], signal_kernels_of(isa), signal_isa_name(isa), wide[i], round % 3);
    }
}

/* Units look only at what clips and at its streak. */
static void what_clips_seldom_equals_plain_c(void **arg)
{
    const enum signal_isa isa = *(const enum signal_isa *)*arg;
    static const int wide[] = { 40, 200, 719, 720 };
    static const struct row row = { "clip", call_clip, ROUND };
    if (!signal_isa_here(isa) || !signal_kernels_of(isa)->clip) {
        print_message("# reason: this processor or this build has no %s\n", signal_isa_name(isa));
        skip();
    }
    for (size_t k = 0; k < ARRAY_LEN(wide); k++)
        for (int at = 0; at < wide[k]; at += 1 + at / 17) {
            uint8_t byte = 0;
            before.n = wide[k], before.from = before.table = &byte;
            memset(before.bytes, GUARD & 0xff, sizeof(before.bytes));
            for (int i = 0; i < SPAN; i++)
                before.line[0][i] = 3000;
            for (size_t i = 0; i < ARRAY_LEN(before.number); i++)
                before.number[i] = (int16_t)(2000 + 500 * i);
            before.line[0][LINE_PAD + at] = 14000;
            if (at % 3 == 0 && at + 150 < wide[k])
                before.line[0][LINE_PAD + at + 150] = -9000;
            is = should = before;
            call_clip(signal_kernels_of(isa), &is);
            call_clip(&signal_kernels_scalar, &should);
            compare(&row, signal_isa_name(isa), 3, &before, &is, &should);
            assert_true(memcmp(should.line[0], before.line[0], sizeof(before.line[0])) != 0);
        }
}

/* A set never hands out a kernel of a unit above the one asked for, and never has a gap. */
static void the_choice_is_complete(void **arg)
{
    for (int isa = 0; isa < SIGNAL_ISAS; isa++) {
        struct signal_kernels k = { 0 };
        signal_kernels_choose(&k, (enum signal_isa)isa);
        void (*one[sizeof(k) / sizeof(void (*)(void))])(void);
        memcpy(one, &k, sizeof(k));
        for (size_t i = 0; i < ARRAY_LEN(one); i++)
            assert_non_null(one[i]);
    }
    struct signal_kernels plain = { 0 };
    signal_kernels_choose(&plain, SIGNAL_SCALAR);
    assert_memory_equal(&plain, &signal_kernels_scalar, sizeof(plain));
}

static void units_have_names(void **arg)
{
    enum signal_isa isa = SIGNAL_NEON;
    for (int i = 0; i < SIGNAL_ISAS; i++) {
        assert_true(signal_isa_by_name(signal_isa_name((enum signal_isa)i), &isa));
        assert_int_equal(isa, i);
    }
    assert_false(signal_isa_by_name("mmx", &isa));
    assert_true(signal_isa_here(signal_isa_best()));
}

static void a_unit_that_is_not_here_is_refused(void **arg)
{
    struct signal *s = NULL;
    struct vcr_why why = { 0 };
    assert_int_equal(signal_open(&s, SIGNAL_NTSC, 720, 480, 1, NULL), VCR_OK);
    for (int i = 0; i < SIGNAL_ISAS; i++) {
        enum signal_isa isa = (enum signal_isa)i;
        assert_int_equal(signal_set_isa(s, isa, &why), signal_isa_here(isa) ? VCR_OK : VCR_E_INVALID);
        if (!signal_isa_here(isa))
            assert_non_null(strstr(why.text, signal_isa_name(isa)));
    }
    signal_close(&s);
}

/* The difference of the two is wider than int16 has room for, twice. */
static void bright_snow_covers_the_darkest_undershoot(void **arg)
{
    static int16_t line[LINE_ROUND], torn[LINE_ROUND];
    static uint8_t snow[LINE_ROUND];
    for (int i = 0; i < LINE_ROUND; i++)
        line[i] = -3000, snow[i] = 235;
    signal_kernels_scalar.snow(line, snow, torn, LINE_ROUND, 256);
    assert_in_range(line[0], 219 * 64 - 700, 219 * 64);
}

int main(void)
{
    enum { FIRST = 4 };
    static enum signal_isa isa[SIGNAL_ISAS];
    struct CMUnitTest tests[2 * (SIGNAL_ISAS - 1) + FIRST] = { cmocka_unit_test(the_choice_is_complete), cmocka_unit_test(units_have_names),
        cmocka_unit_test(a_unit_that_is_not_here_is_refused), cmocka_unit_test(bright_snow_covers_the_darkest_undershoot) };
    for (int i = SIGNAL_SCALAR + 1; i < SIGNAL_ISAS; i++) {
        isa[i] = (enum signal_isa)i;
        tests[FIRST + 2 * i - 2] = (struct CMUnitTest) { signal_isa_name(isa[i]), equals_plain_c, NULL, NULL, &isa[i] };
        tests[FIRST + 2 * i - 1] = (struct CMUnitTest) { "seldom clipped", what_clips_seldom_equals_plain_c, NULL, NULL, &isa[i] };
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
