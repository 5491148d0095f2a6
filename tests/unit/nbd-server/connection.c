/* The life of a connection: parking, splitting at any byte, adoption, stopping. */
#include "nbd-server/connection.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/unit/nbd-server/client.h"
#include "tests/unit/unit.h"

static struct memvol_config unknown(void)
{
    struct memvol_config config = memvol_config_default;
    config.unknown = true;
    return config;
}

static enum nsrv_phase phase(struct client *client)
{
    struct nsrv_connection_status status;
    nsrv_connection_status(client->connection, &status);
    return status.phase;
}

static void what_needs_no_disk_is_answered_before_the_disk_is_known(void **state)
{
    const struct memvol_config config = unknown();
    struct client client;
    client_init(&client, &config);
    client_greet(&client, 3);
    client_option(&client, NSRV_OPT_LIST, NULL, 0);
    client_expect_reply(&client, NSRV_OPT_LIST, NSRV_REP_SERVER, NULL);
    client_expect_reply(&client, NSRV_OPT_LIST, NSRV_REP_ACK, NULL);
    client_meta(&client, NSRV_OPT_LIST_META_CONTEXT, "disk", 0, NULL);
    client_expect(&client, 2 * 24 + 15 + 14 + 20);
    client_go(&client, NSRV_OPT_GO, "other", NULL);
    client_expect_reply(&client, NSRV_OPT_GO, NSRV_REP_ERR_UNKNOWN, NULL);
    client_done(&client);
}

static void go_waits_for_the_disk_as_long_as_it_takes(void **state)
{
    const struct memvol_config config = unknown();
    struct client client;
    client_init(&client, &config);
    client_greet(&client, 3);
    client_go(&client, NSRV_OPT_INFO, "disk", NULL);
    client_wait_ms(&client, 3600 * 1000);
    client_expect_nothing(&client);
    assert_int_equal(phase(&client), NSRV_PHASE_PARKED);
    memvol_make_known(client.volume);
    client_pump(&client);
    client_expect_reply(&client, NSRV_OPT_INFO, NSRV_REP_INFO, NULL);
    client_expect_reply(&client, NSRV_OPT_INFO, NSRV_REP_ACK, NULL);
    client_wait_ms(&client, 10000); /* from now on it is the client that dawdles */
    client_expect_end(&client);
    client_done(&client);
}

static void export_name_waits_for_the_disk_too(void **state)
{
    const struct memvol_config config = unknown();
    struct client client;
    client_init(&client, &config);
    client_greet(&client, 3);
    client_option(&client, NSRV_OPT_EXPORT_NAME, "disk", 4);
    client_expect_nothing(&client);
    memvol_make_known(client.volume);
    client_pump(&client);
    client_expect(&client, 10);
    client_request(&client, NSRV_CMD_READ, 0, 1, 0, 512);
    client_expect_simple(&client, 1, 0);
    client_expect(&client, 512);
    client_done(&client);
}

static void a_parked_client_may_leave(void **state)
{
    const struct memvol_config config = unknown();
    struct client client;
    client_init(&client, &config);
    client_greet(&client, 3);
    client_go(&client, NSRV_OPT_GO, "disk", NULL);
    nsrv_connection_close(client.connection);
    nsrv_connection_free(client.connection);
    client.connection = NULL;
    memvol_make_known(client.volume); /* tells nobody */
    client_done(&client);
}

static void a_parked_client_is_told_when_the_server_stops(void **state)
{
    const struct memvol_config config = unknown();
    struct client client;
    client_init(&client, &config);
    client_greet(&client, 3);
    client_go(&client, NSRV_OPT_GO, "disk", NULL);
    nsrv_connection_stop(client.connection);
    client_pump(&client);
    client_expect_reply(&client, NSRV_OPT_GO, NSRV_REP_ERR_SHUTDOWN, NULL);
    client_go(&client, NSRV_OPT_INFO, "disk", NULL);
    client_expect_reply(&client, NSRV_OPT_INFO, NSRV_REP_ERR_SHUTDOWN, NULL);
    client_option(&client, NSRV_OPT_ABORT, NULL, 0);
    client_expect_reply(&client, NSRV_OPT_ABORT, NSRV_REP_ACK, NULL);
    client_expect_end(&client);
    client_done(&client);
}

