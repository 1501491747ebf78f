/* app/users.h - the accounts of a server as its admins see them: listed, given roles, disabled, removed.
 *
 * The last account that is admin and not disabled stays so: CONFLICT "/last-admin". What an account had open ends after the commit: session_person_gone, device_list_remove.
 * Threads  with a struct sql_tx: inside its transaction. */
#pragma once
#include "app/accounts.h"
#include "wire/json.h"

struct app_user_filter {
    const char *q;        /* contained in the e-mail address or the name; NULL: any */
    enum app_role role;   /* APP_ANONYMOUS: any */
    int disabled;         /* 0, 1; -1: any */
    const char *sort;     /* "email" or "created_at", '-' before it: the other way round (app_user_sort_ok) */
    const char *cursor;   /* NULL: from the beginning */
    int limit;
};
bool app_user_sort_ok(const char *sort);
/* Without the password's hash. */
void app_user_admin_json(const struct app_user *u, const char *key, struct jsonw *j);
/* MALFORMED: no cursor of this list. *ret_cursor: free it; NULL at the end. */
enum vcr_err app_user_list(struct sql_tx *tx, const struct app_user_filter *f, void (*each)(void *arg, const struct app_user *u), void *arg, char **ret_cursor, struct vcr_why *why);

/* role APP_ANONYMOUS, disabled -1: stays. Disabling ends all log-ins. Audited: "role_changed", "account_disabled", "account_enabled". */
struct app_user_admin_change { enum app_role role; int disabled; };
enum vcr_err app_user_admin_edit(struct sql_tx *tx, const struct app_principal *who, int64_t id, const struct app_user_admin_change *change, int64_t now_ms, struct vcr_why *why);

/* Its tapes stay, without an owner: on the shelf (archivists and admins stand in), or in the bin with to_bin, from where they go in time. All else of it goes at once. Its devices, for
 * device_list_remove: at most APP_DEVICES_TOLD; the list drops others by itself when they send. Audited: "account_removed". */
enum { APP_DEVICES_TOLD = 64 };
struct app_user_devices { int64_t ids[APP_DEVICES_TOLD]; int count; };
enum vcr_err app_user_remove(struct sql_tx *tx, const struct app_principal *who, int64_t id, bool to_bin, int64_t now_ms, struct app_user_devices *ret, struct vcr_why *why);
