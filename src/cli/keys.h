/* From the command line to options: NAME or URL, -o KEY=VALUE, and the shorthands of keys. */
#ifndef CLI_KEYS_H
#define CLI_KEYS_H

#include "cli/verb.h"
#include "daemon/options.h"

/* Sets what -o and the shorthands (--nbd, --fuse ...) say. */
int keys_take(const struct arguments *arguments, struct options *options, struct fault *fault);

/* URL, NAME (of /etc/holdfast/NAME.conf), or a path to such a file; then keys_take(). */
int keys_from_operand(const struct arguments *arguments, const char *operand,
                      struct options *options, struct fault *fault);

/* The options of a configured NAME: /etc/holdfast/NAME.conf, else /run/holdfast/NAME.conf, which
 * mount helpers and the boot write. -ENOENT when there is neither. */
int keys_from_name(const char *name, struct options *options, struct fault *fault);

/* --timeout in milliseconds, or the default. */
int keys_timeout(const struct arguments *arguments, uint64_t default_ms, uint64_t *ret_ms,
                 struct fault *fault);

#endif
