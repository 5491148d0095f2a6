/* What becomes of one request: pieces, chunks, flags, errors. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "nbd-server/transmission.h"
#include "tests/unit/nbd-server/client.h"
#include "tests/unit/unit.h"

#define MIB (1u << 20)

/* The disk's bytes tell their own place. */
static void fill(struct client *client)
{
    uint8_t *bytes = memvol_bytes(client->volume);
    for (uint64_t at = 0; at < memvol_config_default.geometry.size_bytes; at += 8)
        put_be64(bytes + at, at);
}

static int set_up_structured(void **state)
{
    static struct client client;
    client_init(&client, NULL);
    client_connect(&client, true, true);
    fill(&client);
    *state = &client;
    return 0;
}

static int set_up_simple(void **state)
{
    static struct client client;
    client_init(&client, NULL);
    client_connect(&client, false, false);
    fill(&client);
    *state = &client;
    return 0;
}

static int tear_down(void **state)
{
    client_done(*state);
    return 0;
}

static uint64_t expect_data(struct client *client, uint64_t cookie, uint32_t length, bool done)
{
    uint16_t flags;
    uint32_t bytes;
    const uint8_t *payload =
        client_expect_chunk(client, cookie, NSRV_CHUNK_OFFSET_DATA, &flags, &bytes);
    const uint64_t offset = get_be64(payload);
    assert_int_equal(bytes, 8 + length);
    assert_int_equal(flags, done ? NSRV_CHUNK_DONE : 0);
    assert_memory_equal(payload + 8, memvol_bytes(client->volume) + offset, length);
    return offset;
}

/* --- READ, structured --- */

static void a_small_read_is_one_final_chunk(void **state)
{
    client_request(*state, NSRV_CMD_READ, NSRV_FLAG_DF, 1, 1001, 3);
    assert_int_equal(expect_data(*state, 1, 3, true), 1001);
    client_request(*state, NSRV_CMD_READ, NSRV_FLAG_DF, 2, 4096, MIB);
    assert_int_equal(expect_data(*state, 2, MIB, true), 4096);
    client_expect_nothing(*state);
}

static void a_large_read_comes_in_chunks_of_which_the_last_one_sent_is_final(void **state)
{
    struct client *client = *state;
    client_request(client, NSRV_CMD_READ, 0, 1, 512, 32 * MIB);
    for (unsigned i = 0; i < 32; i++)
        assert_int_equal(expect_data(client, 1, MIB, i == 31), 512 + (uint64_t)i * MIB);
    client_expect_nothing(client);
}

static void chunks_are_sent_as_the_volume_fills_them(void **state)
{
    struct client *client = *state;
    memvol_hold(client->volume, true);
    client_request(client, NSRV_CMD_READ, 0, 1, 0, 3 * MIB + 1);
    assert_int_equal(memvol_held(client->volume), 4);
    memvol_release_newest(client->volume);
    client_pump(client);
    assert_int_equal(expect_data(client, 1, 1, false), 3 * MIB);
    memvol_release(client->volume, 2);
    client_pump(client);
    assert_int_equal(expect_data(client, 1, MIB, false), 0);
    assert_int_equal(expect_data(client, 1, MIB, false), MIB);
    client_expect_nothing(client);
    memvol_release(client->volume, 1);
    client_pump(client);
    assert_int_equal(expect_data(client, 1, MIB, true), 2 * MIB);
    client_expect_nothing(client);
}

static void a_large_read_never_holds_more_than_its_lanes(void **state)
{
    struct client *client = *state;
    client->deaf = true;
    client_request(client, NSRV_CMD_READ, 0, 1, 0, 32 * MIB);
    assert_int_equal(memvol_count(client->volume, VOL_READ), NSRV_LANES);
    assert_int_equal(buffer_pool_used(vol_buffers(client->volume)), NSRV_LANES * MIB);
    client->deaf = false;
    client_pump(client);
    client_expect(client, 32 * (28 + MIB));
    assert_int_equal(buffer_pool_used(vol_buffers(client->volume)), 0);
}

static void a_read_that_fails_halfway_ends_with_one_error_chunk(void **state)
{
    struct client *client = *state;
    memvol_fail(client->volume, VOL_READ, -EIO, 2 * MIB, 1);
    memvol_hold(client->volume, true);
    client_request(client, NSRV_CMD_READ, 0, 1, 0, 8 * MIB);
    memvol_release(client->volume, 1);
    client_pump(client);
    expect_data(client, 1, MIB, false);
    memvol_release(client->volume, 1);
    client_pump(client);
    expect_data(client, 1, MIB, false);
    memvol_release(client->volume, 100);
    client_pump(client);
    client_expect_error(client, 1, NSRV_EIO);
    client_expect_nothing(client);
    assert_int_equal(memvol_held(client->volume), 0);
    memvol_hold(client->volume, false);
    client_request(client, NSRV_CMD_READ, 0, 2, 0, 512);
    expect_data(client, 2, 512, true);
}

