/* app/rights.h - who may do what: one table, by the kind of object, what is asked of it, how the asker stands to it, and the asker's role.
 *
 * Use      a use case finds the object's row, says how the asker stands to it (app_tape_find, app_session_find and app_device_find do that), and asks app_may. Who asks
 *          without an object (a list, a creation) is asked of app_may_here. What is not in the table is refused.
 * Answers  who may not even see the object: NOT_FOUND, as if it were not there; who may see it but not do this: DENIED.
 * Threads  pure functions over constants. */
#pragma once
#include "app/app.h"

/* A job, a mark, captions, a recording's history are parts of their tape. */
enum app_object { APP_A_TAPE, APP_A_SESSION, APP_A_DEVICE, APP_OBJECTS };
enum app_access {
    APP_SEE,     /* a tape: the row, what shows of it, its HLS. A session: its deck, its events, its picture */
    APP_INSPECT, /* a tape's history, jobs, capture report; a session's viewers, settings and log */
    APP_START,   /* a tape put into a deck of one's own */
    APP_USE,     /* a session's keys, once one holds the remote control, and the remote control asked for */
    APP_EDIT,    /* changed, thrown away; a session ended */
    APP_OWN,     /* the original, and what else is the owner's alone */
    APP_ACCESSES
};
enum app_relation { APP_OTHERS, APP_SHARED, APP_MINE, APP_NOBODYS, APP_RELATIONS };
/* SHARED of a session: the asker sees the tape that is in. */
enum vcr_err app_may(const struct app_principal *who, enum app_object object, enum app_access access, enum app_relation relation, struct vcr_why *why);

/* Without an object. WATCH: also the holder of a link. */
enum app_here { APP_HERE_WATCH, APP_HERE_LIST, APP_HERE_CREATE, APP_HERE_ADMIN, APP_HERES };
enum vcr_err app_may_here(const struct app_principal *who, enum app_here what, struct vcr_why *why);
/* Whose objects are everybody's to see: of tapes an archivist's and an admin's, of the rest an admin's. */
bool app_sees_all(const struct app_principal *who, enum app_object object);
