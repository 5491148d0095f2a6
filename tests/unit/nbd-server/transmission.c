/* Requests as they come: framing, draining, limits, back-pressure, leaving. */
#include "nbd-server/transmission.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/unit/nbd-server/client.h"
#include "tests/unit/unit.h"

#define MIB (1u << 20)

static int set_up(void **state)
{
    static struct client client;
    client_init(&client, NULL);
    client_connect(&client, true, false);
    *state = &client;
    return 0;
}

static int tear_down(void **state)
{
    client_done(*state);
    return 0;
}

static struct nsrv_connection_status status(struct client *client)
{
    struct nsrv_connection_status now;
    nsrv_connection_status(client->connection, &now);
    return now;
}

static void a_refused_write_loses_its_payload_and_nothing_else(void **state)
{
    struct client *client = *state;
    const uint64_t end = memvol_config_default.geometry.size_bytes;
    client_write(client, 0, 1, end - 1, 512, 0x25);
    client_expect_error(client, 1, NSRV_ENOSPC);
    client_write(client, 0x40, 2, 0, 100000, 0x25);
    client_expect_error(client, 2, NSRV_EINVAL);
    client_write(client, 0, 3, 0, 0, 0);
    client_expect_error(client, 3, NSRV_EINVAL);
    client_write(client, 0, 4, 0, NSRV_PAYLOAD_MAX + 1, 0x25);
    client_expect_error(client, 4, NSRV_EINVAL);
    assert_int_equal(memvol_count(client->volume, VOL_WRITE), 0);
    client_write(client, 0, 5, 0, 512, 0x25);
    client_expect_simple(client, 5, 0);
    assert_int_equal(status(client).counters.requests, 5);
    assert_int_equal(status(client).counters.errors, 4);
}

static void the_error_of_a_refused_write_comes_after_its_payload(void **state)
{
    static const uint8_t payload[512];
    client_request(*state, NSRV_CMD_WRITE, 0x40, 1, 0, 512);
    client_send(*state, payload, 511);
    client_expect_nothing(*state);
    client_send(*state, payload, 1);
    client_expect_error(*state, 1, NSRV_EINVAL);
}

static void an_absurd_payload_ends_the_connection(void **state)
{
    client_request(*state, NSRV_CMD_WRITE, 0, 1, 0, NSRV_PAYLOAD_DRAIN_MAX + 1);
    client_expect_end(*state);
}

static void a_wrong_magic_number_ends_the_connection(void **state)
{
    static const uint8_t junk[28] = "\x25\x60\x95\x14";
    client_send(*state, junk, sizeof junk);
    client_expect_end(*state);
}

static void an_unknown_command_is_refused_in_step(void **state)
{
    client_request(*state, 9, 0, 1, 0, 4096);
    client_expect_error(*state, 1, NSRV_EINVAL);
    client_request(*state, NSRV_CMD_FLUSH, 0, 2, 0, 0);
    client_expect_simple(*state, 2, 0);
}

static void disc_finishes_what_is_under_way_and_hears_nothing_more(void **state)
{
    struct client *client = *state;
    memvol_hold(client->volume, true);
    client_write(client, 0, 1, 0, 4096, 1);
    client_request(client, NSRV_CMD_DISC, 0, 2, 0, 0);
    client_request(client, NSRV_CMD_FLUSH, 0, 3, 0, 0);
    client_expect_nothing(client);
    memvol_release(client->volume, 1);
    client_pump(client);
    client_expect_simple(client, 1, 0);
    client_expect_end(client);
    assert_int_equal(memvol_count(client->volume, VOL_FLUSH), 0);
}

static void disc_waits_until_the_last_answer_was_sent(void **state)
{
    struct client *client = *state;
    client->deaf = true;
    client_request(client, NSRV_CMD_FLUSH, 0, 1, 0, 0);
    client_request(client, NSRV_CMD_DISC, 0, 2, 0, 0);
    assert_false(nsrv_connection_is_over(client->connection));
    client->deaf = false;
    client_pump(client);
    client_expect_simple(client, 1, 0);
    client_expect_end(client);
}

static void takes_so_many_requests_and_then_stops_reading(void **state)
{
    struct client *client = *state;
    memvol_hold(client->volume, true);
    const unsigned ahead = NSRV_INPUT_BYTES / NSRV_REQUEST_HEADER_BYTES;
    for (unsigned i = 0; i < NSRV_REQUESTS + ahead + 10; i++)
        client_request(client, NSRV_CMD_FLUSH, 0, i, 0, 0);
    struct iovec iov[NSRV_INPUT_IOV];
    assert_int_equal(nsrv_connection_input(client->connection, iov), 0);
    assert_int_equal(memvol_held(client->volume), NSRV_REQUESTS);
    memvol_release(client->volume, 1);
    client_pump(client);
    client_expect_simple(client, 0, 0);
    assert_int_equal(memvol_held(client->volume), NSRV_REQUESTS);
    memvol_hold(client->volume, false);
    memvol_release(client->volume, NSRV_REQUESTS);
    client_pump(client);
    for (unsigned i = 1; i < NSRV_REQUESTS + ahead; i++)
        client_expect(client, 16);
    assert_int_equal(nsrv_connection_input(client->connection, iov), 1);
}

