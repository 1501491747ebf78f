/* fuzz_live_msg.c - heads of messages from a publisher, and formats from a vcr-ingest that has gone mad. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/live_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct live_head head;
    uint8_t again[LIVE_HEAD_BYTES];
    if (size >= LIVE_HEAD_BYTES && live_head_read(data, &head)) {
        live_head_write(again, &head);
        if (memcmp(again, data, sizeof(again)) != 0 || head.len > LIVE_BODY_MAX)
            abort();
    }
    struct live_format f;
    if (size > sizeof(f)) {
        memcpy(&f, data + 1, sizeof(f));
        if (live_format_ok(&f, data[0]) && f.config_len > sizeof(f.config))
            abort();
    }
    return 0;
}
