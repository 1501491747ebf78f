/* app/process_result.c - see process_result.h. */
#include "app/process_result.h"

#include <string.h>

#include "base/util.h"

enum { TEXT_MAX = 64, REELS_MAX = 4, AUDIO_MAX = 8 };
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

/* At most one of each kind; the two pictures are there. */
static bool reels_ok(const json_t *reels)
{
    static const char *const kinds[REELS_MAX] = { "clean_video", "tape_video", "clean_audio", "opus" };
    unsigned seen = 0;
    if (!json_is_array(reels) || json_array_size(reels) > REELS_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(reels); i++) {
        const json_t *reel = json_array_get(reels, i);
        const char *kind = json_string_value(json_object_get(reel, "kind"));
        size_t k = 0;
        while (kind && k < REELS_MAX && strcmp(kind, kinds[k]) != 0)
            k++;
        if (!kind || k == REELS_MAX || (seen & 1u << k) || !members_ok(json_object_get(reel, "info"), info_members, ARRAY_LEN(info_members)))
            return false;
        seen |= 1u << k;
    }
    return (seen & 3) == 3;
}

bool process_result_ok(const json_t *result)
{
    const json_t *duration = json_object_get(result, "duration_us");
    const char *standard = json_string_value(json_object_get(result, "standard"));
    return json_is_integer(duration) && json_integer_value(duration) > 0 && json_integer_value(duration) <= DURATION_MAX_US && standard &&
           (strcmp(standard, "ntsc") == 0 || strcmp(standard, "pal") == 0) && media_ok(json_object_get(result, "media")) &&
           reels_ok(json_object_get(result, "reels"));
}
