/* /proc/self/mountinfo, proc(5): what is mounted where. */
#ifndef MOUNT_MOUNTINFO_H
#define MOUNT_MOUNTINFO_H

#include <stdio.h>
#include <sys/types.h>

struct mount_entry {
    dev_t device;
    char *directory;
    char *type;
    char *source;
};

/* In the order of the file: of several mounts on one directory the last one is on top. */
struct mountinfo {
    size_t count;
    struct mount_entry *entries;
    char *text; /* that the entries point into */
};

/* Lines that are not understood are left out. -errno when the file cannot be read. */
int mountinfo_parse(FILE *file, struct mountinfo *ret_info);
int mountinfo_read(struct mountinfo *ret_info);
void mountinfo_done(struct mountinfo *info);

/* What one sees at this path (absolute, resolved); NULL when nothing is mounted there. */
const struct mount_entry *mountinfo_at(const struct mountinfo *info, const char *directory);

#endif
