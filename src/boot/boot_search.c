#include "boot/boot_search.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/initiator.h"
#include "daemon/options.h"

#define UUID_BYTES 37

ssize_t boot_read_file(const char *path, void *ret_bytes, size_t room)
{
    char extra;
    size_t used = 0;
    ssize_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    do {
        got = used < room ? read(fd, (char *)ret_bytes + used, room - used) : read(fd, &extra, 1);
        if (got > 0)
            used += (size_t)got;
    } while (used <= room && (got > 0 || (got < 0 && errno == EINTR)));
    int error = got < 0 ? -errno : 0;
    close(fd);
    if (error)
        return error;
    return used > room ? -EFBIG : (ssize_t)used;
}

int boot_read_text(const char *path, char *ret_text, size_t text_bytes)
{
    ssize_t got = boot_read_file(path, ret_text, text_bytes - 1);
    size_t bytes = got > 0 ? (size_t)got : 0;
    while (bytes > 0 && (ret_text[bytes - 1] == '\n' || ret_text[bytes - 1] == '\r'))
        bytes--;
    ret_text[bytes] = '\0';
    if (got < 0)
        return (int)got;
    return memchr(ret_text, '\0', bytes) ? -EINVAL : 0;
}

static int read_command_line(const char *prefix, struct boot_found *found, struct fault *fault)
{
    char path[BOOT_PATH_BYTES], text[COMMAND_LINE_BYTES];
    snprintf(path, sizeof path, "%s/proc/cmdline", prefix);
    int error = boot_read_text(path, text, sizeof text);
    if (error)
        return fault_set(fault, error, "%s: %s; is /proc mounted?", path, strerror(-error));
    error = kernel_command_line_parse(text, &found->line, fault);
    explicit_bzero(text, sizeof text);
    return error;
}

static int read_boot_file(const char *prefix, struct boot_found *found, struct fault *fault)
{
    char path[BOOT_PATH_BYTES], text[BOOT_FILE_BYTES];
    boot_file_init(&found->file);
    snprintf(path, sizeof path, "%s" BOOT_FILE_PATH, prefix);
    int error = boot_read_text(path, text, sizeof text);
    if (error == -ENOENT)
        return 0;
    if (error)
        return fault_set(fault, error, "%s: %s", path, strerror(-error));
    error = boot_file_parse(text, &found->file, fault);
    if (!error && *found->file.name)
        error = options_check_name(found->file.name, fault);
    return error;
}

/* What open-iscsi's file in the image says, for machines that have it. */
static int read_image_initiator(const char *prefix, struct boot_facts *facts, struct fault *fault)
{
    char path[BOOT_PATH_BYTES];
    facts->source = INITIATOR_FILE " in the image";
    facts->is_default = true;
    snprintf(path, sizeof path, "%s" INITIATOR_FILE, prefix);
    if (access(path, F_OK) < 0)
        return 0;
    return initiator_name("", path, "", facts->initiator, sizeof facts->initiator, fault);
}

/* The last resort: unlike all that stands in an image, it is another one on every machine. */
static void read_machine_initiator(const char *prefix, struct boot_facts *facts)
{
    char path[BOOT_PATH_BYTES], uuid[UUID_BYTES + 1];
    facts->source = "the machine's UUID";
    facts->is_default = true;
    snprintf(path, sizeof path, "%s/sys/class/dmi/id/product_uuid", prefix);
    if (boot_read_text(path, uuid, sizeof uuid) != 0 || strlen(uuid) != UUID_BYTES - 1)
        return;
    for (char *c = uuid; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    if (strspn(uuid, "0123456789abcdef-") == strlen(uuid) && strspn(uuid, "0-") != strlen(uuid))
        snprintf(facts->initiator, sizeof facts->initiator, "iqn.2026-11.org.holdfast:uuid-%s",
                 uuid);
}

int boot_search(const char *prefix, struct boot_found *ret_found, struct fault *fault)
{
    static const struct boot_found nothing;
    *ret_found = nothing;
    int error = read_command_line(prefix, ret_found, fault);
    if (!error)
        error = read_boot_file(prefix, ret_found, fault);
    if (!error)
        error = read_image_initiator(prefix, &ret_found->image, fault);
    if (error)
        return error;
    read_machine_initiator(prefix, &ret_found->machine);
    ret_found->has_ibft =
        ibft_source_read(prefix, &ret_found->ibft, ret_found->ibft_place,
                         sizeof ret_found->ibft_place, &ret_found->ibft_fault) == 0;
    ret_found->dhcp.source = "DHCP's root path";
    ret_found->has_dhcp =
        dhcp_source_read(prefix, &ret_found->dhcp, ret_found->dhcp_place,
                         sizeof ret_found->dhcp_place, &ret_found->dhcp_fault) == 0;
    return 0;
}

void boot_found_wipe(struct boot_found *found)
{
    explicit_bzero(&found->line.holdfast.chap, sizeof found->line.holdfast.chap);
    explicit_bzero(&found->line.netroot.chap, sizeof found->line.netroot.chap);
    explicit_bzero(&found->line.variables.chap, sizeof found->line.variables.chap);
    explicit_bzero(&found->dhcp.chap, sizeof found->dhcp.chap);
    explicit_bzero(&found->ibft, sizeof found->ibft);
}
