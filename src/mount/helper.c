#include "mount/helper.h"

#include <stdio.h>
#include <string.h>

#include "mount/call.h"

int mount_helper_complain(const char *who, const char *directory, int error,
                          const struct fault *fault)
{
    fprintf(stderr, "%s: %s%s%s\n", who, directory ? directory : "", directory ? ": " : "",
            fault->text);
    return mount_status(error);
}

mount_helper *mount_helper_find(const char *program)
{
    static const struct {
        const char *name;
        mount_helper *helper;
    } helpers[] = {
        {"mount.holdfast", mount_holdfast},
        {"umount.holdfast", umount_holdfast},
        {"mount.fuse.holdfast", mount_fuse_holdfast},
        {"umount.fuse.holdfast", umount_fuse_holdfast},
    };
    const char *slash = strrchr(program, '/');
    for (size_t i = 0; i < sizeof helpers / sizeof *helpers; i++) {
        if (strcmp(slash ? slash + 1 : program, helpers[i].name) == 0)
            return helpers[i].helper;
    }
    return NULL;
}
