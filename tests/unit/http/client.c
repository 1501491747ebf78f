/* tests/unit/http/client.c - see client.h. */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void need(bool ok)
{
    if (!ok)
        abort(); /* the test's own machinery is broken, or the server is stuck */
}

int client_connect(const char *address, int receive_bytes)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    a.sin_port = htons((unsigned short)atoi(strrchr(address, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(fd >= 0);
    if (receive_bytes > 0)
        need(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes)) == 0);
    need(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
    return fd;
}

bool client_put(int fd, const void *bytes, size_t len)
{
    const char *p = bytes;
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n < 0)
            return false; /* the server may have gone: mostly what it answered is what counts */
        p += n;
        len -= (size_t)n;
    }
    return true;
}

void client_puts(int fd, const char *text) { client_put(fd, text, strlen(text)); }

static ssize_t read_some(int fd, char *to, size_t size)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    need(poll(&p, 1, PATIENCE_MS) == 1);
    return recv(fd, to, size, 0);
}

size_t client_read_all(int fd, char *text, size_t size)
{
    size_t n = 0;
    for (;;) {
        need(n + 1 < size);
        ssize_t got = read_some(fd, text + n, size - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    text[n] = '\0';
    return n;
}

bool client_read_until(int fd, char *text, size_t size, const char *until)
{
    size_t n = 0;
    text[0] = '\0';
    while (!strstr(text, until)) {
        need(n + 1 < size);
        ssize_t got = read_some(fd, text + n, 1); /* byte by byte: what follows stays for the next call */
        if (got <= 0)
            return false;
        text[++n] = '\0';
    }
    return true;
}

int client_status(const char *text) { return strncmp(text, "HTTP/1.1 ", 9) == 0 ? atoi(text + 9) : 0; }

const char *client_body(const char *text)
{
    const char *p = strstr(text, "\r\n\r\n");
    return p ? p + 4 : "";
}

int client_ask(const char *address, const char *request, size_t len, char *text, size_t size)
{
    int fd = client_connect(address, 0);
    client_put(fd, request, len);
    client_read_all(fd, text, size);
    close(fd);
    return client_status(text);
}
