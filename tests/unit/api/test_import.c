/* tests/unit/api/test_import.c - the import folder and libraries: what is taken and what is not, whose it is, hostile names, and files that change behind our back. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/import.h"
#include "app/library.h"
#include "base/clock.h"
#include "kit.h"

static struct kit kit;
static char admin[1200], user[1200], folder[96];
static struct outside_roots watch, libraries;
static struct importer *importer;

static void with_libraries(struct app_config *c) { c->libraries = &libraries; }

static void make_folder(void)
{
    vcr_strcpy(folder, sizeof(folder), "/tmp/vcr-import-XXXXXX");
    assert_non_null(mkdtemp(folder));
}

static int open_all(void **state)
{
    make_folder();
    kit_open(&kit, with_libraries);
    sign_up(&kit, "admin@x.org", admin);
    sign_up(&kit, "user@x.org", user);
    return 0;
}

static int close_all(void **state)
{
    char line[128];
    import_close(&importer);
    kit_close(&kit);
    outside_roots_free(&watch);
    outside_roots_free(&libraries);
    snprintf(line, sizeof(line), "rm -rf %s", folder);
    return system(line);
}

static int settle_ms = 40;

static void begin(bool library)
{
    struct import_config c = { .app = kit.app, .watch = &watch, .libraries = &libraries, .settle_ms = settle_ms, .rescan_ms = 20 };
    assert_int_equal(outside_roots_parse(library ? &libraries : &watch, "X", folder, NULL, NULL, NULL), VCR_OK);
    assert_int_equal(import_open(&importer, &c, NULL), VCR_OK);
}

static void end(void)
{
    import_close(&importer);
    outside_roots_free(&watch);
    outside_roots_free(&libraries);
}

static void put_file(const char *name, const char *text)
{
    char path[1400];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_true(vcr_write_all(fd, text, strlen(text)));
    close(fd);
}

static bool there(const char *name)
{
    char path[1400];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return lstat(path, &st) == 0;
}

static void nap(void) { nanosleep(&(struct timespec){ 0, 5000000 }, NULL); }
#define UNTIL(condition)                                            \
    do {                                                            \
        int64_t end_us_ = clock_mono_us() + 60000000;               \
        while (!(condition) && clock_mono_us() < end_us_)           \
            nap();                                                  \
        assert_true(condition);                                     \
    } while (0)

static json_t *tapes(const char *token) /* items, newest last; the caller drops it */
{
    struct answer a = ask(&kit, token, "GET", "/api/v1/tapes?sort=created_at&limit=200", NULL);
    json_t *items = json_incref(json_object_get(a.json, "items"));
    answer_free(&a);
    return items;
}

static size_t count(const char *token)
{
    json_t *items = tapes(token);
    size_t n = json_array_size(items);
    json_decref(items);
    return n;
}

static bool has_title(const char *token, const char *title)
{
    size_t i;
    json_t *t, *items = tapes(token);
    bool found = false;
    json_array_foreach(items, i, t)
        found = found || strcmp(json_string_value(json_object_get(t, "title")), title) == 0;
    json_decref(items);
    return found;
}

static bool is_empty(void)
{
    DIR *d = opendir(folder);
    int n = 0;
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n == 2;
}

static void a_film_is_taken_once_it_stands_still(void **state)
{
    begin(false);
    for (int i = 0; i < 20; i++) { /* each time it is another one, so it never stands */
        char text[32];
        snprintf(text, sizeof(text), "%0*d", i + 1, 7);
        put_file("Christmas_1992.mpg", text);
        nap();
    }
    put_file("Christmas_1992.mpg", "the whole film");
    UNTIL(is_empty());
    assert_int_equal(count(user), 0);
    json_t *items = tapes(admin), *t = json_array_get(items, 0);
    assert_int_equal(json_array_size(items), 1);
    assert_string_equal(json_string_value(json_object_get(t, "title")), "Christmas 1992");
    assert_string_equal(json_string_value(json_object_get(t, "status")), "processing");
    char path[80];
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld/media", (long long)json_integer_value(json_object_get(t, "id")));
    json_decref(items);
    struct answer a = ask(&kit, admin, "GET", path, NULL);
    assert_string_equal(a.body, "the whole film");
    char name[120];
    assert_true(head_value(&a, "Content-Disposition", name, sizeof(name)));
    assert_non_null(strstr(name, "Christmas_1992.mpg"));
    answer_free(&a);
}

