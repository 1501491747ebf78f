/* test_recorder.c - recordings: what is on the disk, read while it grows, after every kind of tear, and when there is no room. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "media/reel.h"
#include "record_kit.h"
#include "wire/reelcut.h"
#include "wire/reelwalk.h"

enum { START_US = 5000000 };
static const char *const tracks[RECORDER_TRACKS] = { "clean", "audio", "opus" };

struct fixture {
    struct kit k;
    struct recording r;
    char dir[64];
};

static int setup(void **state)
{
    struct fixture *f = vcr_alloc(sizeof(*f));
    strcpy(f->dir, "/tmp/vcr-rec-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    kit_open(&f->k, "one");
    recording_init(&f->r, f->dir);
    *state = f;
    return 0;
}
static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];
    kit_close(&f->k);
    snprintf(command, sizeof(command), "rm -rf %s", f->dir);
    if (system(command) != 0)
        return -1;
    free(f);
    return 0;
}

static void begin(struct fixture *f)
{
    struct recorder_files files = recording_files(&f->r, true);
    assert_int_equal(programme_record_start(f->k.p, &files, NULL), VCR_OK);
}

static void a_recording_begins_and_ends_when_told(void **state)
{
    struct fixture *f = *state;
    struct contents video, audio, opus;
    int64_t at_us = kit_play(&f->k, START_US, 2500000);
    begin(f);
    struct recorder_files again = { .journal_fd = -1, .track = { { -1, -1 }, { -1, -1 }, { -1, -1 } } };
    assert_int_equal(programme_record_start(f->k.p, &again, NULL), VCR_E_CONFLICT);
    kit_play(&f->k, at_us, 5200000); /* to 7.7 s; the next key frame was at 3.0 */
    programme_record_stop(f->k.p);
    recording_wait(&f->r);
    const struct recorder_result *r = &f->r.result;
    assert_string_equal(r->stop_reason, "stop");
    assert_true(r->sealed && f->r.sealed && !r->gaps);
    recording_check(f->dir, "clean", &video);
    recording_check(f->dir, "audio", &audio);
    recording_check(f->dir, "opus", &opus);
    /* Four whole fragments and the parts of the fifth: the picture that waits and those of its part are lost. */
    assert_int_equal(video.fragments, 5);
    assert_in_range(video.duration_us, 4000000 + 640000, 4700000);
    assert_in_range(audio.duration_us, 4600000 - 340000, 4720000);
    assert_in_range(opus.duration_us, 4600000 - 340000, 4720000);
    assert_int_equal(r->duration_us, video.duration_us);
    assert_int_equal(r->track[0].fragments, 5);
    assert_int_equal(video.first_wall_ms, 1732540000000 + START_US / 1000 + 3000);
    assert_int_equal(r->wall_ms, video.first_wall_ms);
    /* It can be recorded again. */
    struct recording second;
    recording_init(&second, f->dir);
    struct recorder_files files = recording_files(&second, true);
    assert_int_equal(programme_record_start(f->k.p, &files, NULL), VCR_OK);
    programme_record_stop(f->k.p); /* before anything came */
    recording_wait(&second);
    assert_true(!second.result.sealed && second.result.duration_us == 0);
}

/* Its fragments have several parts; a player of the tape goes over them in all directions. */
static void samples_of_a_recording_come_back_in_any_order(void **state)
{
    static uint32_t sums[4096];
    struct fixture *f = *state;
    begin(f);
    kit_play(&f->k, START_US, 6000000);
    programme_record_stop(f->k.p);
    recording_wait(&f->r);
    for (int i = 0; i < RECORDER_TRACKS; i++) {
        struct io *file_io = NULL, *index_io = NULL;
        struct reel *r = NULL;
        struct packet p;
        struct recorder_files files = recording_files(&f->r, false);
        assert_int_equal(io_fd_open(&file_io, files.track[i].fd, "reel", NULL), VCR_OK);
        assert_int_equal(io_fd_open(&index_io, files.track[i].index_fd, "index", NULL), VCR_OK);
        assert_int_equal(reel_open(&r, file_io, index_io, NULL), VCR_OK);
        uint32_t count = reel_sample_count(r), seed = 1;
        assert_in_range(count, 100, ARRAY_LEN(sums));
        for (uint32_t n = 0; n < count; n++) {
            assert_int_equal(reel_read(r, n, &p, NULL), VCR_OK);
            assert_int_equal(p.pts_us, reel_sample_pts_us(r, n));
            assert_true(n == 0 || p.pts_us > reel_sample_pts_us(r, n - 1));
            sums[n] = reelidx_crc32(0, p.data, p.len);
        }
        for (uint32_t k = 0; k < 3 * count; k++) {
            seed = seed * 1664525 + 1013904223;
            uint32_t n = k < count ? count - 1 - k : (seed >> 8) % count;
            assert_int_equal(reel_read(r, n, &p, NULL), VCR_OK);
            assert_int_equal(reelidx_crc32(0, p.data, p.len), sums[n]);
        }
        reel_close(&r);
        io_close(&file_io);
        io_close(&index_io);
        vcr_close(&files.journal_fd);
        for (int other = 0; other < RECORDER_TRACKS; other++) {
            if (other == i)
                continue;
            vcr_close(&files.track[other].fd);
            vcr_close(&files.track[other].index_fd);
        }
    }
}

