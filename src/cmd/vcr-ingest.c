/* cmd/vcr-ingest.c - the sandboxed program that turns an original into reels. vcrd starts it with every file as a descriptor: 3 the original, 4 the report,
 * 5... the outputs (see media/ingest/ingest.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "media/ingest/ingest.h"

enum { PICTURES_FIRST = 10 }; /* nice: a live picture that is late is lost, a job that is late is late */

static int leave(enum vcr_err err, const struct vcr_why *why)
{
    if (err != VCR_OK)
        fprintf(stderr, "vcr-ingest: %s\n", why->text);
    fflush(NULL);
    /* No exit handlers: leak checkers among them would start a process, which the seal forbids. */
    _exit(err == VCR_OK ? 0 : 1);
}

static enum vcr_err prove(char **argv, struct vcr_why *why)
{
    enum vcr_err err = ingest_prove_sealed(why);
    if (err == VCR_OK)
        puts("sealed: files, sockets, processes, signals, new code, too much memory and all calls that are not listed are refused");
    return err;
}

static enum vcr_err run_wished(char **argv, bool finish, struct vcr_why *why)
{
    struct ingest_wish wish = { .finish = finish };
    enum vcr_err err = VCR_OK;
    for (; err == VCR_OK && *argv; argv++)
        err = ingest_wish_add(&wish, *argv, why);
    return err == VCR_OK ? ingest_run(&wish, why) : err;
}
static enum vcr_err run(char **argv, struct vcr_why *why) { return run_wished(argv, false, why); }
static enum vcr_err finish(char **argv, struct vcr_why *why) { return run_wished(argv, true, why); }

static enum vcr_err demo(char **argv, struct vcr_why *why) { return ingest_demo(argv[0], why); }

static enum vcr_err bridge(char **argv, struct vcr_why *why) { return ingest_bridge(atoll(argv[0]), atoll(argv[1]), why); }

static enum vcr_err aac(char **argv, struct vcr_why *why) { return ingest_aac(atoll(argv[0]), why); }

static enum vcr_err slate(char **argv, struct vcr_why *why)
{
    return ingest_slate(atoi(argv[0]), atoi(argv[1]), atoi(argv[2]), atoi(argv[3]), atoll(argv[4]), why);
}

/* A live picture is nobody's job to be polite about, and its ring is mapped while that may still be done. */
static int live(const char *kind)
{
    struct vcr_why why = { 0 };
    struct ring *ring = NULL;
    enum vcr_err err = ingest_live_attach(&ring, &why);
    ingest_warm_up();
    if (err == VCR_OK)
        err = ingest_seal(&why);
    if (err == VCR_OK)
        err = ingest_live(strcmp(kind, "ts") == 0, ring, &why);
    return leave(err, &why);
}

enum { WISHES_MAX = 8 };
/* What vcrd asks for: a word and how many follow it, at least and at most. */
static const struct mode {
    const char *name;
    int least, most;
    enum vcr_err (*run)(char **argv, struct vcr_why *why);
} modes[] = {
    { "--run", 0, WISHES_MAX, run },  { "--finish", 0, WISHES_MAX, finish }, { "--demo", 1, 1, demo },
    { "--bridge", 2, 2, bridge },     { "--slate", 5, 5, slate },            { "--aac", 1, 1, aac },      { "--prove-sandbox", 0, 0, prove },
};

int main(int argc, char **argv)
{
    struct vcr_why why = { 0 };
    const struct mode *mode = NULL;
    for (size_t i = 0; argc >= 2 && i < ARRAY_LEN(modes); i++)
        if (strcmp(argv[1], modes[i].name) == 0 && argc - 2 >= modes[i].least && argc - 2 <= modes[i].most)
            mode = &modes[i];
    if (argc == 3 && strcmp(argv[1], "--live") == 0 && (strcmp(argv[2], "ts") == 0 || strcmp(argv[2], "packets") == 0))
        return live(argv[2]);
    if (!mode) {
        fprintf(stderr, "usage: vcr-ingest --run [WISH]... | --finish [WISH]... | --demo NAME | --bridge FROM_US TO_US\n"
                        "       vcr-ingest --aac DURATION_US | --slate WIDTH HEIGHT SAR_NUM SAR_DEN DURATION_US | --live ts|packets | --prove-sandbox\n"
                        "wishes: field_order=progressive|tff|bff standard=ntsc|pal aspect=4:3|16:9\nvcrd starts this program; descriptors from 3 on are its files.\n");
        return 2;
    }
    if (nice(PICTURES_FIRST) == -1) /* else it competes with those who watch: slower for them, not for the job */
        fprintf(stderr, "vcr-ingest: its priority stays as it is\n");
    ingest_warm_up();
    enum vcr_err err = ingest_seal(&why);
    if (err == VCR_OK)
        err = mode->run(argv + 2, &why);
    return leave(err, &why);
}
