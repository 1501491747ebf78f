/* test_cea608.c - captions of line 21: codes to cues, cues to WebVTT, and the drawn wave to bytes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cea608_kit.h"
#include "wire/cea608.h"
#include "wire/line21.h"
#include "wire/webvtt.h"

enum { PAIRS_MAX = 2000, TOLD_BYTES = 16384 };
#define FRAME_US INT64_C(33367)

/* Cues as lines: "CC1 100-200 r14 c4 text", lines of text joined by |, times in frames. */
static void tell(void *arg, const struct cea608_cue *c)
{
    char *out = arg, line[CEA608_TEXT_BYTES + 64], *p;
    int n = snprintf(line, sizeof(line), "CC%d %d-%d r%d ", c->channel + 1, (int)((c->start_us + FRAME_US / 2) / FRAME_US), (int)((c->end_us + FRAME_US / 2) / FRAME_US), c->row);
    n += c->centred ? snprintf(line + n, sizeof(line) - (size_t)n, "mid ") : snprintf(line + n, sizeof(line) - (size_t)n, "c%d ", c->column);
    snprintf(line + n, sizeof(line) - (size_t)n, "%s\n", c->text);
    for (p = line; (p = strchr(p, '\n')) && p[1];)
        *p = '|';
    assert_true(strlen(out) + strlen(line) < TOLD_BYTES);
    strcat(out, line);
}

/* A script in which {wNNN} waits for so many frames and {fN} goes over to field N. One pair a frame. */
static const char *run(const char *script, int end_frame)
{
    static char told[TOLD_BYTES];
    static struct cea608 d;
    uint8_t pairs[PAIRS_MAX][2];
    int frame = 0, field = 0;
    told[0] = '\0';
    cea608_open(&d, tell, told);
    while (*script) {
        if (strncmp(script, "{w", 2) == 0 || strncmp(script, "{f", 2) == 0) {
            int n = atoi(script + 2);
            frame += script[1] == 'w' ? n : 0;
            field = script[1] == 'f' ? n : field;
            script = strchr(script, '}') + 1;
            continue;
        }
        const char *wait = strstr(script, "{w"), *other = strstr(script, "{f");
        size_t len = strlen(script);
        len = wait ? VCR_MIN(len, (size_t)(wait - script)) : len;
        len = other ? VCR_MIN(len, (size_t)(other - script)) : len;
        char *part = strndup(script, len);
        size_t n = cea608_pairs(part, pairs, PAIRS_MAX);
        for (size_t i = 0; i < n; i++)
            cea608_pair(&d, field, FRAME_US * frame++, pairs[i][0], pairs[i][1]);
        free(part);
        script += len;
    }
    cea608_finish(&d, FRAME_US * end_frame);
    return told;
}

