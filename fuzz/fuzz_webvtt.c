/* fuzz_webvtt.c - captions: what is taken is still taken, with the same cues, in the form that HLS wants; language tags keep their form. */
#include <string.h>

#include "wire/langtag.h"
#include "wire/webvtt.h"

static void tag(const uint8_t *data, size_t size)
{
    char text[64], once[LANGTAG_BYTES], twice[LANGTAG_BYTES];
    size_t n = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
    memcpy(text, data, n);
    text[n] = '\0';
    if (langtag_read(text, once) && (!langtag_read(once, twice) || strcmp(once, twice) != 0))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct webvtt v, again;
    struct buf out;
    tag(data, size);
    if (webvtt_read(&v, (const char *)data, size, NULL) != VCR_OK)
        return 0;
    buf_init(&out, 2 * size + 256);
    webvtt_write_hls(&out, (const char *)data, size);
    if (!buf_ok(&out) || (out.len <= WEBVTT_BYTES_MAX && webvtt_read(&again, out.data, out.len, NULL) != VCR_OK))
        __builtin_trap();
    if (out.len <= WEBVTT_BYTES_MAX && (again.cues != v.cues || again.end_ms != v.end_ms))
        __builtin_trap();
    buf_free(&out);
    return 0;
}
