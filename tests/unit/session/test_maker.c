/* tests/unit/session/test_maker.c - segments on demand, with a process that dies, hangs and babbles when asked to. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/util.h"
#include "session/maker.h"

enum { ANSWERS = 200 };
static char folder[] = "/tmp/vcr-maker-XXXXXX", program[PATH_MAX];
static struct loop *caller;
static struct segments *segments;
static struct maker *maker;
static atomic_bool live_late;

/* guarded by lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct answer {
    bool came;
    enum vcr_err err;
    char text[80];
} answers[ANSWERS];

static void on_done(void *arg, enum vcr_err err, const struct vcr_why *why, int fd, uint64_t size)
{
    struct answer *a = arg;
    pthread_mutex_lock(&lock);
    assert_false(a->came);
    a->came = true;
    a->err = err;
    if (err == VCR_OK) {
        assert_true(size < sizeof(a->text));
        assert_int_equal(pread(fd, a->text, size, 0), (ssize_t)size);
    } else {
        assert_int_equal(fd, -1);
        assert_int_equal(why->code, err);
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    vcr_close(&fd);
}

static struct maker_ticket *tickets[ANSWERS];
/* On the tickets' own loop, where no answer comes meanwhile; one that has come needs no leaving. */
static void leave_now(void *arg)
{
    int *n = arg;
    if (!answers[*n].came)
        maker_leave(tickets[*n]);
}
static void leave(int n)
{
    static int numbers[ANSWERS];
    numbers[n] = n;
    loop_call(caller, leave_now, &numbers[n]);
}

static struct maker_want want_of(const char *look, uint32_t first)
{
    struct maker_want w = { .job = { .first = first }, .reel_fd = -1, .index_fd = -1 };
    snprintf(w.key, sizeof(w.key), "7/%s/%u", look, first);
    vcr_strcpy(w.job.look, sizeof(w.job.look), look);
    return w;
}

static void ask(int n, const char *look, uint32_t first)
{
    struct maker_want w = want_of(look, first);
    if (n == 0) { /* they are the maker's from here on. Only of the first: ThreadSanitizer does not see libuv close what it opens, and takes the numbers' next use for a race */
        w.reel_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        w.index_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    tickets[n] = maker_ask(maker, &w, caller, on_done, &answers[n]);
}

static void ahead(const char *look, uint32_t first)
{
    struct maker_want w = want_of(look, first);
    maker_ahead(maker, &w);
}

static struct answer *wait_answer(int n)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 60;
    pthread_mutex_lock(&lock);
    while (!answers[n].came)
        assert_int_equal(pthread_cond_timedwait(&changed, &lock, &end), 0);
    pthread_mutex_unlock(&lock);
    return &answers[n];
}


static bool is_there(const char *what, uint32_t first)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof(path), "%s/%s-%u", folder, what, first);
    return access(path, F_OK) == 0;
}

static void wait_there(const char *what, uint32_t first)
{
    for (int i = 0; !is_there(what, first); i++) {
        assert_true(i < 30000);
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    }
}

static void open_gate(uint32_t first)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof(path), "%s/open-%u", folder, first);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static bool late(void *arg) { return atomic_load(&live_late); }

static void begin(int64_t wait_us, int64_t silence_us)
{
    char dir[PATH_MAX];
    const char *name = "segments";
    snprintf(dir, sizeof(dir), "%s/%s", folder, name);
    assert_int_equal(segments_open(&segments, dir, UINT64_C(1) << 30, NULL), VCR_OK);
    struct maker_config c = { .segments = segments, .render_program = program, .processes = 1, .live_is_late = late, .wait_us = wait_us, .silence_us = silence_us,
                              .patience_us = 300000 };
    assert_int_equal(maker_open(&maker, &c, NULL), VCR_OK);
}

static void end(void)
{
    maker_close(&maker);
    segments_close(&segments);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) { return remove(path); }

static int setup(void **state)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    assert_true(n > 0);
    self[n] = '\0';
    *strrchr(self, '/') = '\0';
    vcr_strcpy(folder, sizeof(folder), "/tmp/vcr-maker-XXXXXX");
    assert_non_null(mkdtemp(folder));
    char from[PATH_MAX + 64];
    snprintf(from, sizeof(from), "%s/unit/session/fake_make", self);
    snprintf(program, sizeof(program), "%s/fake_make", folder);
    assert_int_equal(symlink(from, program), 0);
    memset(answers, 0, sizeof(answers));
    atomic_store(&live_late, false);
    assert_int_equal(loop_open(&caller, "caller", NULL), VCR_OK);
    assert_int_equal(loop_start(caller, NULL), VCR_OK);
    begin(0, 0);
    return 0;
}

