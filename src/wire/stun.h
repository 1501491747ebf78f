/* wire/stun.h - STUN messages (RFC 8489) as ICE uses them: Binding requests in, responses out.
 *
 * stun_parse points into the caller's bytes and copies nothing; a message that is not well-formed to the last byte is refused.
 * Threads  none.     Bounds  messages of at most STUN_MAX_BYTES. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STUN_MAX_BYTES = 1400, STUN_OUT_BYTES = 320, STUN_TXID_BYTES = 12, STUN_USER_MAX = 512 };
enum stun_type { STUN_BINDING_REQUEST = 0x0001, STUN_BINDING_INDICATION = 0x0011, STUN_BINDING_OK = 0x0101, STUN_BINDING_ERROR = 0x0111 };
enum stun_attr {
    STUN_USERNAME = 0x0006,
    STUN_INTEGRITY = 0x0008,
    STUN_ERROR_CODE = 0x0009,
    STUN_MAPPED = 0x0020, /* XOR-MAPPED-ADDRESS */
    STUN_PRIORITY = 0x0024,
    STUN_USE_CANDIDATE = 0x0025,
    STUN_FINGERPRINT = 0x8028,
    STUN_CONTROLLED = 0x8029,
    STUN_CONTROLLING = 0x802a,
};

struct stun_addr {
    uint8_t bytes[16]; /* IPv4: the first 4 */
    uint16_t port;
    bool is_v6;
};
struct stun_msg {
    uint16_t type;
    const uint8_t *txid;
    const char *user; /* not terminated; NULL: no USERNAME */
    size_t user_len;
    size_t integrity_at; /* where MESSAGE-INTEGRITY starts, 0: none. What follows it is ignored, FINGERPRINT excepted */
    bool use_candidate, controlling, controlled;
    bool has_fingerprint; /* present, right, and the last attribute */
    int error;            /* of ERROR-CODE, 0: none */
    bool has_mapped;
    struct stun_addr mapped;
};
/* False: not a STUN message of RFC 8489 with its magic cookie, or broken. */
bool stun_parse(const uint8_t *p, size_t len, struct stun_msg *ret);
/* Whether MESSAGE-INTEGRITY (SHA-1, short-term credentials) was made with this password; false when there is none. */
bool stun_check(const uint8_t *p, const struct stun_msg *m, const char *password);

/* Composing: begin, add, end. What would not fit into bytes is an assertion: callers know their sizes. */
struct stun_out {
    uint8_t bytes[STUN_OUT_BYTES];
    size_t len;
};
void stun_begin(struct stun_out *o, enum stun_type type, const uint8_t txid[STUN_TXID_BYTES]);
void stun_add(struct stun_out *o, enum stun_attr attr, const void *value, size_t len);
void stun_add_mapped(struct stun_out *o, const struct stun_addr *a);
void stun_add_error(struct stun_out *o, int code, const char *reason);
/* Adds MESSAGE-INTEGRITY and FINGERPRINT. */
void stun_end(struct stun_out *o, const char *password);
