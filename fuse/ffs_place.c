/*
 * We mount by mount(2), not through libfuse: its errors are those of the kernel (libfuse prints
 * them and falls back to fusermount3), its options need no quoting, and at the end libfuse does not
 * unmount whatever it finds at the path by then.
 *
 * What can go wrong: a holdfast that was killed leaves a mount that answers everything with
 * ENOTCONN ("Transport endpoint is not connected"), perhaps held by a loop device. It is detached;
 * only mounts of type fuse.holdfast are, and only dead ones.
 */
#include "fuse/ffs_place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/octal.h"

#define MOUNT_TYPE       "fuse.holdfast"
#define DEAD_MOUNTS_MAX  16 /* left one above the other */
#define MOUNT_TEXT_BYTES 256

__attribute__((format(printf, 4, 5))) static int fail(int error, char *ret_why, size_t why_bytes,
                                                      const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ret_why, why_bytes, format, arguments);
    va_end(arguments);
    return error;
}

/* --- what is mounted --- */

/* The field-th word (from 0), cut off from what follows; NULL when there are not so many. */
static char *word(char **rest)
{
    char *found = strsep(rest, " \n");
    return found && *found ? found : NULL;
}

bool ffs_place_find_mount(FILE *mountinfo, const char *path, char *ret_type, size_t type_bytes,
                          char *ret_source, size_t source_bytes)
{
    char *line = NULL;
    size_t line_bytes = 0;
    bool found = false;
    while (getline(&line, &line_bytes, mountinfo) >= 0) {
        char *after = strstr(line, " - ");
        if (!after)
            continue;
        *after = '\0';
        char *before = line;
        char *place = NULL;
        for (int field = 0; field < 5; field++)
            place = word(&before);
        after += strlen(" - ");
        char *type = word(&after);
        char *source = word(&after);
        if (!place || !type || !source)
            continue;
        octal_unescape(place);
        if (strcmp(place, path) != 0)
            continue;
        octal_unescape(source);
        snprintf(ret_type, type_bytes, "%s", type);
        snprintf(ret_source, source_bytes, "%s", source);
        found = true;
    }
    free(line);
    return found;
}

static bool find_mount(const char *path, char *ret_type, char *ret_source)
{
    FILE *mountinfo = fopen("/proc/self/mountinfo", "re");
    if (!mountinfo)
        return false;
    const bool found = ffs_place_find_mount(mountinfo, path, ret_type, MOUNT_TEXT_BYTES, ret_source,
                                            MOUNT_TEXT_BYTES);
    fclose(mountinfo);
    return found;
}

/* A daemon that lives answers statfs at once, even while its target is away. (One that was stopped
 * by a signal does not: then we wait with it, and can be killed.) */
static bool is_dead(const char *path)
{
    struct statfs ignored;
    return statfs(path, &ignored) < 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

static int clean_up(const char *path, char *ret_why, size_t why_bytes)
{
    char type[MOUNT_TEXT_BYTES], source[MOUNT_TEXT_BYTES];
    for (int i = 0; i < DEAD_MOUNTS_MAX; i++) {
        if (!find_mount(path, type, source))
            return 0;
        if (strcmp(type, MOUNT_TYPE) != 0)
            return fail(-EBUSY, ret_why, why_bytes,
                        "%s: %s (%s) is mounted there already; unmount it or choose another path",
                        path, source, type);
        if (!is_dead(path))
            return fail(-EBUSY, ret_why, why_bytes,
                        "%s: %s is served there already; stop that one or choose another path",
                        path, source);
        if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
            return fail(-errno, ret_why, why_bytes,
                        "%s: cannot detach the dead mount of a killed holdfast: %s", path,
                        strerror(errno));
    }
    return fail(-EBUSY, ret_why, why_bytes,
                "%s: more than %d dead mounts one above the other; unmount them by hand", path,
                DEAD_MOUNTS_MAX);
}

/* --- the path --- */

/* Joins the resolved folder and the last name of a path whose last name need not exist. */
static int resolve_parent(const char *path, char **ret_path, char *ret_why, size_t why_bytes)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const int folder_length = slash ? (int)(slash - path) : 0;
    snprintf(folder, sizeof folder, "%.*s", folder_length, path);
    if (folder_length == 0)
        snprintf(folder, sizeof folder, "%s", slash ? "/" : ".");

    char *real = realpath(folder, NULL);
    if (!real)
        return fail(-errno, ret_why, why_bytes, "%s: the folder %s cannot be used: %s%s", path,
                    folder, strerror(errno), errno == ENOENT ? "; make it first" : "");
    const int length = asprintf(ret_path, "%s/%s", strcmp(real, "/") == 0 ? "" : real, name);
    free(real);
    return length < 0 ? fail(-ENOMEM, ret_why, why_bytes, "%s: no memory", path) : 0;
}

