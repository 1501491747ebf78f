/* wire/rtp_h264.c - see rtp_h264.h. */
#include "wire/rtp_h264.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

enum { NAL_SLICE = 1, NAL_IDR = 5, NAL_SPS = 7, NAL_PPS = 8, NAL_AUD = 9, NAL_FILLER = 12, NAL_STAP_A = 24, NAL_FU_A = 28, START_CODE = 4, FIRST_BYTES = 16384 };

void h264_join_init(struct h264_join *j) { *j = (struct h264_join) { .needs_key = true }; }

void h264_join_free(struct h264_join *j)
{
    free(j->data);
    j->data = NULL;
    j->len = j->cap = 0;
}

static void begin_unit(struct h264_join *j)
{
    j->len = j->fragment_at = 0;
    j->open = j->broken = j->has_picture = j->has_key = j->has_sps = j->has_pps = false;
}

void h264_join_hole(struct h264_join *j)
{
    j->hole = j->needs_key = j->lost = true;
    j->broken |= j->open;
}

static bool grow(struct h264_join *j, size_t more)
{
    if (j->len + more > H264_UNIT_MAX)
        return false;
    if (j->len + more <= j->cap)
        return true;
    size_t cap = VCR_MAX(j->cap, (size_t)FIRST_BYTES);
    while (cap < j->len + more)
        cap *= 2;
    uint8_t *data = realloc(j->data, cap);
    if (!data)
        return false;
    j->data = data;
    j->cap = cap;
    return true;
}

static bool append(struct h264_join *j, const uint8_t *p, size_t len)
{
    if (!grow(j, len))
        return false;
    memcpy(j->data + j->len, p, len);
    j->len += len;
    return true;
}

/* An unsigned Exp-Golomb number at a bit; false beyond the end. Parameter sets begin with few and small ones, in which no emulation prevention can stand. */
static bool read_ue(const uint8_t *p, size_t len, size_t bit, uint32_t *ret)
{
    int zeros = 0;
    for (; bit < 8 * len && !(p[bit / 8] >> (7 - bit % 8) & 1); bit++)
        if (++zeros > 16)
            return false;
    uint32_t v = 0;
    for (int i = 0; i <= zeros; i++, bit++) {
        if (bit >= 8 * len)
            return false;
        v = v << 1 | (p[bit / 8] >> (7 - bit % 8) & 1);
    }
    *ret = v - 1;
    return true;
}

/* The id of a parameter set: behind type, profile, constraints and level, or behind the type. */
static bool set_id(const uint8_t *p, size_t len, uint32_t *ret) { return read_ue(p, len, (p[0] & 31) == NAL_SPS ? 32 : 8, ret); }

static void keep_set(struct h264_join *j, const uint8_t *p, size_t len)
{
    struct h264_set *all = (p[0] & 31) == NAL_SPS ? j->sps : j->pps, *at = NULL;
    uint32_t id, other;
    if (len > H264_SET_BYTES || !set_id(p, len, &id))
        return;
    for (int i = H264_SETS_MAX - 1; i >= 0; i--)
        if (!all[i].len || (set_id(all[i].bytes, all[i].len, &other) && other == id))
            at = &all[i];
    for (int i = 0; i < H264_SETS_MAX; i++) /* the same id before a free place */
        if (all[i].len && set_id(all[i].bytes, all[i].len, &other) && other == id)
            at = &all[i];
    if (!at)
        return;
    at->len = (uint16_t)len;
    memcpy(at->bytes, p, len);
}

/* A whole NAL unit is in place, its start code before it. */
static void end_nal(struct h264_join *j, size_t start)
{
    const uint8_t *p = j->data + start;
    size_t len = j->len - start;
    int type = p[0] & 31;
    if (type == NAL_AUD || type == NAL_FILLER) {
        j->len = start - START_CODE;
        return;
    }
    j->has_picture |= type >= NAL_SLICE && type <= NAL_IDR;
    j->has_key |= type == NAL_IDR;
    j->has_sps |= type == NAL_SPS;
    j->has_pps |= type == NAL_PPS;
    if (type == NAL_SPS || type == NAL_PPS)
        keep_set(j, p, len);
}

