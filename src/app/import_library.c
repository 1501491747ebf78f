/* app/import_library.c - a look at a library: new films get tapes that refer to them; those that changed, moved, vanished or came back are noticed. Reads only. */
#include <stdio.h>
#include <string.h>

#include "app/audit.h"
#include "app/import_internal.h"
#include "app/tapes.h"
#include "base/clock.h"
#include "base/log.h"

struct row {
    char *path_text, sha256[65];
    int64_t id, tape_id;      /* tape_id 0: it was purged */
    char state[9];
    struct outside_facts facts;
    bool there;
};
struct library {
    struct importer *m;
    const char *root;
    struct row *rows;         /* by path_text */
    size_t count, size;
};

/* ---- rows ---- */
static int by_path(const void *a, const void *b) { return strcmp(((const struct row *)a)->path_text, ((const struct row *)b)->path_text); }

static enum vcr_err read_rows(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct library *l = arg;
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows,
                                 "SELECT i.path, i.id, i.tape_id, i.state, i.size_bytes, i.written_us, i.changed_us, i.inode, t.original_sha256"
                                 " FROM imports i LEFT JOIN tapes t ON t.id = i.tape_id WHERE i.root = $1",
                                 SQL_ARGS(SQL_T(l->root)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        if (l->count == l->size) {
            struct row *more = realloc(l->rows, (l->size ? l->size * 2 : 64) * sizeof(*more));
            if (!more) {
                err = vcr_fail(why, VCR_E_NOMEM, "no memory for a library");
                break;
            }
            l->rows = more;
            l->size = l->size ? l->size * 2 : 64;
        }
        struct row *r = &l->rows[l->count++];
        *r = (struct row){ .path_text = vcr_strdup(sql_text(rows, 0)), .id = sql_int(rows, 1), .tape_id = sql_int(rows, 2) };
        vcr_strcpy(r->state, sizeof(r->state), sql_text(rows, 3));
        r->facts = (struct outside_facts){ .size = (uint64_t)sql_int(rows, 4), .written_us = sql_int(rows, 5), .changed_us = sql_int(rows, 6),
                                           .inode = (uint64_t)sql_int(rows, 7) };
        vcr_strcpy(r->sha256, sizeof(r->sha256), sql_is_null(rows, 8) ? "" : sql_text(rows, 8));
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

static struct row *row_of(struct library *l, const char *path_text)
{
    struct row want = { .path_text = (char *)(uintptr_t)path_text };
    return l->count ? bsearch(&want, l->rows, l->count, sizeof(want), by_path) : NULL;
}

/* ---- what becomes of a row ---- */
struct change {
    const struct row *row;
    const char *state, *path_text, *address; /* path_text, address: NULL stay */
    const struct outside_facts *facts;       /* NULL: stay */
};

static enum vcr_err change_tx(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    const struct change *c = arg;
    const struct outside_facts *f = c->facts ? c->facts : &c->row->facts;
    enum vcr_err err = sql_exec(tx, "UPDATE imports SET state = $2, path = COALESCE($3, path), size_bytes = $4, written_us = $5, changed_us = $6, inode = $7 WHERE id = $1",
                                SQL_ARGS(SQL_I(c->row->id), SQL_T(c->state), SQL_T(c->path_text), SQL_I((int64_t)f->size), SQL_I(f->written_us), SQL_I(f->changed_us),
                                         SQL_I((int64_t)f->inode)),
                                NULL, why);
    struct app_change changes[2] = { { APP_T_ORIGINAL_STATE, SQL_T(c->state) }, { APP_T_STORAGE_URI, SQL_T(c->address) } };
    if (err == VCR_OK && (c->address || strcmp(c->state, c->row->state) != 0))
        err = app_tape_update(tx, c->row->tape_id, changes, c->address ? 2 : 1, clock_wall_ms(), why);
    if (err == VCR_OK && strcmp(c->state, "changed") == 0 && strcmp(c->row->state, "changed") != 0) {
        char object[APP_AUDIT_OBJECT_BYTES];
        snprintf(object, sizeof(object), "tapes/%lld", (long long)c->row->tape_id);
        err = app_audit(tx, NULL, "original_changed", object, "{\"library\":true}", clock_wall_ms(), why);
    }
    return err;
}

static void change(struct library *l, const struct change *c)
{
    struct vcr_why why = { 0 };
    if (sql_run(l->m->config.app->config.db, SQL_WRITE, change_tx, (void *)(uintptr_t)c, &why) != VCR_OK)
        log_warn("import", "tape %lld: its original is %s, which was not kept: %s", (long long)c->row->tape_id, c->state, why.text);
    else if (strcmp(c->state, c->row->state) != 0)
        log_info("import", "tape %lld: its original in the library is %s", (long long)c->row->tape_id, strcmp(c->state, "library") == 0 ? "there again" : c->state);
}

static bool go_on(void *arg, uint64_t done) { return !import_stopping(arg); }

/* Its times or its size are others: only its bytes tell whether it is the same film. Without a checksum of before, its size and time of writing do. */
static void judge(struct library *l, const struct row *r, const struct ready *file)
{
    char sha[65];
    uint64_t size;
    int fd = -1;
    struct outside_facts now;
    struct change c = { .row = r, .state = "changed" };
    enum vcr_err err = outside_open(l->root, file->path, &fd, &now, NULL);
    bool same = r->facts.size == now.size;
    if (err == VCR_OK && same && r->sha256[0]) {
        err = blob_digest_fd(fd, go_on, l->m, sha, &size, NULL);
        same = err == VCR_OK && strcmp(sha, r->sha256) == 0;
    } else if (err == VCR_OK && same) {
        same = r->facts.written_us == now.written_us;
    }
    vcr_close(&fd);
    if (err != VCR_OK)
        return;
    if (same) {
        c.state = "library";
        c.facts = &now;
    }
    change(l, &c);
}

static char *address_of(const struct library *l, const char *path_text)
{
    const char *slash = strrchr(l->root, '/');
    return vcr_asprintf("library:%s/%s", slash ? slash + 1 : l->root, path_text);
}

/* A file that was renamed: what stood elsewhere is not there any more, and its inode, size and time of writing are the same. */
static struct row *moved_from(struct library *l, const struct outside_facts *f)
{
    for (size_t i = 0; i < l->count; i++) {
        struct row *r = &l->rows[i];
        if (!r->there && r->tape_id && r->facts.inode == f->inode && r->facts.size == f->size && r->facts.written_us == f->written_us)
            return r;
    }
    return NULL;
}

static enum vcr_err forget_tx(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    return sql_exec(tx, "DELETE FROM imports WHERE id = $1", SQL_ARGS(SQL_I(((struct row *)arg)->id)), NULL, why);
}

static enum vcr_err refer(struct library *l, const struct ready *file, struct vcr_why *why)
{
    struct taking t = { .app = l->m->config.app, .root = l->root, .path = file->path, .facts = file->facts };
    if (!library_path_text(t.path_text, sizeof(t.path_text), file->path))
        return vcr_fail(why, VCR_E_INVALID, "The file's name is too long.");
    struct row *old = moved_from(l, &file->facts);
    if (old) {
        char *address = address_of(l, t.path_text);
        struct change c = { .row = old, .state = "library", .path_text = t.path_text, .address = address, .facts = &file->facts };
        change(l, &c);
        free(address);
        old->there = true;
        return VCR_OK;
    }
    enum vcr_err err = sql_run(t.app->config.db, SQL_WRITE, import_refer_tx, &t, why);
    if (err == VCR_OK)
        log_info("import", "%s in a library is tape %lld", t.path_text, (long long)t.tape_id);
    return err;
}

/* ---- the look ---- */
static bool on_file(void *arg, const char *path, const struct outside_facts *facts)
{
    struct library *l = arg;
    char text[LIBRARY_TEXT_BYTES];
    uint64_t key;
    if (import_stopping(l->m))
        return false;
    if (!import_name_wanted(path, true) || facts->size == 0 || !library_path_text(text, sizeof(text), path))
        return true;
    struct row *r = row_of(l, text);
    if (r)
        r->there = true;
    if (r && library_unchanged(&r->facts, facts) && (r->tape_id == 0 || strcmp(r->state, "library") == 0))
        return true;
    if (!import_settled(l->m, l->root, path, facts, &key))
        return true;
    if (!import_ready_add(l->m, path, facts, key))
        l->m->pending = true; /* the rest next time */
    return true;
}

static void on_folder(void *arg, const char *path)
{
    struct library *l = arg;
    import_folder(l->m, l->root, path);
}

static void do_ready(struct library *l, const struct ready *file)
{
    char text[LIBRARY_TEXT_BYTES];
    struct vcr_why why = { 0 };
    struct row *r = library_path_text(text, sizeof(text), file->path) ? row_of(l, text) : NULL;
    if (r && r->tape_id) {
        judge(l, r, file);
        import_later(l->m, file->key, VCR_OK);
        return;
    }
    enum vcr_err err = r ? sql_run(l->m->config.app->config.db, SQL_WRITE, forget_tx, r, &why) : VCR_OK; /* a new film where a purged one stood */
    if (err == VCR_OK)
        err = refer(l, file, &why);
    import_later(l->m, file->key, err);
    if (err != VCR_OK && err != VCR_E_END)
        log_warn("import", "%s in a library is not taken: %s", text, why.text);
}

void import_look_library(struct importer *m, const char *root)
{
    struct library l = { .m = m, .root = root };
    struct vcr_why why = { 0 };
    bool cut = false;
    const struct outside_walk w = { .entries_max = ENTRIES_MAX, .each = on_file, .folder = on_folder, .arg = &l };
    enum vcr_err err = sql_run(m->config.app->config.db, SQL_READ, read_rows, &l, &why);
    if (err == VCR_OK && l.count)
        qsort(l.rows, l.count, sizeof(*l.rows), by_path);
    import_ready_clear(m);
    if (err == VCR_OK)
        err = outside_walk(root, &w, &cut, &why);
    if (err != VCR_OK)
        log_warn("import", "a library was not looked at: %s", why.text);
    for (size_t i = 0; i < m->ready_count && err == VCR_OK && !import_stopping(m); i++)
        do_ready(&l, &m->ready[i]);
    for (size_t i = 0; i < l.count && err == VCR_OK && !cut && !import_stopping(m); i++) {
        struct change c = { .row = &l.rows[i], .state = "gone" };
        if (!l.rows[i].there && l.rows[i].tape_id && strcmp(l.rows[i].state, "gone") != 0 && !m->pending)
            change(&l, &c);
    }
    import_ready_clear(m);
    for (size_t i = 0; i < l.count; i++)
        free(l.rows[i].path_text);
    free(l.rows);
}