static int resolve(const char *path, char **ret_path, char *ret_why, size_t why_bytes)
{
    char trimmed[PATH_MAX];
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (length == 0 || length >= sizeof trimmed)
        return fail(-EINVAL, ret_why, why_bytes, "the path of the FUSE file is %s",
                    length == 0 ? "empty" : "too long");
    memcpy(trimmed, path, length);
    trimmed[length] = '\0';
    *ret_path = realpath(trimmed, NULL);
    return *ret_path ? 0 : resolve_parent(trimmed, ret_path, ret_why, why_bytes);
}

static int make_or_check(struct ffs_place *place, char *ret_why, size_t why_bytes)
{
    struct stat found;
    if (stat(place->path, &found) == 0) {
        place->is_directory = S_ISDIR(found.st_mode);
        if (place->is_directory || S_ISREG(found.st_mode))
            return 0;
        return fail(-EINVAL, ret_why, why_bytes,
                    "%s: neither a regular file nor a directory; choose another path", place->path);
    }
    const int fd = open(place->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(-errno, ret_why, why_bytes, "%s: cannot make this file to mount on: %s",
                    place->path, strerror(errno));
    close(fd);
    place->is_ours = true;
    return 0;
}

/* Only as we made it. What is mounted there by now, if anything, is not asked (DONT_SYNC), and
 * cannot be unlinked. */
static void remove_if_ours(struct ffs_place *place)
{
    struct statx found;
    if (place->is_ours &&
        statx(AT_FDCWD, place->path, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC,
              STATX_TYPE | STATX_SIZE, &found) == 0 &&
        S_ISREG(found.stx_mode) && found.stx_size == 0)
        unlink(place->path);
    place->is_ours = false;
}

void ffs_place_done(struct ffs_place *place)
{
    if (place->path)
        remove_if_ours(place);
    free(place->path);
    place->path = NULL;
}

int ffs_place_init(struct ffs_place *ret_place, const char *path, char *ret_why, size_t why_bytes)
{
    struct ffs_place place = {0};
    int error = resolve(path, &place.path, ret_why, why_bytes);
    if (!error)
        error = clean_up(place.path, ret_why, why_bytes);
    if (!error)
        error = make_or_check(&place, ret_why, why_bytes);
    if (error)
        ffs_place_done(&place);
    else
        *ret_place = place;
    return error;
}

/* --- mounting --- */

static int open_device(const struct ffs_place *place, char *ret_why, size_t why_bytes, int *ret_fd)
{
    *ret_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (*ret_fd >= 0)
        return 0;
    const char *mend = errno == EACCES || errno == EPERM ? "start holdfast as root"
                                                         : "load the kernel module: modprobe fuse";
    return fail(-errno, ret_why, why_bytes, "%s: cannot open /dev/fuse: %s; %s", place->path,
                strerror(errno), mend);
}

int ffs_place_mount(const struct ffs_place *place, const char *name, char *ret_why,
                    size_t why_bytes, int *ret_fd)
{
    int fd;
    int error = open_device(place, ret_why, why_bytes, &fd);
    if (error)
        return error;
    char source[MOUNT_TEXT_BYTES], options[128];
    snprintf(source, sizeof source, "holdfast:%s", name);
    /* The file's mode and owner decide who may use it, and nothing else (allow_other). */
    snprintf(options, sizeof options,
             "fd=%d,rootmode=%o,user_id=%u,group_id=%u,default_permissions,allow_other", fd,
             place->is_directory ? S_IFDIR : S_IFREG, geteuid(), getegid());
    if (mount(source, place->path, MOUNT_TYPE, MS_NOSUID | MS_NODEV, options) < 0) {
        error = fail(-errno, ret_why, why_bytes, "%s: cannot mount: %s%s", place->path,
                     strerror(errno), errno == EPERM ? "; start holdfast as root" : "");
        close(fd);
        return error;
    }
    *ret_fd = fd;
    return 0;
}

int ffs_place_unmount(struct ffs_place *place, bool now)
{
    /* EINVAL: not a mount point (any more). */
    if (umount2(place->path, UMOUNT_NOFOLLOW | (now ? MNT_DETACH : 0)) < 0 && errno != EINVAL)
        return -errno;
    remove_if_ours(place);
    return 0;
}
