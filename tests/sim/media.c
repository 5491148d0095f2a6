#include "tests/sim/media.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct version *version_get(struct media *media)
{
    struct version *version = media->spare;
    if (version)
        media->spare = version->older;
    else
        version = malloc(sizeof *version + media->block_bytes);
    assert(version);
    media->versions++;
    return version;
}

static void version_put(struct media *media, struct version *version)
{
    version->older = media->spare;
    media->spare = version;
    media->versions--;
}

/* Forgets everything below `version`: it is stable now. */
static void make_stable(struct media *media, struct version *version)
{
    while (version->older) {
        struct version *older = version->older;
        version->older = older->older;
        version_put(media, older);
    }
}

void media_init(struct media *media, uint32_t block_bytes, uint64_t blocks)
{
    *media = (struct media){.block_bytes = block_bytes, .blocks = blocks};
    media->newest = calloc(blocks, sizeof *media->newest);
    assert(media->newest);
    for (uint64_t i = 0; i < blocks; i++) {
        media->newest[i] = version_get(media);
        *media->newest[i] = (struct version){.mapped = true};
        memset(media->newest[i]->data, 0, block_bytes);
    }
}

void media_done(struct media *media)
{
    for (uint64_t i = 0; i < media->blocks; i++) {
        make_stable(media, media->newest[i]);
        version_put(media, media->newest[i]);
    }
    media_trim(media);
    free(media->newest);
}

void media_trim(struct media *media)
{
    while (media->spare) {
        struct version *spare = media->spare;
        media->spare = spare->older;
        free(spare);
    }
}

const struct version *media_read(const struct media *media, uint64_t lba)
{
    assert(lba < media->blocks);
    return media->newest[lba];
}

void media_write(struct media *media, uint64_t lba, const uint8_t *data, bool mapped, bool stable)
{
    assert(lba < media->blocks);
    struct version *version = version_get(media);
    version->order = ++media->order;
    version->mapped = mapped;
    version->bad = false;
    version->older = media->newest[lba];
    memcpy(version->data, data, media->block_bytes);
    media->newest[lba] = version;
    if (stable)
        make_stable(media, version);
}

void media_sync(struct media *media, uint64_t order)
{
    for (uint64_t i = 0; i < media->blocks; i++) {
        struct version *version = media->newest[i];
        while (version->older && version->order > order)
            version = version->older;
        make_stable(media, version);
    }
}

/* True when the newest version of the block is to be lost. */
static bool loses_newest(struct rng *rng, enum media_crash mode)
{
    return mode == MEDIA_LOSE_ALL || (mode == MEDIA_LOSE_SOME && rng_chance(rng, 500));
}

unsigned media_crash(struct media *media, struct rng *rng, enum media_crash mode)
{
    unsigned lost = 0;
    for (uint64_t i = 0; i < media->blocks; i++) {
        struct version *top = media->newest[i];
        while (top->older && loses_newest(rng, mode)) {
            media->newest[i] = top->older;
            version_put(media, top);
            top = media->newest[i];
            lost += 1;
        }
        make_stable(media, top);
    }
    media->losses += lost;
    return lost;
}