static void a_parked_client_that_stays_when_the_server_stops_is_cut_off(void **state)
{
    const struct memvol_config config = unknown();
    struct client client;
    client_init(&client, &config);
    client_greet(&client, 3);
    client_go(&client, NSRV_OPT_GO, "disk", NULL);
    nsrv_connection_stop(client.connection);
    client_pump(&client);
    client_expect_reply(&client, NSRV_OPT_GO, NSRV_REP_ERR_SHUTDOWN, NULL);
    client_wait_ms(&client, 1000);
    client_expect_end(&client);
    client_done(&client);
}

static void a_parked_export_name_has_no_answer_but_the_end(void **state)
{
    const struct memvol_config config = unknown();
    struct client client;
    client_init(&client, &config);
    client_greet(&client, 3);
    client_option(&client, NSRV_OPT_EXPORT_NAME, "disk", 4);
    nsrv_connection_stop(client.connection);
    client_expect_end(&client);
    client_done(&client);
}

static void stopping_ends_the_handshake_and_idle_clients_at_once(void **state)
{
    struct client shaking, idle;
    client_init(&shaking, NULL);
    client_greet(&shaking, 3);
    nsrv_connection_stop(shaking.connection);
    client_expect_end(&shaking);
    client_done(&shaking);
    client_init(&idle, NULL);
    client_connect(&idle, true, false);
    nsrv_connection_stop(idle.connection);
    client_expect_end(&idle);
    client_done(&idle);
}

static void the_size_told_at_go_holds_while_the_disk_grows(void **state)
{
    const uint64_t old = memvol_config_default.geometry.size_bytes;
    struct client before, after;
    client_init(&before, NULL);
    client_connect(&before, true, false);
    memvol_resize(before.volume, 2 * old);
    client_request(&before, NSRV_CMD_TRIM, 0, 1, old - 512, 512);
    client_expect_simple(&before, 1, 0);
    client_write(&before, 0, 2, old, 512, 1);
    client_expect_error(&before, 2, NSRV_ENOSPC);
    client_init_beside(&after, &before);
    client_connect(&after, true, false);
    client_write(&after, 0, 3, old, 512, 1);
    client_expect_simple(&after, 3, 0);
    client_done(&after);
    client_done(&before);
}

static void an_adopted_socket_is_served_without_a_handshake(void **state)
{
    struct client client;
    client_adopt(&client, NULL);
    client_expect_nothing(&client);
    client_wait_ms(&client, 100000); /* no deadline */
    client_request(&client, NSRV_CMD_READ, 0, 1, 0, 512);
    client_expect_simple(&client, 1, 0);
    client_expect(&client, 512);
    client_request(&client, NSRV_CMD_BLOCK_STATUS, 0, 2, 0, 512);
    client_expect_simple(&client, 2, NSRV_EINVAL);
    client_done(&client);
}

static void an_adopted_socket_grows_with_the_disk(void **state)
{
    struct client client;
    client_adopt(&client, NULL);
    const uint64_t end = memvol_config_default.geometry.size_bytes;
    client_request(&client, NSRV_CMD_READ, 0, 1, end, 512);
    client_expect_simple(&client, 1, NSRV_EINVAL);
    memvol_resize(client.volume, 2 * end);
    client_request(&client, NSRV_CMD_READ, 0, 2, end, 512);
    client_expect_simple(&client, 2, 0);
    client_expect(&client, 512);
    client_done(&client);
}

/* --- the same session, cut into pieces in every way --- */

struct bytes {
    uint8_t data[400000];
    size_t count;
};

static void put(struct bytes *bytes, const void *data, size_t count)
{
    assert_true(bytes->count + count <= sizeof bytes->data);
    if (count > 0)
        memcpy(bytes->data + bytes->count, data, count);
    bytes->count += count;
}

static void put_option(struct bytes *bytes, uint32_t option, const void *data, uint32_t count)
{
    uint8_t header[16] = "IHAVEOPT";
    put_be32(header + 8, option);
    put_be32(header + 12, count);
    put(bytes, header, sizeof header);
    put(bytes, data, count);
}

static void put_request(struct bytes *bytes, uint16_t type, uint16_t flags, uint64_t cookie,
                        uint64_t offset, uint32_t length)
{
    uint8_t header[28];
    put_be32(header, NSRV_MAGIC_REQUEST);
    put_be16(header + 4, flags);
    put_be16(header + 6, type);
    put_be64(header + 8, cookie);
    put_be64(header + 16, offset);
    put_be32(header + 24, length);
    put(bytes, header, sizeof header);
}