static void nothing_is_taken_before_it_has_stood_long_enough(void **state)
{
    settle_ms = 3600 * 1000;
    put_file("young.mpg", "film");
    begin(false);
    settle_ms = 40;
    for (int i = 0; i < 100; i++) /* some looks */
        nap();
    assert_true(there("young.mpg"));
    assert_int_equal(count(admin), 0);
}

static void a_folder_named_after_somebody_is_theirs(void **state)
{
    char path[128], line[300];
    static const char *const folders[] = { "User@X.org", "stranger@x.org", "Holidays" };
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, folders[i]);
        assert_int_equal(mkdir(path, 0755), 0);
        snprintf(path, sizeof(path), "%s/film%zu.avi", folders[i], i);
        put_file(path, folders[i]);
    }
    begin(false);
    UNTIL(has_title(user, "film0") && has_title(admin, "film2") && there("stranger@x.org/film1.avi" IMPORT_NOTE));
    assert_int_equal(count(admin), 1);
    assert_true(there("stranger@x.org/film1.avi")); /* it waits for them, and says so */
    snprintf(line, sizeof(line), "grep -q 'e-mail address' '%s/stranger@x.org/film1.avi" IMPORT_NOTE "'", folder);
    assert_int_equal(system(line), 0);
    end();
    char stranger[1200];
    sign_up(&kit, "stranger@x.org", stranger);
    begin(false);
    UNTIL(has_title(stranger, "film1") && !there("stranger@x.org/film1.avi" IMPORT_NOTE));
}

static void what_is_no_finished_film_stays(void **state)
{
    char path[200], target[128], out[140];
    static const char *const names[] = { ".hidden.mpg", "film.mpg.part", "film.mpg.crdownload", "film~", "Thumbs.db", "empty.mpg", ("old.mpg" IMPORT_NOTE) };
    vcr_strcpy(out, sizeof(out), folder);
    strcat(out, "-outside");
    int fd = open(out, O_WRONLY | O_CREAT, 0644);
    assert_true(fd >= 0 && vcr_write_all(fd, "secret", 6));
    close(fd);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        put_file(names[i], strcmp(names[i], "empty.mpg") == 0 ? "" : "x");
    snprintf(path, sizeof(path), "%s/link.mpg", folder);
    assert_int_equal(symlink(out, path), 0);
    snprintf(path, sizeof(path), "%s/folderlink", folder);
    snprintf(target, sizeof(target), "/etc");
    assert_int_equal(symlink(target, path), 0);
    snprintf(path, sizeof(path), "%s/pipe.mpg", folder);
    assert_int_equal(mkfifo(path, 0644), 0);
    snprintf(path, sizeof(path), "%s/loop", folder);
    assert_int_equal(symlink(folder, path), 0);
    begin(false);
    put_file("real.mpg", "film");
    UNTIL(!there("real.mpg"));
    UNTIL(count(admin) == 1);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_true(there(names[i]));
    assert_true(there("link.mpg") && there("pipe.mpg") && there("folderlink"));
    assert_int_equal(unlink(out), 0);
}

/* Names are bytes that anybody may choose. Whatever they are, the film is on the shelf with a title that is text, and nothing else has happened. */
static void hostile_names_are_only_names(void **state)
{
    static const char *const names[] = { "$(touch pwned).mpg", "; rm -rf *.mpg", "-rf.mpg", "a\nb\tc.mpg", "\xFF\xFE\x80.mpg", "' OR 1=1 --.mpg", "%2e%2e%2fetc.mpg", "..mpg..",
                                         "\xE2\x80\xAEgpm.exe", "<script>alert(1)<script>.mpg", "CON.mpg", "\x1b[31mred.mpg", "{\"a\":1}.mpg", "...mpg" };
    char longest[256], title[IMPORT_TITLE_BYTES];
    memset(longest, 'x', 251);
    vcr_strcpy(longest + 251, 5, ".mpg");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        put_file(names[i], names[i]);
    put_file(longest, "long");
    begin(false);
    UNTIL(count(admin) == ARRAY_LEN(names) + 1 - 2); /* two of them are hidden */
    UNTIL(!there(longest));
    assert_true(there("..mpg..") && there("...mpg"));
    size_t i;
    json_t *t, *items = tapes(admin);
    json_array_foreach(items, i, t)
    {
        const char *text = json_string_value(json_object_get(t, "title"));
        assert_true(text && *text && vcr_utf8_ok(text, strlen(text)));
        for (const char *p = text; *p; p++)
            assert_true((unsigned char)*p >= 0x20 && *p != 0x7F);
        assert_null(strstr(text, "\xE2\x80\xAE"));
    }
    json_decref(items);
    assert_false(there("pwned"));
    import_title(title, "x/\xFF.mpg");
    assert_string_equal(title, "Untitled");
    import_title(title, "a/b/Our_Wedding  (1988).VOB");
    assert_string_equal(title, "Our Wedding (1988)");
}

