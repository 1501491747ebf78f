/* tests/unit/api/test_audit.c - the audit: what is told in it, who may read it, and that nothing in it changes unnoticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "app/audit.h"
#include "kit.h"

static struct kit kit;
static char admin[1200], user[1200], viewer[1200];

static int open_people(void **state)
{
    kit_open(&kit, NULL);
    sign_up(&kit, "admin@x.org", admin);
    sign_up(&kit, "user@x.org", user);
    sign_up(&kit, "viewer@x.org", viewer);
    set_role(&kit, "viewer@x.org", "viewer");
    return 0;
}

static int close_kit(void **state)
{
    kit_close(&kit);
    return 0;
}

static struct app_audit_check verify(void)
{
    struct app_audit_check check;
    assert_int_equal(app_audit_verify(kit.db, &check, NULL), VCR_OK);
    return check;
}

/* The newest row of that action, as the API tells it; borrowed from *list. */
static json_t *newest(struct answer *list, const char *query)
{
    char path[200];
    snprintf(path, sizeof(path), "/api/v1/audit?%s", query);
    *list = ask(&kit, admin, "GET", path, NULL);
    assert_int_equal(list->status, 200);
    json_t *item = json_array_get(json_object_get(list->json, "items"), 0);
    if (!item)
        fail_msg("%s: no row", query);
    return item;
}

static const char *text_of(const json_t *item, const char *member)
{
    const char *s = json_string_value(json_object_get(item, member));
    return s ? s : "";
}

static void what_happens_is_told(void **state)
{
    struct answer list;
    kit_expect(&kit, NULL, "POST", "/api/v1/auth/login", "{\"email\":\"user@x.org\",\"password\":\"wrong\"}", 401, NULL);
    json_t *item = newest(&list, "action=login_refused");
    assert_int_equal(json_integer_value(json_object_get(item, "user_id")), 2);
    assert_string_equal(text_of(item, "object"), "users/2");
    assert_string_equal(text_of(item, "ip_address"), "127.0.0.1");
    assert_true(strlen(text_of(item, "request_id")) > 8);
    answer_free(&list);

    kit_expect(&kit, NULL, "POST", "/api/v1/auth/login", "{\"email\":\"nobody@x.org\",\"password\":\"wrong\"}", 401, NULL);
    item = newest(&list, "action=login_refused");
    assert_true(json_is_null(json_object_get(item, "user_id")));
    assert_string_equal(text_of(json_object_get(item, "details"), "email"), "nobody@x.org");
    answer_free(&list);

    long long tape = kit_make_tape(&kit, user, "{\"title\":\"T\"}");
    char path[80], object[60];
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld", tape);
    snprintf(object, sizeof(object), "object=tapes/%lld", tape);
    kit_expect(&kit, user, "DELETE", path, NULL, 204, NULL);
    item = newest(&list, object);
    assert_string_equal(text_of(item, "action"), "tape_trashed");
    answer_free(&list);
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld?purge=true", tape);
    kit_expect(&kit, user, "DELETE", path, NULL, 204, NULL);
    item = newest(&list, object);
    assert_string_equal(text_of(item, "action"), "tape_purged");
    answer_free(&list);

    kit_expect(&kit, user, "POST", "/api/v1/devices", "{\"name\":\"D\"}", 201, NULL);
    kit_expect(&kit, user, "POST", "/api/v1/devices/1/token", NULL, 201, NULL);
    kit_expect(&kit, user, "DELETE", "/api/v1/devices/1", NULL, 204, NULL);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM audit WHERE object = 'devices/1' AND action IN ('device_created', 'device_token_rotated', 'device_removed')"), 3);
    kit_expect(&kit, user, "PATCH", "/api/v1/users/me", "{\"password\":\"another horse\",\"current_password\":\"correct horse\"}", 200, NULL);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM audit WHERE action = 'password_changed' AND user_id = 2"), 1);
    assert_true(verify().is_whole);
}

