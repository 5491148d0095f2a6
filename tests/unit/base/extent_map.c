#include "base/extent_map.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define SPACE 512

/* The same set of extents, kept the naive way: which extent holds each unit. */
struct model {
    struct extent *holder[SPACE];
};

static void model_set(struct model *model, const struct extent *extent, struct extent *holder)
{
    for (uint64_t i = 0; i < extent->length; i++)
        model->holder[extent->start + i] = holder;
}

static struct extent *model_find(const struct model *model, uint64_t position)
{
    for (uint64_t i = position; i < SPACE; i++)
        if (model->holder[i])
            return model->holder[i];
    return NULL;
}

static void an_empty_map_finds_nothing(void **state)
{
    struct extent_map map;
    extent_map_init(&map);
    assert_null(extent_map_find(&map, 0));
    assert_null(extent_map_overlap(&map, 0, UINT64_MAX));
}

static void find_returns_the_extent_that_ends_after_the_position(void **state)
{
    struct extent_map map;
    struct extent extent = {.start = 10, .length = 5};
    extent_map_init(&map);
    extent_map_insert(&map, &extent);
    assert_ptr_equal(extent_map_find(&map, 0), &extent);
    assert_ptr_equal(extent_map_find(&map, 14), &extent);
    assert_null(extent_map_find(&map, 15));
    assert_null(extent_map_overlap(&map, 0, 10));
    assert_ptr_equal(extent_map_overlap(&map, 0, 11), &extent);
    assert_null(extent_map_overlap(&map, 15, 1));
    assert_null(extent_map_overlap(&map, 12, 0));
}

static void random_changes_agree_with_a_naive_model(void **state)
{
    static struct extent extents[64];
    struct model model;
    struct extent_map map;
    memset(&model, 0, sizeof model);
    memset(extents, 0, sizeof extents);
    extent_map_init(&map);
    srand(11);
    size_t count = 0;
    for (unsigned step = 0; step < 50000; step++) {
        struct extent *extent = &extents[rand() % 64];
        if (extent->length > 0) {
            extent_map_remove(&map, extent);
            model_set(&model, extent, NULL);
            extent->length = 0;
            count--;
        } else {
            uint64_t start = (uint64_t)rand() % (SPACE - 8);
            uint64_t length = 1 + (uint64_t)rand() % 8;
            if (extent_map_overlap(&map, start, length))
                continue;
            *extent = (struct extent){.start = start, .length = length};
            extent_map_insert(&map, extent);
            model_set(&model, extent, extent);
            count++;
        }
        uint64_t position = (uint64_t)rand() % SPACE;
        assert_ptr_equal(extent_map_find(&map, position), model_find(&model, position));
        assert_int_equal(map.count, count);
    }
}

static void an_extent_may_be_trimmed_in_place(void **state)
{
    struct extent_map map;
    struct extent low = {.start = 0, .length = 10}, high = {.start = 10, .length = 10};
    extent_map_init(&map);
    extent_map_insert(&map, &low);
    extent_map_insert(&map, &high);
    low.length = 4;
    high.start = 15;
    high.length = 5;
    assert_null(extent_map_overlap(&map, 4, 11));
    assert_ptr_equal(extent_map_find(&map, 4), &high);
    extent_map_remove(&map, &high);
    assert_ptr_equal(extent_map_find(&map, 0), &low);
    assert_null(extent_map_find(&map, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_finds_nothing),
        cmocka_unit_test(find_returns_the_extent_that_ends_after_the_position),
        cmocka_unit_test(random_changes_agree_with_a_naive_model),
        cmocka_unit_test(an_extent_may_be_trimmed_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
