/*
 * make_ring --seeds FOLDER: the corpus of the fuzz target journal_recovery.
 * make_ring KIND FILE: a ring as a file, to look at with `holdfast journal`.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/tools/ring.h"

static const char *const kinds[RING_KINDS] = {
    [RING_EMPTY] = "empty",   [RING_MIXED] = "mixed",     [RING_TORN] = "torn",
    [RING_LOST] = "lost",     [RING_WRAPPED] = "wrapped", [RING_RESTARTED] = "restarted",
    [RING_FAILED] = "failed",
};

/* Patches of interest: place, offset (little endian), length, bytes. */
static const uint8_t patches[][16] = {
    {0},                                    /* none */
    {1, 84, 0, 1, 2},                       /* superblock B: state */
    {1, 64, 0, 2, 0, 0xf0},                 /* ... tail beyond the ring */
    {1, 72, 0, 1, 9},                       /* ... another sequence number */
    {1, 104, 0, 4, 0, 2, 0, 0},             /* ... jblk */
    {1, 108, 0, 4, 3, 0, 0, 0},             /* ... LUN block size */
    {2, 6, 0, 2, 0xff, 0xff},               /* first record: number of entries */
    {2, 32, 0, 4, 0xff, 0xff, 0xff, 0xff},  /* ... its length */
    {2, 96, 0, 1, 0x7f},                    /* ... claims what never was */
    {2, 40, 0, 1, 2},                       /* ... clean_seq */
    {2, 136, 0, 4, 0xff, 0xff, 0xff, 0x7f}, /* first entry: blocks */
    {2, 144, 0, 2, 0xff, 0xff},             /* ... payload far outside */
};

static int write_file(const char *path, const void *data, size_t bytes)
{
    FILE *file = fopen(path, "wbe");
    int error = file && fwrite(data, 1, bytes, file) == bytes ? 0 : -EIO;
    if (file && fclose(file) != 0)
        error = -errno;
    if (error)
        fprintf(stderr, "make_ring: %s cannot be written\n", path);
    return error;
}

static int write_seeds(const char *folder)
{
    mkdir(folder, 0755);
    for (unsigned kind = 0; kind < RING_KINDS; kind++) {
        for (unsigned i = 0; i < sizeof patches / sizeof *patches; i++) {
            char path[4096];
            uint8_t seed[2 + sizeof patches[0]] = {(uint8_t)kind, 1};
            size_t bytes = patches[i][3] ? 4u + patches[i][3] : 0;
            memcpy(seed + 2, patches[i], bytes);
            snprintf(path, sizeof path, "%s/%s-%u", folder, kinds[kind], i);
            if (write_file(path, seed, 2 + bytes) < 0)
                return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static struct ring ring;
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0)
        return write_seeds(argv[2]);
    for (unsigned kind = 0; argc == 3 && kind < RING_KINDS; kind++) {
        if (strcmp(argv[1], kinds[kind]) != 0)
            continue;
        ring_make(&ring, kind);
        return write_file(argv[2], ring.bytes, sizeof ring.bytes) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    fprintf(stderr, "usage: make_ring --seeds FOLDER | KIND FILE\nKIND is one of:");
    for (unsigned kind = 0; kind < RING_KINDS; kind++)
        fprintf(stderr, " %s", kinds[kind]);
    fprintf(stderr, "\n");
    return 2;
}
