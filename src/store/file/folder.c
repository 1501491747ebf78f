/* store/file/folder.c - see folder.h. */
#include "store/file/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"

const char folder_part_mark[] = ".part-";

enum vcr_err folder_fail(struct vcr_why *why, const char *what)
{
    int e = errno;
    if (e == ENOSPC || e == EDQUOT)
        return vcr_fail(why, VCR_E_FULL, "the storage is full");
    if (e == ENOENT)
        return vcr_fail(why, VCR_E_NOT_FOUND, "no such blob");
    return vcr_fail(why, VCR_E_IO, "blob store: %s: %s", what, strerror(e));
}

bool folder_key_ok(const char *key, bool folder)
{
    size_t len = strlen(key), seg = 0, depth = 0;
    if (len < 1 || len > FOLDER_KEY_MAX || (key[len - 1] == '/') != folder || strstr(key, folder_part_mark))
        return false;
    for (size_t i = 0; i <= len; i++) {
        char c = key[i];
        if (c != '/' && c != '\0') {
            if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
                return false;
            continue;
        }
        size_t n = i - seg;
        if (c == '\0' && folder)
            break;
        if (n == 0 || (n == 1 && key[seg] == '.') || (n == 2 && key[seg] == '.' && key[seg + 1] == '.') || ++depth > FOLDER_DEPTH_MAX)
            return false;
        seg = i + 1;
    }
    return true;
}

int folder_open(int store_fd, const char *key, bool make, const char **ret_name)
{
    char seg[FOLDER_KEY_MAX + 1];
    *ret_name = key;
    int fd = fcntl(store_fd, F_DUPFD_CLOEXEC, 0);
    for (const char *slash; fd >= 0 && (slash = strchr(key, '/')) != NULL; key = slash + 1) {
        memcpy(seg, key, (size_t)(slash - key));
        seg[slash - key] = '\0';
        bool made = make && mkdirat(fd, seg, 0700) == 0;
        if (made && fsync(fd) != 0) {
            vcr_close(&fd);
            return -1;
        }
        int next = openat(fd, seg, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        vcr_close(&fd);
        fd = next;
    }
    *ret_name = key;
    return fd;
}
