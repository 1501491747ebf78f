/* deliver/live/feed.c - packets in: one time for all tracks, stretches, silence where sound is missing. */
#include <string.h>

#include "base/log.h"
#include "deliver/live/internal.h"

enum { VIDEO_MAX = 2 << 20 };
/* Without a key frame for KEYLESS_US the stretch is over: segments must not get longer than the target. */
enum { SOUND_FRAGMENT_US = 980000, KEYLESS_US = 2300000 };
/* Sound that is less than SNAP_US beside its place is put there; one that is SILENCE_AFTER_US behind the picture is filled up to SILENCE_KEEP_US behind it. */
enum { SNAP_US = 5000, SILENCE_AFTER_US = 1000000, SILENCE_KEEP_US = 700000 };

/* ---- sound ---- */
static const uint8_t aac_silence_1[] = { 0x00, 0xc8, 0x00, 0x80, 0x23, 0x80 }, aac_silence_2[] = { 0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80 };
static const uint8_t opus_silence_1[] = { 0xf8, 0xff, 0xfe }, opus_silence_2[] = { 0xfc, 0xff, 0xfe };

static const uint8_t *silence(const struct live_track *t, size_t *ret_len)
{
    bool stereo = t->format.channels == 2, aac = t->index == PROGRAMME_AAC;
    *ret_len = !aac ? sizeof(opus_silence_1) : stereo ? sizeof(aac_silence_2) : sizeof(aac_silence_1);
    return aac ? (stereo ? aac_silence_2 : aac_silence_1) : stereo ? opus_silence_2 : opus_silence_1;
}

static void add_bound(struct programme *p, int64_t at_us, bool gap)
{
    for (int i = 0; i < PROGRAMME_TRACKS; i++) {
        struct live_track *t = &p->track[i];
        if (!t->cut || i == p->leader)
            continue;
        if (t->bound_count < LIVE_BOUNDS) /* silence keeps the sound close behind, so there is room */
            t->bounds[t->bound_count++] = (struct live_bound){ at_us, gap };
    }
}

static unsigned sound_flags(struct live_track *t, int64_t at_us)
{
    unsigned flags = REELCUT_KEY;
    if (t->bound_count == 0 || at_us < t->bounds[0].at_us)
        return flags;
    flags |= REELCUT_NEW | (t->bounds[0].gap ? REELCUT_GAP : 0);
    memmove(t->bounds, t->bounds + 1, (size_t)--t->bound_count * sizeof(*t->bounds));
    return flags;
}

static void put_sound(struct live_track *t, const uint8_t *data, size_t len, int64_t at_us)
{
    struct vcr_why why;
    enum vcr_err err = reelcut_sample(t->cut, data, len, at_us, at_us, t->frame_us, sound_flags(t, at_us), &why);
    if (err != VCR_OK)
        log_debug("live", "a sound frame is left out: %s", why.text);
}

/* Frames of silence from where the sound ends, as long as they end before until_us. */
static void fill(struct live_track *t, int64_t until_us)
{
    size_t len;
    const uint8_t *data = silence(t, &len);
    for (int64_t at_us = reelcut_end_us(t->cut); at_us + t->frame_us <= until_us; at_us += t->frame_us)
        put_sound(t, data, len, at_us);
}

/* Behind the last one, after silence where there is a hole. */
static int64_t place_sound(struct live_track *t, int64_t at_us)
{
    if (at_us < reelcut_end_us(t->cut) + SNAP_US)
        return reelcut_end_us(t->cut);
    fill(t, at_us + SNAP_US);
    return VCR_MAX(at_us, reelcut_end_us(t->cut));
}

static void feed_sound(struct live_track *t, const struct live_queued *q)
{
    int64_t at_us = q->pts_us - t->programme->shift_us;
    if (at_us >= reelcut_end_us(t->cut) - t->frame_us / 2) /* else it was filled already, or is of before the beginning */
        put_sound(t, q->data, q->len, place_sound(t, at_us));
}

/* What the leader has passed. */
static void feed_queues(struct programme *p)
{
    int64_t until_us = p->last_us + p->shift_us;
    for (int i = PROGRAMME_AAC; i < PROGRAMME_TRACKS; i++) {
        struct live_track *t = &p->track[i];
        if (!t->cut || i == p->leader)
            continue;
        while (t->queue_count > 0 && t->queue[t->queue_first].pts_us <= until_us) {
            feed_sound(t, &t->queue[t->queue_first]);
            t->queue_first = (t->queue_first + 1) % LIVE_QUEUE;
            t->queue_count--;
        }
        if (p->last_us - reelcut_end_us(t->cut) > SILENCE_AFTER_US)
            fill(t, p->last_us - SILENCE_KEEP_US);
    }
}

/* Sound of before a stretch is nobody's. */
static void drop_before(struct programme *p, int64_t pts_us)
{
    for (int i = 0; i < PROGRAMME_TRACKS; i++) {
        struct live_track *t = &p->track[i];
        while (t->queue_count > 0 && t->queue[t->queue_first].pts_us < pts_us) {
            t->queue_first = (t->queue_first + 1) % LIVE_QUEUE;
            t->queue_count--;
        }
    }
}

