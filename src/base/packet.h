/* base/packet.h - an encoded packet: what encoders make, reels hold and senders send. Mentions no codec library.
 * Video is H.264 Annex B access units (SPS and PPS before every key frame); audio is one Opus or AAC frame. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum packet_track { PACKET_VIDEO, PACKET_AUDIO };
enum packet_flag {
    PACKET_KEY = 1,      /* decodable from here */
    PACKET_DISCONT = 2,  /* the first after a jump: decoders and clocks start anew */
    PACKET_REPLAYED = 4, /* passed through from a reel, not encoded for this session */
};

struct packet {
    uint8_t track;        /* enum packet_track */
    uint8_t flags;        /* enum packet_flag */
    uint32_t command_seq; /* the deck's command_seq that this frame already shows */
    int64_t pts_us;       /* on the common monotonic clock (live), or from the reel's start (reels) */
    int64_t tape_us;      /* place on the tape shown, -1: none */
    size_t len;
    const uint8_t *data;  /* borrowed: valid during the call it is given to */
};
