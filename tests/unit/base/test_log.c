/* test_log.c - the log's lines and the thread that writes them, seen through a pipe in place of standard error. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/log_writer.h"
#include "base/util.h"

struct tap {
    int pipe[2], old;
};

static void tap_open(struct tap *t)
{
    assert_int_equal(pipe2(t->pipe, O_CLOEXEC), 0);
    t->old = dup(2);
    dup2(t->pipe[1], 2);
    log_setup(LOG_JSON, LOG_INFO, "test");
}

static void tap_release(struct tap *t)
{
    dup2(t->old, 2);
    close(t->old);
    close(t->pipe[1]);
}

/* All that comes, as one string. */
static void *read_all(void *arg)
{
    const struct tap *t = arg;
    size_t len = 0, room = 1 << 16;
    char *all = malloc(room);
    for (ssize_t n; all && (n = read(t->pipe[0], all + len, room - len - 1)) > 0;) {
        len += (size_t)n;
        if (len == room - 1)
            all = realloc(all, room *= 2);
    }
    close(t->pipe[0]);
    if (all)
        all[len] = '\0';
    return all;
}

/* Standard error is itself again; what was written: free it. */
static char *tap_close(struct tap *t)
{
    tap_release(t);
    char *all = read_all(t);
    assert_non_null(all);
    return all;
}

/* A JSON object on a line of its own, by its quotes: every string ends, nothing stands outside that may not. */
static void assert_json_line(const char *line, size_t len)
{
    bool inside = false;
    assert_true(len > 2 && len <= 4096 && line[0] == '{' && line[len - 1] == '}');
    assert_true(vcr_utf8_ok(line, len));
    for (size_t i = 0; i < len; i++) {
        assert_true((unsigned char)line[i] >= 0x20);
        if (inside && line[i] == '\\')
            i++;
        else if (line[i] == '"')
            inside = !inside;
    }
    assert_false(inside);
}

static void a_line_of_any_length_is_json(void **state)
{
    static const char *const pieces[] = { "x", "\"", "\\", "\n", "\xC3\xA4", "\xE2\x82\xAC", "\xFF", "a\"b" };
    for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
        for (size_t times = 1; times < 5000; times = times * 3 + k) {
            struct tap t;
            size_t piece = strlen(pieces[k]);
            char *text = malloc(piece * times + 1);
            for (size_t i = 0; i < times; i++)
                memcpy(text + i * piece, pieces[k], piece);
            text[piece * times] = '\0';
            struct log_field fields[12] = { 0 };
            for (int i = 0; i < 11; i++)
                fields[i] = (struct log_field){ i % 2 ? "url.path" : "vcr.number", i % 2 ? text : NULL, i };
            tap_open(&t);
            log_fields(LOG_INFO, "area", fields, "%s", text);
            char *all = tap_close(&t), *end = strchr(all, '\n');
            assert_non_null(end);
            assert_int_equal(end[1], '\0');
            assert_json_line(all, (size_t)(end - all));
            assert_non_null(strstr(all, "\"message\":\""));
            free(all);
            free(text);
        }
    }
}

enum { THREADS = 4, LINES = 300 };

static void *talk(void *arg)
{
    for (int i = 0; i < LINES; i++)
        log_fields(i % 50 ? LOG_INFO : LOG_ERROR, "area", (struct log_field[]) { { "vcr.thread", NULL, (intptr_t)arg }, { 0 } }, "line %d.", i);
    return NULL;
}

static void lines_of_all_threads_are_whole_and_in_order(void **state)
{
    struct tap t;
    pthread_t thread[THREADS];
    int next[THREADS] = { 0 };
    tap_open(&t);
    log_writer_begin();
    log_writer_begin(); /* once is enough */
    assert_int_equal(fcntl(t.pipe[1], F_SETPIPE_SZ, 1 << 20), 1 << 20);
    for (intptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, talk, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    log_writer_end();
    log_writer_end();
    char *all = tap_close(&t), *rest = all;
    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        assert_json_line(line, strlen(line));
        long who = strtol(strstr(line, "vcr.thread\":") + 12, NULL, 10), number = strtol(strstr(line, "line ") + 5, NULL, 10);
        assert_in_range(who, 0, THREADS - 1);
        assert_int_equal(number, next[who]++);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(next[i], LINES);
    free(all);
}

/* Nobody reads standard error: what does not fit is left out, told, and no caller waits for ever. */
static void a_reader_that_sleeps_stops_nobody(void **state)
{
    enum { MANY = 9000 };
    struct tap t;
    pthread_t reader;
    char text[401];
    void *all;
    memset(text, 'x', 400);
    text[400] = '\0';
    tap_open(&t);
    log_writer_begin();
    for (int i = 0; i < MANY; i++)
        log_info("area", "%s", text);
    log_error("area", "the last word");
    assert_int_equal(pthread_create(&reader, NULL, read_all, &t), 0);
    log_writer_end();
    tap_release(&t);
    pthread_join(reader, &all);
    long kept = 0, lost = 0;
    for (char *p = all; (p = strstr(p, "xxxxx\"}\n")) != NULL; p++)
        kept++;
    assert_non_null(all);
    for (const char *told = all; (told = strstr(told, " lines were left out")) != NULL; told++) {
        const char *digit = told;
        while (digit > (char *)all && digit[-1] >= '0' && digit[-1] <= '9')
            digit--;
        lost += strtol(digit, NULL, 10);
    }
    assert_true(kept > 1000 && kept < MANY);
    assert_true(lost > 0);
    assert_int_equal(kept + lost + (strstr(all, "the last word") ? 1 : 0), MANY + 1);
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_any_length_is_json),
        cmocka_unit_test(lines_of_all_threads_are_whole_and_in_order),
        cmocka_unit_test(a_reader_that_sleeps_stops_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
