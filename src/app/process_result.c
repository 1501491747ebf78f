/* app/process_result.c - see process_result.h. */
#include "app/process_result.h"

#include <string.h>

#include "base/util.h"
#include "wire/webvtt.h"

enum { TEXT_MAX = 64, TITLE_MAX = 100, LANGUAGE_MAX = 35, REELS_MAX = 7, TRACKS_MAX = 4, AUDIO_MAX = 8, MARKS_MAX = 1000, SHEETS_MAX = 256, CHANNELS_MAX = 4 };
#define DURATION_MAX_US (INT64_C(3600000000) * 1000) /* a thousand hours */

enum shape { SHAPE_TEXT, SHAPE_COUNT, SHAPE_NUMBER, SHAPE_BOOL, SHAPE_SHA256 };
struct member {
    const char *name;
    enum shape shape;
    bool optional;
};

static const struct member media_members[] = {
    { "container", SHAPE_TEXT, false }, { "sha256", SHAPE_SHA256, false }, { "size_bytes", SHAPE_COUNT, false }, { "recovered", SHAPE_BOOL, false },
}, video_members[] = {
    { "codec", SHAPE_TEXT, false }, { "width", SHAPE_COUNT, false }, { "height", SHAPE_COUNT, false }, { "sample_aspect", SHAPE_TEXT, false },
    { "display_aspect", SHAPE_TEXT, false }, { "frame_rate", SHAPE_NUMBER, false }, { "variable_frame_rate", SHAPE_BOOL, false },
    { "field_order", SHAPE_TEXT, false }, { "pixel_format", SHAPE_TEXT, false },
}, audio_members[] = {
    { "codec", SHAPE_TEXT, false }, { "channels", SHAPE_COUNT, false }, { "sample_rate", SHAPE_COUNT, false },
}, damage_members[] = {
    { "decode_errors", SHAPE_COUNT, true }, { "timestamp_jumps", SHAPE_COUNT, true }, { "ends_early", SHAPE_BOOL, true }, { "promised_duration", SHAPE_NUMBER, true },
}, info_members[] = {
    { "codecs", SHAPE_TEXT, false }, { "width", SHAPE_COUNT, true }, { "height", SHAPE_COUNT, true }, { "sar_num", SHAPE_COUNT, true }, { "sar_den", SHAPE_COUNT, true },
    { "sample_rate", SHAPE_COUNT, true }, { "channels", SHAPE_COUNT, true }, { "display_aspect", SHAPE_TEXT, true }, { "field_rate", SHAPE_BOOL, true },
};

static bool text_ok(const json_t *v, size_t max)
{
    return json_is_string(v) && json_string_length(v) <= max;
}

static bool value_ok(const json_t *v, enum shape shape)
{
    switch (shape) {
    case SHAPE_TEXT:
        return text_ok(v, TEXT_MAX);
    case SHAPE_COUNT:
        return json_is_integer(v) && json_integer_value(v) >= 0;
    case SHAPE_NUMBER:
        return json_is_number(v) && json_number_value(v) >= 0;
    case SHAPE_BOOL:
        return json_is_boolean(v);
    default:
        return text_ok(v, 64) && strspn(json_string_value(v), "0123456789abcdef") == 64;
    }
}

/* Every member that must be there is, and each has its shape. What else is there nobody looks at; the line that it came in bounds it. */
static bool members_ok(const json_t *object, const struct member *m, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_object_get(object, m[i].name);
        if (v ? !value_ok(v, m[i].shape) : !m[i].optional)
            return false;
    }
    return json_is_object(object);
}

static bool media_ok(const json_t *media)
{
    const json_t *audio = json_object_get(media, "audio"), *damage = json_object_get(media, "damage");
    if (!members_ok(media, media_members, ARRAY_LEN(media_members)) || !json_is_array(audio) || json_array_size(audio) > AUDIO_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(audio); i++)
        if (!members_ok(json_array_get(audio, i), audio_members, ARRAY_LEN(audio_members)))
            return false;
    return members_ok(json_object_get(media, "video"), video_members, ARRAY_LEN(video_members)) &&
           (json_is_null(damage) || members_ok(damage, damage_members, ARRAY_LEN(damage_members)));
}

static bool optional_text(const json_t *object, const char *key, size_t max)
{
    const json_t *v = json_object_get(object, key);
    return !v || json_is_null(v) || text_ok(v, max);
}

