/* app/export.h - what an account has here: how much, and all of it as one JSON document.
 *
 * The document is made page by page, so that memory stays and no transaction is long: app_export_some appends to a buffer until *over. Films are not in it but named with their address.
 * Threads  with a struct sql_tx: inside its transaction. */
#pragma once
#include "app/app.h"
#include "base/buf.h"
#include "wire/json.h"

enum { APP_EXPORT_TEXT_MAX = 32 << 20 };
/* bytes as the quota counts them, quota_bytes (null: none), tapes, tapes_in_bin, devices, sessions. */
enum vcr_err app_usage_json(const struct app *a, struct sql_tx *tx, int64_t user_id, struct jsonw *j, struct vcr_why *why);

struct app_export {
    int64_t user_id;
    size_t section;
    bool begun;            /* the section has rows already */
    char after[40];        /* the key of the last row of it; "": none yet */
    bool over;
};
/* The next page: `out` gets what follows what it got before. */
enum vcr_err app_export_some(struct sql_tx *tx, struct app_export *e, int64_t now_ms, struct buf *out, struct vcr_why *why);
