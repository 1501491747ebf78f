/* app/sessions.h - the rows of sessions, who may do what with them, and tapes made ready for a deck. */
#pragma once
#include "app/app.h"
#include "app/tapes.h"
#include "session/session.h"

enum { APP_SESSIONS_PER_USER = 8 };
struct app_session {
    char id[VCR_UUID_BYTES];
    int64_t user_id, tape_id, device_id, started_at, ended_at; /* 0: none */
    char type[51], status[51];
    char *look, *settings;      /* JSON; owned */
};
void app_session_free(struct app_session *s);

/* RATE "/too-many-sessions" over APP_SESSIONS_PER_USER. */
enum vcr_err app_session_create(const struct app *a, struct sql_tx *tx, const struct app_principal *who, const char *id, int64_t tape_id, int64_t device_id, const char *look_json,
                                const char *settings_json, int64_t now_ms, struct vcr_why *why);
/* device_id 0: of type emulation, else streaming. Who may press keys is moreover the running session's to say: who holds the remote control. */
enum vcr_err app_session_find(struct sql_tx *tx, const struct app_principal *who, const char *id, enum app_access access, struct app_session *ret, struct vcr_why *why);
/* Sees its viewers and settings? */
bool app_session_privy(const struct app_principal *who, const struct app_session *s);
/* Who asks, as the others of a session know it: by its name, else what its e-mail address begins with. */
enum vcr_err app_session_person(struct sql_tx *tx, const struct app_principal *who, struct session_person *ret, struct vcr_why *why);
enum vcr_err app_session_set_status(struct sql_tx *tx, const char *id, const char *status, int64_t now_ms, struct vcr_why *why);
/* The tape that is in the deck now (0: none). */
enum vcr_err app_session_set_tape(struct sql_tx *tx, const char *id, int64_t tape_id, struct vcr_why *why);
enum vcr_err app_session_set_look(struct sql_tx *tx, const char *id, const char *look_json, struct vcr_why *why);
/* Those visible, newest first; each() a row. */
enum vcr_err app_session_list(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, const char *before, int limit,
                              void (*each)(void *arg, const struct app_session *s), void *arg, bool *ret_more, struct vcr_why *why);

/* The tape as session_start and DECK_CMD_INSERT take it, its reels opened. CONFLICT "/tape-not-ready" while it is processed or when that failed, "/tape-in-use" while it
 * is recorded onto. Blocks on files. */
enum vcr_err app_tape_open(const struct app *a, struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, struct session_tape *ret, struct vcr_why *why);

/* The reels of a take of that tape (0: the film), in the order of struct session_tape's descriptors, which become the caller's; -1 where there is none. NOT_FOUND: there is none at all.
 * Blocks: not on a loop's thread or one of the SQL pool's. */
enum { APP_TAKE_FDS = 6 };
enum vcr_err app_take_open(const struct app *a, int64_t tape_id, int64_t take, int ret_fds[APP_TAKE_FDS], struct vcr_why *why);

/* A made segment for a deck: session.h's open_piece. What is not there is asked of the maker. Blocks, as app_take_open. */
enum vcr_err app_piece_open(const struct app *a, const struct session_piece *p, int ret_fds[2], struct vcr_why *why);

/* For struct sessions_config's call-backs: they submit a write and return. Any thread. */
void app_tape_save_position(struct sql_db *db, int64_t tape_id, int64_t position_us);
void app_session_over(struct sql_db *db, const char *session_id, const char *status);
