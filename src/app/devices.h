/* app/devices.h - the decks and encoders that send a live picture: their rows, their secrets, and which of them is sending now.
 *
 * A device has a token (for WHIP and the agent), of which only the SHA-256 is kept, and an SRT passphrase, which is derived from the server's secret and a salt: the
 * server can tell it to libsrt, and a copy of the database alone cannot. Who publishes is known in memory only (struct device_list), so that an SRT handshake is
 * answered without the database; what is decided there is asked of the database once more before a picture is taken.
 * Threads  with a struct sql_tx: inside its transaction. The list: any thread, it never blocks. */
#pragma once
#include "app/app.h"
#include "app/tapes.h"
#include "wire/json.h"

enum { APP_DEVICE_NAME_MAX = 100, APP_DEVICE_TOKEN_BYTES = 48, APP_DEVICE_SALT_BYTES = 16, APP_SRT_PASSPHRASE_BYTES = 33, APP_SRT_STREAM_ID_BYTES = 64 };
struct app_device {
    int64_t id, user_id, last_seen, created_at, updated_at; /* last_seen 0: never */
    char name[APP_DEVICE_NAME_MAX * 4 + 1];
    char *ip_address, *driver, *capabilities;               /* owned; NULL: none */
    uint8_t salt[APP_DEVICE_SALT_BYTES];
};
void app_device_free(struct app_device *d);
void app_device_json(const struct app *a, const struct app_device *d, struct jsonw *j);

/* What is told once: all of it text. */
struct app_device_secrets {
    char token[APP_DEVICE_TOKEN_BYTES], stream_id[APP_SRT_STREAM_ID_BYTES], passphrase[APP_SRT_PASSPHRASE_BYTES];
};
/* "192.0.2.1" or "2001:db8::1". */
bool app_is_ip_literal(const char *text);

struct app_device_new { const char *name, *ip_address, *driver; }; /* NULL: none */
enum vcr_err app_device_create(const struct app *a, struct sql_tx *tx, const struct app_principal *who, const struct app_device_new *given, int64_t now_ms,
                               struct app_device *ret, struct app_device_secrets *ret_secrets, struct vcr_why *why);
enum vcr_err app_device_find(struct sql_tx *tx, const struct app_principal *who, int64_t id, enum app_access access, struct app_device *ret, struct vcr_why *why);
/* Own ones by id, after the id `after`; *ret_last: the last id when there are more, else 0. */
enum vcr_err app_device_list(const struct app *a, struct sql_tx *tx, const struct app_principal *who, int64_t after, int limit, struct jsonw *j, int64_t *ret_last,
                             struct vcr_why *why);
enum { APP_DEVICE_NAME = 1, APP_DEVICE_IP = 2, APP_DEVICE_DRIVER = 4 };
/* what: the members of given that count. */
enum vcr_err app_device_edit(struct sql_tx *tx, int64_t id, unsigned what, const struct app_device_new *given, int64_t now_ms, struct vcr_why *why);
enum vcr_err app_device_delete(struct sql_tx *tx, int64_t id, struct vcr_why *why);
/* A new token; the old one ends. With srt a new passphrase, too. */
enum vcr_err app_device_rotate(const struct app *a, struct sql_tx *tx, struct app_device *d, bool srt, int64_t now_ms, struct app_device_secrets *ret, struct vcr_why *why);
/* Whose token this is, and that its owner's account lives. AUTH otherwise. */
enum vcr_err app_device_by_token(struct sql_tx *tx, const char *token, int64_t *ret_id, struct vcr_why *why);
/* Whether that device still may send: it is there and its owner's account lives. */
enum vcr_err app_device_may_send(struct sql_tx *tx, int64_t id, struct vcr_why *why);

/* ---- the list in memory ---- */
struct device_list;
enum vcr_err device_list_open(struct app *a, struct vcr_why *why); /* fills a->devices from the database */
void device_list_close(struct device_list **l);
/* After the commit of a change. */
void device_list_put(const struct app *a, const struct app_device *d);
void device_list_remove(const struct app *a, int64_t id);
/* The passphrase of the device that a stream id's name ("device-7") means; false: there is none of that name. */
bool device_list_passphrase(const struct app *a, const char *name, int64_t *ret_id, char ret[APP_SRT_PASSPHRASE_BYTES]);
bool device_list_online(const struct app *a, int64_t id);
/* A publisher came (false: it has one already) or went. Submits a write of last_seen. */
bool device_list_arrived(const struct app *a, int64_t id);
void device_list_left(const struct app *a, int64_t id);
/* Writes last_seen of those that are sending, and sends away whose device or account is gone. Once every few seconds. */
void device_list_seen(const struct app *a);
