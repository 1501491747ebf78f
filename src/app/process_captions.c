/* app/process_captions.c - captions that were found in a film become the tape's, where its owner wrote none in that language. See process_internal.h. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/captions.h"
#include "app/process_internal.h"
#include "base/clock.h"
#include "wire/langtag.h"
#include "wire/webvtt.h"

/* CC1 speaks as the tape does, else as the film says, else English, for which line 21 was made; of the others nobody knows. */
static void choose_language(const char *of_tape, const json_t *told, char ret[LANGTAG_BYTES])
{
    const char *of_film = json_string_value(json_object_get(told, "language"));
    json_int_t channel = json_integer_value(json_object_get(told, "channel"));
    char other[16];
    snprintf(other, sizeof(other), "und-x-cc%d", (int)channel);
    if (channel != 1)
        langtag_read(other, ret);
    else if (!langtag_read(of_tape, ret) && (!of_film || !langtag_read(of_film, ret)))
        langtag_read("en", ret);
}

static enum vcr_err tape_language(struct sql_tx *tx, int64_t tape_id, char *ret, size_t size, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT COALESCE(language, '') FROM tapes WHERE id = $1", SQL_ARGS(SQL_I(tape_id)), why);
    *ret = '\0';
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        vcr_strcpy(ret, size, sql_text(rows, 0));
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

/* Text that is no WebVTT, or one more than a tape may have, is left out: nothing else depends on it. */
static enum vcr_err put(struct sql_tx *tx, const struct work *x, const char *language, const char *text, size_t len, struct vcr_why *why)
{
    bool is_new;
    enum vcr_err err = app_caption_put(tx, x->job.tape_id, language, "line21", text, len, clock_wall_ms(), &is_new, why);
    return err == VCR_E_INVALID || err == VCR_E_CONFLICT ? VCR_OK : err;
}

enum vcr_err work_captions(struct sql_tx *tx, const struct work *x, struct vcr_why *why)
{
    size_t i;
    json_t *told;
    off_t at = 0;
    char of_tape[LANGTAG_BYTES], language[LANGTAG_BYTES];
    enum vcr_err err = sql_exec(tx, "DELETE FROM captions WHERE tape_id = $1 AND source = 'line21'", SQL_ARGS(SQL_I(x->job.tape_id)), NULL, why);
    if (err == VCR_OK)
        err = tape_language(tx, x->job.tape_id, of_tape, sizeof(of_tape), why);
    json_array_foreach(json_object_get(x->result, "captions"), i, told)
    {
        size_t len = (size_t)json_integer_value(json_object_get(told, "bytes"));
        char *text = err == VCR_OK && len <= WEBVTT_BYTES_MAX ? malloc(len) : NULL;
        choose_language(of_tape, told, language);
        if (text && pread(x->files[OUTPUT_CAPTIONS], text, len, at) == (ssize_t)len)
            err = put(tx, x, language, text, len, why);
        at += (off_t)len;
        free(text);
    }
    return err;
}