/* --- READ, simple --- */

static void simple_reads_are_a_header_and_the_data(void **state)
{
    struct client *client = *state;
    client_request(client, NSRV_CMD_READ, 0, 1, 77, 5);
    client_expect_simple(client, 1, 0);
    assert_memory_equal(client_expect(client, 5), memvol_bytes(client->volume) + 77, 5);
    memvol_fail(client->volume, VOL_READ, -EIO, 0, MIB);
    client_request(client, NSRV_CMD_READ, 0, 2, 0, MIB);
    client_expect_simple(client, 2, NSRV_EIO);
    client_request(client, NSRV_CMD_READ, 0, 3, UINT64_MAX, 1);
    client_expect_simple(client, 3, NSRV_EINVAL);
    client_expect_nothing(client);
}

static void a_large_simple_read_is_sent_in_order_and_in_one_piece(void **state)
{
    struct client *client = *state;
    memvol_hold(client->volume, true);
    client_request(client, NSRV_CMD_FLUSH, 0, 1, 0, 0);
    client_request(client, NSRV_CMD_READ, 0, 2, 8, 5 * MIB + 8);
    client_request(client, NSRV_CMD_FLUSH, 0, 3, 0, 0);
    memvol_release_newest(client->volume); /* the fourth piece of the READ */
    client_pump(client);
    client_expect_nothing(client);
    while (memvol_release_newest(client->volume) > 0) /* the FLUSH comes last of all */
        client_pump(client);
    client_pump(client);
    memvol_release(client->volume, 100);
    client_pump(client);
    client_expect_simple(client, 2, 0);
    const uint8_t *data = client_expect(client, 5 * MIB + 8);
    assert_memory_equal(data, memvol_bytes(client->volume) + 8, 5 * MIB + 8);
    client_expect_simple(client, 3, 0);
    client_expect_simple(client, 1, 0);
    client_expect_nothing(client);
}

static void an_answer_may_not_cut_a_large_simple_read_in_two(void **state)
{
    struct client *client = *state;
    memvol_hold(client->volume, true);
    client_request(client, NSRV_CMD_FLUSH, 0, 1, 0, 0);
    client_request(client, NSRV_CMD_READ, 0, 2, 0, 5 * MIB);
    const struct vol_request *flush = memvol_held_at(client->volume, 0);
    assert_int_equal(flush->op, VOL_FLUSH);
    for (unsigned i = 0; i < 4; i++) { /* the first four pieces, newest first */
        assert_int_equal(memvol_release_newest(client->volume), 1);
    }
    client_pump(client); /* sends them; the fifth is submitted behind the FLUSH */
    assert_int_equal(memvol_held(client->volume), 2);
    client_expect(client, 16 + 4 * MIB);
    memvol_release(client->volume, 1);
    client_pump(client);
    client_expect_nothing(client);
    memvol_release(client->volume, 1);
    client_pump(client);
    client_expect(client, MIB);
    client_expect_simple(client, 1, 0);
}

static void a_large_simple_read_that_fails_at_once_is_told_and_later_ends_the_connection(
    void **state)
{
    struct client *client = *state;
    memvol_fail(client->volume, VOL_READ, -EIO, 0, 1);
    client_request(client, NSRV_CMD_READ, 0, 1, 0, 8 * MIB);
    client_expect_simple(client, 1, NSRV_EIO);
    client_expect_nothing(client);
    memvol_fail(client->volume, VOL_READ, -EIO, 7 * MIB, 1);
    client_request(client, NSRV_CMD_READ, 0, 2, 0, 8 * MIB);
    client_expect_simple(client, 2, 0);
    assert_true(nsrv_connection_is_over(client->connection));
}

/* --- WRITE --- */

