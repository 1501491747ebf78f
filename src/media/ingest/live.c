/* media/ingest/live.c - vcr-ingest --live: one publisher's stream from a pipe into packets of a ring, as long as it comes. */
#include "media/ingest/live.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/packet.h"
#include "base/util.h"

static const int64_t with_next_us = 45000;

bool live_wants_key(void)
{
    uint64_t count;
    return read(LIVE_FD_KEY, &count, sizeof(count)) == (ssize_t)sizeof(count);
}

static bool write_record(struct live_out *o, const struct live_record *head, const void *body)
{
    uint64_t one = 1;
    int64_t now_us = clock_mono_us();
    if (ring_write(o->ring, head, sizeof(*head), body, head->len, NULL) != VCR_OK)
        return false;
    if (head->track != LIVE_VIDEO && now_us - o->woken_us < with_next_us)
        return true; /* sound goes along with the next picture */
    o->woken_us = now_us;
    ssize_t n = write(LIVE_FD_WAKE, &one, sizeof(one));
    (void)n; /* a full counter wakes its reader all the same */
    return true;
}

void live_out_packet(struct live_out *o, enum live_track track, unsigned flags, int64_t pts_us, int64_t duration_us, const uint8_t *data, size_t len)
{
    if (len == 0 || len > LIVE_BODY_MAX || pts_us < 0)
        return;
    if (track == LIVE_VIDEO && o->lost_video) {
        if (!(flags & PACKET_KEY))
            return;
        flags |= PACKET_DISCONT;
    }
    const struct live_record head = { .type = LIVE_PACKET, .track = (uint8_t)track, .flags = (uint8_t)flags, .len = (uint32_t)len, .pts_us = pts_us, .dts_us = pts_us,
                                      .duration_us = duration_us };
    bool ok = write_record(o, &head, data);
    if (track == LIVE_VIDEO)
        o->lost_video = !ok;
}

void live_out_format(struct live_out *o, enum live_track track, const struct live_format *f)
{
    const struct live_record head = { .type = LIVE_FORMAT, .track = (uint8_t)track, .len = sizeof(*f) };
    write_record(o, &head, f);
}

void live_out_note(struct live_out *o, const char *fmt, ...)
{
    char text[LIVE_NOTE_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    const struct live_record head = { .type = LIVE_NOTE, .len = (uint32_t)VCR_CLAMP(n, 0, (int)sizeof(text) - 1) };
    if (head.len > 0)
        write_record(o, &head, text);
}

static enum vcr_err run(struct live_in *in, struct live_out *out, struct live_sound *sound, struct live_picture *picture, struct vcr_why *why)
{
    AVPacket *packet = av_packet_alloc();
    enum vcr_err err = packet ? VCR_OK : vcr_fail(why, VCR_E_NOMEM, "no memory for a packet");
    int kind = 0;
    bool is_new, jumped;
    while (err == VCR_OK && (err = live_in_read(in, packet, &kind, &is_new, &jumped, why)) == VCR_OK) {
        if (kind == LIVE_IN_VIDEO) {
            if (is_new)
                live_picture_codec(picture, in->par[kind]);
            live_picture_packet(picture, packet, jumped);
            if (live_picture_is_lost(picture))
                err = live_in_look_again(in, why);
            else if (live_picture_was_seen(picture))
                live_in_saw_picture(in);
        } else {
            if (is_new)
                live_sound_codec(sound, in->par[kind]);
            live_sound_packet(sound, packet, jumped);
        }
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    return err == VCR_E_END ? VCR_OK : err;
}

enum vcr_err ingest_live_attach(struct ring **ret, struct vcr_why *why) { return ring_attach(ret, LIVE_FD_RING, why); }

enum vcr_err ingest_live(bool ts, struct ring *ring, struct vcr_why *why)
{
    struct live_out out = { .ring = ring };
    struct live_in in = { 0 };
    struct live_sound *sound = NULL;
    enum vcr_err err = live_sound_open(&sound, &out, why);
    struct live_picture *picture = err == VCR_OK ? live_picture_open(&out, sound) : NULL;
    if (err == VCR_OK)
        err = live_in_open(&in, ts, why);
    if (err == VCR_OK)
        err = run(&in, &out, sound, picture, why);
    live_in_close(&in);
    live_picture_close(&picture);
    live_sound_close(&sound);
    return err == VCR_E_END ? VCR_OK : err;
}
