/* deck/replay.c - see replay.h. What a line may carry is one table, for writing and for reading. */
#include "deck/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

static const char *const tap_names[DECK_TAPS] = { NULL, "start", "input", "fault", "recover", "rule", "tick", "run", "mark", "map", "keep_runs", "keep_marks" };

enum type { I8, U8, I16, I32, I64, U64, BOOL, TEXT, HAS_MAP };
#define AT(member) offsetof(struct deck_tap, member)
#define LENGTH_MAX (INT64_C(48) * 3600 * 1000000)

static const struct arg {
    enum deck_tap_kind kind;
    enum deck_cmd cmd; /* of a command */
    const char *name;
    enum type type;
    size_t at, bytes; /* bytes: of a text */
    int64_t min, max;
} args[] = {
    { DECK_TAP_START, 0, "profile", TEXT, AT(profile), DECK_REASON_BYTES, 0, 0 },
    { DECK_TAP_START, 0, "winding_real", BOOL, AT(settings.winding_real), 0, 0, 1 },
    { DECK_TAP_START, 0, "auto_rewind", BOOL, AT(settings.auto_rewind), 0, 0, 1 },
    { DECK_TAP_START, 0, "autoplay", BOOL, AT(settings.autoplay), 0, 0, 1 },
    { DECK_TAP_START, 0, "auto_eject", BOOL, AT(settings.auto_eject), 0, 0, 1 },
    { DECK_TAP_START, 0, "snow", BOOL, AT(settings.snow), 0, 0, 1 },
    { DECK_TAP_START, 0, "clock", I64, AT(settings.clock_us), 0, INT64_MIN / 2, INT64_MAX / 2 },
    { DECK_TAP_INPUT, 0, "on", BOOL, AT(on), 0, 0, 1 },
    { DECK_TAP_FAULT, 0, "reason", TEXT, AT(reason), DECK_REASON_BYTES, 0, 0 },
    { DECK_TAP_RULE, 0, "reason", TEXT, AT(reason), DECK_REASON_BYTES, 0, 0 },
    { DECK_TAP_RUN, 0, "start", I64, AT(run.start_us), 0, 0, LENGTH_MAX },
    { DECK_TAP_RUN, 0, "end", I64, AT(run.end_us), 0, 0, LENGTH_MAX },
    { DECK_TAP_RUN, 0, "speed", U8, AT(run.speed), 0, 0, 2 },
    { DECK_TAP_RUN, 0, "recorded", BOOL, AT(run.recorded), 0, 0, 1 },
    { DECK_TAP_RUN, 0, "missing", BOOL, AT(run.missing), 0, 0, 1 },
    { DECK_TAP_MARK, 0, "at", I64, AT(mark_us), 0, 0, LENGTH_MAX },
    { DECK_TAP_MAP, 0, "on", BOOL, AT(on), 0, 0, 1 },
    { DECK_TAP_KEEP_RUNS, 0, "first", I32, AT(first), 0, 0, INT32_MAX },
    { DECK_TAP_KEEP_RUNS, 0, "count", I32, AT(count), 0, 0, INT32_MAX },
    { DECK_TAP_KEEP_MARKS, 0, "first", I32, AT(first), 0, 0, INT32_MAX },
    { DECK_TAP_KEEP_MARKS, 0, "count", I32, AT(count), 0, 0, INT32_MAX },
    { DECK_TAP_COMMAND, DECK_CMD_POWER, "on", I8, AT(args.on), 0, -1, 1 },
    { DECK_TAP_COMMAND, DECK_CMD_MEMORY, "on", I8, AT(args.on), 0, -1, 1 },
    { DECK_TAP_COMMAND, DECK_CMD_REPEAT, "on", I8, AT(args.on), 0, -1, 1 },
    { DECK_TAP_COMMAND, DECK_CMD_CUE, "hold", BOOL, AT(args.hold), 0, 0, 1 },
    { DECK_TAP_COMMAND, DECK_CMD_REVIEW, "hold", BOOL, AT(args.hold), 0, 0, 1 },
    { DECK_TAP_COMMAND, DECK_CMD_SLOW, "speed", I32, AT(args.speed), 0, INT32_MIN, INT32_MAX },
    { DECK_TAP_COMMAND, DECK_CMD_SEEK, "position", I64, AT(args.position_us), 0, INT64_MIN, INT64_MAX },
    { DECK_TAP_COMMAND, DECK_CMD_TRACKING, "value", I16, AT(args.tracking), 0, INT16_MIN, INT16_MAX },
    { DECK_TAP_COMMAND, DECK_CMD_TAPE_SPEED, "value", U8, AT(args.tape_speed), 0, 0, UINT8_MAX },
    { DECK_TAP_COMMAND, DECK_CMD_SLEEP, "minutes", I32, AT(args.minutes), 0, INT32_MIN, INT32_MAX },
    { DECK_TAP_COMMAND, DECK_CMD_INDEX_NEXT, "count", I32, AT(args.count), 0, INT32_MIN, INT32_MAX },
    { DECK_TAP_COMMAND, DECK_CMD_INDEX_PREVIOUS, "count", I32, AT(args.count), 0, INT32_MIN, INT32_MAX },
    { DECK_TAP_COMMAND, DECK_CMD_LOOK, "clean", BOOL, AT(args.clean), 0, 0, 1 },
    { DECK_TAP_COMMAND, DECK_CMD_LOOK, "linear", BOOL, AT(args.linear), 0, 0, 1 },
    { DECK_TAP_COMMAND, DECK_CMD_LOOK, "look", TEXT, AT(args.look), DECK_LOOK_BYTES, 0, 0 },
    { DECK_TAP_COMMAND, DECK_CMD_INSERT, "length", I64, AT(args.tape.length_us), 0, INT64_MIN, INT64_MAX },
    { DECK_TAP_COMMAND, DECK_CMD_INSERT, "position", I64, AT(args.tape.position_us), 0, INT64_MIN, INT64_MAX },
    { DECK_TAP_COMMAND, DECK_CMD_INSERT, "frame", I64, AT(args.tape.frame_us), 0, INT64_MIN, INT64_MAX },
    { DECK_TAP_COMMAND, DECK_CMD_INSERT, "seed", U64, AT(args.tape.seed), 0, INT64_MIN, INT64_MAX },
    { DECK_TAP_COMMAND, DECK_CMD_INSERT, "wear", I32, AT(args.tape.wear_16), 0, INT32_MIN, INT32_MAX },
    { DECK_TAP_COMMAND, DECK_CMD_INSERT, "speed", U8, AT(args.tape.tape_speed), 0, 0, UINT8_MAX },
    { DECK_TAP_COMMAND, DECK_CMD_INSERT, "protected", BOOL, AT(args.tape.write_protected), 0, 0, 1 },
    { DECK_TAP_COMMAND, DECK_CMD_INSERT, "blank", BOOL, AT(args.tape.blank), 0, 0, 1 },
    { DECK_TAP_COMMAND, DECK_CMD_INSERT, "map", HAS_MAP, AT(args.tape.map), 0, 0, 1 },
};
static const struct deck_map some_map; /* what a tap read from a line says for "there is one" */