static void what_is_recorded_can_be_rewound_while_it_is_recorded(void **state)
{
    struct fixture *f = *state;
    begin(f);
    int64_t at_us = START_US + 3000000;
    kit_play(&f->k, START_US, 3000000);
    for (int i = 0; i < 80; i++) { /* no faster than the disk */
        at_us = kit_play(&f->k, at_us, 1000000);
        assert_true(recording_reaches(&f->r, f->k.p, (i + 2) * 1000000LL));
    }
    char *list = kit_list(&f->k, PROGRAMME_GET_VIDEO_LIST, false);
    assert_non_null(strstr(list, "#EXT-X-MEDIA-SEQUENCE:0\n"));
    free(list);
    struct kit_get *early = kit_get(&f->k, NULL, PROGRAMME_GET_VIDEO_SEGMENT, 5, -1, false), *sound = kit_get(&f->k, NULL, PROGRAMME_GET_AUDIO_SEGMENT, 5, -1, false);
    assert_true(early->err == VCR_OK && early->from_file && sound->err == VCR_OK && sound->from_file);
    assert_int_equal(rd64be((uint8_t *)early->body.data + REELCUT_TFDT_AT), 5 * 120000);
    kit_get_free(early);
    kit_get_free(sound);
    /* Once it is over, the live window shrinks again behind what is not recorded. */
    programme_record_stop(f->k.p);
    recording_wait(&f->r);
    kit_play(&f->k, at_us, 50000000);
    list = kit_list(&f->k, PROGRAMME_GET_VIDEO_LIST, false);
    assert_null(strstr(list, "#EXT-X-MEDIA-SEQUENCE:0\n"));
    free(list);
}

/* Recorded from the middle: the file's time begins at 0, what players get keeps the programme's. */
static void a_file_begins_at_its_own_time(void **state)
{
    struct fixture *f = *state;
    struct contents c;
    int64_t at_us = kit_play(&f->k, START_US, 10000000);
    begin(f);
    for (int i = 0; i < 60; i++) {
        at_us = kit_play(&f->k, at_us, 1000000);
        assert_true(recording_reaches(&f->r, f->k.p, (i - 2) * 1000000LL));
    }
    struct kit_get *g = kit_get(&f->k, NULL, PROGRAMME_GET_VIDEO_SEGMENT, 12, -1, false);
    assert_true(g->err == VCR_OK && g->from_file);
    assert_int_equal(rd64be((uint8_t *)g->body.data + REELCUT_TFDT_AT), 12 * 120000);
    kit_get_free(g);
    programme_end(f->k.p);
    recording_wait(&f->r);
    recording_check(f->dir, "clean", &c);
    assert_int_equal(c.duration_us, 60000000);
}

static void a_gap_and_another_form(void **state)
{
    struct fixture *f = *state;
    struct contents c;
    begin(f);
    int64_t at_us = kit_play(&f->k, START_US, 3000000) + 5000000;
    f->k.sound_us = f->k.opus_us = at_us;
    at_us = kit_play(&f->k, at_us, 3000000);
    f->k.form = 1;
    kit_play(&f->k, at_us, 2000000);
    recording_wait(&f->r);
    assert_string_equal(f->r.result.stop_reason, "picture_changed");
    assert_true(f->r.result.sealed && f->r.result.gaps);
    recording_check(f->dir, "clean", &c);
    assert_int_equal(c.duration_us, 6000000);
    assert_int_equal(c.gaps, 1);
    recording_check(f->dir, "audio", &c);
    assert_int_equal(c.gaps, 1);
}

