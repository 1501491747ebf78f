/* fuzz/fuzz_sdp_publish.c - offers of publishers and of players, our answers to them, and fragments of candidates. */
#include "wire/sdp_offered.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sdp_candidate candidate = { "192.0.2.1", 8189, true };
    static const uint8_t print[SDP_DIGEST_BYTES];
    struct sdp_choice o;
    struct sdp_fragment f;
    struct buf b;
    buf_init(&b, 16384);
    if (sdp_parse_publish((const char *)data, size, &o, NULL) == VCR_OK) {
        if (o.video < 0 || o.video >= o.media_n || o.audio >= o.media_n || o.client.fingerprints_n < 1 || (o.audio >= 0 && o.audio_pt == o.video_pt))
            abort();
        sdp_write_publish_answer(&b, &o, &(struct sdp_accept) { .ufrag = "u", .pwd = "p", .fingerprint = print, .candidates = &candidate, .candidates_n = 1 });
        if (!buf_ok(&b))
            abort();
    }
    buf_free(&b);
    buf_init(&b, 16384);
    if (sdp_parse_play((const char *)data, size, &o, NULL) == VCR_OK) {
        bool has_both = o.video >= 0 && o.audio >= 0;
        if ((o.video < 0 && o.audio < 0) || o.video >= o.media_n || o.audio >= o.media_n || (o.video >= 0) != (o.video_pt != 0) || (o.audio >= 0) != (o.audio_pt != 0) ||
            (has_both && (o.audio_pt == o.video_pt || o.audio_pt == o.rtx_pt)) || o.video_send_time > 14 || o.audio_send_time > 14 || o.playout_delay > 14 || o.client.fingerprints_n < 1)
            abort();
        sdp_write_play_answer(&b, &o, &(struct sdp_accept) { .ufrag = "u", .pwd = "p", .fingerprint = print, .candidates = &candidate, .candidates_n = 1, .cname = "c", .video_ssrc = 1 });
        if (!buf_ok(&b))
            abort();
    }
    buf_free(&b);
    sdp_parse_fragment((const char *)data, size, &f, NULL);
    return 0;
}