static void a_large_write_goes_down_in_pieces_as_it_arrives(void **state)
{
    struct client *client = *state;
    uint8_t *payload = malloc(3 * MIB);
    for (unsigned i = 0; i < 3 * MIB; i++)
        payload[i] = (uint8_t)(i * 2654435761u >> 24);
    memvol_hold(client->volume, true);
    client_request(client, NSRV_CMD_WRITE, NSRV_FLAG_FUA, 1, 100, 3 * MIB);
    client_send(client, payload, MIB);
    assert_int_equal(memvol_held(client->volume), 1);
    assert_int_equal(memvol_held_at(client->volume, 0)->flags, VOL_FUA);
    client_send(client, payload + MIB, 2 * MIB);
    assert_int_equal(memvol_held(client->volume), 3);
    memvol_release(client->volume, 2);
    client_pump(client);
    client_expect_nothing(client);
    memvol_release(client->volume, 1);
    client_pump(client);
    client_expect_simple(client, 1, 0);
    assert_memory_equal(memvol_bytes(client->volume) + 100, payload, 3 * MIB);
    free(payload);
}

static void a_large_write_holds_no_more_than_its_lanes(void **state)
{
    struct client *client = *state;
    uint8_t *payload = calloc(1, 8 * MIB);
    memvol_hold(client->volume, true);
    client_request(client, NSRV_CMD_WRITE, 0, 1, 0, 8 * MIB);
    const size_t sent = client_send(client, payload, 8 * MIB);
    assert_in_range(sent, NSRV_LANES * MIB, NSRV_LANES * MIB + NSRV_INPUT_BYTES);
    memvol_hold(client->volume, false);
    memvol_release(client->volume, NSRV_LANES);
    client_pump(client);
    client_send(client, payload + sent, 8 * MIB - sent);
    client_expect_simple(client, 1, 0);
    free(payload);
}

static void the_first_error_of_a_write_wins_and_the_rest_is_drained(void **state)
{
    struct client *client = *state;
    memvol_fail(client->volume, VOL_WRITE, -ENOSPC, MIB, 1);
    client_write(client, 0, 1, 0, 8 * MIB, 1);
    client_expect_error(client, 1, NSRV_ENOSPC);
    assert_int_equal(memvol_count(client->volume, VOL_WRITE), 2);
    client_write(client, 0, 2, 0, 4096, 1);
    client_expect_simple(client, 2, 0);
}

/* --- the others --- */

static void commands_reach_the_volume_with_their_flags(void **state)
{
    struct client *client = *state;
    client_request(client, NSRV_CMD_TRIM, NSRV_FLAG_FUA, 1, 512, 0x80000);
    client_expect_simple(client, 1, 0);
    assert_int_equal(memvol_last(client->volume, VOL_TRIM)->flags, VOL_FUA);
    assert_int_equal(memvol_last(client->volume, VOL_TRIM)->length, 0x80000);
    client_request(client, NSRV_CMD_WRITE_ZEROES, NSRV_FLAG_NO_HOLE, 2, 512, 100);
    client_expect_simple(client, 2, 0);
    assert_int_equal(memvol_last(client->volume, VOL_WRITE_ZEROES)->flags, VOL_NO_HOLE);
    client_request(client, NSRV_CMD_WRITE_ZEROES, NSRV_FLAG_FAST_ZERO | NSRV_FLAG_FUA, 3, 0,
                   60000000);
    client_expect_simple(client, 3, 0);
    assert_int_equal(memvol_last(client->volume, VOL_WRITE_ZEROES)->flags, VOL_FAST_ZERO | VOL_FUA);
    client_request(client, NSRV_CMD_CACHE, NSRV_FLAG_FUA, 4, 0, 60000000);
    client_expect_simple(client, 4, 0);
    assert_int_equal(memvol_last(client->volume, VOL_CACHE)->flags, 0);
    client_request(client, NSRV_CMD_FLUSH, 0, 5, 0, 0);
    client_expect_simple(client, 5, 0);
    assert_int_equal(memvol_count(client->volume, VOL_FLUSH), 1);
}

static void a_fast_zero_that_is_not_fast_is_enotsup(void **state)
{
    memvol_fail(((struct client *)*state)->volume, VOL_WRITE_ZEROES, -ENOTSUP, 0, 4096);
    client_request(*state, NSRV_CMD_WRITE_ZEROES, NSRV_FLAG_FAST_ZERO, 1, 0, 4096);
    client_expect_error(*state, 1, NSRV_ENOTSUP);
}

static void answers_come_in_the_order_of_completion(void **state)
{
    struct client *client = *state;
    memvol_hold(client->volume, true);
    for (unsigned i = 0; i < 3; i++)
        client_request(client, NSRV_CMD_FLUSH, 0, i, 0, 0);
    while (memvol_release_newest(client->volume) > 0)
        ;
    client_pump(client);
    for (unsigned i = 3; i-- > 0;)
        client_expect_simple(client, i, 0);
}

/* --- BLOCK_STATUS --- */

