/* app/storyboard.c - see storyboard.h. */
#include "app/storyboard.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "base/util.h"

static bool read_number(const json_t *info, const char *key, int64_t high, int64_t *ret)
{
    const json_t *v = json_object_get(info, key);
    *ret = json_integer_value(v);
    return json_is_integer(v) && *ret >= 1 && *ret <= high;
}

static bool read_info(struct storyboard *s, const json_t *info)
{
    int64_t width, height, columns, rows, tiles;
    const json_t *sheets = json_object_get(info, "sheets");
    size_t count = json_array_size(sheets);
    if (!read_number(info, "interval_us", INT64_C(3600) * 1000000, &s->interval_us) || !read_number(info, "tile_width", 4096, &width) ||
        !read_number(info, "tile_height", 4096, &height) || !read_number(info, "columns", 100, &columns) || !read_number(info, "rows", 100, &rows) || count < 1 ||
        count > STORYBOARD_SHEETS_MAX || !read_number(info, "tiles", columns * rows * (int64_t)count, &tiles))
        return false;
    s->tile_width = (int)width, s->tile_height = (int)height, s->columns = (int)columns, s->rows = (int)rows, s->tiles = (int)tiles;
    for (size_t i = 0; i < count; i++) {
        json_int_t bytes = json_integer_value(json_array_get(sheets, i));
        if (bytes <= 0 || bytes > INT32_MAX)
            return false;
        s->sheet_at[i + 1] = s->sheet_at[i] + (uint64_t)bytes;
    }
    s->sheet_count = (int)count;
    return true;
}

enum vcr_err storyboard_find(struct sql_tx *tx, int64_t tape_id, int64_t duration_us, struct storyboard *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    memset(ret, 0, sizeof(*ret));
    ret->duration_us = duration_us;
    enum vcr_err err = sql_query(tx, &rows, "SELECT blob_key, info FROM storyboards WHERE tape_id = $1 AND take_id IS NULL", SQL_ARGS(SQL_I(tape_id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK) {
        json_t *info = json_loads(sql_text(rows, 1), 0, NULL);
        app_digest(sql_text(rows, 0), strlen(sql_text(rows, 0)), ret->version);
        if (!vcr_strcpy(ret->blob_key, sizeof(ret->blob_key), sql_text(rows, 0)) || !read_info(ret, info))
            err = vcr_fail(why, VCR_E_IO, "the storyboard of tape %" PRId64 " is not described well", tape_id);
        json_decref(info);
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? vcr_fail(why, VCR_E_NOT_FOUND, "this tape has no storyboard") : err;
}

static void add_time(struct buf *out, int64_t us)
{
    int64_t ms = us / 1000;
    buf_addf(out, "%02" PRId64 ":%02d:%02d.%03d", ms / 3600000, (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000));
}

void storyboard_vtt(const struct storyboard *s, struct buf *out)
{
    buf_adds(out, "WEBVTT\n");
    for (int i = 0; i < s->tiles; i++) {
        int64_t from_us = i * s->interval_us, to_us = from_us + s->interval_us;
        if (i + 1 == s->tiles)
            to_us = VCR_MAX(s->duration_us, from_us + 1000);
        int on_sheet = i % (s->columns * s->rows);
        buf_addc(out, '\n');
        add_time(out, from_us);
        buf_adds(out, " --> ");
        add_time(out, to_us);
        buf_addf(out, "\nstoryboard/%s-%d.jpg#xywh=%d,%d,%d,%d\n", s->version, i / (s->columns * s->rows), on_sheet % s->columns * s->tile_width,
                 on_sheet / s->columns * s->tile_height, s->tile_width, s->tile_height);
    }
}
