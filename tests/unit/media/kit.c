/* tests/unit/media/kit.c - see kit.h. */
#include "kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "media/ingest/ingest.h"

char dir[64];
static const char *const outputs[INGEST_OUTPUTS] = { "clean.mp4", "clean.idx", "audio.mp4", "audio.idx", "opus.mp4", "opus.idx", "tape.mp4", "tape.idx", "thumb.jpg" };

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

int ingest_to(const char *report, const char *mode, const char *film)
{
    char command[1536];
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

int kit_open(void **state)
{
    vcr_strcpy(dir, sizeof(dir), "/tmp/vcr-ingest-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}
int kit_close(void **state) { return shell("rm -rf %s", dir); }
