/* app/jobs.h - what workers are doing, as clients see it. A job is visible to whom its tape is. */
#pragma once
#include <jansson.h>

#include "app/app.h"
#include "wire/json.h"

enum { APP_JOB_PREFIX_BYTES = 64 };
/* Writes one job. */
enum vcr_err app_job_get(struct sql_tx *tx, const struct app_principal *who, int64_t id, int64_t now_ms, struct jsonw *j, struct vcr_why *why);
/* Newest first, before the id `before` (0: from the newest), of one tape or (tape_id 0) of all own ones; *ret_last: the last id when there are more, else 0. */
enum vcr_err app_job_list(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, int64_t before, int limit, int64_t now_ms, struct jsonw *j,
                          int64_t *ret_last, struct vcr_why *why);
/* CONFLICT "/job-under-way" when a job of this tape waits or runs. */
enum vcr_err app_job_under_way(struct sql_tx *tx, int64_t tape_id, struct vcr_why *why);
/* CONFLICT when it is over already. A tape whose only job was cancelled is `failed` and may be retried; one that has its reels stays `ready`. */
/* What it has made so far goes: of a job that ran, its worker sees to that; ret_prefix ("" then) names the blobs of one that waited, to be deleted after the commit. */
enum vcr_err app_job_cancel(struct sql_tx *tx, const struct app_principal *who, int64_t id, int64_t now_ms, char ret_prefix[APP_JOB_PREFIX_BYTES], struct vcr_why *why);
/* CONFLICT unless it failed or was cancelled, and while another job of its tape is under way. */
enum vcr_err app_job_retry(struct sql_tx *tx, const struct app_principal *who, int64_t id, int64_t now_ms, struct vcr_why *why);
/* reprocess.c: processes the tape's original once more. said: an object with any of field_order, standard and aspect, which are kept with the tape and go into the job's
 * payload; null or "auto" takes one back. The tape stays as it is until the new reels are there. CONFLICT "/job-under-way", "/no-original", "/recorded-over". */
enum vcr_err app_reprocess(const struct app *a, struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, const json_t *said, int64_t now_ms, int64_t *ret_job,
                           struct vcr_why *why);
