/* cmd/vcrd_srt.h - where SRT callers meet devices and live pictures: the passphrase comes from the list of devices, the bytes go to session/live.h. */
#pragma once
#include <stdbool.h>

#include "app/app.h"
#include "deliver/ingest/srt.h"
#include "session/live.h"

struct vcrd_srt {
    /* set before vcrd_srt_open, then read-only */
    const struct app *app;
    struct sessions *sessions;
    struct srtin *listener;
    char url[300];               /* what a new device is told */
};
/* public_address NULL: the listen address. Without listen, or when may_fail and the port is taken, there is no listener and no url. */
enum vcr_err vcrd_srt_open(struct vcrd_srt *v, const char *listen, bool may_fail, const char *public_address, struct vcr_why *why);
void vcrd_srt_close(struct vcrd_srt *v);
