/* tests/unit/webrtc/line.h - a bad line between viewers and the server: UDP through a thread of its own, which delays, loses, reorders and doubles datagrams in both directions, lets only so many
 * through towards viewers,
 * and forgets who is who (a router that is restarted).
 * Bounds   LINE_WAITING datagrams on their way, more are lost; LINE_CLIENTS viewers. */
#pragma once
#include <stdint.h>

enum { LINE_WAITING = 8192, LINE_CLIENTS = 16 };
struct line_config {
    uint16_t server_port;       /* on 127.0.0.1 */
    int delay_ms;               /* each way */
    int64_t down_bps;           /* towards viewers, with a queue of LINE_QUEUE_MS, what is more is lost; 0: any */
    int loss_per_mille, late_per_mille, twice_per_mille; /* late: LINE_LATE_MS more than the others, which overtake it */
};
enum { LINE_LATE_MS = 12, LINE_QUEUE_MS = 300 };
struct line;
struct line *line_open(const struct line_config *config);
uint16_t line_port(const struct line *l); /* where viewers send to */
/* Another down_bps from now on. */
void line_narrow(struct line *l, int64_t down_bps);
/* From now on the server sees every viewer come from another port. */
void line_rebind(struct line *l);
struct line_counts {
    long up, down, lost_up, lost_down; /* datagrams: towards the server, towards viewers; lost ones are not among up and down */
};
struct line_counts line_counts(const struct line *l);
void line_close(struct line **l);
