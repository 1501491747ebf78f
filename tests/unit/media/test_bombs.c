/* test_bombs.c - files that claim, or ask for, far more than they hold, and two odd ones that people really have: DV in an AVI of type 1, H.264 whose fields are pictures of
 * their own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/util.h"
#include "kit.h"

enum { FILM_MAX = 24 << 20 };
static struct buf film;
static char last[16384];

static void begin(void)
{
    buf_free(&film);
    buf_init(&film, FILM_MAX);
}
static void load(const char *name)
{
    char path[128];
    uint8_t bytes[65536];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    begin();
    for (size_t n; (n = fread(bytes, 1, sizeof(bytes), f)) > 0;)
        buf_add(&film, bytes, n);
    fclose(f);
    assert_true(buf_ok(&film));
}
static void store(const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(buf_ok(&film));
    assert_int_equal(fwrite(film.data, 1, film.len, f), film.len);
    fclose(f);
}
static void le32(uint32_t v) { buf_add(&film, (uint8_t[4]){ (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24) }, 4); }

/* A sentence, and one with these words in it. */
static void refused(const char *name, const char *words)
{
    int rc = ingest("--run", name, last, sizeof(last));
    if (rc != 1 || strncmp(last, "{\"error\":\"", 10) != 0 || !strstr(last, words))
        fail_msg("%s ends with %d: %s", name, rc, last);
}
static void taken(const char *name)
{
    if (ingest("--run", name, last, sizeof(last)) != 0)
        fail_msg("%s: %s", name, last);
}
static bool says(const char *what) { return shell("grep -q '%s' %s/report", what, dir) == 0; }
static double seconds(void) { return atof(ask("grep -o '\"duration_us\":[0-9]*' report | tr -dc 0-9;", "")) / 1e6; }

#define SMALL "-f lavfi -i testsrc2=s=320x240:r=25:d=1 "
static void too_many_streams_are_counted(void **state)
{
    static const char *const ends[] = { "mkv", "mp4" };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        assert_int_equal(shell("cd %s && ffmpeg -v error -y " SMALL "-f lavfi -i anullsrc=d=1 -map 0 $(for i in $(seq 80); do printf ' -map 1'; done) "
                               "-c:v libx264 -preset ultrafast -c:a aac -ac 1 -b:a 16k many.%s", dir, ends[i]), 0);
        refused(i == 0 ? "many.mkv" : "many.mp4", "more than 64");
    }
}

/* Boxes without end, and boxes within boxes. */
static void headers_without_end_come_to_an_end(void **state)
{
    begin();
    buf_add(&film, "\0\0\0\030ftypisom\0\0\2\0isomiso2", 24);
    for (int i = 0; i < 500000; i++)
        buf_add(&film, "\0\0\0\010free", 8);
    store("free");
    refused("free", "lacks its index");
    begin();
    buf_add(&film, "\0\0\0\030ftypisom\0\0\2\0isomiso2", 24);
    for (uint32_t i = 0, left = 8 * 20000; i < 20000; i++, left -= 8) {
        buf_add(&film, (uint8_t[4]){ 0, (uint8_t)(left >> 16), (uint8_t)(left >> 8), (uint8_t)left }, 4);
        buf_add(&film, "moov", 4);
    }
    store("nested");
    refused("nested", "");
    begin();
    buf_add(&film, "RIFF\xff\xff\xff\x7f" "AVI ", 12);
    for (int i = 0; i < 200000; i++)
        buf_add(&film, "JUNK\0\0\0\0LIST\4\0\0\0hdrl", 20);
    store("junk");
    refused("junk", "");
    begin();
    buf_adds(&film, "YUV4MPEG2 W60000 H60000 F25:1 Ip A1:1 C420jpeg\nFRAME\n");
    store("wide");
    refused("wide", "");
}

