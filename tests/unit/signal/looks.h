/* tests/unit/signal/looks.h - the embedded looks as data, made by looks.c: what share/profiles says at each standard and tape speed. */
#pragma once
#include <string.h>

#include "base/util.h"
#include "signal/signal.h"

static const struct look {
    enum signal_standard standard;
    uint8_t tape_speed;
    struct signal_profile profile;
} looks[] = {
#include "looks.inc"
};

/* In NTSC at SP. NULL: there is none. */
static inline const struct signal_profile *look_named(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(looks); i++)
        if (looks[i].standard == SIGNAL_NTSC && looks[i].tape_speed == 0 && !strcmp(looks[i].profile.name, name))
            return &looks[i].profile;
    return NULL;
}
