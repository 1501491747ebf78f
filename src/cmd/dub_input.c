/* cmd/dub_input.c - what IN is, told by its first bytes. */
#include <string.h>

#include "base/util.h"
#include "cmd/dub.h"

static enum vcr_err open_known(struct dub_input *in, bool wants_film, bool wants_sound, bool as_it_is, struct vcr_why *why)
{
    char head[12] = "";
    size_t n = 0;
    enum vcr_err err = io_pread(in->io, head, sizeof(head), 0, &n, why);
    if (err == VCR_OK && n == 0)
        err = vcr_fail(why, VCR_E_INVALID, "IN is empty");
    if (err != VCR_OK)
        return err;
    if (memcmp(head, "YUV4MPEG2", 9) == 0)
        return dub_y4m_open(in, why);
    if (memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "WAVE", 4) == 0) {
        struct vcr_why unread;
        if (dub_wav_open(in, as_it_is, &unread) == VCR_OK) {
            if (as_it_is || in->sound->rate == DUB_HZ)
                return VCR_OK;
            in->sound->ops->close(in->sound); /* another rate: libav converts it */
            in->sound = NULL;
        }
    }
    return dub_film_open(in, wants_film, wants_sound, why);
}

enum vcr_err dub_input_open(struct dub_input *ret, bool wants_film, bool wants_sound, bool as_it_is, struct vcr_why *why)
{
    *ret = (struct dub_input){ 0 };
    int fd = DUB_FD_IN;
    enum vcr_err err = io_fd_open(&ret->io, fd, "IN", why);
    return err == VCR_OK ? open_known(ret, wants_film, wants_sound, as_it_is, why) : err;
}

void dub_input_close(struct dub_input *in)
{
    if (in->film)
        in->film->ops->close(in->film);
    if (in->sound)
        in->sound->ops->close(in->sound);
    io_close(&in->io);
}