/* The media claims a terabyte, of which the first seconds came: they are the film, and the damage is told. Where not even the index came, that is told. */
static void a_terabyte_is_what_came_of_it(void **state)
{
    assert_int_equal(shell("cd %s && ffmpeg -v error -y -f lavfi -i testsrc2=s=320x240:r=25:d=4 -c:v libx264 -preset ultrafast -g 25 -f mp4 -movflags +faststart whole", dir), 0);
    load("whole");
    char *at = memmem(film.data, film.len, "\0\0\0\010free", 8);
    assert_non_null(at);
    assert_memory_equal(at + 12, "mdat", 4);
    memcpy(at, "\0\0\0\1mdat\0\0\1\0\0\0\0\0", 16);
    film.len = (size_t)(at - film.data) + (film.len - (size_t)(at - film.data)) / 2;
    store("part");
    taken("part");
    assert_true(seconds() > 0.9 && seconds() < 3.5);
    assert_true(says("\"ends_early\":true"));
    begin();
    buf_add(&film, "\0\0\0\030ftypisom\0\0\2\0isomiso2\0\0\0\1mdat\0\0\1\0\0\0\0\0", 40);
    for (int i = 0; i < 1000; i++)
        buf_adds(&film, "pictures ");
    store("none");
    refused("none", "lacks its index");
}

/* ---- DV as the first capture cards wrote it: one stream that holds picture and sound ---- */
static void chunk(const char *name, uint32_t size)
{
    buf_add(&film, name, 4);
    le32(size);
}

static void avi_type_1(const uint8_t *dv, uint32_t frames, uint32_t frame_bytes)
{
    uint32_t movi = 4 + frames * (8 + frame_bytes), strl = 4 + 8 + 56 + 8 + 32, hdrl = 4 + 8 + 56 + 8 + strl;
    chunk("RIFF", 4 + 8 + hdrl + 8 + movi + 8 + 16 * frames);
    buf_adds(&film, "AVI ");
    chunk("LIST", hdrl);
    buf_adds(&film, "hdrl");
    chunk("avih", 56);
    const uint32_t avih[14] = { 33367, frame_bytes * 30, 0, 0x10, frames, 0, 1, frame_bytes, 720, 480 };
    for (int i = 0; i < 14; i++)
        le32(avih[i]);
    chunk("LIST", strl);
    buf_adds(&film, "strl");
    chunk("strh", 56);
    buf_adds(&film, "iavsdvsd");
    const uint32_t strh[12] = { 0, 0, 0, 1001, 30000, 0, frames, frame_bytes, 0xffffffff, 0, 0, 720 | 480u << 16 };
    for (int i = 0; i < 12; i++)
        le32(strh[i]);
    chunk("strf", 32); /* DVINFO: as the frames say */
    for (int i = 0; i < 8; i++)
        le32(0);
    chunk("LIST", movi);
    buf_adds(&film, "movi");
    for (uint32_t i = 0; i < frames; i++) {
        chunk("00__", frame_bytes);
        buf_add(&film, dv + (size_t)i * frame_bytes, frame_bytes);
    }
    chunk("idx1", 16 * frames);
    for (uint32_t i = 0; i < frames; i++) {
        chunk("00__", 0x10);
        le32(4 + i * (8 + frame_bytes));
        le32(frame_bytes);
    }
}

static void dv_in_an_avi_of_type_1_has_picture_and_sound(void **state)
{
    assert_int_equal(shell("cd %s && ffmpeg -v error -y -f lavfi -i testsrc2=s=720x480:r=60000/1001:d=2 -f lavfi -i sine=d=2 -vf tinterlace=interleave_bottom,setsar=8/9,setfield=bff,"
                           "format=yuv411p -ar 48000 -c:v dvvideo -c:a pcm_s16le -ac 2 -shortest film.dv", dir), 0);
    load("film.dv");
    uint32_t frames = (uint32_t)(film.len / 120000);
    uint8_t *dv = malloc(film.len);
    memcpy(dv, film.data, film.len);
    begin();
    avi_type_1(dv, frames, 120000);
    free(dv);
    store("type1.avi");
    taken("type1.avi");
    assert_true(seconds() > 1.7 && seconds() < 2.1);
    assert_true(says("\"codec\":\"dvvideo\""));
    assert_true(says("\"lines\":\"bff\""));
    assert_true(says("\"kind\":\"clean_audio\""));
    assert_string_equal(ask(RATE, "clean.mp4"), "60000/1001");
}

