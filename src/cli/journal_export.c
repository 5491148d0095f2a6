/*
 * Puts what a journal holds over a raw image of its LUN: the image then is what clients saw, at the
 * start of the verb when the daemon runs.
 *
 * The journal is read through first; nothing is written for one that is damaged. Then each record
 * from the tail on is put down in the order of the clients, also what the LUN has already: of the
 * image we only know that it is no older than the tail.
 *
 * What can go wrong: a daemon that runs takes the ring back, because its clients have waited for
 * room too long, or its process ends and another one goes on. Each record is checked as it is read,
 * so nothing wrong is put down, but something may be missing in the end: that is said.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "cli/journal_verb.h"
#include "cli/progress.h"
#include "daemon/human.h"
#include "os/clock.h"

struct export
{
    int fd;
    uint32_t block_bytes;
    uint64_t written; /* bytes */
    uint64_t left;    /* ring bytes to read */
    int error;
    struct progress progress;
};

static int write_all(int fd, const uint8_t *data, uint64_t bytes, uint64_t offset)
{
    while (bytes > 0) {
        ssize_t written = pwrite(fd, data, bytes, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -EIO;
        data += written;
        offset += (uint64_t)written;
        bytes -= (uint64_t)written;
    }
    return 0;
}

static int write_zeros(int fd, uint64_t bytes, uint64_t offset)
{
    static const uint8_t zeros[1024 * 1024];
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)bytes) == 0)
        return 0;
    int error = 0;
    while (bytes > 0 && !error) {
        uint64_t step = min_u64(bytes, sizeof zeros);
        error = write_all(fd, zeros, step, offset);
        offset += step;
        bytes -= step;
    }
    return error;
}

static bool put_record(const struct jnl_reader *reader, void *owner)
{
    struct export *export = owner;
    for (unsigned i = 0; i < reader->header.entry_count && !export->error; i++) {
        const struct jnl_entry_header *entry = &reader->entries[i];
        const uint8_t *payload = jnl_reader_payload(reader, i);
        uint64_t offset = entry->lba * export->block_bytes;
        uint64_t bytes = (uint64_t)entry->blocks * export->block_bytes;
        export->error = payload ? write_all(export->fd, payload, bytes, offset)
                                : write_zeros(export->fd, bytes, offset);
        export->written += bytes;
    }
    export->left -= min_u64(export->left, (uint64_t)reader->header.blocks * JNL_BLOCK);
    progress_left(&export->progress, export->left, clock_ms());
    return !export->error;
}

/* The size of a file or block device. */
static uint64_t size_of(int fd)
{
    off_t end = lseek(fd, 0, SEEK_END);
    return end < 0 ? 0 : (uint64_t)end;
}

static int open_image(const struct arguments *arguments, const struct journal_source *source,
                      const struct journal_summary *summary, int *ret_fd)
{
    const char *path = arguments->positional[2];
    uint64_t needed = summary->end_block * source->superblock.lun_block_bytes;
    char is[HUMAN_BYTES], wanted[HUMAN_BYTES];
    struct stat image, journal;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return complain(arguments, EXIT_FAILED,
                        "image %s cannot be opened: %s; it has to be a raw copy of the LUN", path,
                        strerror(errno));
    int status = EXIT_DONE;
    if (fstat(fd, &image) == 0 && stat(source->path, &journal) == 0 &&
        image.st_dev == journal.st_dev && image.st_ino == journal.st_ino)
        status = complain(arguments, EXIT_FAILED, "image %s is the journal itself", path);
    else if (size_of(fd) < needed)
        status = complain(arguments, EXIT_FAILED,
                          "image %s has %s, the journal writes up to %s: it is no copy of that LUN",
                          path, human_size(size_of(fd), is), human_size(needed, wanted));
    if (status != EXIT_DONE)
        close(fd);
    *ret_fd = fd;
    return status;
}

static int put_all(const struct arguments *arguments, struct journal_source *source,
                   const struct journal_summary *summary, int fd)
{
    struct journal_summary again;
    char size[HUMAN_BYTES];
    struct export export = {
        .fd = fd,
        .block_bytes = source->superblock.lun_block_bytes,
        .left = summary->used_bytes,
    };
    progress_begin(&export.progress, stderr, "read", export.left, clock_ms());
    journal_walk(source, put_record, &export, &again);
    progress_end(&export.progress);
    if (!export.error && fsync(fd) < 0)
        export.error = -errno;
    if (export.error)
        return complain(arguments, EXIT_FAILED, "image %s cannot be written: %s",
                        arguments->positional[2], strerror(-export.error));
    if (again.end_seq != summary->end_seq)
        return complain(arguments, EXIT_FAILED,
                        "image %s lacks something: the journal changed while it was read (record "
                        "%" PRIu64 " %s). Copy the image again, to a disk that is faster, or when "
                        "clients write less",
                        arguments->positional[2], again.end_seq, again.why ? again.why : "");
    printf("%" PRIu64 " entr%s put over %s (%s)\n", again.entries, again.entries == 1 ? "y" : "ies",
           arguments->positional[2], human_size(export.written, size));
    return EXIT_DONE;
}

int journal_export(const struct arguments *arguments, struct journal_source *source)
{
    struct journal_summary summary;
    char trouble[320];
    int fd = -1;
    journal_walk(source, NULL, NULL, &summary);
    journal_trouble(source, &summary, trouble, sizeof trouble);
    if (!*trouble && source->held && summary.end != JNL_READING_RECORD)
        snprintf(trouble, sizeof trouble, "record %" PRIu64 " %s, though its daemon keeps it",
                 summary.end_seq, summary.why);
    if (*trouble)
        return complain(arguments, EXIT_FAILED, "journal %s: %s", source->path, trouble);
    int status = open_image(arguments, source, &summary, &fd);
    if (status != EXIT_DONE)
        return status;
    status = put_all(arguments, source, &summary, fd);
    close(fd);
    return status;
}
