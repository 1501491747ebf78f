/* cea608_kit.c - see cea608_kit.h. */
#include "cea608_kit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

uint8_t with_parity(unsigned byte) { return (uint8_t)((byte & 0x7F) | (__builtin_popcount(byte & 0x7F) & 1 ? 0 : 0x80)); }

size_t cea608_pairs(const char *script, uint8_t (*ret)[2], size_t most)
{
    size_t n = 0;
    while (*script && n < most) {
        unsigned a, b = 0;
        if (*script == '{') {
            unsigned code = (unsigned)strtoul(script + 1, NULL, 16);
            a = code >> 8, b = code;
            script = strchr(script, '}') + 1;
        } else {
            a = (unsigned char)*script++;
            if (*script && *script != '{')
                b = (unsigned char)*script++;
        }
        ret[n][0] = with_parity(a);
        ret[n++][1] = with_parity(b);
    }
    return n;
}

const struct line21_form line21_plain = { .width = 720, .begin = 20, .bit = 858.0 / 32, .low = 16, .high = 126, .seed = 1 };

static int dice(struct line21_form *f, int reach)
{
    f->seed = f->seed * 1664525 + 1013904223;
    return reach ? (int)(f->seed >> 8) % (2 * reach + 1) - reach : 0;
}

/* Edges of a quarter of a bit, as the standard has them. */
static double level_at(double bits, unsigned data)
{
    if (bits < 0 || bits >= 25.5)
        return 0;
    if (bits < 7)
        return 0.5 - 0.5 * cos(2 * M_PI * bits);
    if (bits < 8)
        return 0;
    double sum = 0;
    for (int i = -4; i <= 4; i++) {
        double at = bits + i / 32.0 - 8.5;
        int k = (int)floor(at);
        sum += at >= 0 && k < 17 && (k == 0 || (data >> (k - 1) & 1));
    }
    return sum / 9;
}

void line21_draw(uint8_t *row, struct line21_form *f, const uint8_t pair[2])
{
    double begin = f->begin + dice(f, f->jitter);
    for (int x = 0; x < f->width; x++) {
        double v = f->low + (f->high - f->low) * level_at((x - begin) / f->bit, pair[0] | (unsigned)pair[1] << 8) + dice(f, f->noise);
        row[x] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}