static const struct { const char *what, *script; int end; const char *told; } scripts[] = {
    { "pop-on: shown by EOC, erased by EDM, all codes doubled",
      "{1420}{1420}{142e}{142e}{1470}{1470}Hello there{142f}{142f}{w86}{142c}{142c}", 200, "CC1 12-100 r14 c0 Hello there\n" },
    { "pop-on: the next one replaces it; two rows, indents, a tab of 2",
      "{1420}{1454}{1722}First{1470}{142f}{w92}{1420}{1350}Up{1474}Down{142f}{w50}{142c}", 400, "CC1 7-106 r13 c10 First\nCC1 106-157 r11 c0 Up\nCC1 106-157 r14 c8 Down\n" },
    { "codes that are not doubled work, a third is a new one",
      "{1429}{1470}abc{1421}{1421}{1421}{w10}", 100, "CC1 2-100 r14 c0 a\n" },
    { "roll-up of two rows: each state of the window, the lowest row as it is in the end",
      "{1425}{1425}{142d}{142d}{1470}{1470}one {w30}{142d}{142d}{1470}{1470}two {w30}{142d}{142d}{1470}three", 200,
      "CC1 6-38 r14 c0 one\nCC1 38-74 r13 c0 one|two\nCC1 74-200 r13 c0 two|three\n" },
    { "roll-up: what is rolled waits for the late line",
      "{1426}{1470}one {142d}{w60}two ", 100, "CC1 2-4 r14 c0 one\nCC1 4-65 r13 c0 one\nCC1 65-100 r13 c0 one|two\n" },
    { "roll-up: the window moves with its PAC",
      "{1425}{1470}one {142d}{w5}{1150}two {w30}", 100, "CC1 2-4 r14 c0 one\nCC1 4-10 r13 c0 one\nCC1 10-100 r0 c0 one|two\n" },
    { "roll-up after pop-on begins with nothing shown",
      "{1420}{1470}old {142f}{w20}{1425}{142d}{1470}new ", 60, "CC1 4-25 r14 c0 old\nCC1 28-60 r14 c0 new\n" },
    { "paint-on: a pause begins another cue, delete to the end of the row",
      "{1429}{1170}Hello {w60}{1174}{1424}{w5}w.", 100, "CC1 2-66 r1 c0 Hello\nCC1 66-100 r1 c0 Hello   w.\n" },
    { "special and extended letters; the letter before gives way", "{1420}{1470}{1137}A{1220}e{1321}{1132}{1133}{w1}{142f}", 50, "CC1 10-50 r14 c0 ♪Áã½¿\n" },
    { "letters that are not ASCII's", "{1420}{1470}'*\\^_`{7b7c}{7d7e}{7f00}{142f}", 50, "CC1 8-50 r14 c0 ’áéíóúç÷Ññ█\n" },
    { "italics, underline, and what HTML would take", "{1420}{1470}a<{112e}b&{1121}c>{142f}", 50, "CC1 7-50 r14 c0 a&lt; <i>b&amp; </i><u>c&gt;</u>\n" },
    { "four channels at once",
      "{1420}{1470}1111{1c20}{1c70}2222{142f}{1c2f}{f1}{1520}{1470}3333{152f}{1d20}{1c70}4444{1d2f}", 60,
      "CC1 8-60 r14 c0 1111\nCC2 9-60 r14 c0 2222\nCC3 14-60 r14 c0 3333\nCC4 19-60 r14 c0 4444\n" },
    { "XDS is no text", "{f1}{1520}{1470}A {0103}Movie {0f1d}{1520}B {152f}", 50, "CC3 10-50 r14 c0 A B\n" },
    { "text mode is left out", "{1420}{1470}A {142a}secret{142b}more{1420}B {142f}", 50, "CC1 12-50 r14 c0 A B\n" },
    { "erased memory is not shown", "{1420}{1470}gone{142e}{1470}kept{142f}", 50, "CC1 8-50 r14 c0 kept\n" },
    { "more than a row holds: the last letter is written over", "{1420}{1470}0123456789012345678901234567890123{142f}", 50, "CC1 19-50 r14 mid 01234567890123456789012345678903\n" },
    { "nothing for 16 seconds takes it away", "{1429}{1470}Hi{w2000}", 2000, "CC1 2-482 r14 c0 Hi\n" },
    { "letters without a mode are nothing", "Hello{1470}Hello", 50, "" },
    { "centred", "{1420}{1374}{1722}middle{142f}", 50, "CC1 6-50 r12 c10 middle\n" },
};

static void scripts_become_cues(void **state)
{
    int wrong = 0;
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        const char *told = run(scripts[i].script, scripts[i].end);
        if (strcmp(told, scripts[i].told) != 0)
            print_error("%s:\n%sinstead of\n%s", scripts[i].what, told, scripts[i].told), wrong++;
    }
    assert_int_equal(wrong, 0);
}

