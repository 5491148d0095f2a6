#include "daemon/front_ends.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/device.h"
#include "daemon/front_end.h"
#include "daemon/log.h"
#include "daemon/memory.h"
#include "fuse/ffs.h"
#include "nbd-server/server.h"
#include "os/sd_notify.h"

#define FRONT_ENDS_MAX (2 * OPTION_LIST_ITEMS + SD_LISTEN_FDS_MAX)

/* One of them: exactly one of the two pointers is set. */
struct front_end {
    struct front_ends *all;
    char place[OPTION_PATH_BYTES + 16];
    struct nsrv *nbd;
    struct ffs *file;
    bool stopped;
};

struct front_ends {
    const struct options *options;
    struct evl *loop;
    struct volume *volume;
    struct log *log;
    void (*stopped)(void *owner);
    void *owner;
    bool stopping;
    unsigned running;
    struct device *device; /* attached or not */
    unsigned count;
    struct front_end items[FRONT_ENDS_MAX];
};

static struct front_end *add(struct front_ends *all, const char *place)
{
    struct front_end *item = &all->items[all->count++];
    item->all = all;
    snprintf(item->place, sizeof item->place, "%s", place);
    return item;
}

/* What a burst needs must not have to be found during the burst. */
static void has_a_client(void *owner)
{
    const struct front_ends *all = owner;
    memory_keep(all->options, MEMORY_LOCK_ALL, all->log);
}

/* fd: an inherited socket, or -1. */
static int open_nbd(struct front_ends *all, const struct options *options, const char *listen,
                    int fd, struct fault *fault)
{
    char why[FAULT_BYTES];
    struct front_end *item = add(all, listen);
    const struct nsrv_config config = {
        .export_name = options->name,
        .listen = listen,
        .listen_fd = fd,
        .connections_max = (unsigned)options->connections,
        .first_use = has_a_client,
        .owner = all,
    };
    int error = nsrv_new(&config, all->loop, all->volume, why, sizeof why, &item->nbd);
    return error ? fault_set(fault, error, "nbd: %s", why) : 0;
}

static void unmounted(void *owner)
{
    struct front_end *item = owner;
    log_format(item->all->log, STORY_WARNING,
               "%s was unmounted by somebody else; start the daemon "
               "again to have it back",
               item->place);
}

static int open_file(struct front_ends *all, const struct options *options, const char *path,
                     struct fault *fault)
{
    char why[FAULT_BYTES];
    struct front_end *item = add(all, path);
    struct ffs_config config = ffs_config_default;
    config.path = path;
    config.name = options->name;
    config.mode = (mode_t)options->fuse_mode;
    config.unmounted = unmounted;
    config.owner = item;
    int error = ffs_new(&config, all->loop, all->volume, why, sizeof why, &item->file);
    return error ? fault_set(fault, error, "fuse: %s", why) : 0;
}

static int open_inherited(struct front_ends *all, const struct options *options,
                          struct fault *fault)
{
    struct sd_listen_fd fds[SD_LISTEN_FDS_MAX];
    int count = sd_listen_fds_take(fds);
    if (count < 0)
        return fault_set(fault, count, "LISTEN_FDS: the sockets that were passed make no sense");
    int error = 0;
    for (int i = 0; i < count && !error; i++) {
        char place[32];
        snprintf(place, sizeof place, "socket %d of systemd", fds[i].fd);
        error = open_nbd(all, options, place, fds[i].fd, fault);
    }
    return error;
}

static int open_configured(struct front_ends *all, const struct options *options,
                           struct fault *fault)
{
    int error = 0;
    for (unsigned i = 0; i < options->nbd.count && !error; i++) {
        char listen[FRONT_END_LISTEN_BYTES];
        struct front_end_nbd nbd;
        error = front_end_parse_nbd(options->nbd.items[i], &nbd, fault);
        if (error)
            break;
        front_end_print_nbd(&nbd, listen, sizeof listen);
        error = open_nbd(all, options, listen, -1, fault);
    }
    for (unsigned i = 0; i < options->fuse.count && !error; i++)
        error = open_file(all, options, options->fuse.items[i], fault);
    if (!error && *options->device)
        error = device_open(all->device, options->device, fault);
    return error;
}

