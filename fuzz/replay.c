/* fuzz/replay.c - runs a fuzz target over every file of its corpus, and over cuts and single-byte changes of each, as an ordinary test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_MAX = 1 << 16, CUTS_MAX = 400 };

/* The target in memory of exactly the right size, so that ASan sees the first byte read beyond. */
static void one(const uint8_t *data, size_t size)
{
    uint8_t *copy = calloc(1, size ? size : 1); /* zeroed: gcc warns that an empty one is never written */
    if (!copy)
        abort();
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void replay(uint8_t *data, size_t size)
{
    one(data, size);
    size_t step = size / CUTS_MAX + 1;
    for (size_t i = 0; i < size; i += step) {
        uint8_t keep = data[i];
        one(data, i);
        data[i] = (uint8_t)(keep ^ 0x80);
        one(data, size);
        data[i] = 0xFF;
        one(data, size);
        data[i] = keep;
    }
}

int main(int argc, char **argv)
{
    static uint8_t data[FILE_MAX];
    int files = 0;
    DIR *dir = argc > 1 ? opendir(argv[1]) : NULL;
    one(data, 0);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
        FILE *f = e->d_name[0] == '.' ? NULL : fopen(path, "rb");
        if (!f)
            continue;
        size_t n = fread(data, 1, sizeof(data), f);
        fclose(f);
        replay(data, n);
        files++;
    }
    if (dir)
        closedir(dir);
    printf("1..1\n%s 1 - the corpus of %d files replays cleanly\n", files > 0 ? "ok" : "not ok", files);
    return files > 0 ? 0 : 1;
}