/* A volume with little memory, and a client of it. */
static void init_small(struct client *client, unsigned mib)
{
    struct memvol_config config = memvol_config_default;
    config.memory_bytes = mib * MIB;
    client_init(client, &config);
    client_connect(client, true, false);
}

static void short_of_memory_it_waits_and_goes_on_by_itself(void **state)
{
    struct client client;
    init_small(&client, 4);
    struct buffer *taken[4];
    for (unsigned i = 0; i < 4; i++)
        taken[i] = buffer_get(vol_buffers(client.volume), MIB);
    client_request(&client, NSRV_CMD_READ, 0, 1, 0, 4096);
    client_request(&client, NSRV_CMD_FLUSH, 0, 2, 0, 0);
    client_expect_nothing(&client);
    buffer_unref(taken[0]);
    client_pump(&client);
    uint16_t flags;
    uint32_t bytes;
    client_expect_chunk(&client, 1, NSRV_CHUNK_OFFSET_DATA, &flags, &bytes);
    client_expect_simple(&client, 2, 0);
    for (unsigned i = 1; i < 4; i++)
        buffer_unref(taken[i]);
    client_done(&client);
}

static void a_write_waits_for_memory_with_its_payload_in_the_socket(void **state)
{
    struct client client;
    init_small(&client, 1);
    struct buffer *taken = buffer_get(vol_buffers(client.volume), MIB);
    uint8_t *payload = malloc(MIB);
    memset(payload, 7, MIB);
    client_request(&client, NSRV_CMD_WRITE, 0, 1, 0, MIB);
    const size_t sent = client_send(&client, payload, MIB);
    assert_true(sent <= NSRV_INPUT_BYTES); /* the rest must wait outside */
    buffer_unref(taken);
    client_pump(&client);
    assert_int_equal(client_send(&client, payload + sent, MIB - sent), MIB - sent);
    client_expect_simple(&client, 1, 0);
    assert_int_equal(memvol_bytes(client.volume)[MIB - 1], 7);
    free(payload);
    client_done(&client);
}

static void a_client_that_reads_nothing_gets_its_share_of_the_memory_and_no_more(void **state)
{
    struct client hog, other;
    init_small(&hog, 8);
    hog.deaf = true;
    for (unsigned i = 0; i < 20; i++)
        client_request(&hog, NSRV_CMD_READ, 0, i, 0, MIB);
    assert_int_equal(status(&hog).held_bytes, 4 * MIB);
    client_init_beside(&other, &hog);
    client_connect(&other, true, false);
    client_request(&other, NSRV_CMD_READ, 0, 1, 0, MIB);
    uint16_t flags;
    uint32_t bytes;
    client_expect_chunk(&other, 1, NSRV_CHUNK_OFFSET_DATA, &flags, &bytes);
    client_done(&other);
    hog.deaf = false;
    client_pump(&hog);
    for (unsigned i = 0; i < 20; i++)
        client_expect_chunk(&hog, i, NSRV_CHUNK_OFFSET_DATA, &flags, &bytes);
    client_done(&hog);
}

static void a_client_that_vanishes_leaves_its_complete_requests_to_be_done(void **state)
{
    struct client *client = *state;
    static const uint8_t payload[4096];
    memvol_hold(client->volume, true);
    client_write(client, 0, 1, 0, 4096, 0xaa);
    client_request(client, NSRV_CMD_READ, 0, 2, 0, 3 * MIB);
    client_request(client, NSRV_CMD_WRITE, 0, 3, 8192, 4096);
    client_send(client, payload, 1000); /* half of it */
    nsrv_connection_close(client->connection);
    assert_false(nsrv_connection_is_drained(client->connection));
    client->kicks = 0;
    while (memvol_release_newest(client->volume) > 0)
        ;
    assert_true(client->kicks > 0);
    assert_true(nsrv_connection_is_drained(client->connection));
    assert_int_equal(memvol_bytes(client->volume)[4095], 0xaa);
    assert_int_equal(memvol_count(client->volume, VOL_WRITE), 1);
    assert_int_equal(buffer_pool_used(vol_buffers(client->volume)), 0);
    nsrv_connection_free(client->connection);
    client->connection = NULL;
}

