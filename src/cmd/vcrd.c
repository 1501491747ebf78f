/* cmd/vcrd.c - the server: reads its settings, opens what they name, serves until SIGTERM, drains.
 *
 * Everything is opened in dependency order by one table and closed in reverse, so a failing start leaves nothing behind and says one clear line. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/api.h"
#include "app/app.h"
#include "app/devices.h"
#include "app/import.h"
#include "app/process.h"
#include "app/whip.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/log_writer.h"
#include "base/loop.h"
#include "base/util.h"
#include "cmd/config.h"
#include "cmd/vcrd_keep.h"
#include "cmd/vcrd_srt.h"
#include "cmd/vcrd_told.h"
#include "deliver/webrtc/rtc.h"
#include "http/http.h"
#include "session/maker.h"
#include "session/session.h"
#include "store/blob.h"
#include "store/cache.h"
#include "store/segments.h"
#include "store/sql.h"

enum { DRAIN_MS = 30000, CALLS_MS = 10000, CALLS_EVERY_MS = 10, PATH_BYTES = 4096, CONNECTIONS_MAX = 20000, DESCRIPTORS_KEPT = 256 };

struct server {
    struct config config;
    char program_dir[PATH_BYTES]; /* where vcr-render, vcr-ingest and the page stand */
    struct loop *loop;            /* the main thread's */
    struct sql_db *db;
    struct blob_store *blobs;
    struct cache *cache;
    struct rtc *rtc;
    struct sessions *sessions;
    struct segments *segments;
    struct maker *maker;
    struct vcrd_srt srt;
    struct app *app;
    struct process_worker *process;
    struct outside_roots watch, libraries;
    struct importer *importer;
    struct api *api;
    struct http_server *http;
    struct vcrd_told told;
    struct vcrd_keep keep;
    uv_signal_t term, interrupt;
    uv_timer_t calls;             /* while draining */
    int64_t drained_ms;
    bool handles_open, draining;
};

/* program_dir + name, for what is started or served from beside vcrd. */
static void beside(const struct server *s, const char *name, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%.2000s/%s", s->program_dir, name);
}

static enum vcr_err open_data_dir(struct server *s, struct vcr_why *why)
{
    struct stat st;
    if (mkdir(s->config.data_dir, 0700) != 0 && errno != EEXIST)
        return vcr_fail(why, VCR_E_IO, "VCR_DATA_DIR: %s: %s", s->config.data_dir, strerror(errno));
    if (stat(s->config.data_dir, &st) != 0 || !S_ISDIR(st.st_mode))
        return vcr_fail(why, VCR_E_IO, "VCR_DATA_DIR: %s is not a directory", s->config.data_dir);
    return VCR_OK;
}

static enum vcr_err check_roles(struct server *s, struct vcr_why *why)
{
    if (strcmp(s->config.roles, "api,media,worker") == 0)
        return VCR_OK;
    return vcr_fail(why, VCR_E_INVALID, "VCR_ROLES: \"%s\": this version runs all roles in one process: api,media,worker", s->config.roles);
}

static enum vcr_err check_queue(struct server *s, struct vcr_why *why)
{
    if (strcmp(s->config.queue_url, "database:") == 0)
        return VCR_OK;
    return vcr_fail(why, VCR_E_INVALID, "VCR_QUEUE_URL: \"%s\": this version knows database: only", s->config.queue_url);
}

static enum vcr_err open_loop(struct server *s, struct vcr_why *why) { return loop_open(&s->loop, "main", why); }

static enum vcr_err open_sql(struct server *s, struct vcr_why *why)
{
    return sql_open(&s->db, s->config.database_url, s->config.data_dir, why);
}

static enum vcr_err open_blobs(struct server *s, struct vcr_why *why)
{
    enum vcr_err err = blob_open_store(&s->blobs, s->config.blob_url, s->config.data_dir, why);
    return err == VCR_OK ? blob_sweep(s->blobs, why) : err;
}