static bool belongs(const struct arg *a, const struct deck_tap *t) { return a->kind == t->kind && (t->kind != DECK_TAP_COMMAND || a->cmd == t->cmd); }

static int64_t number_of(const struct arg *a, const void *p)
{
    switch (a->type) {
    case I8:
        return *(const int8_t *)p;
    case U8:
        return *(const uint8_t *)p;
    case I16:
        return *(const int16_t *)p;
    case I32:
        return *(const int32_t *)p;
    case I64:
        return *(const int64_t *)p;
    case U64:
        return (int64_t) * (const uint64_t *)p;
    case BOOL:
        return *(const bool *)p;
    case HAS_MAP:
        return *(const struct deck_map *const *)p != NULL;
    case TEXT:
        break;
    }
    return 0;
}

static void set_number(const struct arg *a, void *p, int64_t n)
{
    switch (a->type) {
    case I8:
        *(int8_t *)p = (int8_t)n;
        break;
    case U8:
        *(uint8_t *)p = (uint8_t)n;
        break;
    case I16:
        *(int16_t *)p = (int16_t)n;
        break;
    case I32:
        *(int32_t *)p = (int32_t)n;
        break;
    case I64:
        *(int64_t *)p = n;
        break;
    case U64:
        *(uint64_t *)p = (uint64_t)n;
        break;
    case BOOL:
        *(bool *)p = n != 0;
        break;
    case HAS_MAP:
        *(const struct deck_map **)p = n ? &some_map : NULL;
        break;
    case TEXT:
        break;
    }
}