static void a_client_that_vanishes_while_it_waits_for_memory_leaves_the_queue(void **state)
{
    struct client client;
    init_small(&client, 1);
    struct buffer *taken = buffer_get(vol_buffers(client.volume), MIB);
    client_request(&client, NSRV_CMD_READ, 0, 1, 0, MIB);
    assert_true(buffer_pool_has_waiters(vol_buffers(client.volume)));
    nsrv_connection_close(client.connection);
    assert_false(buffer_pool_has_waiters(vol_buffers(client.volume)));
    buffer_unref(taken);
    assert_true(nsrv_connection_is_drained(client.connection));
    nsrv_connection_free(client.connection);
    client.connection = NULL;
    client_done(&client);
}

static void memory_that_came_for_a_write_that_failed_meanwhile_is_given_back(void **state)
{
    struct client client;
    struct buffer *taken[7];
    init_small(&client, 8);
    for (unsigned i = 0; i < 7; i++)
        taken[i] = buffer_get(vol_buffers(client.volume), MIB);
    uint8_t *payload = calloc(1, MIB + 4096);
    memvol_hold(client.volume, true);
    memvol_fail(client.volume, VOL_WRITE, -EIO, 0, 1);
    client_request(&client, NSRV_CMD_WRITE, 0, 1, 0, MIB + 4096);
    client_send(&client, payload, MIB);
    assert_true(buffer_pool_has_waiters(vol_buffers(client.volume))); /* for the last 4096 */
    memvol_release(client.volume, 1); /* fails; its memory goes to the take that waits */
    client_pump(&client);
    client_send(&client, payload, 4096);
    client_expect_error(&client, 1, NSRV_EIO);
    memvol_hold(client.volume, false);
    client_write(&client, 0, 2, MIB, MIB, 9); /* needs all of what is free */
    client_expect_simple(&client, 2, 0);
    for (unsigned i = 0; i < 7; i++)
        buffer_unref(taken[i]);
    free(payload);
    client_done(&client);
}

/* A FLUSH in the volume, and a READ that waits for the memory: the one that is returned. */
static struct buffer *stop_while_one_waits(struct client *client)
{
    struct buffer *taken = buffer_get(vol_buffers(client->volume), MIB);
    memvol_hold(client->volume, true);
    client_request(client, NSRV_CMD_FLUSH, 0, 1, 0, 0);
    client_request(client, NSRV_CMD_READ, 0, 2, 0, MIB);
    nsrv_connection_stop(client->connection);
    client_pump(client);
    return taken;
}

static void expect_the_flush_and_the_end(struct client *client)
{
    client_expect_nothing(client);
    memvol_release(client->volume, 1);
    client_pump(client);
    client_expect_simple(client, 1, 0);
    client_expect_end(client);
}

static void stopping_answers_what_is_under_way_and_refuses_what_waits(void **state)
{
    struct client client;
    init_small(&client, 1);
    struct buffer *taken = stop_while_one_waits(&client);
    client_expect_error(&client, 2, NSRV_ESHUTDOWN);
    expect_the_flush_and_the_end(&client);
    buffer_unref(taken);
    client_done(&client);
}

/* The kernel sends it again to the next daemon; an error would go to the file system. */
static void stopping_leaves_a_kernel_what_waits_without_an_answer(void **state)
{
    struct client client;
    struct memvol_config config = memvol_config_default;
    config.memory_bytes = MIB;
    client_adopt(&client, &config);
    struct buffer *taken = stop_while_one_waits(&client);
    expect_the_flush_and_the_end(&client);
    buffer_unref(taken);
    client_done(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_refused_write_loses_its_payload_and_nothing_else),
        TEST(the_error_of_a_refused_write_comes_after_its_payload),
        TEST(an_absurd_payload_ends_the_connection),
        TEST(a_wrong_magic_number_ends_the_connection),
        TEST(an_unknown_command_is_refused_in_step),
        TEST(disc_finishes_what_is_under_way_and_hears_nothing_more),
        TEST(disc_waits_until_the_last_answer_was_sent),
        TEST(takes_so_many_requests_and_then_stops_reading),
        cmocka_unit_test(short_of_memory_it_waits_and_goes_on_by_itself),
        cmocka_unit_test(a_write_waits_for_memory_with_its_payload_in_the_socket),
        cmocka_unit_test(a_client_that_reads_nothing_gets_its_share_of_the_memory_and_no_more),
        TEST(a_client_that_vanishes_leaves_its_complete_requests_to_be_done),
        cmocka_unit_test(a_client_that_vanishes_while_it_waits_for_memory_leaves_the_queue),
        cmocka_unit_test(memory_that_came_for_a_write_that_failed_meanwhile_is_given_back),
        cmocka_unit_test(stopping_answers_what_is_under_way_and_refuses_what_waits),
        cmocka_unit_test(stopping_leaves_a_kernel_what_waits_without_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
