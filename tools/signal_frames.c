/* tools/signal_frames.c - looks at the tape: draws one raster of each mode from a raw I420 picture stream and writes them as raw I420, one after the other.
 *
 *   signal_frames WIDTHxHEIGHT PROFILE < in.yuv > out.yuv     order: play x3, cue, review, still, three of spin-up, snow, blue, rental */
#include <stdio.h>
#include <string.h>

#include "signal/settings.h"

enum { SOURCES = 24 };
static uint8_t memory[SOURCES + 1][1920 * 1152 * 3 / 2];

static struct picture at(int i, int w, int h)
{
    uint8_t *m = memory[i];
    return (struct picture) { w, h, { m, m + w * h, m + w * h * 5 / 4 }, { w, w / 2, w / 2 } };
}

static const struct shot {
    const char *mode, *profile;
    int32_t rate, lock;
    enum signal_kind kind;
} shots[] = {
    { "\x01 PLAY", NULL, 65536, 65536, SIGNAL_TAPE },      { "\x01 PLAY", NULL, 65536, 65536, SIGNAL_TAPE },
    { "", NULL, 65536, 65536, SIGNAL_TAPE },               { "\x04 CUE", NULL, 5 * 65536, 65536, SIGNAL_TAPE },
    { "\x05 REVIEW", NULL, -7 * 65536, 65536, SIGNAL_TAPE }, { "\x02 PAUSE", NULL, 0, 65536, SIGNAL_TAPE },
    { "\x01 PLAY", NULL, 65536, 6000, SIGNAL_TAPE },       { "\x01 PLAY", NULL, 65536, 30000, SIGNAL_TAPE },
    { "\x01 PLAY", NULL, 65536, 52000, SIGNAL_TAPE },      { "", NULL, 65536, 65536, SIGNAL_SNOW },
    { "\x03 STOP", NULL, 0, 65536, SIGNAL_BLUE },          { "\x01 PLAY", "rental", 65536, 65536, SIGNAL_TAPE },
};

int main(int argc, char **argv)
{
    int w, h;
    struct signal *s;
    struct vcr_why why;
    if (argc < 3 || sscanf(argv[1], "%dx%d", &w, &h) != 2 || signal_open(&s, h == 576 ? SIGNAL_PAL : SIGNAL_NTSC, w, h, 42, &why)) {
        fprintf(stderr, "signal_frames WIDTHxHEIGHT PROFILE < in.yuv > out.yuv\n");
        return 2;
    }
    int have = 0;
    for (size_t bytes = (size_t)w * h * 3 / 2; have < SOURCES && fread(memory[have], bytes, 1, stdin) == 1; have++)
        ;
    struct picture out = at(SOURCES, w, h);
    for (int i = 0; have && i < (int)(sizeof(shots) / sizeof(shots[0])); i++) {
        const struct shot *t = &shots[i];
        struct signal_profile p;
        struct signal_field f = { .kind = t->kind, .tape_us = 12000000 + i * 16683, .rate = t->rate, .lock_q16 = t->lock, .field_index = 100 + i };
        struct picture source[SIGNAL_BANDS_MAX];
        const struct picture *from[SIGNAL_BANDS_MAX];
        int64_t place[SIGNAL_BANDS_MAX];
        if (signal_profile_load(&p, t->profile ? t->profile : argv[2], h == 576 ? SIGNAL_PAL : SIGNAL_NTSC, 0, &why)) {
            fprintf(stderr, "%s\n", why.text);
            return 2;
        }
        signal_set_profile(s, &p);
        int n = signal_bands(s, &f, place);
        for (int b = 0; b < n; b++) {
            source[b] = at((b * 4 + i) % have, w, h);
            from[b] = &source[b];
        }
        signal_render(s, &f, from, n, &out);
        signal_osd(&out, 0, 0, t->mode);
        signal_osd(&out, 0, 22, *t->mode ? "SP" : "");
        signal_osd(&out, 1, 0, *t->mode ? "0:12:34" : "");
        fwrite(memory[SOURCES], (size_t)w * h * 3 / 2, 1, stdout);
    }
    signal_close(&s);
    return 0;
}
