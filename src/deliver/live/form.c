/* deliver/live/form.c - the form of a programme's tracks: what configurations can be, init segments, parameter sets. */
#include <string.h>

#include "deliver/live/internal.h"
#include "wire/h264sps.h"

enum { INIT_MAX = 4096 };

enum vcr_err live_check_config(const struct programme_config *c, struct vcr_why *why)
{
    size_t len = c->id ? strlen(c->id) : 0;
    bool sound = c->track[PROGRAMME_AAC] || c->track[PROGRAMME_OPUS];
    if (len < 1 || len > 63 || (!c->track[PROGRAMME_VIDEO] && !c->track[PROGRAMME_AAC]))
        return vcr_fail(why, VCR_E_INVALID, "a live programme needs a name and a track");
    if (c->width < 0 || c->width > 8192 || c->height < 0 || c->height > 8192 || c->sar_num < 0 || c->sar_num > 65535 || c->sar_den < 0 || c->sar_den > 65535)
        return vcr_fail(why, VCR_E_INVALID, "a live picture of %dx%d", c->width, c->height);
    if ((sound && (c->channels < 1 || c->channels > 2)) || c->aac_config_len > sizeof(c->aac_config))
        return vcr_fail(why, VCR_E_INVALID, "live sound has one or two channels");
    return VCR_OK;
}

static enum vcr_err set_format(struct programme *p, int track, const uint8_t *config, size_t len, struct vcr_why *why)
{
    struct live_track *t = &p->track[track];
    const struct programme_config *c = &p->config;
    struct reelidx *x = &t->format;
    bool video = track == PROGRAMME_VIDEO;
    struct buf init;
    *x = (struct reelidx){ .codec = (uint8_t)track, .timescale = video ? LIVE_VIDEO_TIMESCALE : LIVE_SOUND_HZ, .config_len = (uint16_t)len };
    if (video) {
        x->width = (uint16_t)c->width;
        x->height = (uint16_t)c->height;
        x->sar_num = (uint16_t)(c->sar_num > 0 ? c->sar_num : 1);
        x->sar_den = (uint16_t)(c->sar_den > 0 ? c->sar_den : 1);
    } else {
        x->channels = (uint16_t)c->channels;
        x->sample_rate = LIVE_SOUND_HZ;
    }
    memcpy(x->config, config, len);
    reelidx_name_codec(x);
    struct fmp4_track f = { .codec = (enum fmp4_codec)track, .timescale = x->timescale, .width = x->width, .height = x->height, .sar_num = x->sar_num, .sar_den = x->sar_den,
                            .channels = x->channels, .sample_rate = x->sample_rate, .config = x->config, .config_len = len };
    buf_init(&init, INIT_MAX);
    fmp4_write_init(&init, &f);
    struct live_bytes *bytes = buf_ok(&init) ? live_bytes_make(init.data, init.len) : NULL;
    buf_free(&init);
    if (!bytes)
        return vcr_fail(why, VCR_E_NOMEM, "no memory for a live programme");
    x->init_size = (uint32_t)bytes->len;
    pthread_mutex_lock(&p->lock);
    live_bytes_unref(&p->inits[track][p->init_next]);
    p->inits[track][p->init_next] = bytes;
    vcr_strcpy(p->codecs[track], sizeof(p->codecs[track]), x->codecs);
    pthread_mutex_unlock(&p->lock);
    return VCR_OK;
}

enum vcr_err live_set_sound(struct programme *p, int i, struct vcr_why *why)
{
    const struct programme_config *c = &p->config;
    uint8_t aac[] = { 0x11, (uint8_t)(0x80 | c->channels << 3) }, dops[] = { 0, (uint8_t)c->channels, 0, 0, 0, 0, 0xbb, 0x80, 0, 0, 0 };
    if (i == PROGRAMME_OPUS)
        return set_format(p, i, dops, sizeof(dops), why);
    return c->aac_config_len ? set_format(p, i, c->aac_config, c->aac_config_len, why) : set_format(p, i, aac, sizeof(aac), why);
}

/* A new set of init segments for the stretch that comes, at first those that are. Segments name the one they were begun with. */
bool live_next_inits(struct programme *p)
{
    if (p->init_next + 1 >= LIVE_INITS_MAX)
        return false;
    pthread_mutex_lock(&p->lock);
    p->init_next++;
    for (int t = 0; t < PROGRAMME_TRACKS; t++)
        p->inits[t][p->init_next] = live_bytes_ref(p->inits[t][p->init_next - 1]);
    pthread_mutex_unlock(&p->lock);
    return true;
}

/* The parameter sets of a key frame. *ret_new: other ones than before (or the first). */
enum vcr_err live_read_parameters(struct programme *p, const struct packet *packet, bool *ret_new, struct vcr_why *why)
{
    uint8_t avcc[256];
    struct h264_sets sets;
    size_t len;
    const struct reelidx *x = &p->track[PROGRAMME_VIDEO].format;
    *ret_new = false;
    if (!h264_sets_find(&sets, packet->data, packet->len))
        return x->config_len > 0 ? VCR_OK : vcr_fail(why, VCR_E_INVALID, "the first key frame came without its parameter sets");
    if (!fmp4_make_avcc(avcc, sizeof(avcc), &len, sets.sps, sets.sps_len, sets.pps, sets.pps_len))
        return vcr_fail(why, VCR_E_INVALID, "parameter sets that cannot be used");
    *ret_new = x->config_len == 0 || len != x->config_len || memcmp(avcc, x->config, len) != 0;
    if (!*ret_new)
        return VCR_OK;
    if (x->config_len > 0 && !live_next_inits(p))
        return vcr_fail(why, VCR_E_INVALID, "the picture changed its form too often");
    return set_format(p, PROGRAMME_VIDEO, avcc, len, why);
}
