#include "boot/dhcp_lease.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "boot/kernel_command_line.h"
#include "boot/root_path.h"

static const char *const root_path_keys[] = {"ROOTPATH", "new_root_path", "ROOT_PATH", NULL};
static const char *const server_keys[] = {"ROOTSERVER", "new_next_server", "NEXT_SERVER", NULL};

static bool is_one_of(const char *const *keys, const char *key, size_t bytes)
{
    for (; *keys; keys++) {
        if (strlen(*keys) == bytes && memcmp(*keys, key, bytes) == 0)
            return true;
    }
    return false;
}

/* Undoes a shell's quoting, up to the end of the line: 'a', "a", a\ b, 'a'\''b'. */
static void unquote(const char *from, size_t bytes, char ret_value[LEASE_BYTES])
{
    char quote = '\0';
    size_t used = 0;
    for (size_t i = 0; i < bytes; i++) {
        char c = from[i];
        if (quote ? c == quote : c == '\'' || c == '"') {
            quote = quote ? '\0' : c;
            continue;
        }
        if (c == '\\' && quote != '\'' && i + 1 < bytes)
            c = from[++i];
        if (used + 1 == LEASE_BYTES) {
            used = 0;
            break;
        }
        ret_value[used++] = c;
    }
    ret_value[used] = '\0';
}

static void take_line(const char *line, size_t bytes, struct dhcp_lease *lease)
{
    const char *equals = memchr(line, '=', bytes);
    if (!equals)
        return;
    size_t key_bytes = (size_t)(equals - line);
    size_t value_bytes = bytes - key_bytes - 1;
    if (is_one_of(root_path_keys, line, key_bytes))
        unquote(equals + 1, value_bytes, lease->root_path);
    else if (is_one_of(server_keys, line, key_bytes))
        unquote(equals + 1, value_bytes, lease->server);
}

void dhcp_lease_parse(const char *text, struct dhcp_lease *ret_lease)
{
    struct dhcp_lease lease = {0};
    for (const char *line = text; *line;) {
        size_t bytes = strcspn(line, "\r\n");
        take_line(line, bytes, &lease);
        line += bytes + (line[bytes] != '\0');
    }
    *ret_lease = lease;
}

bool dhcp_lease_is_iscsi(const struct dhcp_lease *lease)
{
    return strncasecmp(lease->root_path, "iscsi:", 6) == 0;
}

static bool is_a_server(const char *server)
{
    return *server && strcmp(server, "0.0.0.0") != 0;
}

int dhcp_lease_take_facts(const struct dhcp_lease *lease, struct boot_facts *facts,
                          struct fault *fault)
{
    enum boot_choice choice;
    int error = boot_choice_parse(lease->root_path, &choice, facts, fault);
    if (!error && choice != BOOT_NAMED)
        error = fault_set(fault, -EINVAL, "'%.64s' names no LUN", lease->root_path);
    if (error)
        return fault_prefix(fault, error, "DHCP's root path");
    struct url_portal *portal = &facts->lun.portals[0];
    if (!*portal->host && is_a_server(lease->server)) {
        struct url_portal server;
        error = url_parse_portal(lease->server, &server, fault);
        if (error)
            return fault_prefix(fault, error, "DHCP's server");
        strcpy(portal->host, server.host);
    }
    return 0;
}
