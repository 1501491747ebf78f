/* signal/profiles.h - the embedded files of share/profiles, made by tools/embed_profiles.py; a NULL name at the end. */
#pragma once

struct profile_file {
    const char *name, *text;
};
extern const struct profile_file profile_files[];
