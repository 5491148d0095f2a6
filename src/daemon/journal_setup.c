#include "daemon/journal_setup.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "daemon/condemned.h"
#include "daemon/human.h"
#include "daemon/log.h"
#include "journal/journal.h"
#include "volume/volume.h"

/* A daemon that was killed holds its journal until its last write has ended. */
#define LOCK_WAIT_MS    10000u
#define OWN_DEVICES_MAX 64u
#define STEP_US         60000000u /* one step of filling a file takes no longer */

/* --- being made --- */

struct making {
    struct log *log;
    struct sd_notifier *notifier;
    const char *path;
    unsigned told; /* tenths */
};

static bool tell_making(void *owner, uint64_t done_bytes, uint64_t total_bytes)
{
    struct making *making = owner;
    char size[HUMAN_BYTES];
    sd_notify_starting(making->notifier, STEP_US);
    unsigned tenths = (unsigned)((double)done_bytes * 10 / (double)total_bytes);
    if (tenths > making->told && tenths < 10)
        log_format(making->log, STORY_INFO, "making the journal %.200s: %u %% of %s", making->path,
                   tenths * 10, human_size(total_bytes, size));
    making->told = tenths;
    return true;
}

/* --- where it must not be --- */

/* A connected /dev/nbdN may be served by the very daemon that starts here, or by its predecessor:
 * reading it would wait for us. (What is behind it cannot be found out.) */
static unsigned connected_nbd_devices(dev_t *ret_devices, unsigned room)
{
    unsigned count = 0, major_number, minor_number;
    DIR *blocks = opendir("/sys/block");
    for (struct dirent *entry; blocks && count < room && (entry = readdir(blocks));) {
        char path[300];
        snprintf(path, sizeof path, "/sys/block/%.200s/pid", entry->d_name);
        if (strncmp(entry->d_name, "nbd", 3) != 0 || access(path, F_OK) != 0)
            continue;
        snprintf(path, sizeof path, "/sys/block/%.200s/dev", entry->d_name);
        FILE *file = fopen(path, "re");
        if (file && fscanf(file, "%u:%u", &major_number, &minor_number) == 2)
            ret_devices[count++] = makedev(major_number, minor_number);
        if (file)
            fclose(file);
    }
    if (blocks)
        closedir(blocks);
    return count;
}

/* --- what it holds --- */

static int are_zeros(struct jdev_port *device, uint64_t offset, uint8_t *memory, bool *ret_zeros)
{
    int error = device->ops->read_now(device, offset, memory, JOURNAL_ENDS_BYTES);
    if (!error) /* each byte is its successor, and the first one is 0 */
        *ret_zeros = memory[0] == 0 && memcmp(memory, memory + 1, JOURNAL_ENDS_BYTES - 1) == 0;
    return error;
}

/* A device without a journal is taken only when it holds nothing else either. */
static int check_is_blank(const struct journal_setup *setup, struct fault *fault)
{
    struct jdev_port *device = setup->device;
    bool first = false, last = false;
    uint8_t *memory = aligned_alloc(JDEV_BLOCK, JOURNAL_ENDS_BYTES);
    int error = memory ? are_zeros(device, 0, memory, &first) : -ENOMEM;
    if (!error)
        error = are_zeros(device, device->size_bytes - JOURNAL_ENDS_BYTES, memory, &last);
    free(memory);
    if (error)
        return fault_set(fault, error, "journal %.300s cannot be read: %s", setup->path,
                         strerror(-error));
    if (first && last)
        return 0;
    if (jdev_get_facts(device)->block_device)
        return fault_set(fault, -EINVAL,
                         "journal %.200s holds something, but no journal; if that is not needed "
                         "any more, zero its first and last 64 KiB (blkdiscard -z %.200s), else "
                         "name another device",
                         setup->path, setup->path);
    return fault_set(fault, -EINVAL,
                     "journal %.300s holds something, but no journal; name another file, or "
                     "remove this one if it is not needed any more",
                     setup->path);
}

/* Its device failed in an earlier run, could not be marked, and the LUN was changed without it. */
static int check_is_not_condemned(const struct journal_setup *setup, const struct options *options,
                                  const struct jnl_superblock *superblock, struct fault *fault)
{
    struct condemned_places places;
    const char *serial = superblock->binding.serial;
    condemned_places(options->run_dir, &places);
    if (!condemned_is_noted(&places, superblock->uuid))
        return 0;
    return fault_set(
        fault, -ESTALE,
        "journal %.200s failed in an earlier run, and newer data are on the LUN since; "
        "give it up (holdfast journal discard %.200s --serial %.64s), then start again",
        setup->path, setup->path, *serial ? serial : "SERIAL");
}

static int look(struct journal_setup *setup, const struct options *options, struct fault *fault)
{
    struct jnl_superblock superblock;
    enum jnl_open_error found = jnl_peek(setup->device, &superblock);
    setup->is_there = found != JNL_OPEN_NO_JOURNAL;
    if (found == JNL_OPEN_OK)
        return check_is_not_condemned(setup, options, &superblock, fault);
    return setup->is_there ? 0 : check_is_blank(setup, fault);
}

/* --- open and close --- */

