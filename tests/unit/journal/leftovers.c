/*
 * What earlier runs left in the ring, where one rule alone keeps it from being taken for a record
 * of today. Each of these is run again with that rule taken out, and has to fail then (see
 * meson.build, tests/unit).
 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/journal/bench.h"

#define BLOCKS (JNL_BLOCK / BLOCK) /* one jblk of payload: a record takes two */

/* Where the record that is the index-th of its size lies on the device. */
static uint64_t record_at(unsigned index)
{
    return JNL_RING_OFFSET + (uint64_t)index * 2 * JNL_BLOCK;
}

/* The device's contents at a place, now, synced. */
static void put(struct bench *bench, uint64_t offset, const uint8_t *data)
{
    memcpy(bench->device.visible + offset, data, JNL_BLOCK);
    memcpy(bench->device.durable + offset, data, JNL_BLOCK);
}

static void take(const struct bench *bench, uint64_t offset, uint8_t *ret_data)
{
    memcpy(ret_data, bench->device.visible + offset, JNL_BLOCK);
}

static enum jnl_open_error start_again(struct bench *bench)
{
    fake_process_crash(&bench->device);
    jnl_free(bench->journal);
    bench->journal = NULL;
    return bench_open(bench);
}

static uint8_t file_data[JNL_BLOCK];

/* A client writes the same file's data to some place. */
static void append_file(struct bench *bench, struct jnl_append *append, uint64_t lba)
{
    *append = (struct jnl_append){
        .op = JNL_WRITE,
        .lba = lba,
        .blocks = BLOCKS,
        .payload = {{file_data, sizeof file_data}},
        .payload_count = 1,
        .done = bench_append_done,
    };
    assert_true(jnl_reserve(bench->journal, sizeof file_data));
    jnl_append(bench->journal, append);
    fake_complete_all(&bench->device);
}

/*
 * A header without its data was dropped by recovery, and the clients were shown a disk without that
 * write. Then the same data are written to another place on the LUN, and so into the same place in
 * the ring; the host dies when they are on the disk, but their header is not. The old header fits
 * to what was there before it in every respect, and its data are whole now. (Only its incarnation
 * is of the past: with it, the dropped write would come to life.)
 */
static void what_recovery_has_dropped_stays_dropped(void **state)
{
    struct bench *bench = bench_new(1);
    struct item dropped = {0}, again = {0};
    uint8_t zeros[JNL_BLOCK] = {0}, old_header[JNL_BLOCK];
    memset(file_data, 0x5a, sizeof file_data);
    bench_append(bench, BLOCKS, 0);
    fake_complete_all(&bench->device);
    append_file(bench, &dropped.append, 1000);
    take(bench, record_at(1), old_header);
    put(bench, record_at(1) + JNL_BLOCK, zeros); /* never got there */
    assert_int_equal(start_again(bench), JNL_OPEN_OK);
    assert_int_equal(bench->recovered_count, 1);

    append_file(bench, &again.append, 2000);
    put(bench, record_at(1), old_header);
    assert_int_equal(start_again(bench), JNL_OPEN_OK);
    assert_int_equal(bench->recovered_count, 1);
    bench_free(bench);
}

/*
 * A record behind one that was lost is a leftover. It is written over by one of the next run, which
 * is flushed; a start later the disk loses just that write, synchronised or not, and shows the
 * leftover again: at its place, with the right number, of an incarnation that may have had it. Only
 * the checksum of the header before it says that it never followed that one.
 */
static void a_disk_that_loses_a_flushed_record_brings_no_older_one_back(void **state)
{
    struct bench *bench = bench_new(1);
    uint8_t leftover[2][JNL_BLOCK], zeros[JNL_BLOCK] = {0};
    for (unsigned i = 0; i < 3; i++) {
        bench_append(bench, BLOCKS, 0);
        fake_complete_all(&bench->device);
    }
    put(bench, record_at(1), zeros); /* lost with the power, the third was kept */
    for (unsigned i = 0; i < 2; i++)
        take(bench, record_at(2) + i * JNL_BLOCK, leftover[i]);
    assert_int_equal(start_again(bench), JNL_OPEN_OK);
    assert_int_equal(bench->recovered_count, 1);

    for (unsigned i = 0; i < 2; i++) {
        bench_append(bench, BLOCKS, 0);
        bench_barrier(bench);
        fake_complete_all(&bench->device);
    }
    assert_int_equal(start_again(bench), JNL_OPEN_OK);
    assert_int_equal(bench->recovered_count, 3);
    assert_int_equal(bench->recovered_ids[2], 4);
    for (unsigned i = 0; i < 2; i++)
        put(bench, record_at(2) + i * JNL_BLOCK, leftover[i]);
    assert_int_equal(start_again(bench), JNL_OPEN_CORRUPT);
    bench_free(bench);
}

#ifdef MUTANTS
#include "base/mutant.h"

static const char *mutant = "";

int mutant_is_on(const char *name)
{
    return strcmp(name, mutant) == 0;
}
#else
static const char *mutant;
#endif

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_recovery_has_dropped_stays_dropped),
        cmocka_unit_test(a_disk_that_loses_a_flushed_record_brings_no_older_one_back),
    };
    mutant = argc > 1 ? argv[1] : "";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