static void put_write(struct bytes *bytes, uint64_t cookie, uint64_t offset, uint32_t length)
{
    static uint8_t payload[150000];
    for (uint32_t i = 0; i < length; i++)
        payload[i] = (uint8_t)(cookie * 31 + i * 7);
    put_request(bytes, NSRV_CMD_WRITE, 0, cookie, offset, length);
    put(bytes, payload, length);
}

/* A session with something of everything; `large`: also a payload larger than the input. */
static void script(struct bytes *bytes, bool large)
{
    bytes->count = 0;
    put(bytes, "\0\0\0\3", 4);
    put_option(bytes, 99, "abc", 3);
    put_option(bytes, NSRV_OPT_STRUCTURED_REPLY, NULL, 0);
    put_option(bytes, NSRV_OPT_SET_META_CONTEXT,
               "\0\0\0\0\0\0\0\1\0\0\0\x0f"
               "base:allocation",
               27);
    put_option(bytes, NSRV_OPT_GO, "\0\0\0\4disk\0\1\0\3", 12);
    put_write(bytes, 1, 1000, 700);
    put_request(bytes, NSRV_CMD_READ, 0, 2, 900, 1000);
    put_request(bytes, 77, 0, 3, 0, 0);
    put_write(bytes, 4, UINT64_MAX - 5, 100); /* refused */
    put_request(bytes, NSRV_CMD_BLOCK_STATUS, 0, 5, 0, 8192);
    if (large) {
        put_write(bytes, 6, 100000, 150000);
        put_request(bytes, NSRV_CMD_READ, 0, 7, 100000, 150000);
    }
    put_request(bytes, NSRV_CMD_FLUSH, NSRV_FLAG_FUA, 8, 0, 0);
    put_request(bytes, NSRV_CMD_DISC, 0, 9, 0, 0);
}

/* Plays the script, cut at `cut` and then every `chunk` bytes; returns what came back. */
static void play(const struct bytes *bytes, size_t cut, size_t chunk, struct bytes *ret_answers)
{
    struct client client;
    client_init(&client, NULL);
    client_send(&client, bytes->data, cut);
    client.send_chunk = chunk;
    client_send(&client, bytes->data + cut, bytes->count - cut);
    ret_answers->count = 0;
    put(ret_answers, client.received, client.received_bytes);
    client.looked_at = client.received_bytes;
    client_expect_end(&client);
    client_done(&client);
}

static void a_stream_may_be_cut_at_every_byte(void **state)
{
    static struct bytes session, whole, answers;
    script(&session, false);
    play(&session, 0, 0, &whole);
    assert_true(whole.count > 1000);
    for (size_t cut = 0; cut <= session.count; cut++) {
        play(&session, cut, 0, &answers);
        assert_int_equal(answers.count, whole.count);
        assert_memory_equal(answers.data, whole.data, whole.count);
    }
}

static void a_stream_may_come_in_chunks_of_any_size(void **state)
{
    static const size_t chunks[] = {1, 2, 3, 17, 27, 28, 29, 4095, 65551, 65552, 65553, 100000};
    static struct bytes session, whole, answers;
    script(&session, true);
    play(&session, 0, 0, &whole);
    for (unsigned i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        play(&session, 0, chunks[i], &answers);
        assert_int_equal(answers.count, whole.count);
        assert_memory_equal(answers.data, whole.data, whole.count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_needs_no_disk_is_answered_before_the_disk_is_known),
        cmocka_unit_test(go_waits_for_the_disk_as_long_as_it_takes),
        cmocka_unit_test(export_name_waits_for_the_disk_too),
        cmocka_unit_test(a_parked_client_may_leave),
        cmocka_unit_test(a_parked_client_is_told_when_the_server_stops),
        cmocka_unit_test(a_parked_client_that_stays_when_the_server_stops_is_cut_off),
        cmocka_unit_test(a_parked_export_name_has_no_answer_but_the_end),
        cmocka_unit_test(stopping_ends_the_handshake_and_idle_clients_at_once),
        cmocka_unit_test(the_size_told_at_go_holds_while_the_disk_grows),
        cmocka_unit_test(an_adopted_socket_is_served_without_a_handshake),
        cmocka_unit_test(an_adopted_socket_grows_with_the_disk),
        cmocka_unit_test(a_stream_may_be_cut_at_every_byte),
        cmocka_unit_test(a_stream_may_come_in_chunks_of_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
