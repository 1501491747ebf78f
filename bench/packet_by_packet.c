/* bench/packet_by_packet.c - see packet_by_packet.h. */
#include "packet_by_packet.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <srtp2/srtp.h>

#include "base/util.h"

enum { SOCKETS_MAX = 500, PACKETS = 40000, HEADER = 12, PACKET_MAX = 1500, KEY_BYTES = 28 };

struct viewer {
    srtp_t keys;
    struct sockaddr_in to;
};

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static bool viewer_open(struct viewer *v, int *fd)
{
    uint8_t key[KEY_BYTES];
    srtp_policy_t p;
    socklen_t len = sizeof(v->to);
    memset(&p, 0, sizeof(p));
    vcr_random(key, sizeof(key));
    srtp_crypto_policy_set_aes_gcm_128_16_auth(&p.rtp);
    srtp_crypto_policy_set_aes_gcm_128_16_auth(&p.rtcp);
    p.ssrc.type = ssrc_any_outbound;
    p.key = key;
    v->to = (struct sockaddr_in) { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    *fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return srtp_create(&v->keys, &p) == srtp_err_status_ok && *fd >= 0 && bind(*fd, (const struct sockaddr *)&v->to, len) == 0 &&
           getsockname(*fd, (struct sockaddr *)&v->to, &len) == 0;
}

static void empty(const int *fd, int count)
{
    static struct pollfd p[SOCKETS_MAX];
    uint8_t b[PACKET_MAX];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < count; i++)
        p[i] = (struct pollfd) { .fd = fd[i], .events = POLLIN };
    for (;;) {
        poll(p, (nfds_t)count, -1);
        for (int i = 0; i < count; i++)
            while (p[i].revents && recv(fd[i], b, sizeof(b), 0) > 0)
                ;
    }
}

static double send_all(struct viewer *v, int viewers, size_t bytes)
{
    static const uint8_t payload[PACKET_MAX];
    uint8_t packet[PACKET_MAX + SRTP_MAX_TRAILER_LEN] = { 0x80, 102 };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    double from = cpu_s();
    for (int i = 0; i < PACKETS; i++) {
        struct viewer *to = &v[i % viewers];
        int len = (int)bytes;
        wr16be(packet + 2, (uint16_t)(i / viewers + 1));
        memcpy(packet + HEADER, payload, bytes - HEADER);
        srtp_protect(to->keys, packet, &len);
        sendto(fd, packet, (size_t)len, 0, (const struct sockaddr *)&to->to, sizeof(to->to));
    }
    close(fd);
    return (cpu_s() - from) / PACKETS;
}

double packet_by_packet_s(int viewers, size_t bytes)
{
    static struct viewer v[SOCKETS_MAX];
    int fd[SOCKETS_MAX], count = 0;
    static bool ready;
    ready = ready || srtp_init() == srtp_err_status_ok; /* not twice */
    bool ok = ready && viewers <= SOCKETS_MAX && bytes > HEADER && bytes <= PACKET_MAX;
    double ret = 0;
    while (ok && count < viewers) {
        ok = viewer_open(&v[count], &fd[count]);
        count++;
    }
    pid_t child = ok ? fork() : -1;
    if (child == 0)
        empty(fd, count);
    if (child > 0) {
        ret = send_all(v, viewers, bytes);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    for (int i = 0; i < count; i++) {
        srtp_dealloc(v[i].keys);
        close(fd[i]);
    }
    return ret;
}
