/* SIGINT, SIGTERM and SIGHUP as a flag: a mount that waits is given up in good order. */
#ifndef MOUNT_INTERRUPT_H
#define MOUNT_INTERRUPT_H

#include <stdbool.h>

/* From now on they end no process, but interrupt blocking calls. Programs that we start get the
 * default again. */
void interrupt_catch(void);

bool interrupt_came(void);

#endif
