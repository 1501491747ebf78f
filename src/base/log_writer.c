/* base/log_writer.c - see log_writer.h. */
#include "base/log_writer.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/util.h"

static struct {
    pthread_mutex_t lock;
    pthread_cond_t some, written; /* there is something to write, or it got urgent; a write has ended */
    pthread_t thread;
    /* guarded by the lock */
    char *filling;                /* NULL: the writer does not run */
    size_t len;
    uint64_t lost;                /* lines left out */
    uint64_t begun, ended;        /* writes */
    bool urgent, ending;
} writer = { .lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER, .written = PTHREAD_COND_INITIALIZER };

static struct timespec in_ms(long ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += ms * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

static void *writer_main(void *spare)
{
    char *full = spare;
    pthread_mutex_lock(&writer.lock);
    for (;;) {
        while (writer.len == 0 && !writer.ending)
            pthread_cond_wait(&writer.some, &writer.lock);
        if (writer.len == 0)
            break;
        struct timespec until = in_ms(LOG_GATHER_MS);
        while (!writer.urgent && !writer.ending && pthread_cond_clockwait(&writer.some, &writer.lock, CLOCK_MONOTONIC, &until) == 0)
            ;
        char *text = writer.filling;
        size_t len = writer.len;
        uint64_t lost = writer.lost;
        writer.filling = full;
        full = text;
        writer.len = 0;
        writer.lost = 0;
        writer.urgent = false;
        writer.begun++;
        pthread_mutex_unlock(&writer.lock);
        vcr_write_all(2, text, len); /* a log that cannot be written has nowhere to say so */
        if (lost)
            log_warn("log", "%llu lines were left out: they came faster than they could be written", (unsigned long long)lost);
        pthread_mutex_lock(&writer.lock);
        writer.ended++;
        pthread_cond_broadcast(&writer.written);
    }
    free(writer.filling);
    writer.filling = NULL;
    pthread_mutex_unlock(&writer.lock);
    free(full);
    return NULL;
}

void log_writer_begin(void)
{
    char *spare = malloc(LOG_BUFFER_BYTES);
    pthread_mutex_lock(&writer.lock);
    if (!writer.filling && spare) {
        writer.filling = malloc(LOG_BUFFER_BYTES);
        writer.ending = false;
        writer.len = 0;
        if (writer.filling && pthread_create(&writer.thread, NULL, writer_main, spare) == 0) {
            spare = NULL;
        } else {
            free(writer.filling);
            writer.filling = NULL;
        }
    }
    pthread_mutex_unlock(&writer.lock);
    free(spare);
}

void log_writer_end(void)
{
    pthread_mutex_lock(&writer.lock);
    bool runs = writer.filling != NULL;
    writer.ending = true;
    pthread_cond_signal(&writer.some);
    pthread_mutex_unlock(&writer.lock);
    if (runs)
        pthread_join(writer.thread, NULL);
}

/* Until what is in the buffer now has been written, which the next write does. */
static void wait_written(void)
{
    struct timespec until = in_ms(LOG_ERROR_WAIT_MS);
    for (uint64_t mine = writer.begun + 1; writer.filling && writer.ended < mine;)
        if (pthread_cond_clockwait(&writer.written, &writer.lock, CLOCK_MONOTONIC, &until) != 0)
            return;
}

bool log_writer_take(enum log_level level, const char *line, size_t len)
{
    pthread_mutex_lock(&writer.lock);
    bool runs = writer.filling != NULL;
    if (runs && len > LOG_BUFFER_BYTES - writer.len) {
        writer.lost++;
    } else if (runs) {
        memcpy(writer.filling + writer.len, line, len);
        writer.len += len;
        bool urgent = level == LOG_ERROR || writer.len > LOG_BUFFER_BYTES / 2;
        if (writer.len == len || (urgent && !writer.urgent))
            pthread_cond_signal(&writer.some);
        writer.urgent |= urgent;
        if (level == LOG_ERROR && !pthread_equal(pthread_self(), writer.thread))
            wait_written();
    }
    pthread_mutex_unlock(&writer.lock);
    return runs;
}
