#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/netboot.h"

#define FLAT_LUN 0x4000u

const char *netboot_ipv4(uint32_t address, char ret_text[NETBOOT_IPV4_BYTES])
{
    snprintf(ret_text, NETBOOT_IPV4_BYTES, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
             address >> 8 & 255, address & 255);
    return ret_text;
}

bool netboot_parse_ipv4(const char *text, uint32_t *ret_address)
{
    uint32_t address = 0;
    for (unsigned i = 0; i < 4; i++) {
        char *end;
        unsigned long part = isdigit((unsigned char)*text) ? strtoul(text, &end, 10) : 256;
        if (part > 255 || end - text > 3 || *end != (i < 3 ? '.' : '\0'))
            return false;
        address = address << 8 | (uint32_t)part;
        text = end + 1;
    }
    *ret_address = address;
    return true;
}

bool netboot_parse_mac(const char *text, char ret_mac[NETBOOT_MAC_BYTES])
{
    char mac[NETBOOT_MAC_BYTES];
    if (strlen(text) != sizeof mac - 1)
        return false;
    for (unsigned i = 0; i < sizeof mac - 1; i++) {
        bool between = i % 3 == 2;
        if (between ? text[i] != ':' && text[i] != '-' : !isxdigit((unsigned char)text[i]))
            return false;
        mac[i] = between ? ':' : (char)tolower((unsigned char)text[i]);
    }
    mac[sizeof mac - 1] = '\0';
    bool is_group = strtoul(mac, NULL, 16) & 1;
    if (is_group)
        return false;
    memcpy(ret_mac, mac, sizeof mac);
    return true;
}

uint32_t netboot_mask(unsigned prefix)
{
    assert(prefix > 0 && prefix <= 32);
    return UINT32_MAX << (32 - prefix);
}

void netboot_root_path(const struct netboot_plan *plan, unsigned portal,
                       char ret_path[NETBOOT_ROOT_PATH_BYTES])
{
    const struct netboot_portal *at = &plan->portals[portal];
    bool brackets = strchr(at->address, ':');
    uint32_t lun = plan->lun < 256 ? plan->lun : FLAT_LUN | plan->lun;
    char port[8] = "";
    if (at->port != 3260)
        snprintf(port, sizeof port, "%u", at->port);
    int bytes = snprintf(ret_path, NETBOOT_ROOT_PATH_BYTES,
                         brackets ? "iscsi:[%s]::%s:%x:%s" : "iscsi:%s::%s:%x:%s", at->address,
                         port, lun, plan->target);
    assert(bytes > 0 && bytes < NETBOOT_ROOT_PATH_BYTES);
}

const struct netboot_portal *netboot_unreachable(const struct netboot_plan *plan)
{
    uint32_t mask = netboot_mask(plan->prefix), address;
    for (unsigned i = 0; i < plan->portal_count && plan->router == 0; i++) {
        if (netboot_parse_ipv4(plan->portals[i].address, &address) &&
            ((address ^ plan->server) & mask) != 0)
            return &plan->portals[i];
    }
    return NULL;
}

static bool is_free(const struct netboot_plan *plan, uint32_t first, uint32_t last)
{
    uint32_t address;
    if (plan->server >= first && plan->server <= last)
        return false;
    if (plan->router >= first && plan->router <= last)
        return false;
    for (unsigned i = 0; i < plan->portal_count; i++) {
        if (netboot_parse_ipv4(plan->portals[i].address, &address) && address >= first &&
            address <= last)
            return false;
    }
    return true;
}

/* The beginning of the upper half, else of the next quarters that nobody known lives in. */
int netboot_choose_range(struct netboot_plan *plan)
{
    static const unsigned quarters[] = {2, 3, 1, 0};
    uint32_t mask = netboot_mask(plan->prefix);
    uint32_t base = plan->server & mask, quarter = (~mask >> 2) + 1;
    for (unsigned i = 0; i < 4; i++) {
        uint32_t first = base + quarters[i] * quarter, last = first + quarter - 1;
        first += quarters[i] == 0; /* the network's own address */
        last -= quarters[i] == 3;  /* broadcast */
        if (last - first >= NETBOOT_RANGE_ADDRESSES)
            last = first + NETBOOT_RANGE_ADDRESSES - 1;
        if (plan->prefix <= 29 && is_free(plan, first, last)) {
            plan->first = first;
            plan->last = last;
            return 0;
        }
    }
    return -ENOSPC;
}

const char *netboot_script(const struct netboot_plan *plan)
{
    return plan->chap_user ? NETBOOT_LOGIN_SCRIPT : NETBOOT_SCRIPT;
}