/* Folders that are not ours. Neither may hold the data directory or lie among the blobs: a server that imports itself has no end. */
static enum vcr_err open_outside(struct server *s, struct vcr_why *why)
{
    const char *url = s->config.blob_url;
    const char *name = strncmp(url, "file:", 5) == 0 ? url + 5 : "";
    char *blobs = !*name ? NULL : *name == '/' ? vcr_strdup(name) : vcr_asprintf("%s/%s", s->config.data_dir, name);
    enum vcr_err err = outside_roots_parse(&s->watch, "VCR_WATCH_DIR", s->config.watch_dir, s->config.data_dir, blobs, why);
    if (err == VCR_OK && s->watch.count > 1)
        err = vcr_fail(why, VCR_E_INVALID, "VCR_WATCH_DIR: one folder, not %d", s->watch.count);
    if (err == VCR_OK)
        err = outside_roots_parse(&s->libraries, "VCR_LIBRARY_DIRS", s->config.library_dirs, s->config.data_dir, blobs, why);
    if (err == VCR_OK && s->watch.count && outside_roots_overlap(&s->libraries, s->watch.roots[0]))
        err = vcr_fail(why, VCR_E_INVALID, "VCR_WATCH_DIR: %.150s is a library, too", s->watch.roots[0]);
    free(blobs);
    return err;
}

static enum vcr_err open_cache(struct server *s, struct vcr_why *why) { return cache_open(&s->cache, s->config.cache_url, why); }

static enum vcr_err open_rtc(struct server *s, struct vcr_why *why)
{
    struct rtc_config c = {
        .listen = s->config.media_listen,
        .public_address = *s->config.public_address ? s->config.public_address : NULL,
        .threads = (int)s->config.media_threads,
        .joins_per_s = s->config.rate_limits ? 0 : -1,
    };
    return rtc_open(&s->rtc, &c, why);
}

static enum vcr_err open_sessions(struct server *s, struct vcr_why *why)
{
    char render[PATH_BYTES], ingest[PATH_BYTES];
    beside(s, "vcr-render", render);
    beside(s, "vcr-ingest", ingest);
    struct sessions_config c = { .rtc = s->rtc, .render_program = render, .ingest_program = ingest };
    s->told.db = s->db;
    s->told.gives_pieces = s->config.render_cache_sessions;
    vcrd_told_config(&s->told, &c);
    return sessions_open(&s->sessions, &c, why);
}

static bool live_is_late(void *arg)
{
    struct sessions_counts n;
    sessions_counts(arg, &n);
    return n.late_per_s > 0;
}

static enum vcr_err open_maker(struct server *s, struct vcr_why *why)
{
    char render[PATH_BYTES], dir[PATH_BYTES];
    beside(s, "vcr-render", render);
    snprintf(dir, sizeof(dir), "%.2000s/render-cache", s->config.data_dir);
    enum vcr_err err = segments_open(&s->segments, dir, s->config.render_cache_bytes, why);
    struct maker_config c = { .segments = s->segments, .render_program = render, .live_is_late = live_is_late, .arg = s->sessions };
    return err == VCR_OK ? maker_open(&s->maker, &c, why) : err;
}

static enum app_registration registration(const char *name)
{
    return strcmp(name, "closed") == 0 ? APP_REGISTRATION_CLOSED : strcmp(name, "invite") == 0 ? APP_REGISTRATION_INVITE : APP_REGISTRATION_OPEN;
}

static enum vcr_err open_app(struct server *s, struct vcr_why *why)
{
    struct app_config c = {
        .db = s->db, .blobs = s->blobs, .libraries = &s->libraries, .cache = s->cache, .sessions = s->sessions,
        .programmes = sessions_programmes(s->sessions), .segments = s->segments, .maker = s->maker, .data_dir = s->config.data_dir,
        .secret_file = *s->config.secret_file ? s->config.secret_file : NULL,
        .registration = registration(s->config.registration),
        .rate_limits = s->config.rate_limits,
        .max_upload_bytes = s->config.max_upload_bytes,
        .quota_bytes = s->config.quota_bytes,
        .bin_days = (int)s->config.bin_days,
        .audit_days = (int)s->config.audit_days,
        .demo = s->config.demo,
        .cdn_url = s->config.cdn_url, .cdn_key_file = s->config.cdn_key_file,
        .srt_url = s->srt.url,
    };
    enum vcr_err err = app_open(&s->app, &c, why);
    s->told.app = s->keep.app = s->app;
    return err;
}

/* Before any request can ask where to send to. */
static enum vcr_err open_srt(struct server *s, struct vcr_why *why)
{
    s->srt.app = s->app;
    s->srt.sessions = s->sessions;
    return vcrd_srt_open(&s->srt, s->config.srt_listen, strcmp(s->config.srt_listen, CONFIG_SRT_DEFAULT) == 0, *s->config.public_address ? s->config.public_address : NULL, why);
}

