/* render/seal.c - see seal.h. The list is what libavcodec, x264, opus and our own loop do once they are open, found by running them. */
#include "render/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Without conditions. */
static const int allowed[] = {
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(pread64), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(close), SCMP_SYS(fstat),
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(munmap), SCMP_SYS(mremap),
    SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(getrandom), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield), SCMP_SYS(getpid),
    SCMP_SYS(gettid), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall),
    SCMP_SYS(exit), SCMP_SYS(exit_group),
};

static bool add_rules(scmp_filter_ctx ctx)
{
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        if (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0) < 0)
            return false;
    pid_t self = getpid();
    /* memory: anonymous, never executable; signals: only to ourselves (abort); files: what fstat is made of (with it, a taken-over
     * process could still ask whether a path exists, no more) */
    return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                            SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS)) == 0 &&
           seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0 &&
           seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)self, 0)) == 0 &&
           seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1, SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH, 0)) == 0;
}

enum vcr_err seal(int line, struct vcr_why *why)
{
    static const struct rlimit none = { 0, 0 };
    if (!vcr_end_with_parent(line) || prctl(PR_SET_DUMPABLE, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
        return vcr_fail(why, VCR_E_IO, "sealing: %s", strerror(errno));
    /* With sanitizers a forbidden call fails instead of killing, so that their report is printed. */
    scmp_filter_ctx ctx = seccomp_init(SANITIZED ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS);
    if (!ctx)
        return vcr_fail(why, VCR_E_NOMEM, "sealing: no memory for the filter");
    int bad = add_rules(ctx) ? seccomp_load(ctx) : -EINVAL; /* also sets no_new_privs */
    seccomp_release(ctx);
    return bad == 0 ? VCR_OK : vcr_fail(why, VCR_E_IO, "sealing: %s", strerror(-bad));
}

static bool act_open(void) { return syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY, 0) >= 0; }
static bool act_create(void) { return syscall(SYS_openat, AT_FDCWD, "/tmp", O_TMPFILE | O_RDWR, 0600) >= 0; }
static bool act_stat(void) { return syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", &(char[512]){ 0 }, 0) == 0; }
static bool act_socket(void) { return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0) >= 0; }
static bool act_socketpair(void) { return syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, &(int[2]){ 0 }) == 0; }
static bool act_fork(void) { return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) >= 0; }
static bool act_exec(void)
{
    char *const argv[] = { "true", NULL };
    syscall(SYS_execve, "/bin/true", argv, argv + 1);
    return false; /* a child that did become /bin/true exits with 0, which says "let through" */
}
static bool act_kill(void) { return syscall(SYS_kill, getppid(), 0) == 0; }
static bool act_ptrace(void) { return syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0) == 0; }
static bool act_executable_memory(void)
{
    return syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != -1;
}
static bool act_unlink(void) { return syscall(SYS_unlinkat, AT_FDCWD, "/nonexistent-vcr", 0) == 0 || errno == ENOENT; }
static bool act_bpf(void) { return syscall(SYS_bpf, 0, 0, 0) >= 0 || errno == EINVAL; }

static const struct act { const char *name; bool (*go)(void); } acts[] = {
    { "open a file", act_open },       { "create a file", act_create },  { "stat a path", act_stat },   { "open a socket", act_socket },
    { "open a socket pair", act_socketpair }, { "fork", act_fork },      { "run a program", act_exec }, { "signal another process", act_kill },
    { "trace", act_ptrace },           { "map executable memory", act_executable_memory }, { "remove a file", act_unlink }, { "load a BPF program", act_bpf },
};
enum { LET_THROUGH = 0, REFUSED = 3, NOT_SEALED = 4 };

static bool refused(const struct act *a)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        if (seal(-1, NULL) != VCR_OK)
            _exit(NOT_SEALED);
        _exit(a->go() ? LET_THROUGH : REFUSED);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return false;
    return WIFSIGNALED(status) ? WTERMSIG(status) == SIGSYS : WEXITSTATUS(status) == REFUSED && SANITIZED;
}

bool seal_prove(void)
{
    bool all = true;
    for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
        bool ok = refused(&acts[i]);
        printf("%s: %s\n", acts[i].name, ok ? "refused" : "LET THROUGH");
        all &= ok;
    }
    return all;
}
