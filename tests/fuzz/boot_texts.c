/*
 * The texts of a boot: the kernel command line, a lease, boot.conf. Whatever is accepted has to end
 * where its buffers end, and merges or is refused; nothing is ever cut in silence.
 */
#include <stdlib.h>
#include <string.h>

#include "boot/boot_plan.h"
#include "boot/dhcp_lease.h"
#include "boot/root_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct boot_found found;
static struct boot_parameters parameters;
static char conf[BOOT_FILE_BYTES + 8192];

static void resolve(void)
{
    const struct boot_secret_paths paths = {"/run/secret", ""};
    struct fault fault;
    if (boot_plan_resolve(&found, &parameters, &fault) != 0)
        return;
    if (boot_plan_print_conf(&found, &parameters, &paths, conf, sizeof conf, &fault) == 0 &&
        strlen(conf) >= sizeof conf)
        abort();
    if (strlen(parameters.lun.target) >= URL_TARGET_BYTES ||
        parameters.lun.portal_count > URL_PORTALS || parameters.lun.portal_count == 0)
        abort();
}

/* The first line is the command line, the second a lease's, the rest is the file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct dhcp_lease lease;
    struct fault fault;
    char *text = calloc(1, bytes + 1);
    if (!text)
        return 0;
    memcpy(text, data, bytes);
    char *rest = text;
    char *line = strsep(&rest, "\n");
    char *lease_text = rest ? strsep(&rest, "\n") : text + bytes;
    static const struct boot_found nothing;
    found = nothing;
    boot_file_init(&found.file);
    found.dhcp.source = "DHCP";
    int error = kernel_command_line_parse(line, &found.line, &fault);
    if (!error && rest)
        error = boot_file_parse(rest, &found.file, &fault);
    dhcp_lease_parse(lease_text, &lease);
    found.has_dhcp = dhcp_lease_take_facts(&lease, &found.dhcp, &fault) == 0;
    if (!error)
        resolve();
    free(text);
    return 0;
}
