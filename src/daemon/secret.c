#include "daemon/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CREDENTIAL "credential:"

static int check_file(int fd, const char *path, bool guarded, struct fault *fault)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return fault_set(fault, -errno, "secret file %s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return fault_set(fault, -EINVAL, "secret file %s: not a regular file", path);
    if (guarded)
        return 0;
    if (status.st_mode & 077)
        return fault_set(fault, -EPERM,
                         "secret file %s: others may read or change it (mode %04o); "
                         "run: chmod 600 %s",
                         path, status.st_mode & 07777, path);
    if (status.st_uid != geteuid() && status.st_uid != 0)
        return fault_set(fault, -EPERM, "secret file %s: belongs to user %u; run: chown root %s",
                         path, status.st_uid, path);
    return 0;
}

/* The whole file, at most room bytes; -EFBIG when there is more. */
static ssize_t read_all(int fd, char *buffer, size_t room)
{
    size_t used = 0;
    for (;;) {
        ssize_t got = read(fd, buffer + used, room - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        used += (size_t)got;
        if (got == 0)
            return (ssize_t)used;
        if (used == room)
            return -EFBIG;
    }
}

static int take_text(int fd, const char *path, struct secret *secret, struct fault *fault)
{
    ssize_t got = read_all(fd, secret->text, sizeof secret->text);
    if (got == -EFBIG)
        return fault_set(fault, -EFBIG, "secret file %s: longer than %d bytes", path,
                         SECRET_BYTES - 2);
    if (got < 0)
        return fault_set(fault, (int)got, "secret file %s: %s", path, strerror((int)-got));
    size_t bytes = (size_t)got;
    if (bytes > 0 && secret->text[bytes - 1] == '\n')
        bytes--;
    if (bytes == 0)
        return fault_set(fault, -EINVAL, "secret file %s: empty", path);
    secret->text[bytes] = '\0';
    if (memchr(secret->text, '\0', bytes) || memchr(secret->text, '\n', bytes) ||
        memchr(secret->text, '\r', bytes))
        return fault_set(fault, -EINVAL,
                         "secret file %s: has to hold the secret alone, on one line", path);
    secret->is_short = bytes < SECRET_BYTES_MIN;
    return 0;
}

static bool is_credential(const char *from)
{
    return strncmp(from, CREDENTIAL, strlen(CREDENTIAL)) == 0;
}

static int locate(const char *from, char *ret_path, size_t path_bytes, struct fault *fault)
{
    if (!is_credential(from)) {
        snprintf(ret_path, path_bytes, "%s", from);
        return 0;
    }
    const char *name = from + strlen(CREDENTIAL);
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    if (!directory)
        return fault_set(fault, -ENOENT,
                         "%s: systemd gave no credentials; add "
                         "LoadCredential=%s:PATH to the unit",
                         from, name);
    if (*name == '\0' || strchr(name, '/') || *name == '.')
        return fault_set(fault, -EINVAL, "%s: no name of a credential", from);
    snprintf(ret_path, path_bytes, "%s/%s", directory, name);
    return 0;
}

int secret_read(const char *from, struct secret *ret_secret, struct fault *fault)
{
    char path[4096];
    int error = locate(from, path, sizeof path, fault);
    if (error)
        return error;
    /* O_NONBLOCK: a FIFO in its place must not hang us. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return fault_set(fault, -errno, "secret file %s: %s", path, strerror(errno));
    error = check_file(fd, path, is_credential(from), fault);
    if (!error)
        error = take_text(fd, path, ret_secret, fault);
    close(fd);
    if (error)
        secret_wipe(ret_secret);
    return error;
}

void secret_wipe(struct secret *secret)
{
    explicit_bzero(secret->text, sizeof secret->text);
}
