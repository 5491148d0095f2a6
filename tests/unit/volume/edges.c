#include "tests/unit/unit.h"
#include "volume/internal.h"

static void aligned_has_no_edges(void **state)
{
    struct vol_edges edges;
    vol_edges_of(1024, 1024, 512, &edges);
    assert_false(vol_edges_any(&edges));
    assert_int_equal(edges.middle_lba, 2);
    assert_int_equal(edges.middle_blocks, 2);
}

static void inside_one_block_is_a_head_alone(void **state)
{
    struct vol_edges edges;
    vol_edges_of(1030, 10, 512, &edges);
    assert_int_equal(edges.head_lba, 2);
    assert_int_equal(edges.head_skip, 6);
    assert_int_equal(edges.head_bytes, 10);
    assert_int_equal(edges.tail_bytes, 0);
    assert_int_equal(edges.middle_blocks, 0);
    vol_edges_of(1024, 10, 512, &edges);
    assert_int_equal(edges.head_skip, 0);
    assert_int_equal(edges.head_bytes, 10);
}

/* Every range of a small disk: the parts cover it exactly. */
static void the_parts_cover_the_range(void **state)
{
    for (uint64_t offset = 0; offset < 40; offset++) {
        for (uint64_t length = 1; length < 40; length++) {
            struct vol_edges edges;
            vol_edges_of(offset, length, 8, &edges);
            assert_int_equal(edges.head_bytes + edges.tail_bytes + edges.middle_blocks * 8, length);
            uint64_t at = offset;
            if (edges.head_bytes > 0) {
                assert_int_equal(edges.head_lba * 8 + edges.head_skip, at);
                assert_in_range(edges.head_skip + edges.head_bytes, 1, 8);
                at += edges.head_bytes;
            }
            if (edges.middle_blocks > 0) {
                assert_int_equal(edges.middle_lba * 8, at);
                at += edges.middle_blocks * 8;
            }
            if (edges.tail_bytes > 0) {
                assert_int_equal(edges.tail_lba * 8, at);
                assert_in_range(edges.tail_bytes, 1, 7);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aligned_has_no_edges),
        cmocka_unit_test(inside_one_block_is_a_head_alone),
        cmocka_unit_test(the_parts_cover_the_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
