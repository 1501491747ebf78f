/* media/ingest/demo_draw.h - the pictures and sounds of the demo films. PURE: a time goes in, a picture or a pressure comes out.
 *
 * What stands still is painted once, point by point; after that only what moves is drawn, in whole numbers. One canvas is a frame, or one field of it at its own lines.
 * Threads  one at a time for each canvas. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A place in the picture: x from 0 to 4, y from 0 to 3. */
struct demo_canvas {
    uint8_t *plane[3];         /* 4:2:0, the caller's; may change between pictures */
    ptrdiff_t stride[3];
    int width, height;         /* of these planes, even */
    float across, down, top;   /* the place of pixel (c, r) is ((c + 0.5) across, top + r down) */
    struct demo_art *art;      /* what was painted beforehand */
};

struct demo_film {
    const char *name;
    int width;                 /* 480 lines */
    bool interlaced;           /* upper field first */
    void (*paint)(struct demo_canvas *c);           /* once: fills c->art */
    void (*draw)(struct demo_canvas *c, double t);  /* every plane, as it is at t seconds */
    float (*sound)(double t);                       /* -1..1 */
};
enum { DEMO_HEIGHT = 480 };

/* NULL when there is none of that name. */
const struct demo_film *demo_find(const char *name);
/* The frame (parity -1) or its upper (0) or lower field (1). */
void demo_canvas_open(struct demo_canvas *c, const struct demo_film *film, int parity);
void demo_canvas_close(struct demo_canvas *c);
