/* cmd/admin.c - see admin.h. */
#include "cmd/admin.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "app/accounts.h"
#include "app/audit.h"
#include "app/totp.h"
#include "base/clock.h"
#include "base/util.h"
#include "cmd/config.h"

static int audit_verify(struct sql_db *db, const char *argument, struct vcr_why *why)
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

/* A line of standard input without its end; at a terminal it is asked for and not shown. */
static bool read_password(const char *prompt, char *out, size_t size)
{
    struct termios shown, hidden;
    bool terminal = isatty(0) && tcgetattr(0, &shown) == 0;
    if (terminal) {
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        fputs(prompt, stderr);
        tcsetattr(0, TCSAFLUSH, &hidden);
    }
    bool good = fgets(out, (int)size, stdin) != NULL;
    if (terminal) {
        tcsetattr(0, TCSAFLUSH, &shown);
        fputc('\n', stderr);
    }
    out[good ? strcspn(out, "\r\n") : 0] = '\0';
    return good;
}

struct new_password { const char *email; char hash[APP_HASH_TEXT]; bool disabled; };

/* Whoever lost the password may have lost the second factor with it: that is off, too, and every log-in ends. */
static enum vcr_err password_work(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct new_password *n = arg;
    struct app_user u = { 0 };
    char object[APP_AUDIT_OBJECT_BYTES];
    int64_t now_ms = clock_wall_ms();
    enum vcr_err err = app_user_by_email(tx, n->email, &u, why);
    if (err == VCR_OK)
        err = app_user_edit(tx, u.id, &(struct app_user_change){ .hash = n->hash }, why);
    if (err == VCR_OK)
        err = app_login_end_others(tx, u.id, "", now_ms, why);
    if (err == VCR_OK)
        err = app_totp_remove(tx, u.id, why);
    snprintf(object, sizeof(object), "users/%lld", (long long)u.id);
    if (err == VCR_OK)
        err = app_audit(tx, NULL, "password_changed", object, "{\"by\":\"vcr user password\"}", now_ms, why);
    n->disabled = u.disabled;
    app_user_free(&u);
    return err;
}

static int user_password(struct sql_db *db, const char *email, struct vcr_why *why)
{
    static struct app app = { .config = { .password_ops = crypto_pwhash_OPSLIMIT_INTERACTIVE, .password_mem_bytes = crypto_pwhash_MEMLIMIT_INTERACTIVE } }; /* as app_open has them */
    char normal[APP_EMAIL_BYTES], password[APP_PASSWORD_MAX + 2], again[APP_PASSWORD_MAX + 2];
    struct new_password n = { .email = normal };
    if (!app_email_normal(email, normal) || sodium_init() < 0) {
        vcr_fail(why, VCR_E_INVALID, "%.200s is no e-mail address", email);
        return -1;
    }
    bool good = read_password("New password: ", password, sizeof(password)) && (!isatty(0) || read_password("Again: ", again, sizeof(again)));
    if (good && isatty(0) && strcmp(password, again) != 0) {
        vcr_fail(why, VCR_E_INVALID, "these are two different passwords");
        return -1;
    }
    enum vcr_err err = app_password_check(good ? password : "", why);
    if (err == VCR_OK)
        err = app_password_hash(&app, password, n.hash, why);
    sodium_memzero(password, sizeof(password));
    sodium_memzero(again, sizeof(again));
    if (err != VCR_OK || sql_run(db, SQL_WRITE, password_work, &n, why) != VCR_OK)
        return -1;
    printf("%s has the new password, is logged in nowhere and has no second factor%s\n", normal, n.disabled ? "; the account is disabled" : "");
    return 0;
}

/* run returns the exit status, or -1 with *why. */
static const struct { const char *words[2]; bool argument; int (*run)(struct sql_db *db, const char *argument, struct vcr_why *why); } commands[] = {
    { { "audit", "verify" }, false, audit_verify },
    { { "user", "password" }, true, user_password },
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
    if (i == ARRAY_LEN(commands) || argc != (commands[i].argument ? 3 : 2)) {
        fputs("usage: vcr audit verify          goes through the audit's chain and says whether it is whole\n"
              "       vcr user password EMAIL   sets an account's password, ends its log-ins, takes its second factor away; the password is a line of standard input\n",
              stderr);
        return 2;
    }
    if (config_load(&config, NULL, &why) == VCR_OK && sql_open_beside(&db, config.database_url, config.data_dir, &why) == VCR_OK)
        rc = commands[i].run(db, argv[2], &why);
    if (rc < 0)
        fprintf(stderr, "vcr: %s\n", why.text);
    sql_close(&db);
    config_free(&config);
    return rc < 0 ? 1 : rc;
}