/* ---- H.264 in field pictures: I_PCM macroblocks need no encoder ---- */
struct bits {
    uint8_t bytes[64 + 200000];
    size_t n;
};
static struct bits b;
static void put(unsigned value, int count)
{
    for (int i = count - 1; i >= 0; i--, b.n++)
        b.bytes[b.n / 8] = (uint8_t)((b.n % 8 ? b.bytes[b.n / 8] : 0) | (value >> i & 1) << (7 - b.n % 8));
}
static void ue(unsigned v)
{
    int len = 31 - __builtin_clz(v + 1);
    put(0, len);
    put(v + 1, len + 1);
}
static void align(unsigned bit)
{
    while (b.n % 8)
        put(bit, 1);
}
static void nal(unsigned head)
{
    put(1, 1);
    align(0);
    buf_add(&film, "\0\0\0\1", 4);
    buf_addc(&film, (char)head);
    buf_add(&film, b.bytes, b.n / 8);
    b.n = 0;
}

enum { PAFF_WIDE = 320, PAFF_HIGH = 256, PAFF_FRAMES = 40 };
static void sets(void)
{
    put(77, 8), put(0, 8), put(30, 8), ue(0), ue(0), ue(2), ue(1), put(0, 1); /* main, level 3; frame numbers of 4 bits, pictures in order of decoding, one reference */
    ue(PAFF_WIDE / 16 - 1), ue(PAFF_HIGH / 32 - 1), put(0, 1), put(0, 1), put(1, 1), put(0, 1), put(0, 1); /* fields, no MBAFF */
    nal(0x67);
    ue(0), ue(0), put(0, 1), put(0, 1), ue(0), ue(0), ue(0), put(0, 1), put(0, 2), ue(0), ue(0), ue(0), put(0, 1), put(0, 1), put(0, 1);
    nal(0x68);
}

/* A bar that moves on from field to field. */
static void field(int frame, int bottom)
{
    int at = (2 * frame + bottom) * 6 % PAFF_WIDE;
    bool idr = !bottom;
    ue(0), ue(7), ue(0), put(idr ? 0 : 0, 4), put(1, 1), put((unsigned)bottom, 1);
    if (idr)
        ue((unsigned)(frame & 1)), put(0, 2);
    else
        put(0, 1);
    put(1, 1); /* QP as in the set: se(0) */
    for (int my = 0; my < PAFF_HIGH / 32; my++)
        for (int mx = 0; mx < PAFF_WIDE / 16; mx++) {
            ue(25);
            align(0);
            uint8_t *p = b.bytes + b.n / 8;
            for (int i = 0; i < 256; i++) {
                int x = mx * 16 + i % 16 - at;
                p[i] = (uint8_t)(x >= 0 && x < 24 ? 210 : 60 + (my * 16 + i / 16) % 40);
            }
            memset(p + 256, 128, 128);
            b.n += 384 * 8;
        }
    nal(idr ? 0x65 : 0x61);
}

static void fields_that_are_pictures_are_paired(void **state)
{
    begin();
    for (int i = 0; i < PAFF_FRAMES; i++) {
        sets();
        field(i, 0);
        field(i, 1);
    }
    store("paff.h264");
    /* each packet is a field */
    assert_int_equal(shell("cd %s && ffmpeg -v error -y -r 50 -i paff.h264 -c copy -f mpegts paff.ts 2>&1", dir), 0);
    static const char *const names[] = { "paff.h264", "paff.ts" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        taken(names[i]);
        if (!says("\"flags\":\"tff\"") || !says("\"remuxed\":false") || seconds() < 1.5 || seconds() > 1.7 || strcmp(ask(FRAMES, "clean.mp4"), "80") != 0)
            fail_msg("%s: %.2f s, %s pictures: %s", names[i], seconds(), ask(FRAMES, "clean.mp4"), last);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_many_streams_are_counted),
        cmocka_unit_test(headers_without_end_come_to_an_end),
        cmocka_unit_test(a_terabyte_is_what_came_of_it),
        cmocka_unit_test(dv_in_an_avi_of_type_1_has_picture_and_sound),
        cmocka_unit_test(fields_that_are_pictures_are_paired),
    };
    int rc = cmocka_run_group_tests(tests, kit_open, kit_close);
    buf_free(&film);
    return rc;
}