/* ---- tears: copies of a whole recording, as a kill or a power cut could have left it ---- */
enum { SECONDS = 8 };
struct tear { int64_t len[RECORDER_TRACKS], journal; bool journal_lost, tail_zero, bit_off; };

static void whole(struct fixture *f)
{
    begin(f);
    kit_play(&f->k, START_US, SECONDS * 1000000);
    programme_end(f->k.p);
    recording_wait(&f->r);
    assert_true(f->r.result.sealed);
}

static void recover(struct fixture *f, const struct tear *t, struct recorder_result *result, struct contents c[RECORDER_TRACKS])
{
    struct recording torn;
    char dir[80], from[128], to[128];
    snprintf(dir, sizeof(dir), "%s/t", f->dir);
    mkdir(dir, 0700);
    recording_init(&torn, dir);
    for (int i = 0; i < RECORDER_TRACKS; i++) {
        snprintf(from, sizeof(from), "%s/%s.mp4", f->dir, tracks[i]), snprintf(to, sizeof(to), "%s/%s.mp4", dir, tracks[i]);
        copy_file(from, to, t->len[i]);
        if (t->tail_zero && file_size(to) > 4096) {
            static const char zeros[4096];
            int fd = open(to, O_WRONLY);
            assert_int_equal(pwrite(fd, zeros, sizeof(zeros), file_size(to) - 4096), sizeof(zeros));
            close(fd);
        }
        if (t->bit_off) {
            int fd = open(to, O_WRONLY);
            assert_int_equal(pwrite(fd, "?", 1, file_size(to) - 3), 1);
            close(fd);
        }
        snprintf(to, sizeof(to), "%s/%s.idx", dir, tracks[i]);
        copy_file("/dev/null", to, -1);
    }
    snprintf(from, sizeof(from), "%s/recording.journal", f->dir), snprintf(to, sizeof(to), "%s/recording.journal", dir);
    copy_file(from, to, t->journal);
    if (t->journal_lost)
        unlink(to);
    struct recorder_files files = recording_files(&torn, false);
    recorder_recover(&files, result);
    for (int i = 0; i < RECORDER_TRACKS; i++) {
        c[i] = (struct contents){ 0 };
        if (result->track[i].there)
            recording_check(dir, tracks[i], &c[i]);
        assert_int_equal(c[i].fragments, result->track[i].fragments);
    }
}

static struct tear untorn(struct fixture *f)
{
    char path[128];
    struct tear t = { 0 };
    for (int i = 0; i < RECORDER_TRACKS; i++)
        snprintf(path, sizeof(path), "%s/%s.mp4", f->dir, tracks[i]), t.len[i] = file_size(path);
    snprintf(path, sizeof(path), "%s/recording.journal", f->dir);
    t.journal = file_size(path);
    return t;
}

/* Where each fragment of the picture ends. */
static void fragment_ends(struct fixture *f, int64_t ends[SECONDS + 1])
{
    char path[128];
    static uint8_t bytes[1 << 16];
    struct reelidx x;
    snprintf(path, sizeof(path), "%s/clean.idx", f->dir);
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, bytes, sizeof(bytes));
    close(fd);
    assert_int_equal(reelidx_parse(&x, bytes, (size_t)n, NULL), VCR_OK);
    assert_int_equal(x.fragment_count, SECONDS);
    ends[0] = x.init_size;
    for (int i = 0; i < SECONDS; i++)
        ends[i + 1] = (int64_t)(x.fragments[i].offset + x.fragments[i].size);
    reelidx_free(&x);
}

static void any_cut_loses_only_what_was_not_whole(void **state)
{
    struct fixture *f = *state;
    struct recorder_result r;
    struct contents c[RECORDER_TRACKS];
    int64_t ends[SECONDS + 1];
    whole(f);
    fragment_ends(f, ends);
    struct tear t = untorn(f), all = t;
    int64_t step = (all.len[0] - ends[0]) / 37;
    for (int64_t cut = ends[0]; cut <= all.len[0]; cut += step) {
        uint32_t expected = 0;
        while (expected < SECONDS && ends[expected + 1] <= cut)
            expected++;
        t.len[0] = cut;
        recover(f, &t, &r, c);
        assert_int_equal(c[0].fragments, expected);
        assert_true(expected == 0 || r.sealed);
        assert_int_equal(c[1].fragments, SECONDS);
    }
    /* The beginning itself: nothing of the picture can be had, the sound is kept. */
    t.len[0] = ends[0] - 7;
    recover(f, &t, &r, c);
    assert_true(r.sealed && !r.track[0].there && c[1].fragments == SECONDS);
}

