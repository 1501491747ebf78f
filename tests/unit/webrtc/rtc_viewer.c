/* tests/unit/webrtc/rtc_viewer.c - one WebRTC viewer as a process of its own, for tests that want it to vanish: `rtc_viewer SECONDS [FILE]` reads an offer from its standard
 * input, writes the answer to its standard output and watches for SECONDS from the first picture on, or until it is killed; without a picture it gives up after a minute. It
 * says nothing when it goes. The picture goes into the file, as H.264 in Annex B; at the end it says how many packets of sound came. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "rtc_client.h"

enum { OFFER_MAX = 65536, FIRST_PICTURE_MS = 60000 };

struct watching { const struct rtc_client *client; int64_t lasts_us, until_us; };

/* How long the way to the first picture takes is the machine's affair. */
static bool seen_enough(void *arg)
{
    struct watching *w = arg;
    if (w->until_us == 0 && w->client->frames > 0)
        w->until_us = clock_mono_us() + w->lasts_us;
    return w->until_us != 0 && clock_mono_us() >= w->until_us;
}

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
    struct watching w = { .client = c, .lasts_us = atoi(argv[1]) * INT64_C(1000000) };
    rtc_clients_run(&c, 1, seen_enough, &w, atoi(argv[1]) * 1000 + FIRST_PICTURE_MS);
    fprintf(stderr, "sounds %llu\n", (unsigned long long)c->sounds);
    _exit(0);       /* without a goodbye */
}
