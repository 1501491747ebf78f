/* app/demo.c - the demo tapes on the shelf of the first account, so that the first PLAY needs no upload. */
#include <stdio.h>

#include "app/tapes.h"

static const struct { const char *title, *description, *payload; } tapes[] = {
    { "Colour bars", "A demo tape: colour bars with a tone.", "{\"name\":\"bars\"}" },
    { "Countdown leader", "A demo tape: a film leader that counts down.", "{\"name\":\"leader\"}" },
    { "Moving scene", "A demo tape: a scene that moves.", "{\"name\":\"scene\"}" },
    { "Interlaced scene", "A demo tape: the scene as interlaced fields.", "{\"name\":\"interlaced\"}" },
};

enum vcr_err app_demo_tapes(struct sql_tx *tx, int64_t user_id, int64_t now_ms, struct vcr_why *why)
{
    const struct app_principal who = { .user_id = user_id, .role = APP_ADMIN };
    enum vcr_err err = VCR_OK;
    for (size_t i = 0; i < ARRAY_LEN(tapes) && err == VCR_OK; i++) {
        int64_t id, job;
        const struct app_change changes[] = {
            { APP_T_TITLE, SQL_T(tapes[i].title) }, { APP_T_DESCRIPTION, SQL_T(tapes[i].description) }, { APP_T_STATUS, SQL_T("processing") },
        };
        err = app_tape_create(tx, &who, changes, ARRAY_LEN(changes), now_ms, &id, why);
        if (err == VCR_OK)
            err = queue_put(tx, id, "demo", QUEUE_DEMO, tapes[i].payload, now_ms, &job, why);
    }
    return err;
}