size_t deck_tap_write(const struct deck_tap *tap, char *line, size_t room)
{
    const char *what = tap->kind == DECK_TAP_COMMAND ? deck_cmd_name(tap->cmd) : tap_names[tap->kind];
    size_t n = (size_t)snprintf(line, room, "%" PRId64 " %s", tap->at_us, what);
    for (size_t i = 0; i < ARRAY_LEN(args) && n < room; i++) {
        const struct arg *a = &args[i];
        const char *p = (const char *)tap + a->at;
        if (!belongs(a, tap))
            continue;
        if (a->type != TEXT)
            n += (size_t)snprintf(line + n, room - n, " %s=%" PRId64, a->name, number_of(a, p));
        else if (*p)
            n += (size_t)snprintf(line + n, room - n, " %s=%.*s", a->name, (int)a->bytes - 1, p);
    }
    return room == 0 ? 0 : VCR_MIN(n, room - 1);
}

/* Reading */

struct word { const char *at; size_t bytes; };

static struct word next_word(const char **line, size_t *bytes)
{
    struct word w = { *line, 0 };
    while (w.bytes < *bytes && w.at[w.bytes] != ' ')
        w.bytes++;
    size_t used = w.bytes + (w.bytes < *bytes);
    *line += used;
    *bytes -= used;
    return w;
}

static bool word_is(struct word w, const char *text) { return strlen(text) == w.bytes && memcmp(text, w.at, w.bytes) == 0; }

/* Whole, decimal, without leading zeros or plus, so that there is one way to write each number. */
static bool read_number(struct word w, int64_t min, int64_t max, int64_t *ret)
{
    bool negative = w.bytes > 0 && w.at[0] == '-';
    size_t i = negative;
    int64_t n = 0;
    if (i == w.bytes || (w.at[i] == '0' && (w.bytes > i + 1 || negative)))
        return false;
    for (; i < w.bytes; i++) {
        int digit = w.at[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(n, 10, &n) || __builtin_sub_overflow(n, digit, &n)) /* kept negative: there is one more of those */
            return false;
    }
    if (!negative && n == INT64_MIN)
        return false;
    *ret = negative ? n : -n;
    return *ret >= min && *ret <= max;
}

static const char text_characters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-.;="; /* the last three are a look's */

static bool read_text(struct word w, char *ret, size_t room)
{
    if (w.bytes == 0 || w.bytes >= room)
        return false;
    for (size_t i = 0; i < w.bytes; i++)
        if (!memchr(text_characters, w.at[i], sizeof(text_characters) - 1))
            return false;
    memcpy(ret, w.at, w.bytes);
    ret[w.bytes] = '\0';
    return true;
}

static bool read_what(struct word w, struct deck_tap *t)
{
    for (int k = DECK_TAP_START; k < DECK_TAPS; k++) {
        t->kind = (enum deck_tap_kind)k;
        if (word_is(w, tap_names[k]))
            return true;
    }
    char name[32];
    t->kind = DECK_TAP_COMMAND;
    return read_text(w, name, sizeof(name)) && deck_cmd_by_name(name, &t->cmd);
}

static bool read_arg(struct word w, struct deck_tap *t, uint64_t *seen)
{
    const char *is = memchr(w.at, '=', w.bytes);
    if (!is)
        return false;
    struct word name = { w.at, (size_t)(is - w.at) }, value = { is + 1, w.bytes - name.bytes - 1 };
    for (size_t i = 0; i < ARRAY_LEN(args); i++) {
        const struct arg *a = &args[i];
        char *p = (char *)t + a->at;
        int64_t n;
        if (!belongs(a, t) || !word_is(name, a->name))
            continue;
        if (*seen & (UINT64_C(1) << i))
            return false;
        *seen |= UINT64_C(1) << i;
        if (a->type == TEXT)
            return read_text(value, p, a->bytes);
        if (!read_number(value, a->min, a->max, &n))
            return false;
        set_number(a, p, n);
        return true;
    }
    return false;
}

enum vcr_err deck_tap_read(struct deck_tap *ret, const char *line, size_t bytes, struct vcr_why *why)
{
    _Static_assert(ARRAY_LEN(args) <= 64, "a bit each");
    struct deck_tap t = { .args = { .on = -1 } };
    uint64_t seen = 0;
    bool good = bytes < DECK_LINE_MAX && (bytes == 0 || line[bytes - 1] != ' ');
    good = good && read_number(next_word(&line, &bytes), 0, DECK_TIME_MAX_US, &t.at_us) && read_what(next_word(&line, &bytes), &t);
    while (good && bytes > 0)
        good = read_arg(next_word(&line, &bytes), &t, &seen);
    if (!good)
        return vcr_fail(why, VCR_E_MALFORMED, "This is no line of a deck's log.");
    *ret = t;
    return VCR_OK;
}