static void deep_and_many_are_bounded(void **state)
{
    char path[400];
    int len = snprintf(path, sizeof(path), "%s", folder);
    for (int i = 0; i < 12; i++) {
        len += snprintf(path + len, sizeof(path) - (size_t)len, "/d");
        assert_int_equal(mkdir(path, 0755), 0);
    }
    put_file("d/d/d/shallow.mpg", "a");
    put_file("d/d/d/d/d/d/d/d/d/d/d/d/deep.mpg", "b");
    for (int i = 0; i < 90; i++) { /* more than one look takes */
        snprintf(path, sizeof(path), "film %d.mpg", i);
        put_file(path, path);
    }
    begin(false);
    UNTIL(!there("film 89.mpg") && !there("film 0.mpg") && !there("d/d/d/shallow.mpg"));
    for (int i = 0; i < 90; i++) {
        snprintf(path, sizeof(path), "film %d.mpg", i);
        UNTIL(!there(path));
    }
    assert_true(there("d/d/d/d/d/d/d/d/d/d/d/d/deep.mpg"));
}

static void small(struct app_config *c)
{
    c->max_upload_bytes = 100;
    c->libraries = &libraries;
}

static void what_cannot_be_taken_stays_with_a_note(void **state)
{
    char big[201], path[200];
    close_all(NULL);
    make_folder();
    kit_open(&kit, small);
    begin(false); /* nobody is there yet: nothing happens, and no note is left */
    put_file("first.mpg", "film");
    for (int i = 0; i < 30; i++)
        nap();
    assert_true(there("first.mpg") && !there("first.mpg" IMPORT_NOTE));
    end();
    sign_up(&kit, "admin@x.org", admin);
    memset(big, 'x', 200);
    big[200] = '\0';
    put_file("big.mpg", big);
    begin(false);
    UNTIL(there("big.mpg" IMPORT_NOTE) && !there("first.mpg"));
    assert_int_equal(count(admin), 1);
    assert_true(there("big.mpg"));
    snprintf(path, sizeof(path), "test -z \"$(find %s/blobs -name '*.part*')\"", kit.dir);
    assert_int_equal(system(path), 0);
    put_file("big.mpg", "now it is small");
    UNTIL(!there("big.mpg") && !there("big.mpg" IMPORT_NOTE));
    UNTIL(count(admin) == 2);
}

static enum vcr_err as_killed(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    return sql_exec(tx, arg, SQL_NONE, NULL, why);
}

/* Rows as a kill leaves them: in the middle of a copy, and between the tape and the removal. */
static void a_kill_leaves_a_film_in_one_place(void **state)
{
    char line[700], key[64];
    struct stat st;
    struct blob_writer *w = NULL;
    begin(false);
    end();
    put_file("half.mpg", "half");
    put_file("done.mpg", "done");
    long long half = kit_make_tape(&kit, admin, "{\"title\":\"half\"}"), done = kit_make_tape(&kit, admin, "{\"title\":\"done\"}");
    snprintf(key, sizeof(key), "tapes/%lld/original", half);
    assert_int_equal(blob_begin(kit.blobs, key, &w, NULL), VCR_OK);
    assert_int_equal(blob_commit(&w, NULL, NULL, NULL), VCR_OK);
    assert_int_equal(outside_roots_parse(&watch, "X", folder, NULL, NULL, NULL), VCR_OK);
    snprintf(line, sizeof(line), "INSERT INTO imports(root, path, tape_id, state, size_bytes, written_us, changed_us, inode) VALUES('%s', 'half.mpg', %lld, 'taking', 4, 1, 1, 1)", watch.roots[0], half);
    assert_int_equal(sql_run(kit.db, SQL_WRITE, as_killed, line, NULL), VCR_OK);
    snprintf(line, sizeof(line), "%s/done.mpg", folder);
    assert_int_equal(stat(line, &st), 0);
    snprintf(line, sizeof(line), "INSERT INTO imports(root, path, tape_id, state, size_bytes, written_us, changed_us, inode) VALUES('%s', 'done.mpg', %lld, 'taken', 4, %lld, %lld, %lld)",
             watch.roots[0], done, st.st_mtim.tv_sec * 1000000LL + st.st_mtim.tv_nsec / 1000, st.st_ctim.tv_sec * 1000000LL + st.st_ctim.tv_nsec / 1000, (long long)st.st_ino);
    assert_int_equal(sql_run(kit.db, SQL_WRITE, as_killed, line, NULL), VCR_OK);
    outside_roots_free(&watch);
    begin(false);
    assert_false(there("done.mpg"));
    assert_int_equal(blob_stat(kit.blobs, key, &(uint64_t){ 0 }, NULL), VCR_E_NOT_FOUND);
    UNTIL(is_empty());
    UNTIL(count(admin) == 2); /* "done", and "half" once */
    assert_true(has_title(admin, "half") && has_title(admin, "done"));
}