static void torn_pages_and_lost_journals(void **state)
{
    struct fixture *f = *state;
    struct recorder_result r;
    struct contents c[RECORDER_TRACKS];
    int64_t ends[SECONDS + 1];
    whole(f);
    fragment_ends(f, ends);
    struct tear t = untorn(f), all = t;
    recover(f, &t, &r, c); /* untorn: nothing is lost */
    assert_true(r.sealed && c[0].fragments == SECONDS && c[1].fragments == SECONDS && c[2].fragments == SECONDS);
    assert_int_equal(c[0].first_wall_ms, 1732540000000 + START_US / 1000);
    t.tail_zero = true; /* the last page of each file never came to the disk */
    recover(f, &t, &r, c);
    assert_int_equal(c[0].fragments, SECONDS - 1);
    t = all;
    t.bit_off = true; /* well formed, but not what was written */
    recover(f, &t, &r, c);
    assert_true(c[0].fragments == SECONDS - 1 && c[1].fragments < SECONDS);
    t = all;
    t.journal_lost = true; /* what nothing vouches for is kept but for its last fragment */
    recover(f, &t, &r, c);
    assert_int_equal(c[0].fragments, SECONDS - 1);
    assert_in_range(c[1].fragments, SECONDS - 2, SECONDS);
    /* The journal's end is missing (a power cut), also inside a record; and then the file's, too. */
    for (int64_t cut = 0; cut < all.journal; cut += 23) {
        t = all;
        t.journal = cut;
        recover(f, &t, &r, c);
        assert_in_range(c[0].fragments, SECONDS - 1, SECONDS);
        t.len[0] = ends[4] + 5;
        recover(f, &t, &r, c);
        assert_in_range(c[0].fragments, 3, 4);
    }
    /* Recovered twice is recovered once. */
    t = all;
    recover(f, &t, &r, c);
    struct recording again;
    char dir[80];
    snprintf(dir, sizeof(dir), "%s/t", f->dir);
    recording_init(&again, dir);
    struct recorder_files files = recording_files(&again, false);
    recorder_recover(&files, &r);
    assert_true(r.sealed && again.sealed);
    recording_check(dir, "clean", &c[0]);
    assert_int_equal(c[0].fragments, SECONDS);
}

/* ---- no room ---- */
static void play_until_over(struct fixture *f)
{
    int64_t at_us = START_US;
    for (int i = 0; i < 400; i++) {
        at_us = kit_play(&f->k, at_us, 1000000);
        assert_true(recording_reaches(&f->r, f->k.p, (i - 2) * 1000000LL));
        pthread_mutex_lock(&f->r.lock);
        bool done = f->r.done;
        pthread_mutex_unlock(&f->r.lock);
        if (done)
            return;
    }
    fail_msg("the recording did not end");
}

static void check_full(struct fixture *f, int64_t room)
{
    struct contents video, audio;
    char path[128];
    assert_string_equal(f->r.result.stop_reason, "disk_full");
    assert_true(f->r.result.sealed && f->r.sealed);
    recording_check(f->dir, "clean", &video);
    recording_check(f->dir, "audio", &audio);
    assert_true(video.fragments > 3 && video.duration_us == f->r.result.duration_us);
    assert_in_range(audio.duration_us, video.duration_us - 2100000, video.duration_us + 2100000);
    snprintf(path, sizeof(path), "%s/clean.mp4", f->dir);
    assert_true(file_size(path) <= room);
    /* The programme goes on without it. */
    char *list = kit_list(&f->k, PROGRAMME_GET_VIDEO_LIST, false);
    assert_non_null(strstr(list, "PRELOAD-HINT"));
    free(list);
}

static void a_file_that_may_not_grow_is_sealed(void **state)
{
    struct fixture *f = *state;
    struct rlimit before, low;
    enum { ROOM = 300 << 10 };
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    low = before;
    low.rlim_cur = ROOM;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    begin(f);
    play_until_over(f);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    check_full(f, ROOM);
}

