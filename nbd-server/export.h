/* The one export of a server: the volume under a name. */
#ifndef NBD_SERVER_EXPORT_H
#define NBD_SERVER_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "volume/volume.h"

struct nsrv_export {
    const char *name;        /* UTF-8, at most NSRV_STRING_BYTES_MAX */
    const char *description; /* the same; "" when there is none */
    struct volume *volume;
    unsigned transmitting; /* connections past the handshake: they share the memory */
    /* Called once, when the first of them is: before its first request. NULL: nobody cares. */
    void (*first_use)(void *owner);
    void *owner;
};

/* Valid UTF-8 and no longer than the protocol allows. */
bool nsrv_string_is_valid(const char *string);

/* The export answers to its name and, as the default export, to the empty name. */
bool nsrv_export_has_name(const struct nsrv_export *export, const uint8_t *name, size_t bytes);

/* Transmission flags for a connection with or without structured replies. */
uint16_t nsrv_export_flags(const struct vol_geometry *geometry, bool structured);

#endif