static int open_files(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* What libuv opens once stays; nothing else. */
static int teardown(void **state)
{
    static int before = -1;
    end();
    loop_stop(caller);
    loop_join(caller);
    loop_close(&caller);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    if (before < 0)
        before = open_files();
    assert_int_equal(open_files(), before);
    return 0;
}

static void who_asks_gets_it_and_the_next_one_gets_the_same(void **state)
{
    struct maker_counts c;
    ask(0, "good", 3);
    assert_int_equal(wait_answer(0)->err, VCR_OK);
    assert_string_equal(answers[0].text, "3 of job 1");
    ask(1, "good", 3);
    assert_string_equal(wait_answer(1)->text, "3 of job 1");
    end();
    begin(0, 0); /* another process finds what the last one made */
    ask(2, "good", 3);
    assert_string_equal(wait_answer(2)->text, "3 of job 1");
    maker_counts(maker, &c);
    assert_int_equal(c.made, 0);
}

static void all_who_ask_for_one_segment_share_the_work(void **state)
{
    struct maker_counts c;
    for (int n = 0; n < 20; n++)
        ask(n, "gate", 1);
    open_gate(1);
    for (int n = 0; n < 20; n++)
        assert_string_equal(wait_answer(n)->text, "1 of job 1");
    maker_counts(maker, &c);
    assert_int_equal(c.made, 1);
}

static void waited_for_comes_before_ahead(void **state)
{
    ask(0, "gate", 0); /* keeps the only process */
    ahead("good", 1);
    ahead("good", 2);
    ask(3, "good", 3);
    ask(4, "good", 4);
    open_gate(0);
    wait_there("made", 1);
    wait_there("made", 2);
    ask(1, "good", 1);
    ask(2, "good", 2);
    for (int n = 0; n < 5; n++)
        assert_int_equal(wait_answer(n)->err, VCR_OK);
    char path[PATH_MAX], order[64] = "";
    snprintf(path, sizeof(path), "%s/%s", folder, "order");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(read(fd, order, sizeof(order) - 1) > 0);
    close(fd);
    assert_string_equal(order, "0 3 4 1 2 ");
}

static void no_more_than_a_few_are_made_ahead_the_newest(void **state)
{
    ask(0, "gate", 0);
    for (uint32_t n = 1; n <= MAKER_AHEAD_MAX + 3; n++)
        ahead("good", n);
    open_gate(0);
    wait_there("made", MAKER_AHEAD_MAX + 3);
    for (uint32_t n = 1; n <= 3; n++)
        assert_false(is_there("made", n));
    assert_true(is_there("made", 4));
}

static void a_process_that_dies_costs_nobody_the_segment(void **state)
{
    static const char *const ways[] = { "die", "babble" };
    for (int i = 0; i < 2; i++) {
        ask(i, ways[i], 1);
        assert_int_equal(wait_answer(i)->err, VCR_OK);
    }
    struct maker_counts c;
    maker_counts(maker, &c);
    assert_int_equal(c.restarts, 2);
}

static void a_process_that_hangs_is_replaced(void **state)
{
    end();
    begin(60000000, 300000);
    ask(0, "hang", 1);
    assert_int_equal(wait_answer(0)->err, VCR_OK);
}

static void what_cannot_be_made_says_so_and_is_not_tried_at_once_again(void **state)
{
    struct maker_counts c;
    ask(0, "cannot", 1);
    assert_int_equal(wait_answer(0)->err, VCR_E_INTERNAL);
    ask(1, "dies", 2);
    assert_int_equal(wait_answer(1)->err, VCR_E_INTERNAL);
    maker_counts(maker, &c);
    uint64_t restarts = c.restarts;
    assert_int_equal(restarts, 2);
    ask(2, "dies", 2);
    assert_int_equal(wait_answer(2)->err, VCR_E_INTERNAL);
    maker_counts(maker, &c);
    assert_int_equal(c.restarts, restarts);
    ask(3, "good", 3);
    assert_int_equal(wait_answer(3)->err, VCR_OK);
}

static void a_full_disk_lets_go_of_old_segments(void **state)
{
    struct segments_counts c;
    ask(0, "good", 1);
    wait_answer(0);
    ask(1, "full", 2);
    assert_int_equal(wait_answer(1)->err, VCR_OK);
    segments_counts(segments, &c);
    assert_int_equal(c.files, 1);
    assert_int_equal(c.evicted, 1);
}

static void what_nobody_wants_any_more_is_left(void **state)
{
    ask(0, "wait", 1);
    ask(1, "good", 2);
    ask(2, "wait", 1);
    wait_there("begun", 1);
    ask(3, "good", 3);
    for (int n = 0; n < 3; n++)
        leave(n);
    assert_int_equal(wait_answer(3)->err, VCR_OK);
    assert_true(is_there("cancelled", 1));
    assert_false(is_there("made", 2));
    assert_false(answers[0].came || answers[1].came || answers[2].came);
}

static void one_who_stays_keeps_the_work(void **state)
{
    ask(0, "gate", 1);
    ask(1, "gate", 1);
    leave(0);
    open_gate(1);
    assert_int_equal(wait_answer(1)->err, VCR_OK);
    assert_false(is_there("cancelled", 1));
}

static void leaving_at_any_moment_is_fine(void **state)
{
    for (int n = 0; n < 100; n++) {
        ask(n, "good", (uint32_t)n % 10);
        leave(n);
    }
    ask(100, "good", 100);
    assert_int_equal(wait_answer(100)->err, VCR_OK);
}

static void nobody_waits_for_ever(void **state)
{
    end();
    begin(300000, 0);
    ask(0, "gate", 1);
    assert_int_equal(wait_answer(0)->err, VCR_E_BUSY);
    open_gate(1);
    wait_there("made", 1); /* the work went on */
    ask(1, "gate", 1);
    assert_int_equal(wait_answer(1)->err, VCR_OK);
}

static void too_many_at_once_are_sent_away(void **state)
{
    int last = MAKER_WAITED_MAX;
    for (int n = 0; n <= last; n++)
        ask(n, "gate", (uint32_t)n);
    assert_int_equal(wait_answer(last)->err, VCR_E_BUSY);
    for (int n = 0; n < last; n++)
        open_gate((uint32_t)n);
    for (int n = 0; n < last; n++)
        assert_int_equal(wait_answer(n)->err, VCR_OK);
}

static void live_pictures_come_first(void **state)
{
    atomic_store(&live_late, true);
    ahead("good", 1);
    ask(2, "good", 2); /* waits long, then gets its segment all the same */
    assert_int_equal(wait_answer(2)->err, VCR_OK);
    assert_false(is_there("made", 1));
    atomic_store(&live_late, false);
    wait_there("made", 1);
}

static void closing_tells_who_waits(void **state)
{
    ask(0, "wait", 1);
    ask(1, "good", 2);
    end();
    assert_int_equal(wait_answer(0)->err, VCR_E_BUSY);
    assert_int_equal(wait_answer(1)->err, VCR_E_BUSY);
    begin(0, 0);
}

static void a_program_that_is_not_there_is_told(void **state)
{
    end();
    assert_int_equal(unlink(program), 0);
    begin(300000, 0);
    ask(0, "good", 1);
    assert_int_equal(wait_answer(0)->err, VCR_E_BUSY);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    log_setup(LOG_TEXT, LOG_ERROR, "test");
    const struct CMUnitTest tests[] = {
        TEST(who_asks_gets_it_and_the_next_one_gets_the_same), TEST(all_who_ask_for_one_segment_share_the_work), TEST(waited_for_comes_before_ahead),
        TEST(no_more_than_a_few_are_made_ahead_the_newest), TEST(a_process_that_dies_costs_nobody_the_segment), TEST(a_process_that_hangs_is_replaced),
        TEST(what_cannot_be_made_says_so_and_is_not_tried_at_once_again), TEST(a_full_disk_lets_go_of_old_segments), TEST(what_nobody_wants_any_more_is_left),
        TEST(one_who_stays_keeps_the_work), TEST(leaving_at_any_moment_is_fine), TEST(nobody_waits_for_ever), TEST(too_many_at_once_are_sent_away),
        TEST(live_pictures_come_first), TEST(closing_tells_who_waits), TEST(a_program_that_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
