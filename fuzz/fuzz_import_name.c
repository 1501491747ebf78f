/* fuzz/fuzz_import_name.c - names of files that anybody may put into an import folder: titles and file names are text, paths come back out of the database as they were. */
#include <stdlib.h>
#include <string.h>

#include "app/import.h"
#include "app/library.h"

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void must_be_text(const char *s, size_t max)
{
    size_t len = strlen(s);
    must(len > 0 && len <= max && vcr_utf8_ok(s, len));
    for (size_t i = 0; i < len; i++)
        must((unsigned char)s[i] >= 0x20 && s[i] != 0x7F);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[OUTSIDE_PATH_BYTES], title[IMPORT_TITLE_BYTES], name[256], text[LIBRARY_TEXT_BYTES], back[OUTSIDE_PATH_BYTES];
    size_t len = VCR_MIN(size, sizeof(path) - 1);
    memcpy(path, data, len);
    path[len] = '\0';
    import_title(title, path);
    must_be_text(title, sizeof(title) - 1);
    import_file_name(name, path);
    must_be_text(name, sizeof(name) - 1);
    import_name_wanted(path, len & 1);
    if (library_path_text(text, sizeof(text), path)) {
        must(vcr_utf8_ok(text, strlen(text)));
        must(library_path_bytes(back, text) && strcmp(back, path) == 0);
    }
    library_path_bytes(back, path); /* what a damaged row holds */
    return 0;
}
