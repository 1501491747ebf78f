/* cmd/vcr-ingest.c - the sandboxed program that turns an original into reels. vcrd starts it with every file as a descriptor: 3 the original, 4 the report,
 * 5... the outputs (see media/ingest/ingest.h). */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "media/ingest/ingest.h"

enum { PICTURES_FIRST = 10 }; /* nice: a live picture that is late is lost, a job that is late is late */

static int finish(enum vcr_err err, const struct vcr_why *why)
{
    if (err != VCR_OK)
        fprintf(stderr, "vcr-ingest: %s\n", why->text);
    fflush(NULL);
    /* No exit handlers: leak checkers among them would start a process, which the seal forbids. */
    _exit(err == VCR_OK ? 0 : 1);
}

int main(int argc, char **argv)
{
    struct vcr_why why = { 0 };
    bool prove = argc == 2 && strcmp(argv[1], "--prove-sandbox") == 0, run = argc == 2 && strcmp(argv[1], "--run") == 0;
    bool demo = argc == 3 && strcmp(argv[1], "--demo") == 0;
    if (!prove && !run && !demo) {
        fprintf(stderr, "usage: vcr-ingest --run | --demo NAME | --prove-sandbox\nvcrd starts this program; descriptors from 3 on are its files.\n");
        return 2;
    }
    if (nice(PICTURES_FIRST) == -1) /* else it competes with those who watch: slower for them, not for the job */
        fprintf(stderr, "vcr-ingest: its priority stays as it is\n");
    ingest_warm_up();
    enum vcr_err err = ingest_seal(&why);
    if (err == VCR_OK)
        err = prove ? ingest_prove_sealed(&why) : demo ? ingest_demo(argv[2], &why) : ingest_run(&why);
    if (err == VCR_OK && prove)
        puts("sealed: files, sockets, processes, signals and new code are refused");
    return finish(err, &why);
}
