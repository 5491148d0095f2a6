/* The words of a device: its node, its backend identifier, its states. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attach/device.h"

#define PREFIX    "holdfast:"
#define NODE      "/dev/nbd"
#define INDEX_MAX 1048575u /* the kernel's: minors have 20 bits */

const char *att_state_name(enum att_state state)
{
    static const char *const names[] = {
        [ATT_IDLE] = "idle",
        [ATT_WAITING] = "waiting for the disk",
        [ATT_CONNECTING] = "connecting",
        [ATT_RECONNECTING] = "reconnecting",
        [ATT_TUNING] = "being set up",
        [ATT_CONNECTED] = "connected",
        [ATT_RESIZING] = "being resized",
        [ATT_PAUSING] = "waiting for the next attempt",
        [ATT_RELEASING] = "being detached",
        [ATT_LEAVING] = "being left to the next daemon",
        [ATT_OFF] = "off",
    };
    return names[state];
}

/* What a udev rule or a shell takes as it is. */
static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("._+-", c));
}

void att_backend(const char *name, const char *identity, char ret_backend[ATT_BACKEND_BYTES])
{
    int used = snprintf(ret_backend, ATT_BACKEND_BYTES, PREFIX "%s:", name);
    size_t at = used < ATT_BACKEND_BYTES ? (size_t)used : ATT_BACKEND_BYTES - 1;
    for (const char *c = identity; *c && at + 1 < ATT_BACKEND_BYTES; c++)
        ret_backend[at++] = is_plain(*c) ? *c : '_';
    ret_backend[at] = '\0';
}

bool att_backend_is_of(const char *backend, const char *name)
{
    size_t prefix = strlen(PREFIX), bytes = strlen(name);
    return strncmp(backend, PREFIX, prefix) == 0 && strncmp(backend + prefix, name, bytes) == 0 &&
           backend[prefix + bytes] == ':';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int att_parse_device(const char *text, uint32_t *ret_index)
{
    const char *digits = text + strlen(NODE);
    uint32_t index = 0;
    if (strcmp(text, "nbd") == 0) {
        *ret_index = ATT_ANY;
        return 0;
    }
    if (strncmp(text, NODE, strlen(NODE)) != 0 || !*digits || (digits[0] == '0' && digits[1]))
        return -EINVAL;
    for (const char *c = digits; *c; c++) {
        if (!is_digit(*c) || (index = index * 10 + (uint32_t)(*c - '0')) > INDEX_MAX)
            return -EINVAL;
    }
    *ret_index = index;
    return 0;
}
