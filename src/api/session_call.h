/* api/session_call.h - what the routes of sessions share: a call's own data, finding its session with the right to it, and a session as JSON. */
#pragma once
#include "api/internal.h"
#include "app/sessions.h"

struct command {
    enum deck_cmd cmd;
    struct deck_args args;
    int64_t insert_id;              /* the tape of insert */
    char pointer[24];               /* of the argument that the deck may find out of range */
};
struct call_session {
    struct app_session row;
    struct session_settings settings;
    struct session_tape tape;
    bool has_tape, privy;           /* privy: sees viewers and settings */
    struct command command;
    int64_t device_id;              /* of a streaming session to begin */
    struct session_picture picture; /* of a streaming session that shall record */
    struct session_source source;   /* that a VCR shall record */
    void *record;                   /* session_record.c's own */
    struct session_watch *watch;
    uint32_t told_remote;           /* its revision, plus 1; 0: none */
    struct session_person person;   /* who asks for a stream */
    enum session_remote_action remote;
    bool told_end;
    struct { struct app_session row; bool privy; } *list;
    int count, at;
    bool more;
};

extern const struct api_field command_fields[];
/* command_args.c: c->body was checked against command_fields. */
enum vcr_err command_read(struct api_call *c, struct command *ret, struct vcr_why *why);
/* The call's own data, made at the first call. */
struct call_session *call_session(struct api_call *c);
/* BUSY where no tapes are played. */
enum vcr_err call_session_need(struct api_call *c, struct vcr_why *why);
/* Fills row and privy by ":id". */
enum vcr_err call_session_find(struct api_call *c, struct sql_tx *tx, enum app_access access, struct vcr_why *why);
/* As call_session_find, and it must run. */
enum vcr_err call_session_find_running(struct api_call *c, struct sql_tx *tx, enum app_access access, struct vcr_why *why);
/* session_settings.c: set may be NULL. The other way everything is written; free it. */
enum vcr_err session_settings_read(struct api_call *c, const json_t *set, struct session_settings *s, struct vcr_why *why);
char *session_settings_json(const struct session_settings *s);
/* A refusal of the actor as a problem, with the deck when there is one. */
void call_session_fail(struct api_call *c, const struct session_reply *r);
/* The key record of a streaming session. */
void session_record_then(struct api_call *c);
/* Who holds the remote control. */
void call_remote_json(struct jsonw *j, const char *key, const struct session_remote *r);
/* info NULL: it does not run. */
void call_session_json(struct jsonw *j, const struct app_session *s, const struct session_info *info, bool privy);
