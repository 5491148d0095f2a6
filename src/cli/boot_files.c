#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot/boot_nic.h"
#include "boot/boot_search.h"
#include "cli/boot.h"
#include "daemon/run_dir.h"

void boot_place_init(struct boot_place *place, const char *name)
{
    const size_t bytes = BOOT_PATH_BYTES;
    place->name = name;
    snprintf(place->run_dir, bytes, RUN_DIR_BASE "/%s", name);
    snprintf(place->conf, bytes, RUN_DIR_BASE "/%s.conf", name);
    snprintf(place->secret, bytes, RUN_DIR_BASE "/%s.secret", name);
    snprintf(place->mutual_secret, bytes, RUN_DIR_BASE "/%s.mutual-secret", name);
    snprintf(place->log, bytes, RUN_DIR_BASE "/%s.log", name);
    snprintf(place->interface, bytes, RUN_DIR_BASE "/interface");
}

/* A new file of ours alone: what was there, with whatever permissions, goes first. */
static int write_file(const char *path, const char *text, struct fault *fault)
{
    if (unlink(path) < 0 && errno != ENOENT)
        return fault_set(fault, -errno, "%s: %s", path, strerror(errno));
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fault_set(fault, -errno, "%s: %s", path, strerror(errno));
    size_t bytes = strlen(text);
    ssize_t put = write(fd, text, bytes);
    int error = put < 0 ? -errno : (size_t)put < bytes ? -ENOSPC : 0;
    close(fd);
    return error ? fault_set(fault, error, "%s: %s", path, strerror(-error)) : 0;
}

static bool is_written(const char *path, const char *text)
{
    static char before[BOOT_CONF_BYTES];
    ssize_t got = boot_read_file(path, before, sizeof before);
    bool same = got >= 0 && (size_t)got == strlen(text) && memcmp(before, text, (size_t)got) == 0;
    explicit_bzero(before, sizeof before);
    return same;
}

static char conf[BOOT_CONF_BYTES];

static int print_conf(const struct boot_place *place, const struct boot_found *found,
                      const struct boot_parameters *parameters, struct fault *fault)
{
    const struct boot_secret_paths paths = {
        .secret = *parameters->chap.secret ? place->secret : "",
        .mutual_secret = *parameters->chap.mutual_secret ? place->mutual_secret : "",
    };
    return boot_plan_print_conf(found, parameters, &paths, conf, sizeof conf, fault);
}

bool boot_files_differ(const struct boot_place *place, const struct boot_found *found,
                       const struct boot_parameters *parameters)
{
    struct fault ignored;
    const struct boot_chap *chap = &parameters->chap;
    return print_conf(place, found, parameters, &ignored) != 0 || !is_written(place->conf, conf) ||
           (*chap->secret && !is_written(place->secret, chap->secret)) ||
           (*chap->mutual_secret && !is_written(place->mutual_secret, chap->mutual_secret));
}

int boot_files_write(const struct boot_place *place, const struct boot_found *found,
                     const struct boot_parameters *parameters, struct fault *fault)
{
    const struct boot_chap *chap = &parameters->chap;
    if (mkdir(RUN_DIR_BASE, 0755) < 0 && errno != EEXIST)
        return fault_set(fault, -errno, "%s: %s", RUN_DIR_BASE, strerror(errno));
    int error = print_conf(place, found, parameters, fault);
    if (!error && *chap->secret)
        error = write_file(place->secret, chap->secret, fault);
    if (!error && *chap->mutual_secret)
        error = write_file(place->mutual_secret, chap->mutual_secret, fault);
    return error ? error : write_file(place->conf, conf, fault);
}

void boot_interface_write(const struct boot_place *place, const struct url_portal *portal)
{
    char lines[1024];
    struct fault fault;
    int error = boot_nic_find(portal, lines, sizeof lines, &fault);
    if (!error)
        error = write_file(place->interface, lines, &fault);
    if (error)
        fprintf(stderr, "holdfast boot: the boot NIC is not known, nothing will protect it: %s\n",
                fault.text);
}
