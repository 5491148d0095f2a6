/*
 * The SOURCE of a mount: a configured NAME, or a URL, for which a configuration is made. Pure but
 * for looking whether configuration files are there.
 */
#ifndef MOUNT_SOURCE_H
#define MOUNT_SOURCE_H

#include "mount/call.h"

/* What a configuration that was made here begins with. */
#define SOURCE_HEAD_LINE "# Written by mount.holdfast(8), gone with the last mount of this LUN.\n"

struct mount_source {
    char name[OPTION_TEXT_BYTES]; /* of the daemon */
    bool is_url;
};

/*
 * NAME, or holdfast:NAME, or a path that ends in NAME: mount(8) makes "root" to "/root" where
 * there is a file called so in the current folder. For a URL the name is that of name=, else made
 * of the target's and the LUN, always the same, with a checksum that keeps apart what is called
 * alike. -EINVAL for keys that have no place here; completes call->options.
 */
int mount_source_find(struct mount_source *ret_source, struct mount_call *call,
                      struct fault *fault);

/* The configuration file for a URL; `front_end` is its line that says how the disk is served. */
int mount_source_configuration(const struct mount_source *source, const struct mount_call *call,
                               const char *front_end, char *ret_text, size_t text_bytes,
                               struct fault *fault);

#endif
