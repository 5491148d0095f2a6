#include "os/private_root.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int result(int returned)
{
    return returned < 0 ? -errno : 0;
}

/* The folder in memory. Unbindable: /run is about to be bound into it, with all that is below. */
static int make_root(const char *place)
{
    int error = result(mkdir(place, 0700));
    if (error && error != -EEXIST)
        return error;
    error = result(mount("holdfast", place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64k"));
    return error ? error : result(mount(NULL, place, NULL, MS_UNBINDABLE, NULL));
}

static int bind_system(const char *place)
{
    static const char *const folders[] = {"/dev", "/proc", "/run", "/sys"};
    char path[512];
    int error = 0;
    for (unsigned i = 0; i < sizeof folders / sizeof *folders && !error; i++) {
        snprintf(path, sizeof path, "%s%s", place, folders[i]);
        error = result(mkdir(path, 0755));
        if (!error)
            error = result(mount(folders[i], path, NULL, MS_BIND | MS_REC, NULL));
    }
    return error;
}

/* The first root file system, that of an initramfs, cannot be left by pivot_root(2); it is covered
 * instead, as switch_root(8) does. Any other one is let go of. */
static int change_root(const char *place)
{
    int error = result(chdir(place));
    if (error)
        return error;
    error = result((int)syscall(SYS_pivot_root, ".", "."));
    if (!error)
        error = result(umount2(".", MNT_DETACH));
    else if (error == -EINVAL)
        error = result(mount(".", "/", NULL, MS_MOVE, NULL));
    if (!error)
        error = result(chroot("."));
    return error ? error : result(chdir("/"));
}

int private_root_enter(const char *place)
{
    int error = result(unshare(CLONE_NEWNS));
    if (!error)
        error = result(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    if (!error)
        error = make_root(place);
    if (!error)
        error = bind_system(place);
    return error ? error : change_root(place);
}