static const uint8_t *expect_status(struct client *client, uint64_t cookie, uint32_t identifier,
                                    bool done, unsigned descriptors)
{
    uint16_t flags;
    uint32_t bytes;
    const uint8_t *payload =
        client_expect_chunk(client, cookie, NSRV_CHUNK_BLOCK_STATUS, &flags, &bytes);
    assert_int_equal(flags, done ? NSRV_CHUNK_DONE : 0);
    assert_int_equal(get_be32(payload), identifier);
    assert_int_equal(bytes, 4 + 8 * descriptors);
    return payload + 4;
}

static void block_status_is_one_chunk_per_context_each_with_its_own_runs(void **state)
{
    struct client *client = *state;
    client_write(client, 0, 1, 4096, 4096, 1);
    client_request(client, NSRV_CMD_FLUSH, 0, 2, 0, 0);
    client_write(client, 0, 3, 8192, 4096, 1);
    client_expect(client, 3 * 16);
    client_request(client, NSRV_CMD_BLOCK_STATUS, 0, 4, 0, 65536);
    const uint8_t *allocation = expect_status(client, 4, 1, false, 3);
    assert_memory_equal(allocation, "\0\0\x10\0\0\0\0\3\0\0\x20\0\0\0\0\0\0\0\xd0\0\0\0\0\3", 24);
    const uint8_t *dirty = expect_status(client, 4, 2, true, 3);
    assert_memory_equal(dirty, "\0\0\x20\0\0\0\0\0\0\0\x10\0\0\0\0\1\0\0\xd0\0\0\0\0\0", 24);
    client_expect_nothing(client);
}

static void req_one_gives_one_descriptor_within_the_request(void **state)
{
    struct client *client = *state;
    client_request(client, NSRV_CMD_BLOCK_STATUS, NSRV_FLAG_REQ_ONE, 1, 1000, 3000);
    for (unsigned i = 1; i <= 2; i++)
        assert_int_equal(get_be32(expect_status(client, 1, i, i == 2, 1)), 3000);
}

static void a_very_fragmented_disk_is_told_in_part(void **state)
{
    struct client *client = *state;
    for (unsigned i = 0; i < 600; i++)
        client_write(client, 0, 1, 1024 * i, 512, 1);
    client_expect(client, 600 * 16);
    client_request(client, NSRV_CMD_BLOCK_STATUS, 0, 2, 0, 1u << 20);
    expect_status(client, 2, 1, false, NSRV_STATUS_EXTENTS);
    expect_status(client, 2, 2, true, NSRV_STATUS_EXTENTS);
    client_expect_nothing(client);
}

static void a_failed_block_status_is_an_error_chunk(void **state)
{
    memvol_fail(((struct client *)*state)->volume, VOL_BLOCK_STATUS, -EIO, 0, 1);
    client_request(*state, NSRV_CMD_BLOCK_STATUS, 0, 1, 0, 4096);
    client_expect_error(*state, 1, NSRV_EIO);
}

#define STRUCTURED(name) cmocka_unit_test_setup_teardown(name, set_up_structured, tear_down)
#define SIMPLE(name)     cmocka_unit_test_setup_teardown(name, set_up_simple, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STRUCTURED(a_small_read_is_one_final_chunk),
        STRUCTURED(a_large_read_comes_in_chunks_of_which_the_last_one_sent_is_final),
        STRUCTURED(chunks_are_sent_as_the_volume_fills_them),
        STRUCTURED(a_large_read_never_holds_more_than_its_lanes),
        STRUCTURED(a_read_that_fails_halfway_ends_with_one_error_chunk),
        SIMPLE(simple_reads_are_a_header_and_the_data),
        SIMPLE(a_large_simple_read_is_sent_in_order_and_in_one_piece),
        SIMPLE(an_answer_may_not_cut_a_large_simple_read_in_two),
        SIMPLE(a_large_simple_read_that_fails_at_once_is_told_and_later_ends_the_connection),
        STRUCTURED(a_large_write_goes_down_in_pieces_as_it_arrives),
        STRUCTURED(a_large_write_holds_no_more_than_its_lanes),
        STRUCTURED(the_first_error_of_a_write_wins_and_the_rest_is_drained),
        STRUCTURED(commands_reach_the_volume_with_their_flags),
        STRUCTURED(a_fast_zero_that_is_not_fast_is_enotsup),
        STRUCTURED(answers_come_in_the_order_of_completion),
        STRUCTURED(block_status_is_one_chunk_per_context_each_with_its_own_runs),
        STRUCTURED(req_one_gives_one_descriptor_within_the_request),
        STRUCTURED(a_very_fragmented_disk_is_told_in_part),
        STRUCTURED(a_failed_block_status_is_an_error_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
