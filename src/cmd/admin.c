/* cmd/admin.c - see admin.h. */
#include "cmd/admin.h"

#include <stdio.h>
#include <string.h>

#include "app/audit.h"
#include "base/util.h"
#include "cmd/config.h"

static int audit_verify(struct sql_db *db, const struct config *config, struct vcr_why *why)
{
    struct app_audit_check check;
    if (app_audit_verify(db, &check, why) != VCR_OK)
        return -1;
    if (!check.is_whole) {
        printf("broken: row %lld: %s (%lld rows before it hold)\n", (long long)check.broken_id, check.text, (long long)check.rows);
        return 1;
    }
    printf("whole: %lld rows, the newest is row %lld with the hash %s\n", (long long)check.rows, (long long)check.last_id, check.last_hash);
    if (check.before)
        printf("%lld older rows are from before there was a chain\n", (long long)check.before);
    return 0;
}

/* run returns the exit status, or -1 with *why. */
static const struct { const char *words[2], *argument; int (*run)(struct sql_db *db, const struct config *config, struct vcr_why *why); } commands[] = {
    { { "audit", "verify" }, NULL, audit_verify },
};

int admin_main(int argc, char **argv)
{
    struct config config = { 0 };
    struct sql_db *db = NULL;
    struct vcr_why why = { 0 };
    int rc = -1;
    size_t i = 0;
    while (i < ARRAY_LEN(commands) && (argc < 2 || strcmp(argv[0], commands[i].words[0]) != 0 || strcmp(argv[1], commands[i].words[1]) != 0))
        i++;
    if (i == ARRAY_LEN(commands) || argc != 2) {
        fputs("usage: vcr audit verify   goes through the audit's chain and says whether it is whole\n", stderr);
        return 2;
    }
    if (config_load(&config, NULL, &why) == VCR_OK && sql_open_beside(&db, config.database_url, config.data_dir, &why) == VCR_OK)
        rc = commands[i].run(db, &config, &why);
    if (rc < 0)
        fprintf(stderr, "vcr: %s\n", why.text);
    sql_close(&db);
    config_free(&config);
    return rc < 0 ? 1 : rc;
}