static void a_refusal_is_told_and_answered(void **state)
{
    struct answer list, a = ask(&kit, viewer, "POST", "/api/v1/tapes", "{\"title\":\"T\"}");
    assert_int_equal(a.status, 403);
    json_t *item = newest(&list, "action=refused&user_id=3");
    assert_string_equal(text_of(item, "request_id"), text_at(&a, "request_id"));
    assert_string_equal(text_of(json_object_get(item, "details"), "route"), "/api/v1/tapes");
    assert_string_equal(text_of(json_object_get(item, "details"), "method"), "POST");
    assert_string_equal(text_of(json_object_get(item, "details"), "detail"), text_at(&a, "detail"));
    answer_free(&a);
    answer_free(&list);
    /* A wrong current password is one, too. */
    kit_expect(&kit, viewer, "PATCH", "/api/v1/users/me", "{\"password\":\"another horse\",\"current_password\":\"no\"}", 403, NULL);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM audit WHERE action = 'refused' AND user_id = 3"), 2);
    assert_true(verify().is_whole);
}

/* Refused with an Idempotency-Key: the key stays free. */
static void a_refusal_leaves_the_key_free(void **state)
{
    char headers[1400];
    snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\nContent-Type: application/json\r\nIdempotency-Key: k\r\n", viewer);
    struct answer a = ask_raw(&kit, "POST", "/api/v1/tapes", headers, "{\"title\":\"T\"}", 13);
    assert_int_equal(a.status, 403);
    answer_free(&a);
    set_role(&kit, "viewer@x.org", "user");
    a = ask_raw(&kit, "POST", "/api/v1/tapes", headers, "{\"title\":\"U\"}", 13);
    assert_int_equal(a.status, 201);
    answer_free(&a);
}

static void only_admins_read_it_by_pages(void **state)
{
    char path[120], cursor[80];
    long long last = INT64_MAX;
    int seen = 0;
    kit_expect(&kit, user, "GET", "/api/v1/audit", NULL, 403, NULL);
    kit_expect(&kit, user, "GET", "/api/v1/audit.csv", NULL, 403, NULL);
    kit_expect(&kit, NULL, "GET", "/api/v1/audit", NULL, 401, NULL);
    int64_t all = kit_number(&kit, "SELECT COUNT(*) FROM audit");
    for (cursor[0] = '\0';;) {
        snprintf(path, sizeof(path), "/api/v1/audit?limit=2%s%s", *cursor ? "&cursor=" : "", cursor);
        struct answer a = ask(&kit, admin, "GET", path, NULL);
        assert_int_equal(a.status, 200);
        json_t *items = json_object_get(a.json, "items");
        for (size_t i = 0; i < json_array_size(items); i++, seen++) {
            long long id = json_integer_value(json_object_get(json_array_get(items, i), "id"));
            assert_true(id < last);
            last = id;
        }
        snprintf(cursor, sizeof(cursor), "%s", text_at(&a, "next_cursor"));
        answer_free(&a);
        if (!*cursor)
            break;
    }
    assert_int_equal(seen, all);
    static const char *const bad[] = { "user_id=0", "user_id=x", "from=someday", "to=1992-13", "limit=201" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        snprintf(path, sizeof(path), "/api/v1/audit?%s", bad[i]);
        kit_expect(&kit, admin, "GET", path, NULL, 422, NULL);
    }
    kit_expect(&kit, admin, "GET", "/api/v1/audit?cursor=!", NULL, 400, NULL);
    struct answer a = ask(&kit, admin, "GET", "/api/v1/audit?to=2001", NULL);
    assert_int_equal(json_array_size(json_object_get(a.json, "items")), 0);
    answer_free(&a);
}

struct event { const struct app_principal *who; const char *action, *object, *details; int64_t now_ms; int times; };

