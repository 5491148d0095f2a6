/* Opening the journal's device: find or make it, lock it, judge it. Internal to journal_device.c.
 */
#ifndef OS_JOURNAL_FILE_H
#define OS_JOURNAL_FILE_H

#include <sys/types.h>

#include "os/journal_device.h"

struct journal_file {
    int fd; /* -1: none */
    uint64_t size_bytes;
    dev_t device; /* that it is, or that it lies on */
    struct jdev_facts facts;
};

/* As jdev_open(). On failure ret_file holds nothing to close. */
int journal_file_open(const struct jdev_config *config, char *ret_why, size_t why_bytes,
                      struct journal_file *ret_file);

/* Unlocks, too. */
void journal_file_close(struct journal_file *file);

#endif
