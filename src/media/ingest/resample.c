/* media/ingest/resample.c - see resample.h. */
#include "media/ingest/resample.h"

#include <libavutil/channel_layout.h>

bool resample_for(struct resample *r, const AVFrame *f, enum AVSampleFormat to)
{
    if (r->swr && r->rate == f->sample_rate && r->format == f->format && av_channel_layout_compare(&r->layout, &f->ch_layout) == 0)
        return true;
    AVChannelLayout stereo = AV_CHANNEL_LAYOUT_STEREO, in = { 0 };
    resample_close(r);
    r->rate = f->sample_rate;
    r->format = f->format;
    /* What does not say which speakers its channels are for is compared as it came, and heard as is usual for so many. */
    av_channel_layout_copy(&r->layout, &f->ch_layout);
    if (f->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
        av_channel_layout_default(&in, f->ch_layout.nb_channels);
    else
        av_channel_layout_copy(&in, &f->ch_layout);
    bool ok = swr_alloc_set_opts2(&r->swr, &stereo, to, RESAMPLE_HZ, &in, (enum AVSampleFormat)f->format, f->sample_rate, 0, NULL) >= 0 && swr_init(r->swr) >= 0;
    av_channel_layout_uninit(&in);
    if (!ok)
        swr_free(&r->swr);
    return ok;
}

void resample_close(struct resample *r)
{
    swr_free(&r->swr);
    av_channel_layout_uninit(&r->layout);
}
