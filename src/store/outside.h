/* store/outside.h - folders that are not ours: an import folder, libraries that stay where they are. Files in them are opened without following anything.
 *
 * A root is a path from the settings, made absolute. Paths below it are bytes as the folder has them: no empty, "." or ".." segment, no symbolic link on the way, and never out
 * of the root, whatever is renamed meanwhile (openat2 with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS). Only regular files. Calls block. Threads: any. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"

enum { OUTSIDE_ROOTS_MAX = 16, OUTSIDE_PATH_BYTES = 1024, OUTSIDE_DEPTH_MAX = 8 };
struct outside_roots {
    char *roots[OUTSIDE_ROOTS_MAX];
    int count;
};
/* "/a:/b": each an existing folder. name: the setting's, for the sentence. data_dir may not lie in one of them, and they may not lie in blob_dir either; NULL: not asked. */
enum vcr_err outside_roots_parse(struct outside_roots *ret, const char *name, const char *list, const char *data_dir, const char *blob_dir, struct vcr_why *why);
void outside_roots_free(struct outside_roots *r);
/* Whether the folder lies in one of them or holds one. */
bool outside_roots_overlap(const struct outside_roots *r, const char *folder);
bool outside_has_root(const struct outside_roots *r, const char *root);

/* What tells whether a file is still the same. changed_us is the kernel's: nobody sets it. */
struct outside_facts {
    uint64_t device, inode, size;
    int64_t written_us, changed_us;
};
bool outside_same(const struct outside_facts *a, const struct outside_facts *b);
/* VCR_E_NOT_FOUND: it is not there, or no file. The descriptor is read-only. */
enum vcr_err outside_open(const char *root, const char *path, int *ret_fd, struct outside_facts *ret, struct vcr_why *why);
enum vcr_err outside_facts_of(int fd, struct outside_facts *ret, struct vcr_why *why);
/* Removes it if it is still that very file. VCR_E_CONFLICT: it is another. */
enum vcr_err outside_remove(const char *root, const char *path, const struct outside_facts *facts, struct vcr_why *why);
/* A small text beside a file, written anew; and its removal. */
enum vcr_err outside_note(const char *root, const char *path, const char *suffix, const char *text, struct vcr_why *why);
void outside_note_remove(const char *root, const char *path, const char *suffix);

/* Every regular file below root that is not hidden (a name that begins with a dot), to OUTSIDE_DEPTH_MAX folders deep; symbolic links, pipes, sockets and devices are passed
 * over. each returns false to end it. At most entries_max names are looked at; *ret_cut: there was more, or it was deeper. */
struct outside_walk {
    uint64_t entries_max;
    bool (*each)(void *arg, const char *path, const struct outside_facts *facts);
    void (*folder)(void *arg, const char *path); /* may be NULL; "" is the root */
    void *arg;
};
enum vcr_err outside_walk(const char *root, const struct outside_walk *w, bool *ret_cut, struct vcr_why *why);
