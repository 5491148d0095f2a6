/*
 * Extents that do not overlap, ordered by their start: a treap of caller-owned nodes.
 *
 * The map allocates nothing. `start` and `length` of a linked extent may be changed in place as
 * long as it still overlaps no other and keeps its place in the order (trimming does). Lookups,
 * insertion and removal are O(log n) on average; the depth is what recursion costs.
 */
#ifndef BASE_EXTENT_MAP_H
#define BASE_EXTENT_MAP_H

#include <stddef.h>
#include <stdint.h>

struct extent {
    uint64_t start;
    uint64_t length; /* > 0 */
    struct extent *left;
    struct extent *right;
    uint32_t priority;
};

struct extent_map {
    struct extent *root;
    size_t count;
    uint32_t seed;
};

static inline uint64_t extent_end(const struct extent *extent)
{
    return extent->start + extent->length;
}

void extent_map_init(struct extent_map *map);

/* The lowest extent that ends after `position` (it may contain it); NULL when there is none. */
struct extent *extent_map_find(const struct extent_map *map, uint64_t position);

/* The lowest extent that overlaps [start, start + length); NULL when there is none. */
struct extent *extent_map_overlap(const struct extent_map *map, uint64_t start, uint64_t length);

/* Needs: overlaps nothing in the map. */
void extent_map_insert(struct extent_map *map, struct extent *extent);

/* Needs: is in the map. */
void extent_map_remove(struct extent_map *map, struct extent *extent);

#endif
