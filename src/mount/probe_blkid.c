#include "mount/probe_blkid.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LISTED_BYTES 128
#define SECTOR       512 /* libblkid's unit of partitions, whatever the disk's block */
#define AMBIGUOUS    (-2)

static int no_probe(struct fault *fault)
{
    return fault_set(fault, -EIO, "the disk cannot be read: %s", strerror(errno));
}

static blkid_probe new_probe(int fd, const struct probe_place *place, unsigned block_bytes)
{
    blkid_probe probe = blkid_new_probe();
    if (probe &&
        blkid_probe_set_device(probe, fd, (blkid_loff_t)place->offset,
                               (blkid_loff_t)place->bytes) == 0 &&
        blkid_probe_set_sectorsize(probe, block_bytes) == 0)
        return probe;
    blkid_free_probe(probe);
    return NULL;
}

/* "1, 2, 15" */
static void list_partitions(blkid_partlist list, char *ret_text, size_t text_bytes)
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (int i = 0; i < blkid_partlist_numof_partitions(list) && used < text_bytes; i++)
        used += (size_t)snprintf(ret_text + used, text_bytes - used, "%s%d", i ? ", " : "",
                                 blkid_partition_get_partno(blkid_partlist_get_partition(list, i)));
}

static int take_partition(blkid_partlist list, unsigned part, struct probe_place *ret_place,
                          struct fault *fault)
{
    char there[LISTED_BYTES];
    for (int i = 0; i < blkid_partlist_numof_partitions(list); i++) {
        blkid_partition partition = blkid_partlist_get_partition(list, i);
        if (blkid_partition_get_partno(partition) != (int)part)
            continue;
        ret_place->offset = (uint64_t)blkid_partition_get_start(partition) * SECTOR;
        ret_place->bytes = (uint64_t)blkid_partition_get_size(partition) * SECTOR;
        return 0;
    }
    list_partitions(list, there, sizeof there);
    return fault_set(fault, -ENOENT, "the LUN has no partition %u; there %s %s", part,
                     *there ? "are" : "is", *there ? there : "none in its partition table");
}

int probe_partition(int fd, unsigned block_bytes, unsigned part, struct probe_place *ret_place,
                    struct fault *fault)
{
    static const struct probe_place whole;
    if (part == 0) {
        *ret_place = whole;
        return 0;
    }
    blkid_probe probe = new_probe(fd, &whole, block_bytes);
    if (!probe)
        return no_probe(fault);
    blkid_probe_enable_partitions(probe, 1);
    blkid_partlist list = blkid_probe_get_partitions(probe);
    int error = list ? take_partition(list, part, ret_place, fault)
                     : fault_set(fault, -ENOENT,
                                 "the LUN has no partition table; leave part= out to mount all "
                                 "of it");
    blkid_free_probe(probe);
    return error;
}

static int judge(blkid_probe probe, const struct probe_place *place, char *ret_type,
                 struct fault *fault)
{
    const char *type = NULL, *usage = NULL, *table = NULL;
    blkid_probe_lookup_value(probe, "TYPE", &type, NULL);
    blkid_probe_lookup_value(probe, "USAGE", &usage, NULL);
    blkid_probe_lookup_value(probe, "PTTYPE", &table, NULL);
    if (type && usage && strcmp(usage, "filesystem") == 0) {
        snprintf(ret_type, PROBE_TYPE_BYTES, "%s", type);
        return 0;
    }
    if (type)
        return fault_set(fault, -ENODATA, "no file system, but %s is there", type);
    if (table && place->bytes == 0)
        return fault_set(fault, -ENODATA,
                         "the LUN has a partition table (%s); say which one with part=N", table);
    return fault_set(fault, -ENODATA,
                     "no file system was found; if you know better, say fstype=TYPE");
}

int probe_type(int fd, const struct probe_place *place, unsigned block_bytes,
               char ret_type[PROBE_TYPE_BYTES], struct fault *fault)
{
    blkid_probe probe = new_probe(fd, place, block_bytes);
    if (!probe)
        return no_probe(fault);
    blkid_probe_enable_superblocks(probe, 1);
    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE);
    blkid_probe_enable_partitions(probe, 1);
    int found = blkid_do_safeprobe(probe);
    int error;
    if (found == AMBIGUOUS)
        error = fault_set(fault, -ENODATA,
                          "more than one file system was found; say which with fstype=TYPE, or "
                          "remove the old one with wipefs(8)");
    else if (found < 0)
        error = no_probe(fault);
    else
        error = judge(probe, place, ret_type, fault);
    blkid_free_probe(probe);
    return error;
}
