/* media/decode.h - H.264 access units to pictures, Opus packets to sound.
 *
 * Made for seeking: no delay (a reel has no reordering, so each access unit gives its picture at once), one thread, and a picture stays valid as long as
 * somebody holds a reference to it, so a caller may keep those of a whole GOP for playing backwards. Memory of pictures comes from libavcodec's pool.
 * Threads  a decoder and its frames belong to one thread.
 * Errors   damaged bytes, or a shape that no reel has (other than 8-bit 4:2:0, larger than 1920x1088): VCR_E_IO; the decoder goes on at the next key frame. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"
#include "signal/picture.h"

struct frame {
    struct picture picture;     /* read-only: libavcodec may still predict from it */
    uint8_t primaries, transfer, matrix; /* what its numbers mean: H.264 tables E-3 to E-5 */
    bool full_range;
    void *av;                   /* decode.c's own */
    unsigned refs;
};
struct frame *frame_ref(struct frame *f);
void frame_unref(struct frame **f); /* NULL is fine */

struct video_decoder;
/* Loads the codec's tables, so that nothing needs to be opened later on. */
enum vcr_err video_decoder_open(struct video_decoder **ret, struct vcr_why *why);
/* libav* prints nothing from here on, in the whole process: for a sealed program, which may not even ask whether its standard error is a terminal. */
void video_decoder_silence(void);
void video_decoder_close(struct video_decoder **d);
/* One access unit (Annex B) in, its picture out; the caller owns one reference. */
enum vcr_err video_decode(struct video_decoder *d, const uint8_t *data, size_t len, struct frame **ret, struct vcr_why *why);
/* Forget what was decoded: before an access unit that does not follow the last one. */
void video_decoder_flush(struct video_decoder *d);

enum { AUDIO_RATE = 48000, AUDIO_CHANNELS = 2, AUDIO_FRAMES_MAX = 5760 /* 120 ms, the longest Opus packet */ };
struct audio_decoder;
enum vcr_err audio_decoder_open(struct audio_decoder **ret, struct vcr_why *why);
void audio_decoder_close(struct audio_decoder **d);
/* One Opus packet to 48 kHz stereo; pcm has room for AUDIO_FRAMES_MAX pairs. data NULL: conceal a lost packet of *ret_frames pairs. */
enum vcr_err audio_decode(struct audio_decoder *d, const uint8_t *data, size_t len, int16_t *pcm, int *ret_frames, struct vcr_why *why);
void audio_decoder_reset(struct audio_decoder *d);