static void queue_sound(struct live_track *t, const struct packet *packet)
{
    if (t->queue_count == LIVE_QUEUE) { /* the picture is away: the oldest goes */
        t->queue_first = (t->queue_first + 1) % LIVE_QUEUE;
        t->queue_count--;
    }
    struct live_queued *q = &t->queue[(t->queue_first + t->queue_count++) % LIVE_QUEUE];
    q->pts_us = packet->pts_us;
    q->len = (uint16_t)packet->len;
    memcpy(q->data, packet->data, packet->len);
}

/* ---- the leading track: the picture, or the sound of a programme without one ---- */
static int64_t stretch_start(struct programme *p)
{
    int64_t end_us = 0;
    for (int i = 0; i < PROGRAMME_TRACKS; i++)
        if (p->track[i].cut)
            end_us = VCR_MAX(end_us, reelcut_end_us(p->track[i].cut));
    return end_us;
}

/* The next frame of the leader: at_us in the programme's time. begins: it is the first of a stretch. */
static enum vcr_err put_leader(struct programme *p, const struct packet *packet, int64_t at_us, bool begins, struct vcr_why *why)
{
    struct live_track *t = &p->track[p->leader];
    bool key = p->leader != PROGRAMME_VIDEO || packet->flags & PACKET_KEY, gap = begins && p->started;
    int64_t msn = t->msn;
    unsigned flags = (key ? REELCUT_KEY : 0) | (gap ? REELCUT_GAP : 0);
    if (p->started && !gap && p->leader != PROGRAMME_VIDEO && at_us - p->last_key_us >= SOUND_FRAGMENT_US)
        flags |= REELCUT_NEW;
    if (p->started && at_us > p->last_us)
        t->frame_us = begins ? t->frame_us : at_us - p->last_us;
    enum vcr_err err = reelcut_sample(t->cut, packet->data, packet->len, at_us, at_us, t->frame_us, flags, why);
    if (err != VCR_OK)
        return err;
    if (!p->started || t->msn != msn) { /* a fragment began with it */
        add_bound(p, at_us, gap);
        p->last_key_us = at_us;
    } else if (key && p->leader == PROGRAMME_VIDEO) {
        p->last_key_us = at_us;
    }
    p->started = true;
    p->last_us = at_us;
    return VCR_OK;
}

static bool breaks_off(const struct programme *p, int64_t at_us, bool key)
{
    if (!p->started || p->waits)
        return true;
    bool keyless = p->leader == PROGRAMME_VIDEO && !key && at_us - p->last_key_us > KEYLESS_US;
    return at_us - p->last_us > PROGRAMME_HOLD_US || at_us < p->last_us - PROGRAMME_HOLD_US || keyless;
}

static enum vcr_err take_leader(struct programme *p, const struct packet *packet, struct vcr_why *why)
{
    bool video = p->leader == PROGRAMME_VIDEO, key = !video || packet->flags & PACKET_KEY, changed = false;
    if (key && video) {
        enum vcr_err err = live_read_parameters(p, packet, &changed, why);
        if (err != VCR_OK)
            return err;
    }
    bool begins = changed || breaks_off(p, packet->pts_us - p->shift_us, key);
    if (begins && !key) {
        p->waits = true;
        return VCR_OK;
    }
    if (begins) {
        p->shift_us = packet->pts_us - stretch_start(p);
        drop_before(p, packet->pts_us);
    }
    if (!p->started) {
        pthread_mutex_lock(&p->lock);
        p->date_shift_us = p->shift_us;
        p->first_wall_ms = p->config.wall_of_zero_ms + packet->pts_us / 1000;
        pthread_mutex_unlock(&p->lock);
    }
    /* Small steps back are the clock's, not the picture's. */
    int64_t at_us = VCR_MAX(packet->pts_us - p->shift_us, p->started ? p->last_us + 1000 : 0);
    if (!video && p->started && !begins)
        at_us = place_sound(&p->track[p->leader], at_us);
    enum vcr_err err = put_leader(p, packet, at_us, begins, why);
    if (err != VCR_OK) {
        p->waits = true;
        return err;
    }
    p->waits = false;
    pthread_mutex_lock(&p->lock);
    p->date_shift_us = p->shift_us;
    p->init_now = p->init_next;
    pthread_mutex_unlock(&p->lock);
    if (changed && p->record_begun && p->record_init != p->init_now)
        programme_record_stop_for(p, "picture_changed");
    feed_queues(p);
    return VCR_OK;
}

enum vcr_err programme_packet(struct programme *p, enum programme_track track, const struct packet *packet, struct vcr_why *why)
{
    struct live_track *t = &p->track[track];
    size_t max = track == PROGRAMME_VIDEO ? VIDEO_MAX : sizeof(t->queue->data);
    if (p->ended)
        return vcr_fail(why, VCR_E_CONFLICT, "the programme has ended");
    if (!t->cut || packet->len == 0 || packet->len > max)
        return vcr_fail(why, VCR_E_INVALID, "not a packet of this programme");
    if (track == (enum programme_track)p->leader)
        return take_leader(p, packet, why);
    queue_sound(t, packet);
    if (p->started && !p->waits)
        feed_queues(p);
    return VCR_OK;
}
