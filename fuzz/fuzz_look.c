/* fuzz/fuzz_look.c - a look's file from a user: refused with a reason, or read to amounts that are within their ranges. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "signal/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct signal_profile p;
    struct vcr_why why = { .text = "" };
    enum vcr_err err = signal_profile_read(&p, (const char *)data + 1, size - 1, data[0] & 1 ? SIGNAL_PAL : SIGNAL_NTSC, data[0] >> 1 & 3, &why);
    if (err && !*why.text)
        abort();
    for (int n = 0; !err && n < signal_setting_count(); n++) {
        double v;
        const struct signal_setting *s = signal_setting_at(n);
        if (signal_profile_get(&p, n, &v) && !(v > s->min - 1e-6 && v < s->max + 1e-6))
            abort();
    }
    return 0;
}
