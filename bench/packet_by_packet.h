/* bench/packet_by_packet.h - the baseline of WebRTC sending: each packet copied, sealed by libsrtp2 (AES-GCM) and sent by a sendto of its own, as servers do that do not batch
 * (research before this project found 0.0059 to 0.014 core a viewer there; this is only the part that no such server can do without). */
#pragma once
#include <stddef.h>

#define PACKET_BY_PACKET "libsrtp2 and a sendto a packet"
/* Processor seconds a packet of `bytes`, to `viewers` sockets in turn that another process empties. 0: it could not be measured. */
double packet_by_packet_s(int viewers, size_t bytes);