/* ---- libraries ---- */
static long long library_tape(const char *title)
{
    size_t i;
    json_t *t, *items = tapes(admin);
    long long id = 0;
    json_array_foreach(items, i, t)
        if (strcmp(json_string_value(json_object_get(t, "title")), title) == 0)
            id = json_integer_value(json_object_get(t, "id"));
    json_decref(items);
    return id;
}

static bool in_state(long long id, const char *state)
{
    char path[80];
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld", id);
    struct answer a = ask(&kit, admin, "GET", path, NULL);
    bool ok = strcmp(text_at(&a, "original_state"), state) == 0;
    answer_free(&a);
    return ok;
}

static void expect_media(long long id, int status, const char *body)
{
    char path[80];
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld/media", id);
    struct answer a = ask(&kit, admin, "GET", path, NULL);
    if (a.status != status || (body && strcmp(a.body, body) != 0))
        fail_msg("%d %s", a.status, a.body);
    answer_free(&a);
}

static void a_librarys_files_stay_where_they_are(void **state)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/1992", folder);
    assert_int_equal(mkdir(path, 0755), 0);
    put_file("1992/garden.avi", "the garden");
    put_file("1992/garden.srt", "no film");
    put_file("1992/garden.txt", "no film");
    snprintf(path, sizeof(path), "chmod -R a-w %s", folder);
    assert_int_equal(system(path), 0);
    begin(true);
    UNTIL(count(admin) == 1);
    long long id = library_tape("garden");
    assert_true(in_state(id, "library"));
    expect_media(id, 200, "the garden");
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld", id);
    struct answer a = ask(&kit, admin, "GET", path, NULL);
    assert_string_equal(text_at(&a, "status"), "processing");
    assert_int_equal(strncmp(text_at(&a, "storage_uri"), "library:", 8), 0);
    assert_non_null(strstr(text_at(&a, "storage_uri"), "/1992/garden.avi"));
    assert_null(strstr(a.body, "/tmp/"));
    answer_free(&a);
    strcat(path, "?purge=true");
    kit_expect(&kit, admin, "DELETE", path, NULL, 204, NULL);
    for (int i = 0; i < 30; i++) /* some looks */
        nap();
    assert_true(there("1992/garden.avi"));
    assert_int_equal(count(admin), 0); /* and it does not come back */
    snprintf(path, sizeof(path), "chmod -R u+w %s", folder);
    assert_int_equal(system(path), 0);
    put_file("1992/garden.avi", "another garden");
    UNTIL(count(admin) == 1);
}

static void a_changed_or_vanished_original_is_not_served(void **state)
{
    char path[200], other[200];
    put_file("film.mkv", "the film");
    begin(true);
    UNTIL(count(admin) == 1);
    long long id = library_tape("film");
    char line[200];
    snprintf(line, sizeof(line), "UPDATE tapes SET status = 'ready', original_sha256 = '%s' WHERE id = %lld", "2b0c3d", id);
    put_file("film.mkv", "something else");
    expect_media(id, 409, NULL); /* at once, before any look */
    UNTIL(in_state(id, "changed"));
    expect_media(id, 409, NULL);
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld/reprocess", id);
    assert_int_equal(sql_run(kit.db, SQL_WRITE, as_killed, "UPDATE jobs SET status = 'failed'", NULL), VCR_OK);
    assert_int_equal(sql_run(kit.db, SQL_WRITE, as_killed, "UPDATE tapes SET status = 'failed'", NULL), VCR_OK);
    kit_expect(&kit, admin, "POST", path, "{}", 409, "/original-changed");
    snprintf(path, sizeof(path), "%s/film.mkv", folder);
    assert_int_equal(unlink(path), 0);
    expect_media(id, 404, NULL);
    UNTIL(in_state(id, "gone"));
    assert_int_equal(count(admin), 1);
    put_file("other.mkv", "other");
    UNTIL(count(admin) == 2);
    id = library_tape("other");
    snprintf(path, sizeof(path), "%s/other.mkv", folder);
    snprintf(other, sizeof(other), "%s/renamed.mkv", folder);
    assert_int_equal(rename(path, other), 0);
    UNTIL(in_state(id, "library"));
    UNTIL(ask_status(&kit, admin, "GET", (snprintf(path, sizeof(path), "/api/v1/tapes/%lld/media", id), path), NULL) == 200);
    assert_int_equal(count(admin), 2); /* the same tape, elsewhere */
}

