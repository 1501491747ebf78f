/* app/captions.h - a tape's captions: one WebVTT text a language, from its owner or found in the film. Rights are the caller's to check.
 *
 * Threads  inside the transaction given.     Bounds  those of wire/webvtt.h, and CAPTIONS_MAX languages a tape. */
#pragma once
#include "app/app.h"
#include "wire/json.h"

enum { CAPTIONS_MAX = 16, CAPTION_VERSION_BYTES = 33 };
struct caption {
    char *text;                          /* free with caption_free */
    size_t len;
    char version[CAPTION_VERSION_BYTES]; /* names the text */
};
void caption_free(struct caption *c);

/* language as langtag_read gives it; source "user" or "line21": what was found in a film does not replace what somebody wrote. INVALID: not WebVTT ("line 7: …");
 * CONFLICT "/too-many-captions". *ret_new: there were none in this language. */
enum vcr_err app_caption_put(struct sql_tx *tx, int64_t tape_id, const char *language, const char *source, const char *text, size_t len, int64_t now_ms, bool *ret_new,
                             struct vcr_why *why);
/* NOT_FOUND: none in this language. */
enum vcr_err app_caption_get(struct sql_tx *tx, int64_t tape_id, const char *language, struct caption *ret, struct vcr_why *why);
enum vcr_err app_caption_delete(struct sql_tx *tx, int64_t tape_id, const char *language, struct vcr_why *why);
/* Objects {language, name, source, cues, duration, created_at, updated_at}, of one language or (NULL) of all. */
enum vcr_err app_caption_json(struct sql_tx *tx, int64_t tape_id, const char *language, struct jsonw *j, struct vcr_why *why);
