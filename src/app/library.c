/* app/library.c - see library.h. */
#include "app/library.h"

#include <stdio.h>
#include <string.h>

#include "base/util.h"

/* The length of the character at p, 0 when it is none that a text may hold. */
static size_t plain_character(const char *p)
{
    unsigned char c = (unsigned char)*p;
    size_t n = c < 0x80 ? 1 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    return c < 0x20 || c == 0x7F || c == '%' || strnlen(p, n) < n || !vcr_utf8_ok(p, n) ? 0 : n;
}

bool library_path_text(char *out, size_t size, const char *path)
{
    size_t len = 0;
    while (*path) {
        size_t n = plain_character(path), need = n ? n : 3;
        if (len + need >= size)
            return false;
        if (n)
            memcpy(out + len, path, n);
        else
            snprintf(out + len, 4, "%%%02X", (unsigned char)*path);
        len += need;
        path += n ? n : 1;
    }
    out[len] = '\0';
    return true;
}

bool library_path_bytes(char out[OUTSIDE_PATH_BYTES], const char *text)
{
    size_t len = 0;
    for (; *text; len++) {
        unsigned value = (unsigned char)*text;
        if (len + 1 >= OUTSIDE_PATH_BYTES || (value == '%' && (strspn(text + 1, "0123456789ABCDEF") < 2 || sscanf(text + 1, "%2x", &value) != 1 || value == 0)))
            return false;
        text += *text == '%' ? 3 : 1;
        out[len] = (char)value;
    }
    out[len] = '\0';
    return true;
}

enum vcr_err library_find(struct sql_tx *tx, int64_t tape_id, struct library_file *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    bool whole = true;
    enum vcr_err err = sql_query(tx, &rows,
                                 "SELECT root, path, state, size_bytes, written_us, changed_us, inode FROM imports WHERE tape_id = $1 AND state IN ('library', 'changed', 'gone')",
                                 SQL_ARGS(SQL_I(tape_id)), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        whole = vcr_strcpy(ret->root, sizeof(ret->root), sql_text(rows, 0)) && library_path_bytes(ret->path, sql_text(rows, 1));
        vcr_strcpy(ret->state, sizeof(ret->state), sql_text(rows, 2));
        ret->facts = (struct outside_facts){ .size = (uint64_t)sql_int(rows, 3), .written_us = sql_int(rows, 4), .changed_us = sql_int(rows, 5),
                                             .inode = (uint64_t)sql_int(rows, 6) };
    }
    sql_rows_close(&rows);
    return whole ? err : vcr_fail(why, VCR_E_INTERNAL, "a library path in the database is none");
}

bool library_unchanged(const struct outside_facts *was, const struct outside_facts *is)
{
    return was->size == is->size && was->written_us == is->written_us && was->changed_us == is->changed_us;
}

enum vcr_err library_open(const struct outside_roots *roots, const struct library_file *f, int *ret_fd, uint64_t *ret_size, struct vcr_why *why)
{
    struct outside_facts now;
    int fd = -1;
    if (!outside_has_root(roots, f->root))
        return vcr_refuse(why, VCR_E_NOT_FOUND, "/original-gone", "the library that holds the original is not connected");
    enum vcr_err err = outside_open(f->root, f->path, &fd, &now, why);
    if (err == VCR_E_NOT_FOUND)
        return vcr_refuse(why, VCR_E_NOT_FOUND, "/original-gone", "the original is no longer in its library");
    if (err == VCR_OK && !library_unchanged(&f->facts, &now)) {
        vcr_close(&fd);
        return vcr_refuse(why, VCR_E_CONFLICT, "/original-changed", "the file in the library was changed since this tape was made of it");
    }
    if (err == VCR_OK) {
        *ret_fd = fd;
        *ret_size = now.size;
    }
    return err;
}
