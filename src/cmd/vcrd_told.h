/* cmd/vcrd_told.h - what sessions have to tell the application: places and wear of tapes, sessions that are over, devices that come and go, recordings, marks. */
#pragma once
#include <pthread.h>

#include "app/app.h"
#include "session/session.h"
#include "store/sql.h"

struct vcrd_told {
    struct sql_db *db; /* set before sessions_open */
    struct app *app;   /* set before the first session can be */
    bool gives_pieces; /* set before sessions_open: made segments are shown to viewers of decks */
    /* guarded by lock: whoever holds it for reading uses the maker */
    pthread_rwlock_t lock;
    bool maker_ends;
};
/* Nothing is asked of the maker from here on, which may then be closed. */
void vcrd_told_maker_ends(struct vcrd_told *t);
/* Fills in the call-backs of c and their argument, which is t: it must outlive the sessions. */
void vcrd_told_config(struct vcrd_told *t, struct sessions_config *c);