static bool add_nal(struct h264_join *j, const uint8_t *p, size_t len)
{
    static const uint8_t code[START_CODE] = { 0, 0, 0, 1 };
    int type = len ? p[0] & 31 : 0;
    if (j->fragment_at || !len || p[0] & 0x80 || type == 0 || type >= NAL_STAP_A || !append(j, code, sizeof(code)))
        return false;
    size_t start = j->len;
    if (!append(j, p, len))
        return false;
    end_nal(j, start);
    return true;
}

static bool add_aggregate(struct h264_join *j, const uint8_t *p, size_t len)
{
    size_t at = 1;
    for (; at + 2 < len; at += 2 + (size_t)rd16be(p + at))
        if (rd16be(p + at) > len - at - 2 || !add_nal(j, p + at + 2, rd16be(p + at)))
            return false;
    return at == len && len > 1;
}

static bool add_fragment(struct h264_join *j, const uint8_t *p, size_t len)
{
    static const uint8_t code[START_CODE] = { 0, 0, 0, 1 };
    bool first = len > 2 && p[1] & 0x80, last = len > 2 && p[1] & 0x40;
    int type = len > 2 ? p[1] & 31 : 0;
    if (type == 0 || type >= NAL_STAP_A || (first && last) || p[0] & 0x80 || first != !j->fragment_at)
        return false;
    if (first) {
        uint8_t head = (uint8_t)((p[0] & 0x60) | type);
        if (!append(j, code, sizeof(code)) || !append(j, &head, 1))
            return false;
        j->fragment_at = j->len - 1;
    } else if ((j->data[j->fragment_at] & 31) != type) {
        return false;
    }
    if (!append(j, p + 2, len - 2))
        return false;
    if (last) {
        end_nal(j, j->fragment_at);
        j->fragment_at = 0;
    }
    return true;
}

static bool add_payload(struct h264_join *j, const uint8_t *p, size_t len)
{
    if ((p[0] & 31) == NAL_STAP_A)
        return add_aggregate(j, p, len);
    return (p[0] & 31) == NAL_FU_A ? add_fragment(j, p, len) : add_nal(j, p, len);
}

/* All sets that are known, before the first byte of the unit. */
static bool put_sets_first(struct h264_join *j)
{
    size_t room = 0, at = 0;
    const struct h264_set *all[2] = { j->sps, j->pps };
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < H264_SETS_MAX; i++)
            room += all[k][i].len ? START_CODE + (size_t)all[k][i].len : 0;
    if (!j->sps[0].len || !j->pps[0].len || !grow(j, room))
        return false;
    memmove(j->data + room, j->data, j->len);
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < H264_SETS_MAX; i++)
            if (all[k][i].len) {
                wr32be(j->data + at, 1);
                memcpy(j->data + at + START_CODE, all[k][i].bytes, all[k][i].len);
                at += START_CODE + (size_t)all[k][i].len;
            }
    j->len += room;
    return true;
}

/* Nothing of an access unit comes before these. */
static bool starts_unit(const uint8_t *p, size_t len)
{
    int type = (p[0] & 31) == NAL_STAP_A && len > 3 ? p[3] & 31 : p[0] & 31;
    return type == NAL_AUD || type == NAL_SPS;
}

/* The unit is over; true when it can be given. */
static bool end_unit(struct h264_join *j, struct h264_unit *ret)
{
    bool broken = j->broken || j->fragment_at, whole = !broken && j->has_picture;
    if (whole && j->has_key && !(j->has_sps && j->has_pps))
        whole = put_sets_first(j);
    bool give = whole && (j->has_key || !j->needs_key);
    if (give) {
        *ret = (struct h264_unit) { .data = j->data, .len = j->len, .ts = j->ts, .key = j->has_key, .after_loss = j->lost };
        j->needs_key = j->lost = false;
    } else if (broken || j->has_picture) { /* parameter sets by themselves are nothing amiss */
        j->dropped++;
        j->needs_key = j->lost = true;
    }
    begin_unit(j);
    return give;
}

bool h264_join_put(struct h264_join *j, const uint8_t *payload, size_t len, uint32_t ts, bool marker, struct h264_unit *ret, bool *ret_again)
{
    *ret_again = false;
    if (!len)
        return false; /* a probe of the line */
    if (j->open && j->ts != ts) {
        *ret_again = true;
        return end_unit(j, ret);
    }
    if (!j->open) {
        j->open = true;
        j->ts = ts;
        j->broken = j->hole && !starts_unit(payload, len);
    }
    j->hole = false;
    if (!j->broken && !add_payload(j, payload, len))
        j->broken = true;
    return marker && end_unit(j, ret);
}
