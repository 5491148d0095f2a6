/* /etc/holdfast/NAME.conf: "key = value" lines, read with libinih; [sections] are for the eye. */
#ifndef DAEMON_CONFIG_FILE_H
#define DAEMON_CONFIG_FILE_H

#include "daemon/options.h"

#define CONFIG_DIR        "/etc/holdfast"
#define CONFIG_LINE_BYTES 2048

/*
 * Sets the options that the file gives. A key that stands twice is refused, unless it may be
 * repeated. A fault names file and line. The first fault counts.
 */
int config_file_read(const char *path, struct options *options, struct fault *fault);

#endif
