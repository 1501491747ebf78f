/* session/log.c - a session's event log (deck/replay.h), and the only place that presses its deck's keys: whatever is done to the deck stands in it.
 *
 * Bounds   LOG_MAX bytes, and TOLD_MAX more for what is recorded on tapes (a tape's map is told whole when it comes in, then what changes in it); beyond it the oldest lines
 *          go, and what is left is for people: only a log that begins with "start" can be replayed. */
#include <string.h>

#include "session/internal.h"

enum { LOG_MAX = 256 << 10, LOG_FIRST = 4 << 10, LOG_LEFT = LOG_MAX * 3 / 4, TOLD_MAX = 2 << 20 };

static bool tells_of_tape(const struct deck_tap *tap)
{
    return tap->kind == DECK_TAP_RUN || tap->kind == DECK_TAP_MARK || tap->kind == DECK_TAP_KEEP_RUNS || tap->kind == DECK_TAP_KEEP_MARKS;
}

static void make_room(struct session_log *l, size_t need, size_t told)
{
    if (l->len + need > LOG_MAX + VCR_MIN(told, (size_t)TOLD_MAX)) { /* down to three quarters, at the end of a line */
        const char *newline = memchr(l->text + l->len - LOG_LEFT, '\n', LOG_LEFT);
        size_t gone = (size_t)(newline + 1 - l->text);
        memmove(l->text, newline + 1, l->len -= gone);
        l->told = 0;
    }
    if (l->len + need <= l->room)
        return;
    size_t room = l->room ? l->room * 2 : LOG_FIRST;
    char *grown = vcr_alloc(room);
    if (l->len > 0)
        memcpy(grown, l->text, l->len);
    free(l->text);
    l->text = grown;
    l->room = room;
}

static void note(struct session *x, const struct deck_tap *tap)
{
    struct session_log *l = &x->log;
    size_t need = DECK_LINE_MAX + 1, told = tells_of_tape(tap) ? need : 0;
    make_room(l, need, l->told + told);
    size_t n = deck_tap_write(tap, l->text + l->len, DECK_LINE_MAX);
    l->len += n;
    l->text[l->len++] = '\n';
    if (told)
        l->told += n + 1;
}

static bool same_run(const struct deck_map *a, size_t i, const struct deck_map *b, size_t k)
{
    const struct deck_run *p = &a->runs[i], *q = &b->runs[k];
    return p->start_us == q->start_us && p->end_us == q->end_us && p->speed == q->speed && p->recorded == q->recorded && p->missing == q->missing;
}

static bool same_mark(const struct deck_map *a, size_t i, const struct deck_map *b, size_t k) { return a->marks_us[i] == b->marks_us[k]; }

static void note_kept(struct session *x, enum deck_tap_kind kind, size_t first, size_t count, int64_t t_us)
{
    if (count > 0)
        note(x, &(struct deck_tap){ .at_us = t_us, .kind = kind, .first = (int32_t)first, .count = (int32_t)count });
}

/* The runs, or the marks, of map: what begins and ends as in the former one (NULL: there is none) is only named. */
static void note_part(struct session *x, const struct deck_map *former, const struct deck_map *map, bool runs, int64_t t_us)
{
    static const struct deck_map none;
    const struct deck_map *f = former ? former : &none;
    bool (*same)(const struct deck_map *a, size_t i, const struct deck_map *b, size_t k) = runs ? same_run : same_mark;
    enum deck_tap_kind keep = runs ? DECK_TAP_KEEP_RUNS : DECK_TAP_KEEP_MARKS;
    size_t had = runs ? f->run_count : f->mark_count, has = runs ? map->run_count : map->mark_count, before = 0, behind = 0;
    while (before < had && before < has && same(f, before, map, before))
        before++;
    while (behind < had - before && behind < has - before && same(f, had - 1 - behind, map, has - 1 - behind))
        behind++;
    note_kept(x, keep, 0, before, t_us);
    for (size_t i = before; i < has - behind; i++)
        note(x, runs ? &(struct deck_tap){ .at_us = t_us, .kind = DECK_TAP_RUN, .run = map->runs[i] }
                          : &(struct deck_tap){ .at_us = t_us, .kind = DECK_TAP_MARK, .mark_us = map->marks_us[i] });
    note_kept(x, keep, had - behind, behind, t_us);
}

