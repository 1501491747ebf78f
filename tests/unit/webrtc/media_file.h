/* tests/unit/webrtc/media_file.h - reads a programme for the sender's tests: access units of an Annex B file, packets of an Ogg Opus file. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct media_unit {
    const uint8_t *data;
    size_t len;
    bool key;
};
struct media_file {
    uint8_t *bytes;
    struct media_unit *units;
    size_t count;
};
/* False when the file cannot be read or holds nothing. */
bool media_read_h264(struct media_file *f, const char *path);
bool media_read_opus(struct media_file *f, const char *path);
/* The same on memory, which it copies. */
bool media_split_h264(struct media_file *f, const uint8_t *bytes, size_t len);
void media_free(struct media_file *f);
