/* tests/unit/webrtc/rtc_viewer.c - one WebRTC viewer as a process of its own, for tests that want it to vanish: `rtc_viewer SECONDS [FILE]` reads an offer from its standard
 * input, writes the answer to its standard output and watches, until the time is over or it is killed. It says nothing when it goes. The picture goes
 * into the file, as H.264 in Annex B; at the end it says how many packets of sound came. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/util.h"
#include "rtc_client.h"

enum { OFFER_MAX = 65536 };

static bool never(void *arg) { return false; }

static void keep(void *arg, const uint8_t *au, size_t len, uint32_t ts)
{
    fwrite(au, 1, len, arg);
    fflush(arg);
}

int main(int argc, char **argv)
{
    static char offer[OFFER_MAX];
    size_t n = fread(offer, 1, sizeof(offer) - 1, stdin);
    if (argc < 2 || argc > 3 || n == 0)
        return 2;
    FILE *file = argc == 3 ? fopen(argv[2], "w") : NULL;
    if (argc == 3 && !file)
        return 2;
    struct rtc_client *c = rtc_client_open(offer, &(struct rtc_client_options) { .nack = true, .frame = file ? keep : NULL, .arg = file });
    char *answer = rtc_client_answer(c);
    fputs(answer, stdout);
    free(answer);
    fclose(stdout); /* the answer is over */
    rtc_clients_run(&c, 1, never, NULL, atoi(argv[1]) * 1000);
    fprintf(stderr, "sounds %llu\n", (unsigned long long)c->sounds);
    _exit(0);       /* without a goodbye */
}
