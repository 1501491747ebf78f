/* fuzz_cea608.c - captions: whatever pairs come, the cues are WebVTT that the strict reader takes; whatever a line's luma is, it is read within its bounds. */
#include <stdlib.h>
#include <string.h>

#include "wire/cea608.h"
#include "wire/line21.h"
#include "wire/webvtt.h"

static struct buf text;
static int cues;
static int64_t start_us;
static void take(void *arg, const struct cea608_cue *cue)
{
    if (cue->channel == 0 && cue->start_us < start_us)
        __builtin_trap();
    if (cue->channel == 0 && cues < WEBVTT_CUES_MAX)
        cues += cea608_write_cue(&text, cue);
    start_us = cue->channel == 0 ? cue->start_us : start_us;
}

static void heard(void *arg, int row, const struct line21_pair *pair) { }

static void lines(const uint8_t *data, size_t size)
{
    static struct line21 l;
    line21_open(&l, heard, NULL);
    int width = LINE21_WIDTH_MIN + data[0] * 2;
    uint8_t *row = malloc((size_t)width); /* its own block, so that a byte too far is noticed */
    for (size_t at = 1; at < size && at < 4096; at += (size_t)width) {
        for (int x = 0; x < width; x++)
            row[x] = data[(at + (size_t)x) % size];
        line21_look(&l, data[at] % 16 - 2, 0, row, width);
    }
    free(row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cea608 d;
    struct webvtt v;
    if (size < 4)
        return 0;
    lines(data, size);
    cues = 0;
    start_us = 0;
    buf_init(&text, WEBVTT_BYTES_MAX);
    buf_adds(&text, "WEBVTT\n\n");
    cea608_open(&d, take, NULL);
    int64_t at_us = 0;
    for (size_t i = 0; i + 3 < size; i += 4) { /* field, wait, two bytes; most get their parity */
        uint8_t a = data[i + 2], b = data[i + 3];
        if (!(data[i] & 2)) {
            a = (uint8_t)(cea608_parity_ok(a) ? a : a ^ 0x80);
            b = (uint8_t)(cea608_parity_ok(b) ? b : b ^ 0x80);
        }
        at_us += (int64_t)data[i + 1] * 5000 - (data[i] & 4 ? 300000 : 0);
        cea608_pair(&d, data[i] & 1, at_us, a, b);
    }
    cea608_finish(&d, at_us + 1000000);
    if (buf_ok(&text) && (webvtt_read(&v, text.data, text.len, NULL) != VCR_OK || (int)v.cues != cues))
        __builtin_trap();
    buf_free(&text);
    return 0;
}
