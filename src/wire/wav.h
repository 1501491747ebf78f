/* wire/wav.h - RIFF WAVE with PCM sound: where the samples are and what they are, and the header of one. PURE: it reads through io.h.
 *
 * Integers of 8, 16, 24 and 32 bits and floats of 32, one or two channels: everything else is for libav, or refused by name.
 * Bounds   WAV_CHUNKS_MAX chunks before the samples; samples count as far as the file goes, whatever its header promises.     Threads  none. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/io.h"
#include "base/why.h"

enum { WAV_CHUNKS_MAX = 256, WAV_HEAD_BYTES = 44, WAV_RATE_MIN = 4000, WAV_RATE_MAX = 384000 };
struct wav {
    int rate, channels, bits;
    bool is_float;
    uint64_t at;             /* where the samples begin */
    int64_t frames;          /* samples of each channel, whole ones that are there */
    bool cut;                /* the header promises more than there is */
};
enum vcr_err wav_open(struct wav *ret, struct io *io, struct vcr_why *why);
/* n frames of such samples as int16 (rounded, clipped), channels as they are; data has n * channels * bits / 8 bytes. */
void wav_to_int16(const struct wav *w, const uint8_t *data, int n, int16_t *out);
/* The head of a file of 16-bit samples of so many frames; false: more than RIFF can hold. */
bool wav_write_head(uint8_t out[WAV_HEAD_BYTES], int rate, int channels, int64_t frames);
