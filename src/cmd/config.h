/* cmd/config.h - what vcrd runs on: the VCR_* settings of api.md's deployment contract, from a file and the environment (which wins).
 *
 * A bad setting is one clear line that names the variable. Owns its strings until config_free. Threads: start-up only. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"

#define CONFIG_SRT_DEFAULT "127.0.0.1:8190"
struct config {
    const char *listen, *media_listen, *srt_listen, *public_address, *data_dir, *database_url, *cache_url, *queue_url, *blob_url, *roles, *secret_file,
        *registration, *log, *web_dir, *watch_dir, *library_dirs, *cors_origins, *cdn_url, *cdn_key_file;
    bool demo, rate_limits, render_cache_sessions;
    uint64_t max_upload_bytes, quota_bytes, render_cache_bytes;
    int64_t bin_days, audit_days, workers, media_threads; /* the last two, 0: by the number of cores */
    /* config.c's own */
    char *strings[40];
    int string_count;
};
/* file NULL: the environment only. */
enum vcr_err config_load(struct config *ret, const char *file, struct vcr_why *why);
void config_free(struct config *c);
