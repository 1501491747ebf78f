/* cmd/dub.c - the unsealed part of `vcr dub`: opens the files, lets the sealed child work, and names the outputs once they are whole.
 *
 * An output is written beside its place under a name that begins with a dot; whatever ends the work before it is done, that file goes away again. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "cmd/dub.h"
#include "wire/json.h"

enum { FAILED = 1, MISUSED = 2, FD_FREE = 10 /* above all that the child is given */, NAME_TRIES = 16 };

struct target {
    const char *option;          /* as the person calls it */
    char *path, *temporary;      /* where it belongs; where it is until it is whole, NULL: nowhere */
    int fd;
};

static enum vcr_err open_in(const char *path, int *ret, struct stat *st, struct vcr_why *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, st) != 0) {
        vcr_close(&fd);
        return vcr_fail(why, errno == ENOENT ? VCR_E_NOT_FOUND : VCR_E_IO, "IN %.120s: %s", path, strerror(errno));
    }
    if (!S_ISREG(st->st_mode)) {
        vcr_close(&fd);
        return vcr_fail(why, VCR_E_INVALID, "IN %.120s is no regular file", path);
    }
    *ret = fcntl(fd, F_DUPFD_CLOEXEC, FD_FREE);
    vcr_close(&fd);
    return *ret >= 0 ? VCR_OK : vcr_fail(why, VCR_E_IO, "IN: %s", strerror(errno));
}

/* Where a name leads: through symbolic links to the file that is there, or beside which it will be. */
static char *resolve(const char *name)
{
    char *whole = realpath(name, NULL);
    if (whole || errno != ENOENT)
        return whole;
    char *a = vcr_strdup(name), *b = vcr_strdup(name), *folder = realpath(dirname(a), NULL);
    if (folder)
        whole = vcr_asprintf("%s/%s", strcmp(folder, "/") == 0 ? "" : folder, basename(b));
    free(folder);
    free(a);
    free(b);
    return whole;
}

static enum vcr_err may_be_written(const struct target *t, const char *name, const struct stat *in, struct vcr_why *why)
{
    struct stat st;
    if (lstat(t->path, &st) != 0)
        return errno == ENOENT ? VCR_OK : vcr_fail(why, VCR_E_IO, "%s %.120s: %s", t->option, name, strerror(errno));
    if (st.st_dev == in->st_dev && st.st_ino == in->st_ino)
        return vcr_fail(why, VCR_E_CONFLICT, "%s %.120s is the same file as IN", t->option, name);
    /* a link that leads nowhere is not followed: where it would be made, nobody said */
    return S_ISREG(st.st_mode) ? VCR_OK : vcr_fail(why, VCR_E_INVALID, "%s %.120s is there and no regular file", t->option, name);
}

static enum vcr_err open_target(struct target *t, const char *name, const struct stat *in, struct vcr_why *why)
{
    t->path = resolve(name);
    if (!t->path)
        return vcr_fail(why, VCR_E_NOT_FOUND, "%s %.120s: %s", t->option, name, strerror(errno));
    enum vcr_err err = may_be_written(t, name, in, why);
    for (int i = 0; err == VCR_OK && t->fd < 0 && i < NAME_TRIES; i++) {
        char *a = vcr_strdup(t->path), *b = vcr_strdup(t->path);
        char *temporary = vcr_asprintf("%s/.%.200s.%08x.part", dirname(a), basename(b), (unsigned)vcr_random_u64());
        int fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        free(a);
        free(b);
        if (fd < 0) {
            free(temporary);
            if (errno != EEXIST)
                err = vcr_fail(why, VCR_E_IO, "%s %.120s: %s", t->option, name, strerror(errno));
            continue;
        }
        t->temporary = temporary;
        t->fd = fcntl(fd, F_DUPFD_CLOEXEC, FD_FREE);
        vcr_close(&fd);
        if (t->fd < 0)
            err = vcr_fail(why, VCR_E_IO, "%s: %s", t->option, strerror(errno));
    }
    return err == VCR_OK && t->fd < 0 ? vcr_fail(why, VCR_E_IO, "%s %.120s: no free name beside it", t->option, name) : err;
}

/* Names what is whole, or removes what is not. */
static enum vcr_err settle(struct target *t, bool whole, struct vcr_why *why)
{
    enum vcr_err err = VCR_OK;
    if (t->temporary && (!whole || rename(t->temporary, t->path) != 0)) {
        if (whole)
            err = vcr_fail(why, VCR_E_IO, "%s: %s", t->option, strerror(errno));
        unlink(t->temporary);
    }
    vcr_close(&t->fd);
    free(t->temporary);
    free(t->path);
    t->temporary = t->path = NULL;
    return err;
}

/* ---- the child ---- */
static _Noreturn void child(const struct dub_options *o, int in, const struct target *out, int report, bool terminal)
{
    struct vcr_why why = { 0 };
    const int to[][2] = { { in, DUB_FD_IN }, { report, DUB_FD_REPORT }, { out[0].fd, DUB_FD_OUT }, { out[1].fd, DUB_FD_SOUND_OUT } };
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(to); i++)
        ok = ok && (to[i][0] < 0 || dup2(to[i][0], to[i][1]) >= 0);
    ingest_warm_up();
    enum vcr_err err = ok ? ingest_seal(&why) : vcr_fail(&why, VCR_E_IO, "descriptors: %s", strerror(errno));
    if (err == VCR_OK)
        err = dub_run(o, terminal, &why);
    for (int i = 0; err == VCR_OK && i < 2; i++)
        if (out[i].fd >= 0 && fdatasync(out[i].fd) != 0)
            err = vcr_fail(&why, VCR_E_IO, "%s cannot be written: %s", out[i].option, strerror(errno));
    if (err != VCR_OK)
        vcr_write_all(DUB_FD_REPORT, why.text, strlen(why.text));
    fflush(NULL);
    _exit(err == VCR_OK ? 0 : FAILED);
}

