/*
 * Good day: the newer half is copied to the front, from a whole line on, and the rest cut off.
 *
 * What can go wrong: the daemon is killed in between. Then the log holds some lines twice, and its
 * next line follows the last one all the same. A file that cannot be shortened is begun anew.
 */
#include "daemon/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_BYTES 4096u

static const char note[] = "holdfast: older lines were left out here, to keep this log small\n";

int log_file_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? -errno : fd;
}

bool log_file_is_ours(int fd)
{
    struct stat file;
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) == O_RDWR && fstat(fd, &file) == 0 &&
           S_ISREG(file.st_mode);
}

/* Where the first whole line at or after `from` begins. */
static off_t next_line(int fd, off_t from)
{
    char chunk[CHUNK_BYTES];
    ssize_t got = pread(fd, chunk, sizeof chunk, from);
    const char *end = got > 0 ? memchr(chunk, '\n', (size_t)got) : NULL;
    return end ? from + (end - chunk) + 1 : from;
}

/* What stands at `from` and after it comes to stand at `to`; where it ends now, or -1. */
static off_t move_down(int fd, off_t from, off_t to)
{
    char chunk[CHUNK_BYTES];
    ssize_t got;
    while ((got = pread(fd, chunk, sizeof chunk, from)) > 0) {
        if (pwrite(fd, chunk, (size_t)got, to) != got)
            return -1;
        from += got;
        to += got;
    }
    return got < 0 ? -1 : to;
}

static off_t shorten(int fd, off_t size)
{
    const ssize_t note_bytes = sizeof note - 1;
    off_t from = next_line(fd, size / 2);
    if (from <= note_bytes || pwrite(fd, note, sizeof note - 1, 0) != note_bytes)
        return -1;
    return move_down(fd, from, note_bytes);
}

void log_file_make_room(int fd, size_t bytes)
{
    struct stat file;
    if (fstat(fd, &file) < 0 || file.st_size + (off_t)bytes <= (off_t)LOG_FILE_BYTES)
        return;
    int flags = fcntl(fd, F_GETFL);
    (void)fcntl(fd, F_SETFL, flags & ~O_APPEND); /* or pwrite(2) appends */
    off_t end = shorten(fd, file.st_size);
    (void)fcntl(fd, F_SETFL, flags | O_APPEND); /* a daemon before us may have been killed here */
    if (ftruncate(fd, end < 0 ? 0 : end) < 0)
        return; /* there is nowhere to say so */
}

void log_file_last_line(const char *path, char *ret_line, size_t bytes)
{
    char tail[CHUNK_BYTES];
    size_t used = 0;
    FILE *file = fopen(path, "re");
    if (file) {
        if (fseek(file, -(long)(sizeof tail - 1), SEEK_END) < 0)
            rewind(file);
        used = fread(tail, 1, sizeof tail - 1, file);
        fclose(file);
    }
    while (used > 0 && tail[used - 1] == '\n')
        used--;
    tail[used] = '\0';
    const char *line_end = strrchr(tail, '\n');
    snprintf(ret_line, bytes, "%s", line_end ? line_end + 1 : tail);
}