static void wrong_parity_costs_a_letter_or_nothing(void **state)
{
    char told[TOLD_BYTES] = "";
    static struct cea608 d;
    uint8_t pairs[64][2];
    cea608_open(&d, tell, told);
    size_t n = cea608_pairs("{1429}{1429}{1470}{1470}abcd{142c}{142c}", pairs, 64);
    pairs[0][0] ^= 0x80; /* the double still arrives */
    pairs[3][1] ^= 0x80; /* the first did */
    pairs[5][1] ^= 0x80; /* d */
    pairs[6][1] ^= 0x80;
    for (size_t i = 0; i < n; i++)
        cea608_pair(&d, 0, FRAME_US * (int64_t)i, pairs[i][0], pairs[i][1]);
    cea608_finish(&d, FRAME_US * 50);
    assert_string_equal(told, "CC1 4-7 r14 c0 abc█\n");
}

static void write_cue(void *arg, const struct cea608_cue *c) { cea608_write_cue(arg, c); }

static void cues_are_strict_webvtt(void **state)
{
    static struct cea608 d;
    struct buf text;
    struct webvtt v;
    uint8_t pairs[PAIRS_MAX][2];
    buf_init(&text, WEBVTT_BYTES_MAX);
    buf_adds(&text, "WEBVTT\n\n");
    cea608_open(&d, write_cue, &text);
    size_t n = cea608_pairs("{1420}{1350}--> <i>{1474}{112e}NOTE & such{142f}{142c}{1420}{1170}x{142f}", pairs, PAIRS_MAX);
    for (size_t i = 0; i < n; i++)
        cea608_pair(&d, 0, FRAME_US * (int64_t)i, pairs[i][0], pairs[i][1]);
    cea608_finish(&d, FRAME_US * 30);
    assert_int_equal(webvtt_read(&v, text.data, text.len, NULL), VCR_OK);
    assert_int_equal(v.cues, 3);
    assert_string_equal(text.data, "WEBVTT\n\n00:00:00.467 --> 00:00:00.501 line:68% position:10% align:start\n--&gt; &lt;i&gt;\n\n"
                                   "00:00:00.467 --> 00:00:00.501 line:84%\n<i>NOTE &amp; such</i>\n\n"
                                   "00:00:00.634 --> 00:00:01.001 line:15% position:10% align:start\nx\n\n");
    struct cea608_cue cue = { .start_us = 1000, .end_us = 1200, .text = "short" };
    assert_false(cea608_write_cue(&text, &cue));
    cue.end_us = INT64_C(3600000000) * 101;
    assert_false(cea608_write_cue(&text, &cue));
    buf_free(&text);
}

/* ---- the wave ---- */
static int slices(struct line21_form f, int lines)
{
    static struct line21 l;
    uint8_t row[LINE21_WIDTH_MAX], got[2];
    int right = 0;
    line21_open(&l, NULL, NULL);
    for (int i = 0; i < lines; i++) {
        const uint8_t pair[2] = { with_parity((unsigned)(i * 37)), with_parity((unsigned)(i * 11 + 5)) };
        line21_draw(row, &f, pair);
        right += line21_slice(&l, row, f.width, got) && got[0] == pair[0] && got[1] == pair[1];
    }
    return right;
}

static void waves_are_read_whatever_their_levels_and_places(void **state)
{
    static const struct { const char *what; struct line21_form f; int least; } forms[] = {
        { "plain", { 720, 20, 26.8125, 16, 126, 0, 0, 1 }, 200 },     { "late", { 720, 48, 26.8125, 16, 126, 0, 0, 1 }, 200 },
        { "early", { 720, 2, 26.8125, 16, 126, 0, 0, 1 }, 200 },      { "noise and jitter", { 720, 24, 26.8125, 16, 126, 20, 4, 1 }, 196 },
        { "weak", { 720, 20, 26.8125, 16, 46, 3, 0, 1 }, 198 },       { "strong, on a pedestal", { 720, 20, 26.8125, 60, 250, 10, 2, 1 }, 200 },
        { "a stretched line", { 720, 20, 27.6, 16, 126, 8, 2, 1 }, 198 }, { "a squeezed one", { 720, 20, 26.0, 16, 126, 8, 2, 1 }, 198 },
        { "square pixels", { 640, 16, 24.375, 16, 126, 8, 2, 1 }, 198 }, { "four times the subcarrier", { 768, 24, 28.44, 16, 126, 8, 2, 1 }, 198 },
        { "704", { 704, 12, 26.8125, 16, 126, 8, 2, 1 }, 198 },
    };
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (slices(forms[i].f, 200) < forms[i].least)
            fail_msg("%s: %d of 200", forms[i].what, slices(forms[i].f, 200));
}

