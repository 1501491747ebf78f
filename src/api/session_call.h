/* api/session_call.h - what the routes of sessions share: a call's own data, finding its session with the right to it, and a session as JSON. */
#pragma once
#include "api/internal.h"
#include "app/sessions.h"

struct call_session {
    struct app_session row;
    struct session_settings settings;
    struct session_tape tape;
    bool has_tape, privy;           /* privy: sees viewers and settings */
    enum deck_cmd cmd;
    struct deck_args args;
    int64_t insert_id;
    char pointer[24];               /* of the argument that the deck may find out of range */
    struct session_watch *watch;
    bool told_end;
    struct { struct app_session row; bool privy; } *list;
    int count, at;
    bool more;
};

/* The call's own data, made at the first call. */
struct call_session *call_session(struct api_call *c);
/* BUSY where no tapes are played. */
enum vcr_err call_session_need(struct api_call *c, struct vcr_why *why);
/* Fills row and privy by ":id". */
enum vcr_err call_session_find(struct api_call *c, struct sql_tx *tx, enum app_access access, struct vcr_why *why);
/* As call_session_find, and it must run. */
enum vcr_err call_session_find_running(struct api_call *c, struct sql_tx *tx, enum app_access access, struct vcr_why *why);
/* A refusal of the actor as a problem, with the deck when there is one. */
void call_session_fail(struct api_call *c, const struct session_reply *r);
/* info NULL: it does not run. */
void call_session_json(struct jsonw *j, const struct app_session *s, const struct session_info *info, bool privy);
