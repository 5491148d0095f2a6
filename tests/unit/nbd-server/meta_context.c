#include "nbd-server/meta_context.h"

#include <string.h>

#include "base/bytes.h"
#include "tests/unit/unit.h"

#define ALLOCATION (1u << NSRV_CONTEXT_ALLOCATION)
#define DIRTY      (1u << NSRV_CONTEXT_DIRTY)

static unsigned match(const char *query, bool listing)
{
    return nsrv_context_match(query, strlen(query), listing);
}

static void names_select_exactly_and_wildcards_only_list(void **state)
{
    for (unsigned listing = 0; listing < 2; listing++) {
        assert_int_equal(match("base:allocation", listing), ALLOCATION);
        assert_int_equal(match("holdfast:dirty", listing), DIRTY);
        assert_int_equal(match("", listing), 0);
        assert_int_equal(match("base", listing), 0);
        assert_int_equal(match("base:alloc", listing), 0);
        assert_int_equal(match("base:allocation ", listing), 0);
        assert_int_equal(match("Base:allocation", listing), 0);
        assert_int_equal(match("qemu:", listing), 0);
    }
    assert_int_equal(match("base:", true), ALLOCATION);
    assert_int_equal(match("holdfast:", true), DIRTY);
    assert_int_equal(match("base:", false), 0);
    assert_int_equal(match("holdfast:", false), 0);
    assert_int_equal(nsrv_context_match("base:allocation\0", 16, false), 0);
}

static const struct vol_extent extents[] = {
    {512, VOL_EXTENT_HOLE | VOL_EXTENT_ZERO},
    {1024, VOL_EXTENT_HOLE | VOL_EXTENT_ZERO | VOL_EXTENT_DIRTY},
    {100, VOL_EXTENT_DIRTY},
    {0x200000000ULL, VOL_EXTENT_ZERO},
};

static void expect(const uint8_t *payload, size_t bytes, const uint32_t *numbers, size_t count)
{
    assert_int_equal(bytes, 4 * count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(get_be32(payload + 4 * i), numbers[i]);
}

static void each_context_merges_what_is_equal_to_it(void **state)
{
    uint8_t payload[4 + 8 * 4];
    const uint32_t allocation[] = {1, 1536, 3, 100, 0, 4000, 2};
    const uint32_t dirty[] = {2, 512, 0, 1124, 1, 4000, 0};
    size_t bytes = nsrv_context_encode(NSRV_CONTEXT_ALLOCATION, extents, 4, 5636, payload);
    expect(payload, bytes, allocation, 7);
    bytes = nsrv_context_encode(NSRV_CONTEXT_DIRTY, extents, 4, 5636, payload);
    expect(payload, bytes, dirty, 7);
}

static void nothing_reaches_beyond_the_length_asked_for(void **state)
{
    uint8_t payload[4 + 8 * 4];
    const uint32_t cut[] = {1, 1500, 3};
    const uint32_t longest[] = {1, 1536, 3, 100, 0, UINT32_MAX - 1636, 2};
    size_t bytes = nsrv_context_encode(NSRV_CONTEXT_ALLOCATION, extents, 4, 1500, payload);
    expect(payload, bytes, cut, 3);
    bytes = nsrv_context_encode(NSRV_CONTEXT_ALLOCATION, extents, 4, UINT32_MAX, payload);
    expect(payload, bytes, longest, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_select_exactly_and_wildcards_only_list),
        cmocka_unit_test(each_context_merges_what_is_equal_to_it),
        cmocka_unit_test(nothing_reaches_beyond_the_length_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
