/* cmd/vcr-render.c - main of vcr-render. Started by vcrd: without arguments it has the descriptors of wire/render_msg.h, with --make those of wire/make_msg.h. */
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "render/make.h"
#include "render/render.h"
#include "render/seal.h"
#include "wire/render_msg.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__clang__)
/* Read by the address sanitizer, where there is one: its leak checker needs a second process at the end, which the seal forbids. Leaks are found by the tests
 * of the parts, which run unsealed. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0"; }
#endif

/* Segments, one at a time. */
static int make_main(void)
{
    struct vcr_why why = { 0 };
    log_setup(LOG_JSON, LOG_INFO, "vcr-render");
    enum vcr_err err = make_run(&(struct make_config){ MAKE_FD_CONTROL, .seals = true }, &why);
    if (err != VCR_OK)
        log_error("make", "%s", why.text);
    return err != VCR_OK;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--prove-sandbox") == 0)
        return seal_prove() ? 0 : 1;
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("vcr-render " VCR_VERSION);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--make") == 0)
        return make_main();
    if (argc != 1) {
        fputs("usage: vcr-render [--make | --prove-sandbox | --version]\nIt is started by vcrd, which gives it its descriptors.\n", stderr);
        return 2;
    }
    log_setup(LOG_JSON, LOG_INFO, "vcr-render");
    vcr_descriptors_max(); /* a seat has about ten */
    mallopt(M_MMAP_THRESHOLD, 128 << 10); /* for good: what a seat gives back that rests goes back to the system */
    struct render *render = NULL;
    struct vcr_why why = { 0 };
    const struct render_config config = { RENDER_FD_CONTROL, RENDER_FD_RING, RENDER_FD_WAKE, .seals = true, .clock_us = clock_mono_us };
    if (render_open(&render, &config, &why) != VCR_OK) {
        log_error("render", "%s", why.text);
        return 1;
    }
    render_run(render);
    render_close(&render);
    return 0;
}