static void tell_place(const struct journal_setup *setup, const struct options *options,
                       struct log *log)
{
    enum journal_kind kind = options_journal_kind(options);
    char size[HUMAN_BYTES];
    const struct jdev_facts *facts = jdev_get_facts(setup->device);
    bool in_memory = facts->memory;
    if (setup->is_there && options_was_given(options, "journal_size") && !facts->block_device &&
        setup->device->size_bytes != options->journal_size)
        log_format(log, STORY_WARNING,
                   "journal %.200s is there and keeps its size, %s; to change it, drain it, stop, "
                   "and remove the file",
                   setup->path, human_size(setup->device->size_bytes, size));
    if (kind == JOURNAL_PATH && in_memory)
        log_format(log, STORY_WARNING,
                   "journal %.200s lies in memory: it survives this daemon, but not this host, so "
                   "a flush waits for the target",
                   setup->path);
    if (kind == JOURNAL_MEMORY && !in_memory)
        log_format(log, STORY_WARNING,
                   "journal %.200s does not lie in memory, but on a disk, which may be slow; a "
                   "run_dir below /run would",
                   setup->path);
}

int journal_setup_open(const struct options *options, struct evl *loop, struct log *log,
                       struct sd_notifier *notifier, struct journal_setup *ret_setup,
                       struct fault *fault)
{
    enum journal_kind kind = options_journal_kind(options);
    char why[JDEV_WHY_BYTES];
    dev_t own_devices[OWN_DEVICES_MAX];
    *ret_setup = (struct journal_setup){0};
    if (kind == JOURNAL_NONE)
        return 0;
    int error = options_journal_path(options, ret_setup->path, sizeof ret_setup->path);
    if (error)
        return fault_set(fault, error, "journal: the path is too long");
    struct making making = {.log = log, .notifier = notifier, .path = ret_setup->path};
    const struct jdev_config config = {
        .path = ret_setup->path,
        .create_bytes = options->journal_size,
        .engine = (enum jdev_engine_choice)options->journal_engine,
        .lock_wait_ms = LOCK_WAIT_MS,
        .own_devices = own_devices,
        .own_device_count = connected_nbd_devices(own_devices, OWN_DEVICES_MAX),
        .progress = tell_making,
        .owner = &making,
    };
    error = jdev_open(&config, loop, why, sizeof why, &ret_setup->device);
    if (error)
        return fault_set(fault, error, "%s", why);
    ret_setup->is_own = kind == JOURNAL_MEMORY;
    ret_setup->persistent = kind == JOURNAL_PATH && !jdev_get_facts(ret_setup->device)->memory;
    if (ret_setup->device->size_bytes < JOURNAL_BYTES_MIN)
        error = fault_set(fault, -EINVAL, "journal %.300s has %.0f KiB, a journal needs 5 MiB",
                          ret_setup->path, (double)ret_setup->device->size_bytes / 1024);
    else
        error = look(ret_setup, options, fault);
    if (error)
        journal_setup_close(ret_setup, false, log);
    else
        tell_place(ret_setup, options, log);
    return error;
}

int journal_setup_use(const struct journal_setup *setup, const struct options *options,
                      const char *initiator, const struct journal_owner *owner,
                      struct volume *volume, struct fault *fault)
{
    char why[JDEV_WHY_BYTES];
    struct vol_journal_config config = {
        .mode = setup->persistent ? VOL_JOURNAL_PERSISTENT : VOL_JOURNAL_MEMORY,
        .device = setup->device,
        .target = options->url.target,
        .initiator = initiator,
        .lun = options->url.lun,
        .cache_bytes = options->journal_cache,
        .ordered = options->destage == DESTAGE_ORDERED,
        .continue_unmarked = options->on_journal_failure == JOURNAL_FAILURE_CONTINUE,
        .replay_over_foreign = options->replay == REPLAY_FORCE,
        .condemn = owner->condemn,
        .owner = owner->owner,
    };
    if (!setup->device)
        return 0;
    if (getrandom(config.uuid, sizeof config.uuid, 0) != (ssize_t)sizeof config.uuid)
        return fault_set(fault, -EIO, "journal: the kernel gives no random numbers");
    int error = vol_use_journal(volume, &config, why, sizeof why);
    return error ? fault_set(fault, error, "journal %.200s: %s", setup->path, why) : 0;
}

/* A ring in memory that holds nothing any more gives its memory back. */
static void remove_if_empty(struct journal_setup *setup)
{
    struct jnl_superblock superblock;
    enum jnl_open_error found = jnl_peek(setup->device, &superblock);
    bool was_never_used = found == JNL_OPEN_NO_JOURNAL;
    if (was_never_used || (found == JNL_OPEN_OK && superblock.state & JNL_STATE_EMPTY))
        unlink(setup->path);
}

void journal_setup_close(struct journal_setup *setup, bool ended_well, struct log *log)
{
    if (!setup->device)
        return;
    if (ended_well && setup->is_own)
        remove_if_empty(setup);
    if (jdev_close(setup->device) != 0)
        log_format(log, STORY_ERROR,
                   "journal %.200s does not answer; ending without it. Look at that disk",
                   setup->path);
    setup->device = NULL;
}
