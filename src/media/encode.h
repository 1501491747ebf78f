/* media/encode.h - pictures to H.264, sound to Opus, for a viewer who waits for it: no delay, no reordering, one thread.
 *
 * Video is constrained baseline with parameter sets before every IDR, bit rate held within half a second of buffer; the only IDRs are the first picture,
 * every two seconds, and where asked. Audio is 20 ms packets, 48 kHz stereo, with in-band FEC.
 * Threads  an encoder belongs to one thread.     Owns  packets point into the encoder: valid until its next call.
 * Errors   VCR_E_INVALID: a raster or rate that cannot be; VCR_E_INTERNAL: the library refused. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/packet.h"
#include "base/why.h"
#include "signal/picture.h"

/* What the encoder may cost. BRISK is ultrafast with the deblocking filter and adaptive quantisation back: 70 % of superfast's time for nearly its picture
 * (SSIM at 2.4 Mbit/s on a noisy 720x480 clip: superfast 0.8737, brisk 0.8722, ultrafast 0.8699, where veryfast has 0.8741 at twice the time). */
enum video_effort { VIDEO_EFFORT_SUPERFAST, VIDEO_EFFORT_BRISK, VIDEO_EFFORT_ULTRAFAST, VIDEO_EFFORTS };
struct video_encoder_config {
    int width, height;        /* even */
    int sar_num, sar_den;     /* sample aspect: 8:9 for 720x480, 16:15 for 720x576 */
    int rate_num, rate_den;   /* pictures a second */
    int gop_frames;           /* longest distance of two IDRs; 0: two seconds */
    uint32_t bitrate_bps;
    enum video_effort effort;
    bool pal;                 /* colour description in the stream: BT.470BG, else SMPTE 170M */
};
struct video_encoder;
enum vcr_err video_encoder_open(struct video_encoder **ret, const struct video_encoder_config *config, struct vcr_why *why);
void video_encoder_close(struct video_encoder **e);
/* From the next picture on; no IDR needed. */
enum vcr_err video_encoder_set_bitrate(struct video_encoder *e, uint32_t bitrate_bps, struct vcr_why *why);
/* ret: track, PACKET_KEY when it is an IDR, data, len, and pts_us as given; tape_us -1. */
enum vcr_err video_encode(struct video_encoder *e, const struct picture *picture, int64_t pts_us, bool key, struct packet *ret, struct vcr_why *why);

enum { AUDIO_FRAME_US = 20000, AUDIO_FRAME = 960 /* sample pairs in 20 ms */, AUDIO_PACKET_MAX = 1275 };
struct audio_encoder;
enum vcr_err audio_encoder_open(struct audio_encoder **ret, uint32_t bitrate_bps, struct vcr_why *why);
void audio_encoder_close(struct audio_encoder **e);
/* The encoder's own delay: what goes in sounds this much later. */
int64_t audio_encoder_delay_us(const struct audio_encoder *e);
/* pcm: AUDIO_FRAME pairs. */
enum vcr_err audio_encode(struct audio_encoder *e, const int16_t *pcm, int64_t pts_us, struct packet *ret, struct vcr_why *why);
