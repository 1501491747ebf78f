/* wire/srtid.h - the stream id with which an SRT caller says what it wants. PURE.
 *
 * Three spellings: the access control syntax "#!::r=NAME,m=publish[,u=USER]", the colon form "publish:NAME[:USER:PASS]", and either of them percent-encoded, which
 * ffmpeg leaves to the receiver. A bare NAME is taken, too. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum srtid_mode { SRTID_PUBLISH, SRTID_REQUEST, SRTID_OTHER };
enum { SRTID_MAX = 512, SRTID_NAME_BYTES = 64 };
struct srtid {
    enum srtid_mode mode;        /* publishing, when nothing is said */
    char name[SRTID_NAME_BYTES]; /* letters, digits and -_./ */
};
/* False: it cannot be read, or names nothing. */
bool srtid_parse(const char *text, size_t len, struct srtid *ret);
