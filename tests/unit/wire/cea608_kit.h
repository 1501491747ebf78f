/* tests/unit/wire/cea608_kit.h - makes what captions are read from: bytes with parity, scripts of pairs, and the wave of a line 21. */
#pragma once
#include <stddef.h>
#include <stdint.h>

uint8_t with_parity(unsigned byte);
/* "{942c}{942c}Hello" : text, and codes in braces as they are on the air without parity; each pair as two bytes with parity. Text of odd length gets a 0 behind it.
 * Returns how many pairs. */
size_t cea608_pairs(const char *script, uint8_t (*ret)[2], size_t most);

struct line21_form {
    int width, begin;          /* where the run-in begins, in pixels */
    double bit;                /* pixels */
    int low, high;             /* levels of nothing and of a bit */
    int noise, jitter;         /* of a pixel's level, and of begin */
    uint32_t seed;
};
extern const struct line21_form line21_plain; /* 720 pixels, as studio equipment makes it */
void line21_draw(uint8_t *row, struct line21_form *f, const uint8_t pair[2]);
