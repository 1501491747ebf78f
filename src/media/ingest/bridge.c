/* media/ingest/bridge.c - what vcr-ingest does where a tape was cut: bridges and slates, reels in, small reels out. */
#include <inttypes.h>
#include <unistd.h>

#include "base/util.h"
#include "media/bridge.h"
#include "media/ingest/internal.h"

enum { REEL_INDEX = INGEST_FD_OUTPUTS + 2 };

static enum vcr_err open_fd(struct io **ret, int fd, bool write, const char *name, struct vcr_why *why)
{
    if (write && ftruncate(fd, 0) != 0)
        return vcr_fail(why, VCR_E_IO, "An output cannot be written.");
    return io_fd_open(ret, fd, name, why);
}

struct wanted { int64_t from_us, to_us; bool aac; };

/* From a reel to another one beside it. */
static enum vcr_err convert(const struct wanted *w, struct vcr_why *why)
{
    struct io *in = NULL, *in_index = NULL, *out = NULL, *out_index = NULL;
    struct reel *r = NULL;
    enum vcr_err err = open_fd(&in, INGEST_FD_ORIGINAL, false, "reel", why);
    if (err == VCR_OK)
        err = open_fd(&in_index, REEL_INDEX, false, "reel index", why);
    if (err == VCR_OK)
        err = open_fd(&out, INGEST_FD_OUTPUTS, true, "bridge", why);
    if (err == VCR_OK)
        err = open_fd(&out_index, INGEST_FD_OUTPUTS + 1, true, "bridge index", why);
    if (err == VCR_OK)
        err = reel_open(&r, in, in_index, why);
    if (err == VCR_OK)
        err = w->aac ? aac_make(r, w->to_us, out, out_index, why) : bridge_make(r, w->from_us, w->to_us, out, out_index, why);
    if (r)
        reel_close(&r);
    io_close(&in);
    io_close(&in_index);
    io_close(&out);
    io_close(&out_index);
    if (err == VCR_E_END) /* two empty files say so */
        return VCR_OK;
    if (err != VCR_OK)
        report_error(why->text);
    return err;
}

enum vcr_err ingest_bridge(int64_t from_us, int64_t to_us, struct vcr_why *why) { return convert(&(struct wanted){ from_us, to_us, false }, why); }

enum vcr_err ingest_aac(int64_t duration_us, struct vcr_why *why) { return convert(&(struct wanted){ 0, duration_us, true }, why); }

enum vcr_err ingest_slate(int width, int height, int sar_num, int sar_den, int64_t duration_us, struct vcr_why *why)
{
    struct io *out = NULL, *out_index = NULL;
    struct reel_format like = { .width = width, .height = height, .sar_num = sar_num, .sar_den = sar_den };
    enum vcr_err err = open_fd(&out, INGEST_FD_OUTPUTS, true, "slate", why);
    if (err == VCR_OK)
        err = open_fd(&out_index, INGEST_FD_OUTPUTS + 1, true, "slate index", why);
    if (err == VCR_OK)
        err = width > 0 ? slate_video(&like, duration_us, out, out_index, why) : slate_sound(duration_us, out, out_index, why);
    io_close(&out);
    io_close(&out_index);
    if (err != VCR_OK)
        report_error(why->text);
    return err;
}
