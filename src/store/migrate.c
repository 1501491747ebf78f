/* store/migrate.c - numbered, checksummed migrations, applied in one transaction.
 *
 * A migration's checksum is over its text before the engine's words are put in, so one number holds for all engines. A statement ends with a ';' at the end
 * of a line. Words that differ: @ID@ (a numbered key that never returns) and @BYTES@. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/util.h"
#include "store/internal.h"

static const struct {
    const char *word;
    const char *text[2]; /* by enum sql_engine */
} words[] = {
    { "@ID@", { "INTEGER PRIMARY KEY AUTOINCREMENT", "BIGSERIAL PRIMARY KEY" } },
    { "@BYTES@", { "BLOB", "BYTEA" } },
};

static enum vcr_err checksum(char ret[65], const char *text, struct vcr_why *why)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL) != 1)
        return vcr_fail(why, VCR_E_INTERNAL, "migrations: no SHA-256");
    vcr_hex(ret, digest, 32);
    return VCR_OK;
}

/* Appends text[0..len) with the engine's words in place of the placeholders. */
static void put_words(struct buf *b, const char *text, size_t len, enum sql_engine engine)
{
    for (size_t i = 0; i < len;) {
        size_t w = 0, n = 0;
        for (; w < ARRAY_LEN(words); w++) {
            n = strlen(words[w].word);
            if (len - i >= n && memcmp(text + i, words[w].word, n) == 0)
                break;
        }
        if (w < ARRAY_LEN(words)) {
            buf_adds(b, words[w].text[engine]);
            i += n;
        } else {
            buf_addc(b, text[i++]);
        }
    }
}

static enum vcr_err apply(struct sql_tx *tx, const struct sql_migration *m, const char *sum, struct vcr_why *why)
{
    struct buf b;
    buf_init(&b, 65536);
    enum vcr_err err = VCR_OK;
    for (const char *at = m->text, *end; err == VCR_OK && (end = strstr(at, ";\n")) != NULL; at = end + 2) {
        buf_reset(&b);
        put_words(&b, at, (size_t)(end - at), sql_engine(tx));
        err = buf_ok(&b) ? sql_exec(tx, b.data, SQL_NONE, NULL, why) : vcr_fail(why, VCR_E_INTERNAL, "migration %d is too long", m->version);
    }
    buf_free(&b);
    if (err != VCR_OK)
        return err;
    return sql_exec(tx, "INSERT INTO schema_migrations(version, checksum, applied_at) VALUES($1, $2, $3)",
                    SQL_ARGS(SQL_I(m->version), SQL_T(sum), SQL_I(clock_wall_ms())), NULL, why);
}

/* Reads what was applied into done[], one flag a migration: each must be known and unchanged. A number may be missing below one that was applied: it came from another
 * line of work, and is applied now. */
static enum vcr_err check_applied(struct sql_tx *tx, bool *done, struct vcr_why *why)
{
    struct sql_rows *rows;
    size_t at = 0;
    enum vcr_err err = sql_query(tx, &rows, "SELECT version, checksum FROM schema_migrations ORDER BY version", SQL_NONE, why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        int64_t version = sql_int(rows, 0);
        const char *found = sql_text(rows, 1);
        char sum[65];
        while (at < sql_migration_count && sql_migrations[at].version < version)
            at++;
        if (at == sql_migration_count)
            err = vcr_fail(why, VCR_E_CONFLICT, "the database's schema (%lld) is newer than this program", (long long)version);
        else if (version != sql_migrations[at].version)
            err = vcr_fail(why, VCR_E_CONFLICT, "the database's schema has a migration %lld that this program does not know", (long long)version);
        else if ((err = checksum(sum, sql_migrations[at].text, why)) == VCR_OK && (!found || strcmp(found, sum) != 0))
            err = vcr_fail(why, VCR_E_CONFLICT, "migration %lld was changed after it was applied to this database", (long long)version);
        else
            done[at] = true;
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

enum vcr_err sql_migrated(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    bool *done = vcr_calloc(sql_migration_count, sizeof(*done));
    enum vcr_err err = check_applied(tx, done, why);
    for (size_t i = 0; err == VCR_OK && i < sql_migration_count; i++)
        if (!done[i])
            err = vcr_fail(why, VCR_E_CONFLICT, "the database's schema is older than this program: start vcrd once, which brings it up");
    free(done);
    return err;
}

enum vcr_err sql_migrate(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    bool *done = vcr_calloc(sql_migration_count, sizeof(*done));
    char sum[65];
    enum vcr_err err = sql_exec(
        tx, "CREATE TABLE IF NOT EXISTS schema_migrations(version INTEGER PRIMARY KEY, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)", SQL_NONE,
        NULL, why);
    if (err == VCR_OK)
        err = check_applied(tx, done, why);
    for (size_t i = 0; err == VCR_OK && i < sql_migration_count; i++) {
        if (!done[i] && (err = checksum(sum, sql_migrations[i].text, why)) == VCR_OK)
            err = apply(tx, &sql_migrations[i], sum, why);
    }
    free(done);
    return err;
}