static enum vcr_err whip_begins(void *arg, struct live_publisher **ret, int64_t device_id, const struct live_events *events, struct vcr_why *why)
{
    return live_publish(arg, ret, device_id, LIVE_PACKETS, events, why);
}

static enum vcr_err open_whip(struct server *s, struct vcr_why *why)
{
    return whip_open(s->app, s->rtc, &(struct whip_sink) { .open = whip_begins, .packet = live_packet, .close = live_unpublish, .arg = s->sessions }, why);
}

static enum vcr_err open_process(struct server *s, struct vcr_why *why)
{
    char ingest[PATH_BYTES];
    beside(s, "vcr-ingest", ingest);
    struct process_config c = { .db = s->db, .blobs = s->blobs, .libraries = &s->libraries, .program = ingest, .workers = (int)s->config.workers };
    return process_open(&s->process, &c, why);
}

static enum vcr_err open_import(struct server *s, struct vcr_why *why)
{
    struct import_config c = { .app = s->app, .loop = s->loop, .watch = &s->watch, .libraries = &s->libraries };
    return s->watch.count + s->libraries.count > 0 ? import_open(&s->importer, &c, why) : VCR_OK;
}

/* The built page: VCR_WEB_DIR, else beside the programs of an installation, else in the source tree. */
static enum vcr_err open_api(struct server *s, struct vcr_why *why)
{
    char dir[PATH_BYTES];
    struct stat st;
    if (*s->config.web_dir) {
        vcr_strcpy(dir, sizeof(dir), s->config.web_dir);
    } else {
        beside(s, "web", dir);
        if (stat(dir, &st) != 0)
            beside(s, "../web/dist", dir);
    }
    bool there = stat(dir, &st) == 0;
    if (!there && *s->config.web_dir)
        return vcr_fail(why, VCR_E_INVALID, "VCR_WEB_DIR: %s does not exist", dir);
    if (!there)
        log_warn("vcrd", "the page is not built (%s): only the API is served", dir);
    struct api_config c = { .app = s->app, .web_dir = there ? dir : NULL, .server = &s->http, .cors_origins = s->config.cors_origins };
    return api_open(&s->api, &c, why);
}

/* A crowd of connections, each of which may read a file, leaves enough descriptors for the database, uploads and new processes. */
static int connections_for(uint64_t descriptors)
{
    uint64_t spare = descriptors > 2 * DESCRIPTORS_KEPT ? descriptors - DESCRIPTORS_KEPT : descriptors / 2;
    return (int)VCR_CLAMP(spare / 2, UINT64_C(1), (uint64_t)CONNECTIONS_MAX);
}

static enum vcr_err open_http(struct server *s, struct vcr_why *why)
{
    struct http_config c = { .listen = s->config.listen, .connections_max = connections_for(vcr_descriptors_max()) };
    if (c.connections_max < CONNECTIONS_MAX)
        log_info("vcrd", "at most %d connections, for want of file descriptors (ulimit -n)", c.connections_max);
    api_http_config(s->api, &c);
    if (!s->config.rate_limits)
        c.connections_per_ip = -1;
    return http_open(&s->http, &c, why);
}

/* No connection is left, but requests whose clients went away may still be on a pool: everything they use stays until they are through. */
static void on_calls(uv_timer_t *t)
{
    struct server *s = t->data;
    int left = api_calls(s->api);
    bool late = clock_wall_ms() - s->drained_ms > CALLS_MS;
    if ((left > 0 || s->keep.sweeping_now) && !late)
        return;
    if (late)
        log_warn("vcrd", "%d requests did not end in time", left);
    uv_timer_stop(t);
    loop_stop(s->loop);
}

static void on_drained(void *arg)
{
    struct server *s = arg;
    s->drained_ms = clock_wall_ms();
    uv_timer_start(&s->calls, on_calls, 0, CALLS_EVERY_MS);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct server *s = handle->data;
    if (s->draining) {
        log_error("vcrd", "second signal: ending at once");
        _exit(1);
    }
    s->draining = s->keep.ended = true;
    log_info("vcrd", "%s: draining", number == SIGTERM ? "SIGTERM" : "SIGINT");
    api_set_draining(s->api);
    http_drain(s->http, DRAIN_MS, s->loop, on_drained, s);
}

