/* signal/settings.h - the names of a look's amounts, and looks as data.
 *
 * A look (struct signal_profile) is set by name and text: signal_profile_set(&p, "noise.luma_db", "43", &why), "off" for each. The last of two wins. What is unknown or
 * out of range is refused, naming the setting and its range, and nothing has changed. Looks that come with the program are share/profiles/NAME.ini, embedded; users' own
 * have the same form: lines NAME = VALUE in sections [common], [ntsc], [pal], [sp], [lp], [ep], [ntsc.ep], ... of which those that apply are read in the file's order.
 * Definitions of the settings: docs/signal.md.      Threads  none: pure functions. */
#pragma once
#include <stddef.h>

#include "signal/signal.h"

enum signal_setting_kind { SIGNAL_NUMBER, SIGNAL_ON_OFF, SIGNAL_CHOICE };
struct signal_setting {
    const char *name, *unit; /* unit "" where there is none */
    double min, max, default_value; /* the default is the look "family" in NTSC, SP; of a choice: its index; of on/off: 1 or 0 */
    const char *source;   /* where the default comes from */
    bool estimated;       /* no published figure stands behind it */
    uint8_t kind;         /* enum signal_setting_kind */
    const char *const *choices; /* of a choice, NULL at the end; of luma.mtf: words beside numbers; else NULL */
};
int signal_setting_count(void);
const struct signal_setting *signal_setting_at(int n); /* NULL when there is none */
int signal_setting_find(const char *name);             /* -1: unknown */

enum vcr_err signal_profile_set(struct signal_profile *p, const char *name, const char *value, struct vcr_why *why);
/* In the setting's unit; on is 1, a choice its index. false: off. */
bool signal_profile_get(const struct signal_profile *p, int n, double *ret_value);
/* Of a file's text. tape_speed: 0 SP 1 LP 2 EP. What the file does not name is off. */
enum vcr_err signal_profile_read(struct signal_profile *ret, const char *ini, size_t size, enum signal_standard standard, uint8_t tape_speed, struct vcr_why *why);
/* One of the built-in looks; "vhs" is "family", "none" the identity to the bit. */
enum vcr_err signal_profile_load(struct signal_profile *ret, const char *name, enum signal_standard standard, uint8_t tape_speed, struct vcr_why *why);
/* The same for who must show something: "family" where there is no such look. */
void signal_profile_shown(struct signal_profile *ret, const char *name, enum signal_standard standard, uint8_t tape_speed);
/* A look as sessions name it: a built-in profile, and after each ; a setting and what it is: "family;noise.luma_db=40;headswitch=off". */
enum vcr_err signal_look_read(struct signal_profile *ret, const char *look, enum signal_standard standard, uint8_t tape_speed, struct vcr_why *why);
/* Names of the built-in looks in the order of a menu, "none" last; NULL at the end. */
const char *signal_profile_name_at(int n);
