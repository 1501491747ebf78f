/* app/import_tx.c - what an import changes in the database. See import_internal.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/accounts.h"
#include "app/import_internal.h"
#include "app/tapes.h"
#include "app/upload.h"
#include "base/clock.h"

static enum vcr_err first_admin(struct sql_tx *tx, struct app_principal *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT id FROM users WHERE role = 'admin' AND disabled = $1 ORDER BY id LIMIT 1", SQL_ARGS(SQL_B(false)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK)
        *ret = (struct app_principal){ .user_id = sql_int(rows, 0), .role = APP_ADMIN };
    sql_rows_close(&rows);
    return err;
}

/* A folder with an e-mail address for a name is that person's; it waits until there is such a person. */
static enum vcr_err find_owner(struct sql_tx *tx, const char *path, struct app_principal *ret, struct vcr_why *why)
{
    char folder[APP_EMAIL_BYTES], email[APP_EMAIL_BYTES];
    struct app_user u = { 0 };
    size_t len = strcspn(path, "/");
    if (path[len] != '/' || len >= sizeof(folder))
        return first_admin(tx, ret, why);
    memcpy(folder, path, len);
    folder[len] = '\0';
    if (!vcr_utf8_ok(folder, len) || !app_email_normal(folder, email))
        return first_admin(tx, ret, why);
    enum vcr_err err = app_user_by_email(tx, email, &u, why);
    if (err == VCR_E_NOT_FOUND || (err == VCR_OK && u.disabled))
        err = vcr_fail(why, VCR_E_DENIED, "Nobody here has the e-mail address that this folder is named after.");
    else if (err == VCR_OK && app_may_here(&(struct app_principal){ .role = u.role }, APP_HERE_CREATE, NULL) != VCR_OK)
        err = vcr_fail(why, VCR_E_DENIED, "The account that this folder is named after may not have tapes of its own.");
    else if (err == VCR_OK)
        *ret = (struct app_principal){ .user_id = u.id, .role = u.role };
    app_user_free(&u);
    return err;
}

static enum vcr_err add_row(struct sql_tx *tx, const struct taking *t, const char *state, struct vcr_why *why)
{
    return sql_exec(tx,
                    "INSERT INTO imports(root, path, tape_id, state, size_bytes, written_us, changed_us, inode) VALUES($1, $2, $3, $4, $5, $6, $7, $8)",
                    SQL_ARGS(SQL_T(t->root), SQL_T(t->path_text), SQL_I(t->tape_id), SQL_T(state), SQL_I((int64_t)t->facts.size), SQL_I(t->facts.written_us),
                             SQL_I(t->facts.changed_us), SQL_I((int64_t)t->facts.inode)),
                    NULL, why);
}

enum vcr_err import_begin_tx(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct taking *t = arg;
    char title[IMPORT_TITLE_BYTES];
    int64_t now = clock_wall_ms();
    import_title(title, t->path);
    const struct app_change changes[] = { { APP_T_TITLE, SQL_T(title) } };
    enum vcr_err err = find_owner(tx, t->path, &t->who, why);
    if (err == VCR_OK)
        err = app_tape_create(tx, &t->who, changes, ARRAY_LEN(changes), now, &t->tape_id, why);
    if (err == VCR_OK)
        err = app_upload_begin(t->app, tx, &t->who, t->tape_id, (int64_t)t->facts.size, now, why);
    return err == VCR_OK ? add_row(tx, t, "taking", why) : err;
}

enum vcr_err import_finish_tx(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct taking *t = arg;
    char name[256];
    int64_t job;
    import_file_name(name, t->path);
    enum vcr_err err = app_upload_finish(t->app, tx, &t->who, t->tape_id, QUEUE_SCAN, name, t->sha256, t->size, clock_wall_ms(), &job, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "UPDATE imports SET state = 'taken' WHERE root = $1 AND path = $2", SQL_ARGS(SQL_T(t->root), SQL_T(t->path_text)), NULL, why);
    return err;
}

enum vcr_err import_over_tx(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    const struct taking *t = arg;
    return sql_exec(tx, "DELETE FROM imports WHERE root = $1 AND path = $2", SQL_ARGS(SQL_T(t->root), SQL_T(t->path_text)), NULL, why);
}

enum vcr_err import_undo_tx(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    const struct taking *t = arg;
    enum vcr_err err = import_over_tx(tx, arg, why);
    return err == VCR_OK ? app_tape_purge(tx, t->tape_id, why) : err;
}

enum vcr_err import_refer_tx(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct taking *t = arg;
    char title[IMPORT_TITLE_BYTES], name[256];
    const char *root = strrchr(t->root, '/');
    char *address = vcr_asprintf("library:%s/%s", root ? root + 1 : t->root, t->path_text);
    int64_t now = clock_wall_ms(), job;
    import_title(title, t->path);
    import_file_name(name, t->path);
    const struct app_change changes[] = {
        { APP_T_TITLE, SQL_T(title) }, { APP_T_FILE_NAME, SQL_T(name) }, { APP_T_STATUS, SQL_T("processing") }, { APP_T_STORAGE_URI, SQL_T(address) },
        { APP_T_ORIGINAL_STATE, SQL_T("library") },
    };
    enum vcr_err err = find_owner(tx, t->path, &t->who, why);
    if (err == VCR_OK)
        err = app_tape_create(tx, &t->who, changes, ARRAY_LEN(changes), now, &t->tape_id, why);
    if (err == VCR_OK)
        err = add_row(tx, t, "library", why);
    if (err == VCR_OK)
        err = queue_put(tx, t->tape_id, "process", QUEUE_SCAN, "{}", now, &job, why);
    free(address);
    return err;
}
