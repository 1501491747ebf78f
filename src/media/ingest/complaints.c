/* media/ingest/complaints.c - many decoders conceal damage and tell of it nowhere but in the log. Counted here, and printed never: the sealed process has nobody to tell. */
#include <stdatomic.h>
#include <string.h>

#include "base/util.h"
#include "media/ingest/internal.h"

static atomic_int complaints;

/* Not of the picture: notes of cameras in JPEG headers. */
static const char *const harmless[] = { "unable to decode APP fields" };

static void count(void *of, int level, const char *format, va_list args)
{
    const AVClass *class = of ? *(const AVClass *const *)of : NULL;
    if (level > AV_LOG_ERROR || !class)
        return;
    AVClassCategory category = class->get_category ? class->get_category(of) : class->category;
    if (category != AV_CLASS_CATEGORY_DECODER && category != AV_CLASS_CATEGORY_DEMUXER)
        return;
    for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
        if (strncmp(format, harmless[i], strlen(harmless[i])) == 0)
            return;
    atomic_fetch_add(&complaints, 1);
}

void complaints_open(void) { av_log_set_callback(count); }

int complaints_take(void) { return atomic_exchange(&complaints, 0); }
