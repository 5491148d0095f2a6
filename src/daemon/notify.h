/* sd_notify(3) without libsystemd: datagrams to $NOTIFY_SOCKET; nothing where there is none. */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include <stdint.h>

/* Sends "KEY=VALUE\n..." lines; never blocks, errors are of no interest. */
void notify_send(const char *lines);

/* "STATUS=..." made of one line of text. */
void notify_status(const char *text);

/* How often to send WATCHDOG=1: half of $WATCHDOG_USEC; 0 when nobody watches this process. */
uint64_t notify_watchdog_us(void);

#endif
