/* media/ingest/resample.h - sound as it comes to 48 kHz stereo, whatever it is and however often it changes (2.0 to 5.1 between programmes). */
#pragma once
#include <libavutil/frame.h>
#include <libswresample/swresample.h>
#include <stdbool.h>

enum { RESAMPLE_HZ = 48000 };
/* Zeroed: nothing came yet. */
struct resample {
    SwrContext *swr;
    AVChannelLayout layout;
    int rate, format;
};
/* Makes swr fit this frame; as long as frames stay the same it goes on. False: a format that cannot be taken. */
bool resample_for(struct resample *r, const AVFrame *f, enum AVSampleFormat to);
void resample_close(struct resample *r);
