/* tests/unit/media/kit.h - a temporary folder in which ffmpeg makes films and vcr-ingest reads them, as vcrd starts it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "wire/reelidx.h"

extern char dir[64];
/* A cmocka setup and teardown: the folder. */
int kit_open(void **state);
int kit_close(void **state);
/* ./dev test --long: everything, however long it takes. */
bool long_run(void);

__attribute__((format(printf, 1, 2))) int shell(const char *fmt, ...);
/* The first line that `command file` prints within the folder. */
const char *ask(const char *command, const char *file);
/* Outputs stay as the run before left them, for the next one to go on with. */
extern bool kit_goes_on;
/* Runs vcr-ingest; report is where its lines go, as bash takes it. */
int ingest_to(const char *report, const char *mode, const char *film);
/* The same; ret_last is the last line of its report, which is in the file "report". */
int ingest(const char *mode, const char *film, char *ret_last, size_t size);
void read_index(const char *name, struct reelidx *ret);

/* When a reel's picture is first brighter than that and its sound first louder than a quarter, in seconds of its own timeline; negative: never. All of it is decoded: what
 * ffmpeg finds wrong is in the file "errors". */
double flash_of(const char *reel, int bright, int *ret_pictures);
double beep_of(const char *reel, float *ret_peak);
#define BEEP_AT(rate, length, at) "-f lavfi -i \"aevalsrc=.6*sin(6283*t)*between(t\\," at "\\," at "+.1):s=" rate ":d=" length "\""

#define FRAMES "ffprobe -v error -count_frames -select_streams v -show_entries stream=nb_read_frames -of default=nk=1:nw=1"
#define RATE "ffprobe -v error -select_streams v -show_entries stream=r_frame_rate -of default=nk=1:nw=1"