static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

static void watched(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGCHLD);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        sigaddset(set, ends[i]);
}

/* Until the child has gone; *ret_signal: what the person ended it with, 0: nothing. */
static int wait_for(pid_t pid, int *ret_signal)
{
    sigset_t set;
    int got = 0, status = 0;
    watched(&set);
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (sigwait(&set, &got) != 0 || got == SIGCHLD)
            continue;
        *ret_signal = got;
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        break;
    }
    return status;
}

static enum vcr_err run_child(const struct dub_options *o, int in, const struct target *out, char *told, size_t size, int *ret_signal, struct vcr_why *why)
{
    int line[2];
    sigset_t set, before;
    size_t n = 0;
    if (pipe2(line, O_CLOEXEC) != 0)
        return vcr_fail(why, VCR_E_IO, "a pipe: %s", strerror(errno));
    int told_fd = fcntl(line[1], F_DUPFD_CLOEXEC, FD_FREE);
    vcr_close(&line[1]);
    watched(&set);
    sigprocmask(SIG_BLOCK, &set, &before);
    bool terminal = isatty(STDERR_FILENO) && !o->json;
    pid_t pid = told_fd < 0 ? -1 : fork();
    if (pid == 0) {
        vcr_close(&line[0]);
        sigprocmask(SIG_SETMASK, &before, NULL);
        child(o, in, out, told_fd, terminal);
    }
    vcr_close(&told_fd);
    int status = pid < 0 ? -1 : wait_for(pid, ret_signal);
    for (ssize_t got; n < size - 1 && (got = read(line[0], told + n, size - 1 - n)) > 0;) /* a pipe holds all of it */
        n += (size_t)got;
    told[n] = '\0';
    vcr_close(&line[0]);
    if (pid < 0)
        return vcr_fail(why, VCR_E_IO, "a process of its own: %s", strerror(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return VCR_OK;
    if (WIFEXITED(status) && n > 0)
        return vcr_fail(why, VCR_E_INVALID, "%s", told);
    return WIFSIGNALED(status) ? vcr_fail(why, VCR_E_INTERNAL, "ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)))
                               : vcr_fail(why, VCR_E_INTERNAL, "it failed and could not say why");
}

static enum vcr_err dub(const struct dub_options *o, int *ret_signal, struct vcr_why *why)
{
    struct target out[2] = { { .option = "OUT", .fd = -1 }, { .option = "--audio-out", .fd = -1 } };
    char told[4096] = "";
    struct stat st;
    int in = -1;
    enum vcr_err err = open_in(o->in, &in, &st, why);
    if (err == VCR_OK)
        err = open_target(&out[0], o->out, &st, why);
    if (err == VCR_OK && o->audio_out)
        err = open_target(&out[1], o->audio_out, &st, why);
    if (err == VCR_OK && o->audio_out && strcmp(out[0].path, out[1].path) == 0)
        err = vcr_fail(why, VCR_E_CONFLICT, "OUT and --audio-out are the same file");
    if (err == VCR_OK)
        err = run_child(o, in, out, told, sizeof(told), ret_signal, why);
    for (int i = 0; i < 2; i++) {
        enum vcr_err named = settle(&out[i], err == VCR_OK, why);
        err = err == VCR_OK ? named : err;
    }
    vcr_close(&in);
    if (err == VCR_OK)
        fputs(told, stdout);
    return err;
}

/* Ends as a program does that the person ended. */
static _Noreturn void end_by(int number)
{
    sigset_t set;
    signal(number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, number);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    _exit(FAILED);
}

static int fail(const struct dub_options *o, const struct vcr_why *why, int status)
{
    fprintf(stderr, "vcr dub: %s\n", why->text);
    if (o->json) {
        struct buf b;
        struct jsonw w;
        buf_init(&b, 4096);
        jsonw_init(&w, &b);
        jsonw_open(&w, NULL);
        jsonw_str(&w, "error", why->text);
        jsonw_close(&w);
        puts(b.data);
        buf_free(&b);
    }
    return status;
}

int dub_main(int argc, char **argv)
{
    struct dub_options o;
    struct vcr_why why = { 0 };
    struct signal_profile any;
    enum signal_isa isa;
    int number = 0;
    enum vcr_err err = dub_options_read(&o, argc, argv, &why);
    for (int i = 0; err != VCR_OK && i < argc; i++) /* a word before it may be what is wrong */
        o.json |= strcmp(argv[i], "--json") == 0;
    if (err == VCR_OK && o.help) {
        fputs(dub_usage, stdout);
        return 0;
    }
    if (err == VCR_OK)
        err = dub_profile_file(&o, &why);
    if (err == VCR_OK) /* before any file is touched */
        err = dub_profile(&any, &o, o.standard < 0 ? SIGNAL_NTSC : (enum signal_standard)o.standard, &why);
    if (err == VCR_OK)
        err = dub_isa(&isa, &o, &why);
    if (err == VCR_OK && (o.list_profiles || o.list_settings))
        err = dub_list(&o, &why);
    else if (err == VCR_OK)
        err = dub(&o, &number, &why);
    else
        return fail(&o, &why, MISUSED);
    if (number)
        end_by(number);
    if (err != VCR_OK)
        return fail(&o, &why, FAILED);
    return fflush(stdout) == 0 ? 0 : FAILED;
}
