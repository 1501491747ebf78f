/* media/ingest/sandbox.c - seals the process before it touches a byte of the original. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <malloc.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "media/ingest/ingest.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
#else
enum { SANITIZED = 0 };
#endif

#define MEMORY_BYTES (UINT64_C(1) << 30)
#define ADDRESS_BYTES (UINT64_C(3) << 30) /* libraries and the stacks of threads are mapped, not used */
#define FILE_BYTES (UINT64_C(1) << 40)
enum { CPU_SECONDS = 24 * 3600 };

/* What decoding, encoding and their threads need. All else answers EPERM, which the libraries take as "not there". */
static const int allowed[] = {
    SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(pwrite64), SCMP_SYS(lseek), SCMP_SYS(ftruncate), SCMP_SYS(fsync), SCMP_SYS(fdatasync),
    SCMP_SYS(close), SCMP_SYS(dup), SCMP_SYS(fstat), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq),
    SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
    SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack), SCMP_SYS(getrandom), SCMP_SYS(restart_syscall), SCMP_SYS(getrusage),
};

static int add_rules(scmp_filter_ctx ctx)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(allowed); i++)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
    /* New memory is never executable. */
    if (rc == 0)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (rc == 0)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    /* Threads, never processes. clone3 hides its flags in memory, so glibc is told that it does not exist and uses clone. */
    if (rc == 0)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    if (rc == 0)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    /* fstat as glibc spells it. It could also ask whether a name exists, which tells nobody: nothing can be sent but the report. */
    if (rc == 0)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1, SCMP_A3(SCMP_CMP_EQ, 0x1000 /* AT_EMPTY_PATH */, 0));
    /* abort() */
    if (rc == 0)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
    return rc;
}

/* Where who started us was stricter, that stays. */
static bool limit(int what, uint64_t value)
{
    struct rlimit r;
    if (getrlimit((__rlimit_resource_t)what, &r) != 0)
        return false;
    r.rlim_cur = VCR_MIN(r.rlim_cur, value);
    r.rlim_max = VCR_MIN(r.rlim_max, value);
    return setrlimit((__rlimit_resource_t)what, &r) == 0;
}

enum vcr_err ingest_seal(struct vcr_why *why)
{
    mallopt(M_ARENA_MAX, 2);
    bool ok = vcr_end_with_parent(INGEST_FD_REPORT) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0 &&
              limit(RLIMIT_CPU, CPU_SECONDS) && limit(RLIMIT_FSIZE, FILE_BYTES) && limit(RLIMIT_CORE, 0);
    if (!SANITIZED)
        ok = ok && limit(RLIMIT_DATA, MEMORY_BYTES) && limit(RLIMIT_AS, ADDRESS_BYTES);
    if (!ok)
        return vcr_fail(why, VCR_E_INTERNAL, "limits: %s", strerror(errno));
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!ctx)
        return vcr_fail(why, VCR_E_INTERNAL, "the sandbox cannot be made");
    int rc = add_rules(ctx);
    if (rc == 0)
        rc = seccomp_load(ctx);
    seccomp_release(ctx);
    return rc == 0 ? VCR_OK : vcr_fail(why, VCR_E_INTERNAL, "the sandbox cannot be sealed: %s", strerror(-rc));
}

static bool try_open(void) { return open("/dev/null", O_RDONLY) >= 0; }
static bool try_write_file(void) { return open("/tmp/vcr-sandbox-proof", O_WRONLY | O_CREAT, 0600) >= 0; }
static bool try_socket(void) { return socket(AF_INET, SOCK_STREAM, 0) >= 0; }
static bool try_fork(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid > 0;
}
static bool try_exec(void)
{
    execl("/bin/true", "true", (char *)NULL);
    return false; /* a success does not return: the caller sees a program that ends without the proof */
}
static bool try_kill(void) { return kill(getppid(), 0) == 0; }
static bool try_code(void) { return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED; }

/* Kernel calls by number, as none of them has a wrapper that would say less than all of it. */
static bool try_calls(void)
{
    static const long calls[] = {
        SYS_openat, SYS_creat, SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_execve, SYS_execveat, SYS_fork, SYS_vfork, SYS_ptrace, SYS_memfd_create,
        SYS_userfaultfd, SYS_bpf, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_process_vm_readv, SYS_process_vm_writev, SYS_perf_event_open, SYS_unshare, SYS_setns, SYS_mount,
        SYS_umount2, SYS_chroot, SYS_pivot_root, SYS_unlinkat, SYS_renameat2, SYS_mkdirat, SYS_linkat, SYS_symlinkat, SYS_fchmodat, SYS_fchownat, SYS_setuid, SYS_setgid, SYS_setns,
        SYS_kill, SYS_tkill, SYS_prlimit64, SYS_seccomp, SYS_io_setup, SYS_pipe2, SYS_eventfd2, SYS_inotify_init1, SYS_fanotify_init, SYS_open_by_handle_at, SYS_sendmsg, SYS_ioctl,
#ifdef SYS_io_uring_setup
        SYS_io_uring_setup,
#endif
#ifdef SYS_openat2
        SYS_openat2,
#endif
#ifdef SYS_pidfd_open
        SYS_pidfd_open,
#endif
    };
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        errno = 0;
        if (syscall(calls[i], -1L, 0L, 0L, 0L, 0L, 0L) != -1 || errno != EPERM)
            return true; /* any other error is the kernel's own: it was let through to it */
    }
    return syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS;
}

/* Twice what it may hold. */
static bool try_memory(void)
{
    void *p = SANITIZED ? MAP_FAILED : mmap(NULL, 2 * MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p != MAP_FAILED;
}

enum vcr_err ingest_prove_sealed(struct vcr_why *why)
{
    static const struct {
        const char *what;
        bool (*succeeds)(void);
    } tries[] = {
        { "opening a file", try_open }, { "making a file", try_write_file }, { "a socket", try_socket },          { "fork", try_fork },
        { "exec", try_exec },           { "a signal", try_kill },            { "executable memory", try_code },        { "too much memory", try_memory },
        { "a call that is not listed", try_calls },
    };
    for (size_t i = 0; i < ARRAY_LEN(tries); i++)
        if (tries[i].succeeds())
            return vcr_fail(why, VCR_E_INTERNAL, "%s works in the sandbox", tries[i].what);
    return VCR_OK;
}