struct heard {
    int count, row;
    struct line21_pair pairs[PAIRS_MAX];
};
static void hear(void *arg, int row, const struct line21_pair *pair)
{
    struct heard *h = arg;
    assert_true(h->count < PAIRS_MAX);
    h->row = row;
    h->pairs[h->count++] = *pair;
}

static void a_line_is_believed_after_many_and_none_of_it_is_lost(void **state)
{
    static struct line21 l;
    static struct heard h;
    uint8_t row[720];
    struct line21_form f = line21_plain;
    h.count = 0;
    line21_open(&l, hear, &h);
    for (int i = 0; i < 60; i++) {
        line21_draw(row, &f, (const uint8_t[2]){ with_parity((unsigned)i), with_parity('x') });
        line21_look(&l, 3, FRAME_US * i, row, 720);
        assert_int_equal(h.count, i < 19 ? 0 : i + 1);
    }
    for (int i = 0; i < 60; i++) {
        assert_int_equal(h.pairs[i].bytes[0], with_parity((unsigned)i));
        assert_int_equal(h.pairs[i].at_us, FRAME_US * i);
    }
    assert_int_equal(h.row, 3);
    /* It goes away; what looks right now and then is not believed. */
    memset(row, 40, sizeof(row));
    for (int i = 0; i < 30; i++)
        line21_look(&l, 3, 0, row, 720);
    for (int i = 0; i < 90; i++) {
        memset(row, 40, sizeof(row));
        if (i % 3 == 0)
            line21_draw(row, &f, (const uint8_t[2]){ with_parity('a'), with_parity('b') });
        line21_look(&l, 3, 0, row, 720);
    }
    assert_int_equal(h.count, 60);
}

/* Pictures are no captions: noise, stripes of any width, ramps, and waves with random parity. */
static void pictures_are_no_captions(void **state)
{
    static struct line21 l;
    static struct heard h;
    uint8_t row[720];
    uint32_t seed = 7;
    h.count = 0;
    line21_open(&l, hear, &h);
    for (int kind = 0; kind < 80; kind++)
        for (int i = 0; i < 40; i++) {
            for (int x = 0; x < 720; x++) {
                seed = seed * 1664525 + 1013904223;
                int noise = (int)(seed >> 24);
                row[x] = (uint8_t)(kind == 0 ? noise : kind == 1 ? x / 3 : kind == 2 ? 16 + 110 * (x / 13 & 1) : 60 + (x % (kind + 4) < (kind + 4) / 2 ? 90 : 0) + noise / 16);
            }
            line21_look(&l, kind % LINE21_ROWS, 0, row, 720);
        }
    struct line21_form f = line21_plain;
    for (int i = 0; i < 200; i++) {
        seed = seed * 1664525 + 1013904223;
        line21_draw(row, &f, (const uint8_t[2]){ (uint8_t)(seed >> 24), (uint8_t)(seed >> 16) });
        line21_look(&l, 1, 0, row, 720);
    }
    assert_int_equal(h.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scripts_become_cues),
        cmocka_unit_test(wrong_parity_costs_a_letter_or_nothing),
        cmocka_unit_test(cues_are_strict_webvtt),
        cmocka_unit_test(waves_are_read_whatever_their_levels_and_places),
        cmocka_unit_test(a_line_is_believed_after_many_and_none_of_it_is_lost),
        cmocka_unit_test(pictures_are_no_captions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
