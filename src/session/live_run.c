/* session/live_run.c - one life of a vcr-ingest --live. It has parsed bytes of strangers: nothing it says is trusted. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "session/live_internal.h"

enum { RING_BYTES = 16 << 20, PIPE_BYTES = 1 << 20, READ_BURST = 1024, LEAVE_MS = 3000, NOTES_MAX = 20 };
static const int64_t pts_max_us = INT64_C(1000000) * 3600 * 24 * 366 * 100;

struct live_run {
    struct live_source *source;  /* NULL: it was left */
    struct sessions *owner;
    int64_t device_id, started_us;
    uv_process_t process;
    uv_poll_t wake;
    uv_timer_t deadline;         /* of one that was left */
    int wake_fd, key_fd, open_handles, notes;
    struct ring *ring;
    bool dying;
};

static void handle_closed(uv_handle_t *h)
{
    struct live_run *r = h->data;
    sessions_handle_closed(r->owner);
    if (--r->open_handles == 0)
        free(r);
}

static void handle_opened(struct live_run *r, uv_handle_t *h)
{
    h->data = r;
    r->open_handles++;
    sessions_handle_opened(r->owner);
}

static void on_wake(uv_poll_t *p, int status, int events);

static void run_end(struct live_run *r)
{
    struct live_source *src = r->source;
    int64_t lived_us = clock_mono_us() - r->started_us;
    if (r->source && !r->dying)
        on_wake(&r->wake, 0, 0); /* what it said last */
    r->source = NULL;
    uv_close((uv_handle_t *)&r->wake, handle_closed);
    uv_close((uv_handle_t *)&r->deadline, handle_closed);
    uv_close((uv_handle_t *)&r->process, handle_closed);
    vcr_close(&r->wake_fd);
    vcr_close(&r->key_fd);
    ring_close(&r->ring);
    if (src)
        live_source_run_ended(src, lived_us);
}

static void on_exit_(uv_process_t *p, int64_t status, int signal)
{
    struct live_run *r = p->data;
    if (r->source && !r->owner->closing && (status != 0 || signal != 0))
        log_warn("live", "device %lld: vcr-ingest ended (status %lld, signal %d)", (long long)r->device_id, (long long)status, signal);
    run_end(r);
}

void live_run_kill(struct live_run *r, const char *reason)
{
    if (r->dying)
        return;
    r->dying = true;
    if (reason)
        log_warn("live", "device %lld: vcr-ingest is replaced: %s", (long long)r->device_id, reason);
    uv_poll_stop(&r->wake);
    uv_process_kill(&r->process, SIGKILL); /* its exit does the rest */
}

static void on_deadline(uv_timer_t *t) { live_run_kill(t->data, NULL); }

void live_run_leave(struct live_run *r)
{
    r->source = NULL;
    uv_timer_start(&r->deadline, on_deadline, r->owner->closing ? 0 : LEAVE_MS, 0);
}

void live_run_key(struct live_run *r)
{
    uint64_t one = 1;
    ssize_t n = write(r->key_fd, &one, sizeof(one));
    (void)n; /* it has been asked already */
}

static bool note(struct live_run *r, const uint8_t *body, size_t len)
{
    char text[LIVE_NOTE_MAX + 1];
    if (len > LIVE_NOTE_MAX || !vcr_utf8_ok((const char *)body, len) || memchr(body, 0, len))
        return false;
    memcpy(text, body, len);
    text[len] = '\0';
    if (r->notes++ < NOTES_MAX)
        log_info("live", "device %lld: %s", (long long)r->device_id, text);
    return true;
}

/* One record; false: it makes no sense. */
static bool take(struct live_run *r, const uint8_t *record, size_t len)
{
    struct live_record head;
    struct live_format format;
    if (len < sizeof(head))
        return false;
    memcpy(&head, record, sizeof(head)); /* once: the process may write while we read */
    const uint8_t *body = record + sizeof(head);
    if (head.len != len - sizeof(head) || head.len == 0 || head.track >= LIVE_TRACKS)
        return false;
    if (head.type == LIVE_NOTE)
        return note(r, body, head.len);
    if (head.type == LIVE_FORMAT) {
        if (head.len != sizeof(format))
            return false;
        memcpy(&format, body, sizeof(format));
        if (!live_format_ok(&format, head.track))
            return false;
        live_source_format(r->source, head.track, &format);
        return true;
    }
    if (head.type != LIVE_PACKET || head.len > LIVE_BODY_MAX || head.pts_us < 0 || head.pts_us > pts_max_us)
        return false;
    const struct packet p = { .track = head.track == LIVE_VIDEO ? PACKET_VIDEO : PACKET_AUDIO, .flags = head.flags & (PACKET_KEY | PACKET_DISCONT), .pts_us = head.pts_us,
                              .tape_us = -1, .len = head.len, .data = body };
    live_source_packet(r->source, head.track, &p);
    return true;
}