static enum vcr_err add(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    const struct event *e = arg;
    enum vcr_err err = VCR_OK;
    for (int i = 0; i < e->times && err == VCR_OK; i++)
        err = app_audit(tx, e->who, e->action, e->object, e->details, e->now_ms, why);
    return err;
}

static void add_rows(const char *action, const char *object, int64_t now_ms, int times)
{
    struct event e = { NULL, action, object, NULL, now_ms, times };
    assert_int_equal(sql_run(kit.db, SQL_WRITE, add, &e, NULL), VCR_OK);
}

static void csv_holds_all_of_it_and_no_formula(void **state)
{
    add_rows("=1+1", "@SUM(A1)", 1000, 1200); /* more than a page */
    add_rows("a \"quoted\", word", "-1", 1000, 1);
    struct answer a = ask(&kit, admin, "GET", "/api/v1/audit.csv?to=1970", NULL);
    char value[80];
    int lines = 0;
    assert_int_equal(a.status, 200);
    assert_true(head_value(&a, "Content-Type", value, sizeof(value)));
    assert_string_equal(value, "text/csv; charset=utf-8");
    assert_true(head_value(&a, "Content-Disposition", value, sizeof(value)));
    assert_non_null(strstr(value, "audit.csv"));
    for (const char *p = a.body; (p = strstr(p, "\r\n")); p += 2)
        lines++;
    assert_int_equal(lines, 1 + 1201);
    assert_non_null(strstr(a.body, ",\"'=1+1\",\"'@SUM(A1)\","));
    assert_non_null(strstr(a.body, ",\"a \"\"quoted\"\", word\",\"'-1\","));
    assert_null(strstr(a.body, ",\"="));
    answer_free(&a);
    kit_expect(&kit, admin, "GET", "/api/v1/audit.csv?from=x", NULL, 422, NULL);
}

static void a_changed_row_is_found(void **state)
{
    static const char *const changes[] = {
        "UPDATE audit SET action = action || 'x' WHERE id = 2", "UPDATE audit SET user_id = 9 WHERE id = 2", "UPDATE audit SET user_id = NULL WHERE id = 2",
        "UPDATE audit SET created_at = created_at - 1 WHERE id = 2", "UPDATE audit SET details = '{\"a\":1}' WHERE id = 2", "UPDATE audit SET request_id = NULL WHERE id = 2",
        "UPDATE audit SET ip_address = '10.0.0.1' WHERE id = 2", "UPDATE audit SET object = NULL WHERE id = 2", "UPDATE audit SET hash = NULL WHERE id = 2",
        "UPDATE audit SET hash = (SELECT hash FROM audit WHERE id = 1) WHERE id = 2", "DELETE FROM audit WHERE id = 2",
    };
    assert_true(verify().is_whole);
    assert_int_equal(verify().rows, kit_number(&kit, "SELECT COUNT(*) FROM audit"));
    kit_sql(&kit, "CREATE TABLE kept AS SELECT * FROM audit");
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        kit_sql(&kit, "%s", changes[i]);
        struct app_audit_check check = verify();
        if (check.is_whole || check.broken_id != 2)
            fail_msg("%s: row %lld", changes[i], (long long)check.broken_id);
        kit_sql(&kit, "DELETE FROM audit");
        kit_sql(&kit, "INSERT INTO audit SELECT * FROM kept");
        assert_true(verify().is_whole);
    }
    /* Two rows in each other's place, one more behind the last, the last gone, and all gone. */
    kit_sql(&kit, "UPDATE audit SET id = CASE id WHEN 1 THEN -2 ELSE -1 END WHERE id IN (1, 2)");
    kit_sql(&kit, "UPDATE audit SET id = -id WHERE id < 0");
    assert_int_equal(verify().broken_id, 1);
    kit_sql(&kit, "DELETE FROM audit");
    kit_sql(&kit, "INSERT INTO audit SELECT * FROM kept");
    int64_t last = kit_number(&kit, "SELECT MAX(id) FROM audit");
    kit_sql(&kit, "INSERT INTO audit(id, created_at, action, details, hash) SELECT id + 1, created_at, action, details, hash FROM audit WHERE id = %lld", (long long)last);
    assert_int_equal(verify().broken_id, last + 1);
    kit_sql(&kit, "DELETE FROM audit WHERE id >= %lld", (long long)last);
    assert_false(verify().is_whole);
    kit_sql(&kit, "DELETE FROM audit");
    assert_false(verify().is_whole);
}

