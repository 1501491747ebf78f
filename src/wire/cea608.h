/* wire/cea608.h - closed captions of NTSC's line 21 (CEA-608): pairs of bytes become cues for WebVTT. PURE; fuzzed.
 *
 * Give it the pairs of each field in the order of time. It keeps four channels (CC1, CC2 of field 1, CC3, CC4 of field 2) as a decoder in a television does: pop-on,
 * roll-up and paint-on. A cue is what stood on the screen, as long as it stood there. Text mode and XDS are left out.
 * Pop-on: a cue from end-of-caption to what replaces or erases it. Roll-up: one for each state of the window, with its lowest row as it is in the end. Paint-on: one for all that
 * is written without a second's pause.
 * Units    *_us: of the film; a time before the last one given of its field counts as that one.     Threads  none.     Owns  nothing; the caller's storage.
 * Bounds   a screen of 15 rows of 32 characters for each memory; a cue's text fits CEA608_TEXT_BYTES. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum { CEA608_CHANNELS = 4, CEA608_ROWS = 15, CEA608_COLUMNS = 32, CEA608_TEXT_BYTES = 6144 };
/* Rows that stand together; those apart from them are a cue of their own with the same times. */
struct cea608_cue {
    int channel;               /* 0: CC1 … 3: CC4 */
    int64_t start_us, end_us;
    int row, rows, column;     /* where its upper left is: 0..14, 0..31 */
    bool centred;              /* each of its rows is in the middle */
    char text[CEA608_TEXT_BYTES]; /* of a WebVTT cue: UTF-8, escaped, with <i> and <u>, lines ended by \n but the last */
};

struct cea608_cell {
    uint16_t letter;           /* Unicode, 0: transparent */
    uint8_t style;
};
struct cea608_memory {
    struct cea608_cell at[CEA608_ROWS][CEA608_COLUMNS];
};
struct cea608 {
    void (*cue)(void *arg, const struct cea608_cue *cue);
    void *arg;
    int64_t now_us;            /* of the field whose pair it is */
    struct cea608_field {
        int64_t now_us;
        uint8_t last[2];       /* the control code that may come doubled */
        int64_t last_us;
        bool doubles, xds;
        int channel;           /* 0 or 1 of this field */
    } fields[2];
    struct cea608_channel {
        int mode, row, column, depth;
        uint8_t style;
        bool lit;              /* something is shown, since then */
        int64_t since_us, written_us, heard_us;
        struct cea608_memory shown, hidden;
    } channels[CEA608_CHANNELS];
    struct cea608_cue out;
};

void cea608_open(struct cea608 *d, void (*cue)(void *arg, const struct cea608_cue *cue), void *arg);
/* Two bytes with their parity bits; field 0 or 1 (the second). */
void cea608_pair(struct cea608 *d, int field, int64_t at_us, uint8_t first, uint8_t second);
void cea608_finish(struct cea608 *d, int64_t end_us);
bool cea608_parity_ok(uint8_t byte);
/* The cue as WebVTT has it, with a blank line behind it; nothing where it would last less than a millisecond or lie behind what WebVTT's times are for here. */
bool cea608_write_cue(struct buf *out, const struct cea608_cue *cue);
