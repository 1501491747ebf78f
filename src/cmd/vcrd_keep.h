/* cmd/vcrd_keep.h - what is put in order from time to time: the bin, files kept open, when devices were last seen. All on the main loop's thread. */
#pragma once
#include <stdbool.h>

#include "app/app.h"
#include "base/loop.h"
#include "store/blob.h"

struct vcrd_keep {
    struct app *app; /* set before vcrd_keep_begin, with blobs */
    struct blob_store *blobs;
    bool ended;        /* set it: nothing more is begun */
    bool sweeping_now; /* the bin is being emptied, on libuv's pool: app must stay */
    struct loop *loop;
    uv_timer_t sweep, tidy;
    uv_work_t sweeping;
};
void vcrd_keep_begin(struct vcrd_keep *k, struct loop *loop);
/* Closes the timers; the loop must turn once more. */
void vcrd_keep_end(struct vcrd_keep *k);
