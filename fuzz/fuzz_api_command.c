/* fuzz/fuzz_api_command.c - the keys of a deck as JSON: lines of command bodies go through the body's check and the arguments' into one deck, time going on in between.
 * First byte: the make of deck, whether its tape has its tab, and its settings. A line that is a number lets so many milliseconds pass. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/session_call.h"

enum { LINES_MAX = 64 };
static const char *const makes[] = { "classic", "full_load", "consumer", "broadcast" };
static const char *const slugs[] = { "/no-tape", "/write-protected", "/not-in-this-mode", "/end-of-tape", "/busy-recording", "/device-offline", "/not-supported-by-deck" };

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check(struct deck *d, int64_t now_us)
{
    struct deck_state s;
    struct deck_effect e;
    deck_state(d, now_us, &s);
    must(s.mode <= DECK_FAULT && s.position_us >= 0 && s.position_us <= d->snap.length_us);
    must(s.osd_lines >= 0 && s.osd_lines <= DECK_OSD_LINES);
    must(s.tracking == INT16_MIN || (s.tracking >= -10 && s.tracking <= 10));
    for (int i = 0; deck_take_effect(d, &e); i++)
        must(i < DECK_EFFECTS);
}

static void press(struct deck *d, struct command *k, int64_t now_us)
{
    struct vcr_why why = { 0 };
    if (k->cmd == DECK_CMD_INSERT)
        k->args.tape = (struct deck_tape){ .length_us = 7200000000, .position_us = 3600000000, .frame_us = 33367 };
    enum vcr_err err = deck_command(d, k->cmd, &k->args, now_us, &why);
    must(err == VCR_OK || err == VCR_E_CONFLICT || err == VCR_E_INVALID);
    must(err == VCR_OK || why.text[0]);
    must(err != VCR_E_INVALID || k->pointer[0] == '/');
    bool known = err != VCR_E_CONFLICT;
    for (size_t i = 0; i < ARRAY_LEN(slugs); i++)
        known = known || strcmp(why.slug, slugs[i]) == 0;
    must(known);
}

static void line(struct deck *d, const char *text, size_t len, int64_t *now_us)
{
    static const struct api_route route = { .method = HTTP_POST, .body_max = 65536, .fields = command_fields };
    struct vcr_why why = { 0 };
    struct api_call *c = vcr_alloc(sizeof(*c));
    struct command k = { 0 };
    c->route = &route;
    c->raw = vcr_alloc(len + 1);
    memcpy(c->raw, text, len);
    c->raw_len = len;
    enum vcr_err err = body_parse(c, &why);
    if (err == VCR_OK)
        err = command_read(c, &k, &why);
    must(err == VCR_OK || err == VCR_E_MALFORMED || err == VCR_E_INVALID);
    must(err != VCR_E_INVALID || (c->error_count > 0 && c->errors[0].detail[0]));
    if (err == VCR_OK) {
        press(d, &k, *now_us);
        check(d, *now_us);
    }
    json_decref(c->body);
    free(c->raw);
    free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct deck d;
    int64_t now_us = 1000000;
    const struct deck_settings settings = { .winding_real = data[0] & 8, .auto_rewind = data[0] & 16, .autoplay = data[0] & 32, .auto_eject = data[0] & 64, .snow = data[0] & 128 };
    const struct deck_args tape = { .tape = { .length_us = 60000000, .frame_us = 40000, .write_protected = data[0] & 4, .blank = size % 3 == 0 } };
    deck_init(&d, deck_profile_by_name(makes[data[0] & 3]), &settings, now_us);
    deck_command(&d, DECK_CMD_INSERT, &tape, now_us, NULL);
    const char *at = (const char *)data + 1, *end = (const char *)data + size;
    for (int n = 0; at < end && n < LINES_MAX; n++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((newline ? newline : end) - at);
        char digits[10] = "";
        memcpy(digits, at, VCR_MIN(len, sizeof(digits) - 1));
        if (len > 0 && len < sizeof(digits) && strspn(digits, "0123456789") == len) {
            now_us += strtol(digits, NULL, 10) * 1000;
            deck_tick(&d, now_us);
            check(&d, now_us);
        } else {
            line(&d, at, len, &now_us);
        }
        at += len + 1;
    }
    return 0;
}
