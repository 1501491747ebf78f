/* signal/font.c - the character generator's font, ISO 8859-1 and the deck's signs, drawn for this project (tools/osd_font.py). */
#include "signal/internal.h"

static const uint16_t dots[256][FONT_ROWS] = {
#include "signal/font_dots.inc"
};

const uint16_t *font_glyph(unsigned char c)
{
    for (int y = 0; y < FONT_ROWS; y++)
        if (dots[c][y])
            return dots[c];
    return NULL;
}
