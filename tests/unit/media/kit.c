/* tests/unit/media/kit.c - see kit.h. */
#include "kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "media/ingest/ingest.h"

char dir[64];
static const char *const outputs[INGEST_OUTPUTS] = { "clean.mp4", "clean.idx", "audio.mp4", "audio.idx", "opus.mp4", "opus.idx", "tape.mp4", "tape.idx", "thumb.jpg",
                                                   "story.jpg", "captions.vtt", "audio2.mp4", "audio2.idx", "audio3.mp4", "audio3.idx", "audio4.mp4", "audio4.idx" };

int shell(const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    return system(line);
}

const char *ask(const char *command, const char *file)
{
    static char line[256];
    char whole[1024];
    snprintf(whole, sizeof(whole), "cd %s && %s %s", dir, command, file);
    FILE *f = popen(whole, "r");
    line[0] = 0;
    if (f && fgets(line, sizeof(line), f))
        line[strcspn(line, "\n")] = 0;
    if (f)
        pclose(f);
    return line;
}

bool kit_goes_on;

int ingest_to(const char *report, const char *mode, const char *film)
{
    char command[1536];
    for (int i = 0; i < INGEST_OUTPUTS && !kit_goes_on; i++) {
        snprintf(command, sizeof(command), "%s/%s", dir, outputs[i]);
        unlink(command);
    }
    int n = snprintf(command, sizeof(command), "cd %s && %s %s 3<>%s 4> %s", dir, VCR_INGEST, mode, film, report);
    for (int i = 0; i < INGEST_OUTPUTS; i++)
        n += snprintf(command + n, sizeof(command) - (size_t)n, " %d<>%s", INGEST_FD_OUTPUTS + i, outputs[i]);
    /* bash, because sh knows descriptors of one digit only */
    char whole[1700];
    snprintf(whole, sizeof(whole), "exec bash -c '%s 2>/dev/null'", command);
    int rc = system(whole);
    return WEXITSTATUS(rc);
}

int ingest(const char *mode, const char *film, char *ret_last, size_t size)
{
    int rc = ingest_to("report", mode, film);
    vcr_strcpy(ret_last, size, ask("tail -n 1", "report"));
    return rc;
}

void read_index(const char *name, struct reelidx *ret)
{
    static uint8_t bytes[1 << 20];
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(bytes, 1, sizeof(bytes), f);
    fclose(f);
    assert_int_equal(reelidx_parse(ret, bytes, n, NULL), VCR_OK);
}

double flash_of(const char *reel, int bright, int *ret_pictures)
{
    char command[400];
    double at = -1;
    int pictures = 0;
    snprintf(command, sizeof(command),
             "ffprobe -v error -f lavfi -i movie=%s,signalstats -show_entries frame=pts_time:frame_tags=lavfi.signalstats.YAVG -of csv=p=0 2> errors | "
             "awk -F, '$2 > %d && at == \"\" { at = $1 } END { print NR, at == \"\" ? -1 : at }'", reel, bright);
    sscanf(ask(command, ""), "%d %lf", &pictures, &at);
    if (ret_pictures)
        *ret_pictures = pictures;
    return at;
}

double beep_of(const char *reel, float *ret_peak)
{
    char command[300], path[128];
    float samples[4096], peak = 0;
    snprintf(command, sizeof(command), "ffmpeg -y -v error -copyts -i %s -af aresample=async=1:first_pts=0 -ac 1 -ar 48000 -f f32le sound.raw 2> errors; echo", reel);
    ask(command, "");
    snprintf(path, sizeof(path), "%s/sound.raw", dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    long at = 0, found = -1;
    for (size_t n; (n = fread(samples, sizeof(*samples), ARRAY_LEN(samples), f)) > 0; at += (long)n)
        for (size_t i = 0; i < n; i++) {
            peak = VCR_MAX(peak, fabsf(samples[i]));
            if (found < 0 && fabsf(samples[i]) > 0.25f)
                found = at + (long)i;
        }
    fclose(f);
    if (ret_peak)
        *ret_peak = peak;
    return found < 0 ? -1 : (double)found / 48000;
}

bool long_run(void)
{
    const char *set = getenv("VCR_LONG");
    return set && *set;
}

int kit_open(void **state)
{
    vcr_strcpy(dir, sizeof(dir), "/tmp/vcr-ingest-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}
int kit_close(void **state) { return shell("rm -rf %s", dir); }