/* A file system of its own, where the machine allows that. In a child, because its mounts are its own. */
static void a_full_disk_stops_the_recording_at_a_whole_fragment(void **state)
{
    struct fixture *f = *state;
    kit_close(&f->k); /* a process with threads does not fork well */
    pid_t child = fork();
    if (child == 0) {
        struct kit k;
        if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 || mount("tmpfs", f->dir, "tmpfs", 0, "size=1m") != 0)
            _exit(77);
        kit_open(&k, "child");
        f->k = k;
        begin(f);
        play_until_over(f);
        check_full(f, 1 << 20);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    kit_open(&f->k, "one");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("# reason: no small file system can be mounted here\n");
        skip();
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_disk_that_fails_is_a_fault(void **state)
{
    struct fixture *f = *state;
    struct recorder_files files = recording_files(&f->r, true);
    char path[128];
    close(files.track[RECORDER_VIDEO].fd);
    snprintf(path, sizeof(path), "%s/clean.mp4", f->dir);
    files.track[RECORDER_VIDEO].fd = open(path, O_RDONLY); /* no write to it comes through */
    assert_int_equal(programme_record_start(f->k.p, &files, NULL), VCR_OK);
    play_until_over(f);
    assert_string_equal(f->r.result.stop_reason, "fault");
    assert_true(!f->r.result.sealed && f->r.result.duration_us == 0);
}

/* ---- a disk that takes nothing for a while ---- */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static enum vcr_err seal_at_the_gate(void *arg, const struct recorder_result *result, struct vcr_why *why)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return VCR_OK;
}

static void big_pictures(struct programme *p, int count)
{
    enum { BYTES = 400000, KEYS = 13 };
    static const uint8_t sets[] = { 0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0x95, 0xa0, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80, 0, 0, 0, 1, 0x65 };
    uint8_t *data = malloc(BYTES);
    memset(data, 0x55, BYTES);
    for (int n = 0; n < count; n++) {
        bool key = n % KEYS == 0;
        memcpy(data, key ? sets : (const uint8_t[]){ 0, 0, 0, 1, 0x41 }, key ? sizeof(sets) : 5);
        struct packet packet = { .flags = key ? PACKET_KEY : 0, .pts_us = n * INT64_C(40000), .len = BYTES, .data = data };
        assert_int_equal(programme_packet(p, PROGRAMME_VIDEO, &packet, NULL), VCR_OK);
    }
    free(data);
}

/* The one writer thread is held up by another recording: this one ends when too much waits, with all that was taken. */
static void what_the_disk_does_not_take_in_time_ends_the_recording(void **state)
{
    struct fixture *f = *state;
    struct recording other;
    struct contents c;
    struct programmes_config one = { .recorder_threads = 1 };
    struct programme_config big = kit_config("big");
    struct programme *p = NULL;
    big.track[PROGRAMME_AAC] = big.track[PROGRAMME_OPUS] = false;
    kit_close(&f->k);
    assert_int_equal(programmes_open(&f->k.set, &one, NULL), VCR_OK);
    struct programme_config config = kit_config("one");
    assert_int_equal(programme_open(f->k.set, &f->k.p, &config, NULL), VCR_OK);
    assert_int_equal(programme_open(f->k.set, &p, &big, NULL), VCR_OK);
    char dir[80];
    snprintf(dir, sizeof(dir), "%s/t", f->dir);
    mkdir(dir, 0700);
    recording_init(&other, dir);
    struct recorder_files files = recording_files(&other, true), mine = recording_files(&f->r, true);
    files.seal = seal_at_the_gate;
    pthread_mutex_lock(&gate);
    assert_int_equal(programme_record_start(f->k.p, &files, NULL), VCR_OK);
    kit_play(&f->k, 0, 2000000);
    programme_record_stop(f->k.p);
    assert_int_equal(programme_record_start(p, &mine, NULL), VCR_OK);
    big_pictures(p, 13 * 15); /* 5 MB a fragment */
    pthread_mutex_unlock(&gate);
    recording_wait(&f->r);
    recording_wait(&other);
    assert_string_equal(f->r.result.stop_reason, "too_slow");
    assert_true(f->r.result.sealed);
    recording_check(f->dir, "clean", &c);
    assert_in_range(c.fragments, 11, 13);
    programme_close(&p);
}

int main(void)
{
    log_setup(LOG_TEXT, LOG_ERROR, "test");
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_recording_begins_and_ends_when_told), T(samples_of_a_recording_come_back_in_any_order),
        T(what_is_recorded_can_be_rewound_while_it_is_recorded), T(a_file_begins_at_its_own_time), T(a_gap_and_another_form),
        T(any_cut_loses_only_what_was_not_whole), T(torn_pages_and_lost_journals), T(a_file_that_may_not_grow_is_sealed),
        T(a_full_disk_stops_the_recording_at_a_whole_fragment), T(a_disk_that_fails_is_a_fault),
        T(what_the_disk_does_not_take_in_time_ends_the_recording),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
