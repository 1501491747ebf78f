/* app/jobs.h - what workers are doing, as clients see it. A job is visible to whom its tape is. */
#pragma once
#include "app/app.h"
#include "wire/json.h"

/* Writes one job; *ret_tape_id (may be NULL) is its tape. */
enum vcr_err app_job_get(struct sql_tx *tx, const struct app_principal *who, int64_t id, struct jsonw *j, struct vcr_why *why);
/* Newest first, before the id `before` (0: from the newest), of one tape or (tape_id 0) of all own ones; *ret_last: the last id when there are more, else 0. */
enum vcr_err app_job_list(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, int64_t before, int limit, struct jsonw *j, int64_t *ret_last,
                          struct vcr_why *why);
/* CONFLICT when it is over already. The tape of a cancelled process job is `failed` and may be retried. */
enum vcr_err app_job_cancel(struct sql_tx *tx, const struct app_principal *who, int64_t id, int64_t now_ms, struct vcr_why *why);
/* CONFLICT unless it failed or was cancelled. */
enum vcr_err app_job_retry(struct sql_tx *tx, const struct app_principal *who, int64_t id, int64_t now_ms, struct vcr_why *why);
