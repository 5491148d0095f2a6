/*
 * Gives a journal up: what it holds and is not on the LUN is lost.
 *
 * First a superblock that says RETIRED, so that nothing is replayed whatever happens next; then
 * zeros over both ends, so that the next start finds nothing and makes a new journal, with a new
 * UUID: no old record can come back. Interrupted in between, it can be repeated.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "cli/journal_verb.h"
#include "daemon/human.h"
#include "daemon/journal_setup.h"

static bool serial_matches(const struct jnl_binding *binding, const char *given)
{
    char name[160];
    journal_lun_name(binding, name, sizeof name);
    return strcmp(given, *binding->serial ? binding->serial : name) == 0;
}

static int retire(struct journal_source *source)
{
    struct jnl_superblock *superblock = &source->superblock;
    superblock->state = JNL_STATE_RETIRED;
    superblock->generation++;
    jnl_superblock_encode(superblock, source->memory);
    int error = 0;
    for (unsigned copy = 0; copy < 2 && !error; copy++)
        error = source->device->ops->write_now(
            source->device,
            jnl_superblock_offset(source->device->size_bytes, superblock->generation, copy),
            source->memory, JNL_BLOCK);
    return error;
}

static int wipe(struct journal_source *source)
{
    struct jdev_port *device = source->device;
    memset(source->memory, 0, JOURNAL_ENDS_BYTES);
    int error = device->ops->write_now(device, device->size_bytes - JOURNAL_ENDS_BYTES,
                                       source->memory, JOURNAL_ENDS_BYTES);
    return error ? error : device->ops->write_now(device, 0, source->memory, JOURNAL_ENDS_BYTES);
}

int journal_discard(const struct arguments *arguments, struct journal_source *source)
{
    const char *serial = arguments_get(arguments, "serial");
    struct journal_summary summary;
    char size[HUMAN_BYTES];
    journal_walk(source, NULL, NULL, &summary);
    human_size(summary.payload_bytes, size);
    if (!serial)
        return complain(arguments, EXIT_USAGE,
                        "this gives up %s that were acknowledged and may not be on the LUN; to do "
                        "so, give the serial of that LUN: --serial SERIAL (`holdfast journal info` "
                        "and `holdfast inspect` show it)",
                        size);
    if (!serial_matches(&source->superblock.binding, serial))
        return complain(arguments, EXIT_FAILED,
                        "'%s' is not the serial of the LUN that journal %s belongs to; nothing was "
                        "changed (`holdfast journal info` shows it)",
                        serial, source->path);
    int error = retire(source);
    if (!error)
        error = wipe(source);
    if (error)
        return complain(arguments, EXIT_FAILED, "journal %s cannot be written: %s", source->path,
                        strerror(-error));
    condemned_forget(&source->places, source->superblock.uuid);
    printf("discarded: %" PRIu64 " record%s, %s of data; the next start makes a new journal\n",
           summary.records, human_plural(summary.records), size);
    return EXIT_DONE;
}
