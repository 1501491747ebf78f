/* tests/unit/api/test_limits.c - how often one may ask: each class of routes, by account and by address. Periods are days, so that nothing comes back meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kit.h"

static struct kit kit;
static char user[1200], other[1200];

static int close_kit(void **state)
{
    kit_close(&kit);
    return 0;
}

static void few(struct app_config *c)
{
    enum { DAYS = 10 * 86400 };
    static const struct app_rate_limit rates[APP_RATES] = {
        [APP_RATE_LOGIN] = { 8, DAYS }, [APP_RATE_ACCOUNT] = { 3, DAYS }, [APP_RATE_REGISTER] = { 3, DAYS },
        [APP_RATE_READ] = { 6, DAYS },  [APP_RATE_WRITE] = { 4, DAYS },   [APP_RATE_COMMAND] = { 5, DAYS },
    };
    c->rate_limits = true;
    memcpy(c->rates, rates, sizeof(rates));
}

static int open_few(void **state)
{
    kit_open(&kit, few);
    sign_up(&kit, "user@x.org", user);
    sign_up(&kit, "other@x.org", other);
    return 0;
}

static void on(struct app_config *c) { c->rate_limits = true; }

static int open_default(void **state)
{
    kit_open(&kit, on);
    return 0;
}

static int open_off(void **state)
{
    kit_open(&kit, NULL);
    sign_up(&kit, "user@x.org", user);
    return 0;
}

static long long number(const struct answer *a, const char *header)
{
    char text[40];
    return head_value(a, header, text, sizeof(text)) ? atoll(text) : -1;
}

/* Asks until it is refused; returns how many were let through. The refusal must say when to come back. */
static int ask_until_refused(const char *token, const char *method, const char *path, const char *body, int limit)
{
    for (int i = 0; i < 50; i++) {
        struct answer a = ask(&kit, token, method, path, body);
        assert_int_equal(number(&a, "RateLimit-Limit"), limit);
        if (a.status == 429) {
            const char *type = text_at(&a, "type");
            assert_true(number(&a, "Retry-After") > 1 && number(&a, "Retry-After") == number(&a, "RateLimit-Reset"));
            assert_int_equal(number(&a, "RateLimit-Remaining"), 0);
            assert_string_equal(type + strlen(type) - strlen("/too-many-requests"), "/too-many-requests");
            assert_non_null(strstr(text_at(&a, "detail"), "try again in"));
            answer_free(&a);
            return i;
        }
        assert_int_equal(number(&a, "RateLimit-Remaining"), limit - 1 - i);
        assert_int_equal(number(&a, "Retry-After"), -1);
        answer_free(&a);
    }
    return -1;
}

static void each_class_has_its_number(void **state)
{
    static const char *const command = "/api/v1/sessions/00000000-0000-4000-8000-000000000000/command";
    assert_int_equal(ask_until_refused(user, "GET", "/api/v1/tapes", NULL, 6), 6);
    assert_int_equal(ask_status(&kit, user, "GET", "/api/v1/users/me", NULL), 429); /* one class, one count */
    assert_int_equal(ask_until_refused(user, "POST", "/api/v1/tapes", "{\"title\":\"T\"}", 4), 4);
    assert_int_equal(ask_until_refused(user, "POST", command, "{\"command\":\"play\"}", 5), 5);
    assert_int_equal(ask_status(&kit, other, "GET", "/api/v1/tapes", NULL), 200); /* another account has its own */
    assert_int_equal(ask_status(&kit, other, "POST", "/api/v1/tapes", "{\"title\":\"T\"}"), 201);
    /* open_few took two of the three */
    assert_int_equal(ask_status(&kit, NULL, "POST", "/api/v1/auth/register", "{\"email\":\"c@x.org\",\"password\":\"correct horse\"}"), 201);
    assert_int_equal(ask_status(&kit, NULL, "POST", "/api/v1/auth/register", "{\"email\":\"d@x.org\",\"password\":\"correct horse\"}"), 429);
}