static enum vcr_err open_handles(struct server *s, struct vcr_why *why)
{
    s->handles_open = true;
    uv_timer_init(loop_uv(s->loop), &s->calls);
    s->calls.data = s;
    s->keep.blobs = s->blobs;
    vcrd_keep_begin(&s->keep, s->loop);
    uv_signal_init(loop_uv(s->loop), &s->term);
    uv_signal_init(loop_uv(s->loop), &s->interrupt);
    s->term.data = s->interrupt.data = s;
    if (uv_signal_start(&s->term, on_signal, SIGTERM) != 0 || uv_signal_start(&s->interrupt, on_signal, SIGINT) != 0)
        return vcr_fail(why, VCR_E_IO, "signals cannot be watched");
    return VCR_OK;
}

static enum vcr_err (*const openers[])(struct server *s, struct vcr_why *why) = {
    check_roles, check_queue, open_data_dir, open_loop, open_sql, open_blobs, open_outside, open_cache, open_rtc, open_sessions, open_maker, open_app, open_srt, open_whip, open_process, open_import,
    open_api, open_http, open_handles,
};

/* What uses something is closed before it; what was never opened is skipped. */
static void close_all(struct server *s)
{
    import_close(&s->importer);
    process_close(&s->process);
    if (s->sessions)
        vcrd_told_maker_ends(&s->told);
    maker_close(&s->maker); /* it asks how the sessions do */
    vcrd_srt_close(&s->srt);
    if (s->app)
        whip_close(&s->app->whip);
    sessions_close(&s->sessions); /* keeps the places of the tapes, which is a write */
    http_close(&s->http);
    api_close(&s->api);
    app_close(&s->app);
    segments_close(&s->segments);
    rtc_close(&s->rtc);
    sql_close(&s->db);
    cache_close(&s->cache);
    blob_close_store(&s->blobs);
    if (s->handles_open) {
        uv_handle_t *handles[] = { (uv_handle_t *)&s->term, (uv_handle_t *)&s->interrupt, (uv_handle_t *)&s->calls };
        for (size_t i = 0; i < ARRAY_LEN(handles); i++)
            uv_close(handles[i], NULL);
        vcrd_keep_end(&s->keep);
    }
    loop_close(&s->loop);
    outside_roots_free(&s->watch);
    outside_roots_free(&s->libraries);
    config_free(&s->config);
}

static bool find_program_dir(struct server *s)
{
    ssize_t n = readlink("/proc/self/exe", s->program_dir, sizeof(s->program_dir) - 1);
    if (n <= 0)
        return false;
    s->program_dir[n] = '\0';
    char *slash = strrchr(s->program_dir, '/');
    if (slash)
        *slash = '\0';
    return true;
}

static void usage(FILE *to) { fputs("usage: vcrd [--config FILE] [--version]\nSettings are VCR_* variables; see README.md.\n", to); }

int main(int argc, char **argv)
{
    const char *file = NULL;
    struct vcr_why why = { 0 };
    static struct server s;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            file = argv[++i];
        } else if (strcmp(argv[i], "--version") == 0) {
            puts("vcrd " VCR_VERSION);
            return 0;
        } else {
            bool help = strcmp(argv[i], "--help") == 0;
            usage(help ? stdout : stderr);
            return help ? 0 : 2;
        }
    }
    enum vcr_err err = find_program_dir(&s) ? config_load(&s.config, file, &why) : vcr_fail(&why, VCR_E_IO, "/proc is not mounted");
    if (err == VCR_OK) {
        bool json = *s.config.log ? strcmp(s.config.log, "json") == 0 : !isatty(2);
        log_setup(json ? LOG_JSON : LOG_TEXT, LOG_INFO, "vcrd");
        signal(SIGPIPE, SIG_IGN);
        signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files (ulimit -f) is a full disk */
        umask(077);
        log_writer_begin();
    }
    for (size_t i = 0; i < ARRAY_LEN(openers) && err == VCR_OK; i++)
        err = openers[i](&s, &why);
    if (err != VCR_OK) {
        log_writer_end();
        fprintf(stderr, "vcrd: %s\n", why.text);
        close_all(&s);
        return 1;
    }
    log_info("vcrd", "version " VCR_VERSION ", media on UDP port %d", rtc_port(s.rtc));
    if (!s.config.rate_limits)
        log_warn("vcrd", "VCR_RATE_LIMITS=off: rate limits, connection caps and log-in back-off are lifted; for load tests only");
    fprintf(stderr, "ready http://%s\n", http_address(s.http));
    loop_run(s.loop);
    close_all(&s);
    log_info("vcrd", "ended");
    log_writer_end();
    return 0;
}
