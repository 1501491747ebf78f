/* tests/unit/webrtc/test_backlog.c - the ring of bytes that wait for a socket, held against a plain queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "deliver/webrtc/backlog.h"

enum { SIZE_MAX_HERE = 17 };

struct model { /* the bytes are numbers in order: which ones wait is two of them */
    uint8_t next_in, next_out;
};

static void expect(const struct backlog *b, const struct model *m)
{
    struct iovec p[2];
    uint8_t want = m->next_out;
    size_t total = 0;
    int n = backlog_pieces(b, p);
    assert_in_range(n, 0, 2);
    for (int i = 0; i < n; i++) {
        const uint8_t *bytes = p[i].iov_base;
        assert_true(p[i].iov_len > 0 && bytes >= b->bytes && bytes + p[i].iov_len <= b->bytes + b->size);
        for (size_t k = 0; k < p[i].iov_len; k++)
            assert_int_equal(bytes[k], want++);
        total += p[i].iov_len;
    }
    assert_int_equal(total, b->len);
    assert_int_equal(want, m->next_in);
}

/* A message of two parts. */
static void put(struct backlog *b, struct model *m, size_t len, size_t split)
{
    uint8_t bytes[SIZE_MAX_HERE * 3];
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(m->next_in + i);
    bool fits = len <= b->size - b->len;
    assert_int_equal(backlog_put(b, (struct iovec[2]) { { bytes, split }, { bytes + split, len - split } }, 2), fits);
    if (fits)
        m->next_in = (uint8_t)(m->next_in + len);
    expect(b, m);
}

static void took(struct backlog *b, struct model *m, size_t n)
{
    backlog_took(b, n);
    m->next_out = (uint8_t)(m->next_out + n);
    expect(b, m);
}

/* From every place in the ring: every length, taken in pieces of every size. */
static void every_length_from_every_place_goes_out_in_pieces_of_every_size(void **state)
{
    for (size_t size = 1; size <= SIZE_MAX_HERE; size++) {
        for (size_t place = 0; place < size; place++) {
            for (size_t len = 0; len <= size + 2; len++) {
                for (size_t piece = 1; piece <= size; piece++) {
                    struct backlog b;
                    struct model m = { 0 };
                    backlog_open(&b, size);
                    put(&b, &m, place, place / 2);
                    if (place > 0 && place < size) { /* one stays, so that it is not empty, which begins it anew */
                        put(&b, &m, 1, 0);
                        took(&b, &m, place);
                    }
                    put(&b, &m, len, len / 3);
                    while (b.len)
                        took(&b, &m, VCR_MIN(piece, b.len));
                    put(&b, &m, size, size); /* all of it is free again */
                    assert_int_equal(b.len, size);
                    assert_int_equal(b.from, 0);
                    backlog_free(&b);
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_from_every_place_goes_out_in_pieces_of_every_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