static void log_ins_are_counted_by_account_and_by_address(void **state)
{
    static const char good[] = "{\"email\":\"user@x.org\",\"password\":\"correct horse\"}", shout[] = "{\"email\":\"USER@x.ORG\",\"password\":\"correct horse\"}";
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask_status(&kit, NULL, "POST", "/api/v1/auth/login", "{\"email\":\"user@x.org\",\"password\":\"guess\"}"), 401);
    assert_int_equal(ask_status(&kit, NULL, "POST", "/api/v1/auth/login", good), 429); /* the right password does not help: one may not find it by trying */
    assert_int_equal(ask_status(&kit, NULL, "POST", "/api/v1/auth/login", shout), 429);
    assert_int_equal(ask_status(&kit, NULL, "POST", "/api/v1/auth/login", "{\"email\":\"other@x.org\",\"password\":\"correct horse\"}"), 200);
    /* Nor by changing it. */
    for (int i = 0; i < 2; i++)
        assert_int_equal(ask_status(&kit, other, "PATCH", "/api/v1/users/me", "{\"password\":\"new password\",\"current_password\":\"guess\"}"), 403);
    assert_int_equal(ask_status(&kit, other, "PATCH", "/api/v1/users/me", "{\"password\":\"new password\",\"current_password\":\"correct horse\"}"), 429);
    /* An address that tries many accounts. */
    for (int i = 0; i < 2; i++) {
        char body[100];
        snprintf(body, sizeof(body), "{\"email\":\"nobody%d@x.org\",\"password\":\"guess\"}", i);
        assert_int_equal(ask_status(&kit, NULL, "POST", "/api/v1/auth/login", body), 401);
    }
    assert_int_equal(ask_status(&kit, NULL, "POST", "/api/v1/auth/login", "{\"email\":\"another@x.org\",\"password\":\"guess\"}"), 429);
}

static void guessed_tokens_are_counted_by_address(void **state)
{
    for (int i = 0; i < 6; i++)
        assert_int_equal(ask_status(&kit, "a.b.c", "POST", "/api/v1/tapes", "{\"title\":\"T\"}"), 401);
    assert_int_equal(ask_status(&kit, "a.b.c", "POST", "/api/v1/tapes", "{\"title\":\"T\"}"), 429);
    assert_int_equal(ask_status(&kit, user, "GET", "/api/v1/tapes", NULL), 200); /* who has an account is let in all the same */
}

static void an_ipv6_customer_is_one_address(void **state)
{
    struct app_rate_result r;
    for (int i = 0; i < 3; i++) {
        char address[40];
        snprintf(address, sizeof(address), "2001:db8:1:2:%x::7", i + 1);
        app_rate_check(kit.app, APP_RATE_ACCOUNT, address, &r);
        assert_true(r.allowed && r.counted);
    }
    app_rate_check(kit.app, APP_RATE_ACCOUNT, "2001:db8:1:2::9", &r);
    assert_false(r.allowed);
    app_rate_check(kit.app, APP_RATE_ACCOUNT, "2001:db8:1:3::9", &r);
    assert_true(r.allowed);
}

static void the_stated_numbers(void **state)
{
    static const struct { enum app_rate rate; int count, period_s; } stated[] = {
        { APP_RATE_LOGIN, 30, 60 }, { APP_RATE_ACCOUNT, 5, 60 }, { APP_RATE_REGISTER, 5, 3600 },
        { APP_RATE_READ, 600, 60 }, { APP_RATE_WRITE, 120, 60 }, { APP_RATE_COMMAND, 20, 1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(stated); i++) {
        struct app_rate_result r;
        app_rate_check(kit.app, stated[i].rate, "somebody", &r);
        assert_true(r.counted && r.allowed);
        assert_int_equal(r.limit, stated[i].count);
        assert_int_equal(r.left, stated[i].count - 1);
        assert_int_equal(r.period_s, stated[i].period_s);
    }
    struct app_rate_result r;
    app_rate_check(kit.app, APP_RATE_NONE, "somebody", &r);
    assert_true(r.allowed && !r.counted);
}

static void switched_off_nothing_is_counted(void **state)
{
    for (int i = 0; i < 40; i++) {
        struct answer a = ask(&kit, NULL, "POST", "/api/v1/auth/login", "{\"email\":\"user@x.org\",\"password\":\"guess\"}");
        assert_int_equal(a.status, 401);
        assert_int_equal(number(&a, "RateLimit-Limit"), -1);
        answer_free(&a);
    }
}

#define CASE(fn, open) cmocka_unit_test_setup_teardown(fn, open, close_kit)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_class_has_its_number, open_few),
        CASE(log_ins_are_counted_by_account_and_by_address, open_few),
        CASE(guessed_tokens_are_counted_by_address, open_few),
        CASE(an_ipv6_customer_is_one_address, open_few),
        CASE(the_stated_numbers, open_default),
        CASE(switched_off_nothing_is_counted, open_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