/* SHA-256 of known text, computed apart: the canonical form is part of what others may rely on. */
static void the_canonical_text(void **state)
{
    struct app_principal who = { .user_id = 7, .request_id = "r-1", .ip = "192.0.2.7" };
    struct event e = { &who, "login", "users/7", "{\"a\":1}", 1764331200000, 1 };
    kit_sql(&kit, "UPDATE audit_chain SET first_id = 41, last_id = 41, first_hash = '%064d', last_hash = '%064d'", 0, 0);
    kit_sql(&kit, "DELETE FROM audit");
    assert_int_equal(sql_run(kit.db, SQL_WRITE, add, &e, NULL), VCR_OK);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM audit WHERE id = 42 AND hash = '595453a968e587e4713bbe0682657e7f0022b9714bb9b526b679a57cc9790076'"), 1);
    assert_true(verify().is_whole);
}

static void old_rows_go_and_the_chain_holds(void **state)
{
    const int64_t day_ms = 86400000, now_ms = 2000 * day_ms;
    int64_t rows;
    kit_sql(&kit, "UPDATE audit_chain SET first_id = 0, last_id = 0, first_hash = '%064d', last_hash = '%064d'", 0, 0);
    kit_sql(&kit, "DELETE FROM audit");
    kit_sql(&kit, "INSERT INTO audit(created_at, action) VALUES(1, 'from before')"); /* takes the number 1 or above */
    kit_sql(&kit, "UPDATE audit SET id = 0");
    add_rows("old", NULL, now_ms - 401 * day_ms, 2500);
    add_rows("young", NULL, now_ms - 399 * day_ms, 3);
    add_rows("old, but behind a young one", NULL, now_ms - 401 * day_ms, 1);
    assert_int_equal(verify().before, 1);
    assert_int_equal(verify().rows, 2504);
    assert_int_equal(app_audit_trim(kit.db, 400, now_ms, &rows, NULL), VCR_OK);
    assert_int_equal(rows, 2501);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM audit WHERE action = 'old'"), 0);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM audit WHERE action = 'young'"), 3);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM audit WHERE action LIKE 'old,%'"), 1);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM audit WHERE action = 'audit_trimmed'"), 3); /* a thousand at a time */
    struct app_audit_check check = verify();
    assert_true(check.is_whole);
    assert_int_equal(check.rows, 7);
    assert_int_equal(check.before, 0);
    assert_int_equal(app_audit_trim(kit.db, 400, now_ms, &rows, NULL), VCR_OK);
    assert_int_equal(rows, 0);
    kit_sql(&kit, "DELETE FROM audit WHERE id = 2501"); /* what should still be there is missed */
    assert_int_equal(verify().broken_id, 2501);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_happens_is_told, open_people, close_kit),
        cmocka_unit_test_setup_teardown(a_refusal_is_told_and_answered, open_people, close_kit),
        cmocka_unit_test_setup_teardown(a_refusal_leaves_the_key_free, open_people, close_kit),
        cmocka_unit_test_setup_teardown(only_admins_read_it_by_pages, open_people, close_kit),
        cmocka_unit_test_setup_teardown(csv_holds_all_of_it_and_no_formula, open_people, close_kit),
        cmocka_unit_test_setup_teardown(a_changed_row_is_found, open_people, close_kit),
        cmocka_unit_test_setup_teardown(the_canonical_text, open_people, close_kit),
        cmocka_unit_test_setup_teardown(old_rows_go_and_the_chain_holds, open_people, close_kit),
    };
    return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