int front_ends_new(const struct options *options, struct evl *loop, struct volume *volume,
                   struct log *log, void (*stopped)(void *owner), void *owner,
                   struct front_ends **ret_front_ends, struct fault *fault)
{
    struct front_ends *all = calloc(1, sizeof *all);
    if (!all)
        return fault_set(fault, -ENOMEM, "no memory for the front ends");
    all->options = options;
    all->loop = loop;
    all->volume = volume;
    all->log = log;
    all->stopped = stopped;
    all->owner = owner;
    int error = device_new(options, loop, volume, log, &all->device, fault);
    if (!error)
        error = open_inherited(all, options, fault);
    if (!error)
        error = open_configured(all, options, fault);
    if (!error && all->count == 0 && !*options->device)
        error = fault_set(fault, -EINVAL,
                          "nothing would use the LUN; give --nbd unix:PATH, "
                          "--nbd tcp:HOST:PORT, --fuse PATH or --device nbd");
    if (error) {
        front_ends_free(all);
        return error;
    }
    *ret_front_ends = all;
    return 0;
}

struct device *front_ends_device(const struct front_ends *all)
{
    return all->device;
}

static void count_stopped(struct front_ends *all)
{
    if (--all->running == 0)
        all->stopped(all->owner);
}

static void one_stopped(void *owner)
{
    struct front_end *item = owner;
    if (item->stopped)
        return;
    item->stopped = true;
    count_stopped(item->all);
}

static void device_is_stopped(void *owner)
{
    count_stopped(owner);
}

void front_ends_stop(struct front_ends *all)
{
    if (all->stopping)
        return;
    all->stopping = true;
    /* The device, and one more than there are: a stop may end inside the loop. */
    all->running = all->count + 2;
    for (unsigned i = 0; i < all->count; i++) {
        struct front_end *item = &all->items[i];
        if (item->nbd)
            nsrv_stop(item->nbd, one_stopped, item);
        else
            ffs_stop(item->file, one_stopped, item);
    }
    device_stop(all->device, device_is_stopped, all);
    count_stopped(all);
}

void front_ends_stop_now(struct front_ends *all)
{
    front_ends_stop(all);
    device_stop_now(all->device);
    for (unsigned i = 0; i < all->count; i++) {
        if (all->items[i].file && !all->items[i].stopped)
            ffs_stop_now(all->items[i].file);
    }
}

void front_ends_free(struct front_ends *all)
{
    if (!all)
        return;
    for (unsigned i = 0; i < all->count; i++) {
        nsrv_free(all->items[i].nbd);
        ffs_free(all->items[i].file);
    }
    device_free(all->device);
    free(all);
}

static const char *kind_of(const struct front_end *item)
{
    return item->nbd ? "nbd" : "file";
}

void front_ends_print(const struct front_ends *all, char *ret_text, size_t text_bytes)
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (unsigned i = 0; i < all->count && used < text_bytes; i++)
        used += (size_t)snprintf(ret_text + used, text_bytes - used, "%s%s %s", i > 0 ? ", " : "",
                                 kind_of(&all->items[i]), all->items[i].place);
    if (device_is_wanted(all->device) && used < text_bytes)
        snprintf(ret_text + used, text_bytes - used, "%sdevice %s", all->count > 0 ? ", " : "",
                 device_place(all->device));
}

static void add_nbd(struct json_object *to, const struct front_end *item)
{
    struct nsrv_status status;
    nsrv_status(item->nbd, &status);
    json_object_object_add(to, "address", json_object_new_string(status.address));
    json_object_object_add(to, "connections", json_object_new_uint64(status.connections));
    json_object_object_add(to, "connections_max", json_object_new_uint64(status.connections_max));
    json_object_object_add(to, "in_flight", json_object_new_uint64(status.in_flight));
    json_object_object_add(to, "accepted", json_object_new_uint64(status.accepted));
}

static void add_file(struct json_object *to, const struct front_end *item)
{
    struct ffs_status status;
    ffs_status(item->file, &status);
    json_object_object_add(to, "path", json_object_new_string(item->place));
    json_object_object_add(to, "mounted", json_object_new_boolean(status.mounted));
    json_object_object_add(to, "busy", json_object_new_boolean(status.busy));
    json_object_object_add(to, "in_flight", json_object_new_uint64(status.in_volume));
}

struct json_object *front_ends_json(const struct front_ends *all)
{
    struct json_object *array = json_object_new_array();
    for (unsigned i = 0; i < all->count; i++) {
        const struct front_end *item = &all->items[i];
        struct json_object *object = json_object_new_object();
        json_object_object_add(object, "kind", json_object_new_string(kind_of(item)));
        if (item->nbd)
            add_nbd(object, item);
        else
            add_file(object, item);
        json_object_array_add(array, object);
    }
    if (device_is_wanted(all->device)) {
        struct json_object *object = json_object_new_object();
        json_object_object_add(object, "kind", json_object_new_string("device"));
        device_json(all->device, object);
        json_object_array_add(array, object);
    }
    return array;
}
