#include "base/extent_map.h"

#include <assert.h>
#include <stdbool.h>

#include "base/checked.h"

void extent_map_init(struct extent_map *map)
{
    *map = (struct extent_map){.seed = 2463534242u};
}

/* xorshift32: the shape of the tree needs spread, not secrecy, and must repeat run by run. */
static uint32_t next_priority(struct extent_map *map)
{
    map->seed ^= map->seed << 13;
    map->seed ^= map->seed >> 17;
    map->seed ^= map->seed << 5;
    return map->seed;
}

struct extent *extent_map_find(const struct extent_map *map, uint64_t position)
{
    struct extent *found = NULL;
    struct extent *at = map->root;
    while (at) {
        if (extent_end(at) > position) {
            found = at;
            at = at->left;
        } else {
            at = at->right;
        }
    }
    return found;
}

struct extent *extent_map_overlap(const struct extent_map *map, uint64_t start, uint64_t length)
{
    struct extent *found = extent_map_find(map, start);
    return found && ranges_overlap(found->start, found->length, start, length) ? found : NULL;
}

/* Is it before `at`? And not across it: on the way down to its place an extent meets its
 * neighbours, so this is all that has to be checked. */
static bool goes_before(const struct extent *extent, const struct extent *at)
{
    bool before = extent->start < at->start;
    assert(before ? extent_end(extent) <= at->start : extent_end(at) <= extent->start);
    return before;
}

/* Cuts a tree in two: all that comes before `extent`, and all that comes after it. */
static void split(struct extent *tree, const struct extent *extent, struct extent **ret_low,
                  struct extent **ret_high)
{
    if (!tree) {
        *ret_low = *ret_high = NULL;
    } else if (goes_before(extent, tree)) {
        split(tree->left, extent, ret_low, &tree->left);
        *ret_high = tree;
    } else {
        split(tree->right, extent, &tree->right, ret_high);
        *ret_low = tree;
    }
}

static struct extent *merge(struct extent *low, struct extent *high)
{
    if (!low || !high)
        return low ? low : high;
    if (low->priority > high->priority) {
        low->right = merge(low->right, high);
        return low;
    }
    high->left = merge(low, high->left);
    return high;
}

void extent_map_insert(struct extent_map *map, struct extent *extent)
{
    assert(extent->length > 0);
    extent->priority = next_priority(map);

    struct extent **place = &map->root;
    while (*place && (*place)->priority >= extent->priority)
        place = goes_before(extent, *place) ? &(*place)->left : &(*place)->right;
    split(*place, extent, &extent->left, &extent->right);
    *place = extent;
    map->count++;
}

void extent_map_remove(struct extent_map *map, struct extent *extent)
{
    struct extent **place = &map->root;
    while (*place != extent) {
        assert(*place);
        place = extent->start < (*place)->start ? &(*place)->left : &(*place)->right;
    }
    *place = merge(extent->left, extent->right);
    extent->left = extent->right = NULL;
    map->count--;
}
