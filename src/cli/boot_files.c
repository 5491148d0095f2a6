#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot/boot_nic.h"
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

static int write_secret(const char *path, const char *secret, const char **ret_path,
                        struct fault *fault)
{
    *ret_path = *secret ? path : "";
    return *secret ? write_file(path, secret, fault) : 0;
}

int boot_files_write(const struct boot_place *place, const struct boot_found *found,
                     const struct boot_parameters *parameters, struct fault *fault)
{
    static char conf[BOOT_CONF_BYTES];
    struct boot_secret_paths paths;
    if (mkdir(RUN_DIR_BASE, 0755) < 0 && errno != EEXIST)
        return fault_set(fault, -errno, "%s: %s", RUN_DIR_BASE, strerror(errno));
    int error = write_secret(place->secret, parameters->chap.secret, &paths.secret, fault);
    if (!error)
        error = write_secret(place->mutual_secret, parameters->chap.mutual_secret,
                             &paths.mutual_secret, fault);
    if (!error)
        error = boot_plan_print_conf(found, parameters, &paths, conf, sizeof conf, fault);
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
