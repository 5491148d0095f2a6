#include "daemon/initiator.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "daemon/url.h"

#define HASH_START 0xcbf29ce484222325ull

/* FNV-1a with a final mix. The machine ID has 128 bits, so 48 of a hash do not give it away. */
static uint64_t hash_add(uint64_t hash, const char *text)
{
    for (const char *c = text; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3ull;
    return (hash ^ 0xff) * 0x100000001b3ull;
}

static uint64_t hash_end(uint64_t hash)
{
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdull;
    return hash ^ hash >> 33;
}

/* The first line that begins with `prefix`, without it and without blanks at the end. */
static int read_line_after(const char *path, const char *prefix, char *ret_text, size_t text_bytes)
{
    char line[512];
    int error = -ENOENT;
    FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    while (error && fgets(line, sizeof line, file)) {
        if (strncmp(line, prefix, strlen(prefix)) != 0)
            continue;
        const char *value = line + strlen(prefix);
        value += strspn(value, " \t");
        size_t bytes = strcspn(value, " \t\r\n");
        if (bytes == 0 || bytes >= text_bytes)
            continue;
        memcpy(ret_text, value, bytes);
        ret_text[bytes] = '\0';
        error = 0;
    }
    fclose(file);
    return error;
}

int initiator_name(const char *configured, const char *name_file, const char *machine_id_file,
                   char *ret_name, size_t name_bytes, struct fault *fault)
{
    if (*configured) {
        snprintf(ret_name, name_bytes, "%s", configured);
        return 0;
    }
    if (read_line_after(name_file, "InitiatorName=", ret_name, name_bytes) == 0) {
        int error = url_check_name(ret_name, fault);
        return error ? fault_prefix(fault, error, "%s", name_file) : 0;
    }
    char machine_id[64];
    if (read_line_after(machine_id_file, "", machine_id, sizeof machine_id) != 0)
        return fault_set(fault, -ENOENT,
                         "initiator: no name is configured, and there is neither %s "
                         "nor %s; give initiator=iqn....",
                         name_file, machine_id_file);
    uint64_t hash = hash_end(hash_add(hash_add(HASH_START, "holdfast initiator"), machine_id));
    snprintf(ret_name, name_bytes, "iqn.2026-11.org.holdfast:%012" PRIx64, hash >> 16);
    return 0;
}
