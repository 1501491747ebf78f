/* fuzz_srtid.c - SRT stream ids. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/srtid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct srtid id, again;
    if (!srtid_parse((const char *)data, size, &id))
        return 0;
    size_t n = strnlen(id.name, sizeof(id.name));
    if (n == 0 || n == sizeof(id.name) || !srtid_parse(id.name, n, &again) || strcmp(id.name, again.name) != 0)
        abort();
    return 0;
}