/* At most one of each kind and track; the pictures are there. */
static bool reels_ok(const json_t *reels, bool finish)
{
    static const char *const kinds[] = { "clean_video", "tape_video", "clean_audio", "opus" };
    unsigned seen = 0, wanted = finish ? 2 : 3;
    if (!json_is_array(reels) || json_array_size(reels) > REELS_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(reels); i++) {
        const json_t *reel = json_array_get(reels, i);
        const char *kind = json_string_value(json_object_get(reel, "kind"));
        size_t k = 0;
        while (kind && k < ARRAY_LEN(kinds) && strcmp(kind, kinds[k]) != 0)
            k++;
        json_int_t track = json_integer_value(json_object_get(reel, "track"));
        if (!kind || k == ARRAY_LEN(kinds) || track < 0 || track >= (k == 2 ? TRACKS_MAX : 1) || (finish && k != 1))
            return false;
        unsigned bit = 1u << (k + 4 * (unsigned)track);
        if ((seen & bit) || !members_ok(json_object_get(reel, "info"), info_members, ARRAY_LEN(info_members)) || !optional_text(reel, "language", LANGUAGE_MAX) ||
            !optional_text(reel, "title", 4 * TITLE_MAX))
            return false;
        seen |= bit;
    }
    return (seen & wanted) == wanted;
}

/* Proposed index marks, in the order of the tape. */
static bool marks_ok(const json_t *marks, json_int_t duration_us)
{
    json_int_t last = 0;
    if (!marks)
        return true;
    if (!json_is_array(marks) || json_array_size(marks) > MARKS_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(marks); i++) {
        const json_t *mark = json_array_get(marks, i), *at = json_object_get(mark, "at_us");
        const char *source = json_string_value(json_object_get(mark, "source"));
        if (!json_is_integer(at) || json_integer_value(at) < last || json_integer_value(at) > duration_us || !source ||
            (strcmp(source, "scene") != 0 && strcmp(source, "gap") != 0) || !text_ok(json_object_get(mark, "title"), TITLE_MAX))
            return false;
        last = json_integer_value(at);
    }
    return true;
}

static bool between(const json_t *object, const char *key, json_int_t low, json_int_t high)
{
    const json_t *v = json_object_get(object, key);
    return json_is_integer(v) && json_integer_value(v) >= low && json_integer_value(v) <= high;
}

static bool storyboard_ok(const json_t *s)
{
    const json_t *sheets = json_object_get(s, "sheets");
    if (!s)
        return true;
    if (!between(s, "interval_us", 1, DURATION_MAX_US) || !between(s, "tile_width", 16, 640) || !between(s, "tile_height", 16, 640) || !between(s, "columns", 1, 16) ||
        !between(s, "rows", 1, 16) || !json_is_array(sheets) || json_array_size(sheets) < 1 || json_array_size(sheets) > SHEETS_MAX)
        return false;
    json_int_t room = json_integer_value(json_object_get(s, "columns")) * json_integer_value(json_object_get(s, "rows")) * (json_int_t)json_array_size(sheets);
    for (size_t i = 0; i < json_array_size(sheets); i++)
        if (!json_is_integer(json_array_get(sheets, i)) || json_integer_value(json_array_get(sheets, i)) <= 0)
            return false;
    return between(s, "tiles", 1, room);
}

static bool decision_ok(const json_t *result)
{
    static const char *const voices[] = { "container", "flags", "lines", "decided_by" };
    const json_t *w = json_object_get(result, "witnesses");
    for (size_t i = 0; w && i < ARRAY_LEN(voices); i++)
        if (!text_ok(json_object_get(w, voices[i]), 16))
            return false;
    return optional_text(result, "because", 32);
}

/* A text for each channel of line 21 that had some. */
static bool captions_ok(const json_t *captions)
{
    json_int_t last = 0;
    for (size_t i = 0; i < json_array_size(captions); i++) {
        const json_t *c = json_array_get(captions, i);
        if (!between(c, "channel", last + 1, CHANNELS_MAX) || !between(c, "cues", 1, WEBVTT_CUES_MAX) || !between(c, "bytes", 1, WEBVTT_BYTES_MAX) ||
            !optional_text(c, "language", LANGUAGE_MAX))
            return false;
        last = json_integer_value(json_object_get(c, "channel"));
    }
    return !captions || json_is_array(captions);
}

bool process_result_ok(const json_t *result, bool finish)
{
    const json_t *duration = json_object_get(result, "duration_us");
    const char *standard = json_string_value(json_object_get(result, "standard"));
    return json_is_integer(duration) && json_integer_value(duration) > 0 && json_integer_value(duration) <= DURATION_MAX_US && standard &&
           (strcmp(standard, "ntsc") == 0 || strcmp(standard, "pal") == 0) && media_ok(json_object_get(result, "media")) &&
           reels_ok(json_object_get(result, "reels"), finish) && marks_ok(json_object_get(result, "marks"), json_integer_value(duration)) &&
           storyboard_ok(json_object_get(result, "storyboard")) && captions_ok(json_object_get(result, "captions")) && decision_ok(result);
}
