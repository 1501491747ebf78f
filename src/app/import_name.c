/* app/import_name.c - what a file's name says: whether it is taken, and what its tape is called. Names are bytes that anybody may have chosen. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "app/import.h"

static const char *const unfinished[] = { ".part", ".partial", ".filepart", ".crdownload", ".download", ".tmp", ".temp", ".swp", "~", IMPORT_NOTE };
static const char *const films[] = { ".3gp", ".asf", ".avi", ".dif", ".divx", ".dv", ".f4v", ".flv", ".m1v", ".m2t", ".m2ts", ".m2v", ".m4v", ".mkv", ".mov", ".mp4",
                                     ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".qt", ".ts", ".vob", ".webm", ".wmv", ".y4m" };
static const char *const droppings[] = { "Thumbs.db", "desktop.ini", "lost+found" };

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool ends_in(const char *name, const char *const *endings, size_t n)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < n; i++) {
        size_t end = strlen(endings[i]);
        if (len >= end && strcasecmp(name + len - end, endings[i]) == 0)
            return true;
    }
    return false;
}

bool import_name_wanted(const char *path, bool only_films)
{
    const char *name = last_part(path);
    for (size_t i = 0; i < ARRAY_LEN(droppings); i++)
        if (strcasecmp(name, droppings[i]) == 0)
            return false;
    return name[0] != '.' && !ends_in(name, unfinished, ARRAY_LEN(unfinished)) && (!only_films || ends_in(name, films, ARRAY_LEN(films)));
}

/* Marks that turn the direction of what follows would let a title lie about its end. */
static bool turns_text(const unsigned char *p, size_t n)
{
    return n == 3 && p[0] == 0xE2 && ((p[1] == 0x80 && (p[2] == 0x8E || p[2] == 0x8F || (p[2] >= 0xA8 && p[2] <= 0xAE))) || (p[1] == 0x81 && p[2] >= 0xA6 && p[2] <= 0xA9));
}

/* Copies len bytes as text, at most `characters` of them: what is none, controls included, becomes one space. Runs of spaces become one. */
static size_t clean(char *out, size_t size, const char *text, size_t len, size_t characters)
{
    size_t used = 0;
    for (size_t i = 0; i < len && characters > 0;) {
        const unsigned char *p = (const unsigned char *)text + i;
        size_t n = *p < 0x80 ? 1 : *p >= 0xF0 ? 4 : *p >= 0xE0 ? 3 : 2;
        bool ok = n <= len - i && vcr_utf8_ok(text + i, n) && *p > 0x20 && *p != 0x7F && !(n == 2 && p[0] == 0xC2 && p[1] < 0xA0) && !turns_text(p, n);
        if (ok && used + n < size) {
            memcpy(out + used, p, n);
            used += n;
            characters--;
        } else if (!ok && used > 0 && out[used - 1] != ' ' && used + 1 < size) {
            out[used++] = ' ';
            characters--;
        }
        i += ok ? n : 1;
    }
    while (used > 0 && out[used - 1] == ' ')
        used--;
    out[used] = '\0';
    return used;
}

void import_title(char out[IMPORT_TITLE_BYTES], const char *path)
{
    char name[OUTSIDE_PATH_BYTES];
    vcr_strcpy(name, sizeof(name), last_part(path));
    char *dot = strrchr(name, '.');
    if (dot && dot > name && strlen(dot) <= 6)
        *dot = '\0';
    for (char *p = name; *p; p++)
        *p = *p == '_' ? ' ' : *p;
    if (clean(out, IMPORT_TITLE_BYTES, name, strlen(name), 255) == 0)
        vcr_strcpy(out, IMPORT_TITLE_BYTES, "Untitled");
}

void import_file_name(char out[256], const char *path)
{
    const char *name = last_part(path);
    if (clean(out, 256, name, strlen(name), 255) == 0)
        vcr_strcpy(out, 256, "film");
}
