/* Places: what the parser finds, and that no disk can lead it astray. */
#include "volume/places.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/unit/unit.h"

#define DISK 131072u /* blocks */

static uint8_t head[VOL_HEAD_BYTES];
static struct vol_place places[VOL_PLACES];

static int blank(void **state)
{
    memset(head, 0, sizeof head);
    memset(places, 0xff, sizeof places);
    return 0;
}

static void finds(uint32_t block_bytes, uint64_t disk_blocks, unsigned count, const uint64_t *lbas)
{
    assert_int_equal(vol_places_find(head, sizeof head, block_bytes, disk_blocks, places), count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(places[i].lba, lbas[i]);
        assert_true(places[i].blocks > 0 && places[i].lba + places[i].blocks <= disk_blocks);
    }
}

static void mbr_entry(unsigned index, uint8_t type, uint32_t start, uint32_t blocks)
{
    uint8_t *entry = head + 446 + index * 16;
    head[510] = 0x55;
    head[511] = 0xaa;
    entry[4] = type;
    put_le32(entry + 8, start);
    put_le32(entry + 12, blocks);
}

static void gpt(uint32_t block_bytes, uint64_t entries_lba, uint32_t count, uint32_t entry_bytes)
{
    mbr_entry(0, 0xee, 1, UINT32_MAX);
    uint8_t *header = head + block_bytes;
    memcpy(header, "EFI PART", 8);
    put_le64(header + 72, entries_lba);
    put_le32(header + 80, count);
    put_le32(header + 84, entry_bytes);
}

static void gpt_entry(size_t offset, uint64_t start)
{
    memset(head + offset, 0x11, 16);
    put_le64(head + offset + 32, start);
    put_le64(head + offset + 40, start + 2047);
}

static void a_disk_without_a_table_has_its_start_and_64_kib(void **state)
{
    finds(512, DISK, 2, (uint64_t[]){0, 128});
    assert_int_equal(places[0].blocks, 8);
    finds(4096, DISK, 2, (uint64_t[]){0, 16});
    assert_int_equal(places[0].blocks, 1);
}

static void a_small_disk_has_what_fits(void **state)
{
    finds(512, 3, 1, (uint64_t[]){0});
    assert_int_equal(places[0].blocks, 3);
    finds(512, 130, 2, (uint64_t[]){0, 128});
    assert_int_equal(places[1].blocks, 2);
}

static void an_mbr_adds_its_partitions(void **state)
{
    mbr_entry(0, 0x83, 2048, 4096);
    mbr_entry(2, 0x07, 65536, 4096);
    mbr_entry(3, 0, 999, 4096);
    finds(512, DISK, 6, (uint64_t[]){0, 128, 2048, 2176, 65536, 65664});
    head[510] = 0; /* not without its signature */
    finds(512, DISK, 2, (uint64_t[]){0, 128});
}

static void a_gpt_adds_its_partitions_and_its_mbr_does_not(void **state)
{
    gpt(512, 2, 128, 128);
    gpt_entry(1024, 2048);
    gpt_entry(1024 + 5 * 128, 40960);
    finds(512, DISK, 6, (uint64_t[]){0, 128, 2048, 2176, 40960, 41088});
}

static void a_gpt_of_a_disk_with_4k_blocks_is_found(void **state)
{
    gpt(4096, 2, 128, 128);
    gpt_entry(8192, 256);
    finds(4096, DISK, 4, (uint64_t[]){0, 16, 256, 272});
}

static void eight_places_are_enough(void **state)
{
    gpt(512, 2, 128, 128);
    for (unsigned i = 0; i < 20; i++)
        gpt_entry(1024 + i * 128, 2048 + i * 1024);
    finds(512, DISK, 8, (uint64_t[]){0, 128, 2048, 2176, 3072, 3200, 4096, 4224});
}

static void places_do_not_overlap(void **state)
{
    mbr_entry(0, 0x83, 4, 4096);
    mbr_entry(1, 0x83, 121, 4096);
    mbr_entry(2, 0x83, 136, 4096);
    finds(512, DISK, 5, (uint64_t[]){0, 128, 249, 136, 264});
}

static void what_lies_outside_of_the_disk_is_left_out(void **state)
{
    mbr_entry(0, 0x83, DISK, 1);
    mbr_entry(1, 0x83, DISK - 1, 1);
    mbr_entry(2, 0x83, UINT32_MAX, UINT32_MAX);
    finds(512, DISK, 3, (uint64_t[]){0, 128, DISK - 1});
    assert_int_equal(places[2].blocks, 1);
    blank(NULL);
    gpt(512, 2, 4, 128);
    gpt_entry(1024, UINT64_MAX);
    gpt_entry(1152, UINT64_MAX - 64);
    finds(512, DISK, 2, (uint64_t[]){0, 128});
}

static void a_table_without_sense_adds_nothing(void **state)
{
    const uint64_t lbas[] = {UINT64_MAX, UINT64_MAX / 512 + 2, 33, 32};
    for (unsigned i = 0; i < 4; i++) {
        gpt(512, lbas[i], UINT32_MAX, 128);
        finds(512, DISK, 2, (uint64_t[]){0, 128});
    }
    gpt(512, 2, 128, 0);
    gpt_entry(1024, 2048);
    finds(512, DISK, 2, (uint64_t[]){0, 128});
    gpt(512, 2, 128, UINT32_MAX);
    finds(512, DISK, 2, (uint64_t[]){0, 128});
}

/* Under a sanitizer: every read is inside of what was given, exactly. */
static void noise_leads_nowhere(void **state)
{
    for (unsigned seed = 1; seed <= 2000; seed++) {
        uint32_t noise = seed;
        uint32_t block_bytes = seed % 2 ? 512 : 4096;
        size_t bytes = block_bytes * (1 + seed % (VOL_HEAD_BYTES / block_bytes));
        uint64_t blocks = 1 + seed * 37 % DISK;
        uint8_t *copy = malloc(bytes);
        gpt(block_bytes, seed % 40, seed * 7, 128 + seed % 3);
        memcpy(copy, head, bytes);
        for (size_t i = 92 + block_bytes; i < bytes; i++) {
            noise = noise * 1664525 + 1013904223;
            copy[i] = (uint8_t)(noise >> 24);
        }
        unsigned count = vol_places_find(copy, bytes, block_bytes, blocks, places);
        assert_in_range(count, 1, VOL_PLACES);
        for (unsigned i = 0; i < count; i++)
            assert_true(places[i].lba + places[i].blocks <= blocks && places[i].blocks > 0);
        free(copy);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, blank)
    const struct CMUnitTest tests[] = {
        TEST(a_disk_without_a_table_has_its_start_and_64_kib),
        TEST(a_small_disk_has_what_fits),
        TEST(an_mbr_adds_its_partitions),
        TEST(a_gpt_adds_its_partitions_and_its_mbr_does_not),
        TEST(a_gpt_of_a_disk_with_4k_blocks_is_found),
        TEST(eight_places_are_enough),
        TEST(places_do_not_overlap),
        TEST(what_lies_outside_of_the_disk_is_left_out),
        TEST(a_table_without_sense_adds_nothing),
        TEST(noise_leads_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