static void on_wake(uv_poll_t *p, int status, int events)
{
    struct live_run *r = p->data;
    uint64_t count;
    ssize_t n = read(r->wake_fd, &count, sizeof(count));
    (void)n;
    for (int i = 0; i < READ_BURST && !r->dying; i++) {
        const uint8_t *record;
        size_t len;
        enum vcr_err err = ring_peek(r->ring, &record, &len, NULL);
        if (err == VCR_E_AGAIN)
            return;
        if (err != VCR_OK || (r->source && !take(r, record, len)))
            live_run_kill(r, "its packet ring is broken");
        else
            ring_next(r->ring);
    }
    count = 1; /* more is there: others have their turn first */
    n = write(r->wake_fd, &count, sizeof(count));
    (void)n;
}

static int spawn(struct live_run *r, enum live_kind kind, int input, int ring_fd)
{
    struct sessions *s = r->owner;
    uv_stdio_container_t stdio[LIVE_FDS_END] = {
        { .flags = UV_IGNORE }, { .flags = UV_IGNORE }, { .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
        [LIVE_FD_INPUT] = { .flags = UV_INHERIT_FD, .data.fd = input }, [LIVE_FD_RING] = { .flags = UV_INHERIT_FD, .data.fd = ring_fd },
        [LIVE_FD_WAKE] = { .flags = UV_INHERIT_FD, .data.fd = r->wake_fd }, [LIVE_FD_KEY] = { .flags = UV_INHERIT_FD, .data.fd = r->key_fd },
    };
    char *args[] = { s->ingest_program, (char[]){ "--live" }, kind == LIVE_TS ? (char[]){ "ts" } : (char[]){ "packets" }, NULL };
    char *environment[] = { (char[]){ "LC_ALL=C.UTF-8" }, NULL };
    uv_process_options_t options = {
        .file = s->ingest_program, .args = args, .env = environment, .exit_cb = on_exit_, .stdio = stdio, .stdio_count = LIVE_FDS_END,
    };
    return uv_spawn(loop_uv(s->loop), &r->process, &options);
}

struct live_run *live_run_start(struct live_source *src, enum live_kind kind, int *ret_input_fd)
{
    struct vcr_why why = { 0 };
    struct live_run *r = vcr_alloc(sizeof(*r));
    int input[2] = { -1, -1 }, ring_fd = -1, rc;
    uv_loop_t *uv = loop_uv(src->owner->loop);
    r->source = src;
    r->owner = src->owner;
    r->device_id = src->device_id;
    r->started_us = clock_mono_us();
    r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r->key_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r->wake_fd < 0 || r->key_fd < 0 || pipe2(input, O_CLOEXEC) != 0 || fcntl(input[1], F_SETFL, O_NONBLOCK) != 0) {
        vcr_fail(&why, VCR_E_IO, "no descriptors: %s", strerror(errno));
        goto fail;
    }
    fcntl(input[1], F_SETPIPE_SZ, PIPE_BYTES); /* a smaller one will do, too */
    if (ring_create(&r->ring, &ring_fd, RING_BYTES, &why) != VCR_OK)
        goto fail;
    uv_poll_init(uv, &r->wake, r->wake_fd);
    handle_opened(r, (uv_handle_t *)&r->wake);
    uv_timer_init(uv, &r->deadline);
    handle_opened(r, (uv_handle_t *)&r->deadline);
    rc = spawn(r, kind, input[0], ring_fd);
    handle_opened(r, (uv_handle_t *)&r->process);
    vcr_close(&input[0]);
    vcr_close(&ring_fd);
    if (rc != 0) {
        log_error("live", "vcr-ingest cannot be started: %s", uv_strerror(rc));
        vcr_close(&input[1]);
        r->source = NULL;
        r->dying = true;
        run_end(r);
        return NULL;
    }
    uv_poll_start(&r->wake, UV_READABLE, on_wake);
    *ret_input_fd = input[1];
    return r;

fail:
    log_error("live", "vcr-ingest cannot be started: %s", why.text);
    vcr_close(&input[0]);
    vcr_close(&input[1]);
    vcr_close(&r->wake_fd);
    vcr_close(&r->key_fd);
    free(r);
    return NULL;
}