/* The path in the row goes through a link by the time it is opened. */
static void a_library_path_leads_nowhere_else(void **state)
{
    char path[200], moved[200];
    snprintf(path, sizeof(path), "%s/sub", folder);
    assert_int_equal(mkdir(path, 0755), 0);
    put_file("sub/passwd.mkv", "film");
    begin(true);
    UNTIL(count(admin) == 1);
    long long id = library_tape("passwd");
    import_close(&importer);
    snprintf(moved, sizeof(moved), "%s/.moved", folder);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(symlink(".moved", path), 0); /* beneath the root, even */
    expect_media(id, 404, NULL);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rename(moved, path), 0);
    expect_media(id, 200, "film");
    outside_roots_free(&libraries); /* no longer in the settings */
    expect_media(id, 404, NULL);
}

static void paths_are_kept_as_text(void **state)
{
    static const char *const paths[] = { "a/b.mpg", "100%.mpg", "%41.mpg", "\xC3\xA4\xFF\n.mpg", "\xC3" };
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        char text[LIBRARY_TEXT_BYTES], back[OUTSIDE_PATH_BYTES];
        assert_true(library_path_text(text, sizeof(text), paths[i]));
        assert_true(vcr_utf8_ok(text, strlen(text)));
        assert_true(library_path_bytes(back, text));
        assert_string_equal(back, paths[i]);
    }
    char back[OUTSIDE_PATH_BYTES];
    assert_false(library_path_bytes(back, "a%0") || library_path_bytes(back, "%00") || library_path_bytes(back, "%zz"));
}

static void a_root_may_not_hold_the_server(void **state)
{
    struct outside_roots r;
    struct vcr_why why;
    char inside[200];
    snprintf(inside, sizeof(inside), "%s/blobs", kit.dir);
    assert_int_equal(outside_roots_parse(&r, "VCR_WATCH_DIR", kit.dir, kit.dir, inside, &why), VCR_E_INVALID);
    assert_int_equal(strncmp(why.text, "VCR_WATCH_DIR", 13), 0);
    assert_int_equal(outside_roots_parse(&r, "VCR_WATCH_DIR", inside, kit.dir, inside, &why), VCR_E_INVALID);
    assert_int_equal(outside_roots_parse(&r, "VCR_WATCH_DIR", "/tmp", kit.dir, inside, &why), VCR_E_INVALID);
    assert_int_equal(outside_roots_parse(&r, "VCR_WATCH_DIR", "/nowhere-at-all", kit.dir, inside, &why), VCR_E_INVALID);
    snprintf(inside, sizeof(inside), "%s:%s", folder, folder);
    assert_int_equal(outside_roots_parse(&r, "VCR_LIBRARY_DIRS", inside, kit.dir, NULL, &why), VCR_E_INVALID);
    assert_int_equal(outside_roots_parse(&r, "VCR_LIBRARY_DIRS", folder, kit.dir, NULL, &why), VCR_OK);
    outside_roots_free(&r);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, open_all, close_all)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_film_is_taken_once_it_stands_still),
        CASE(nothing_is_taken_before_it_has_stood_long_enough),
        CASE(a_folder_named_after_somebody_is_theirs),
        CASE(what_is_no_finished_film_stays),
        CASE(hostile_names_are_only_names),
        CASE(deep_and_many_are_bounded),
        CASE(what_cannot_be_taken_stays_with_a_note),
        CASE(a_kill_leaves_a_film_in_one_place),
        CASE(a_librarys_files_stay_where_they_are),
        CASE(a_changed_or_vanished_original_is_not_served),
        CASE(a_library_path_leads_nowhere_else),
        CASE(paths_are_kept_as_text),
        CASE(a_root_may_not_hold_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