static void note_map(struct session *x, const struct deck_map *former, const struct deck_map *map, int64_t t_us)
{
    if (!map)
        return;
    note_part(x, former, map, true, t_us);
    note_part(x, former, map, false, t_us);
}

static struct deck_tap reasoned(enum deck_tap_kind kind, const char *reason, int64_t t_us)
{
    struct deck_tap tap = { .at_us = t_us, .kind = kind };
    vcr_strcpy(tap.reason, sizeof(tap.reason), reason ? reason : "");
    return tap;
}

void key_start(struct session *x, const struct deck_profile *profile, int64_t t_us)
{
    struct deck_tap tap = { .at_us = t_us, .kind = DECK_TAP_START, .settings = x->settings.deck };
    vcr_strcpy(tap.profile, sizeof(tap.profile), profile->name ? profile->name : "");
    note(x, &tap);
    deck_init(&x->deck, profile, &x->settings.deck, t_us);
}

enum vcr_err key_press(struct session *x, enum deck_cmd cmd, const struct deck_args *args, int64_t t_us, struct vcr_why *why)
{
    struct deck_tap tap = { .at_us = t_us, .kind = DECK_TAP_COMMAND, .cmd = cmd, .args = { .on = -1 } };
    if (args)
        tap.args = *args;
    bool refused = x->deck.tape_in && deck_next_us(&x->deck) > t_us; /* a second tape */
    if (cmd == DECK_CMD_INSERT && !refused)
        note_map(x, NULL, tap.args.tape.map, t_us);
    note(x, &tap);
    return deck_command(&x->deck, cmd, args, t_us, why);
}

bool key_rule_stop(struct session *x, const char *reason, int64_t t_us)
{
    struct deck_tap tap = reasoned(DECK_TAP_RULE, reason, t_us);
    note(x, &tap);
    return deck_rule_stop(&x->deck, reason, t_us);
}

bool key_fault(struct session *x, const char *reason, int64_t t_us)
{
    struct deck_tap tap = reasoned(DECK_TAP_FAULT, reason, t_us);
    note(x, &tap);
    return deck_fault(&x->deck, reason, t_us);
}

bool key_recover(struct session *x, int64_t t_us)
{
    note(x, &(struct deck_tap){ .at_us = t_us, .kind = DECK_TAP_RECOVER });
    return deck_recover(&x->deck, t_us);
}

void key_input(struct session *x, bool on, int64_t t_us)
{
    note(x, &(struct deck_tap){ .at_us = t_us, .kind = DECK_TAP_INPUT, .on = on });
    deck_input(&x->deck, on, t_us);
}

void key_map(struct session *x, const struct deck_map *map, int64_t t_us)
{
    note_map(x, x->deck.tape_in && deck_next_us(&x->deck) > t_us ? x->deck.tape.map : NULL, map, t_us);
    note(x, &(struct deck_tap){ .at_us = t_us, .kind = DECK_TAP_MAP, .on = map != NULL });
    deck_map_changed(&x->deck, map, t_us);
}

char *log_text(struct session *x, int64_t t_us)
{
    note(x, &(struct deck_tap){ .at_us = t_us, .kind = DECK_TAP_TICK }); /* up to where it goes */
    char *text = vcr_alloc(x->log.len + 1);
    memcpy(text, x->log.text, x->log.len);
    text[x->log.len] = '\0';
    return text;
}

void log_free(struct session_log *l) { free(l->text); }
