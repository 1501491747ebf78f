/* test_aside.c - pictures are worked on in their order; a failure is told to who gives more, and at the end; what is closed early is left, without a leak. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"
#include "media/ingest/internal.h"

struct work {
    int64_t sum, last;
    int calls, ends;
    bool in_order;
    int64_t fails_at;          /* pts; negative: the end */
};

static enum vcr_err work(void *arg, AVFrame *f, struct vcr_why *why)
{
    struct work *w = arg;
    w->calls++;
    if (!f)
        w->ends++;
    if ((f && f->pts == w->fails_at) || (!f && w->fails_at < 0))
        return vcr_fail(why, VCR_E_STALE, "picture %d", w->calls);
    if (f) {
        w->in_order = w->in_order && f->pts == w->last + 1;
        w->last = f->pts;
        w->sum += f->width;
    }
    return VCR_OK;
}

static enum vcr_err give(struct aside *a, int64_t pts, struct vcr_why *why)
{
    AVFrame *f = av_frame_alloc();
    f->pts = pts;
    f->width = 2;
    enum vcr_err err = aside_give(a, f, why);
    assert_int_equal(f->width, 0); /* taken, also by who fails */
    av_frame_free(&f);
    return err;
}

static void in_order_and_all(void **state)
{
    struct work w = { .last = 0, .in_order = true, .fails_at = 1000 };
    struct aside *a = NULL;
    assert_int_equal(aside_open(&a, work, &w, NULL), VCR_OK);
    for (int i = 1; i <= 500; i++)
        assert_int_equal(give(a, i, NULL), VCR_OK);
    assert_int_equal(aside_finish(&a, NULL), VCR_OK);
    assert_null(a);
    assert_true(w.in_order);
    assert_int_equal(w.sum, 1000);
    assert_int_equal(w.ends, 1);
}

static void a_failure_is_told(void **state)
{
    struct work w = { .last = 0, .in_order = true, .fails_at = 7 };
    struct vcr_why why = { 0 };
    struct aside *a = NULL;
    enum vcr_err err = VCR_OK;
    assert_int_equal(aside_open(&a, work, &w, NULL), VCR_OK);
    for (int i = 1; err == VCR_OK; i++)
        err = give(a, i, &why);
    assert_int_equal(err, VCR_E_STALE);
    assert_string_equal(why.text, "picture 7");
    why = (struct vcr_why){ 0 };
    assert_int_equal(aside_finish(&a, &why), VCR_E_STALE);
    assert_string_equal(why.text, "picture 7");
    assert_int_equal(w.calls, 7);
    assert_int_equal(w.ends, 0);
}

static void a_failure_of_the_end_is_told(void **state)
{
    struct work w = { .last = 0, .in_order = true, .fails_at = -1 };
    struct aside *a = NULL;
    assert_int_equal(aside_open(&a, work, &w, NULL), VCR_OK);
    assert_int_equal(give(a, 1, NULL), VCR_OK);
    assert_int_equal(aside_finish(&a, NULL), VCR_E_STALE);
    assert_int_equal(w.ends, 1);
}

static void closed_early(void **state)
{
    struct work w = { .last = 0, .in_order = true, .fails_at = 1000 };
    struct aside *a = NULL;
    aside_close(&a);
    assert_int_equal(aside_open(&a, work, &w, NULL), VCR_OK);
    for (int i = 1; i <= 4; i++)
        assert_int_equal(give(a, i, NULL), VCR_OK);
    aside_close(&a);
    assert_null(a);
    assert_int_equal(w.ends, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(in_order_and_all), cmocka_unit_test(a_failure_is_told), cmocka_unit_test(a_failure_of_the_end_is_told),
                                        cmocka_unit_test(closed_early) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
