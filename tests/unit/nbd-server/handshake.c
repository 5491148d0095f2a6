/* The frame of the handshake: greeting, flags, skipping, limits. */
#include "nbd-server/handshake.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/unit/nbd-server/client.h"
#include "tests/unit/unit.h"

static void ends_when_the_client_sets_a_flag_it_does_not_know(void **state)
{
    struct client client;
    client_init(&client, NULL);
    client_greet(&client, 3 | 4);
    client_expect_end(&client);
    client_done(&client);
}

static void goes_on_with_a_client_that_knows_only_newstyle(void **state)
{
    struct client client;
    client_init(&client, NULL);
    client_greet(&client, 0);
    client_option(&client, NSRV_OPT_EXPORT_NAME, "disk", 4);
    const uint8_t *reply = client_expect(&client, 10 + 124);
    assert_true(get_be64(reply) == memvol_config_default.geometry.size_bytes);
    for (unsigned i = 10; i < 134; i++)
        assert_int_equal(reply[i], 0);
    client_request(&client, NSRV_CMD_FLUSH, 0, 7, 0, 0);
    client_expect_simple(&client, 7, 0);
    client_done(&client);
}

static void leaves_the_zeroes_out_when_both_agreed(void **state)
{
    struct client client;
    client_init(&client, NULL);
    client_greet(&client, 3);
    client_option(&client, NSRV_OPT_EXPORT_NAME, "", 0);
    client_expect(&client, 10);
    client_expect_nothing(&client);
    client_done(&client);
}

static void ends_at_an_option_without_its_magic_number(void **state)
{
    struct client client;
    client_init(&client, NULL);
    client_greet(&client, 3);
    client_send(&client, "IHAVEOPX\0\0\0\3\0\0\0\0", 16);
    client_expect_end(&client);
    client_done(&client);
}

static void stays_in_step_after_unknown_options_of_any_size(void **state)
{
    struct client client;
    client_init(&client, NULL);
    client_greet(&client, 3);
    const size_t sizes[] = {0, 1, 65536, 65537, 1000000};
    uint8_t *junk = calloc(1, 1000000);
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        client_option(&client, 0x7777, junk, sizes[i]);
        client_expect_reply(&client, 0x7777, NSRV_REP_ERR_UNSUP, NULL);
        client_expect_nothing(&client);
    }
    free(junk);
    client_option(&client, NSRV_OPT_EXTENDED_HEADERS, NULL, 0);
    client_expect_reply(&client, NSRV_OPT_EXTENDED_HEADERS, NSRV_REP_ERR_UNSUP, NULL);
    client_done(&client);
}

static void refuses_known_options_with_absurd_data_and_stays_in_step(void **state)
{
    struct client client;
    client_init(&client, NULL);
    client_greet(&client, 3);
    uint8_t *junk = calloc(1, 70000);
    client_option(&client, NSRV_OPT_GO, junk, 70000);
    client_expect_reply(&client, NSRV_OPT_GO, NSRV_REP_ERR_TOO_BIG, NULL);
    client_option(&client, NSRV_OPT_EXPORT_NAME, junk, 70000); /* has no answer but the end */
    client_expect_end(&client);
    free(junk);
    client_done(&client);
}

static void cuts_off_a_client_that_sends_options_for_ever(void **state)
{
    struct client client;
    client_init(&client, NULL);
    client_greet(&client, 3);
    for (unsigned i = 0; i < NSRV_OPTIONS_MAX; i++) {
        client_option(&client, NSRV_OPT_STARTTLS, NULL, 0);
        client_expect_reply(&client, NSRV_OPT_STARTTLS, NSRV_REP_ERR_UNSUP, NULL);
    }
    client_option(&client, NSRV_OPT_STARTTLS, NULL, 0);
    client_expect_end(&client);
    client_done(&client);
}

static void cuts_off_a_client_that_dawdles(void **state)
{
    struct client client;
    client_init(&client, NULL);
    client_greet(&client, 3);
    client_wait_ms(&client, 9999);
    client_option(&client, NSRV_OPT_STRUCTURED_REPLY, NULL, 0); /* buys no time */
    client_expect_reply(&client, NSRV_OPT_STRUCTURED_REPLY, NSRV_REP_ACK, NULL);
    client_wait_ms(&client, 1);
    client_expect_end(&client);
    client_done(&client);
}

static void takes_no_second_option_before_the_first_is_answered(void **state)
{
    struct client client;
    client_init(&client, NULL);
    client_greet(&client, 3);
    client.deaf = true;
    for (unsigned i = 0; i < 3; i++)
        client_option(&client, NSRV_OPT_LIST, NULL, 0);
    client.deaf = false;
    client_pump(&client);
    for (unsigned i = 0; i < 3; i++) {
        client_expect_reply(&client, NSRV_OPT_LIST, NSRV_REP_SERVER, NULL);
        client_expect_reply(&client, NSRV_OPT_LIST, NSRV_REP_ACK, NULL);
    }
    client_done(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_when_the_client_sets_a_flag_it_does_not_know),
        cmocka_unit_test(goes_on_with_a_client_that_knows_only_newstyle),
        cmocka_unit_test(leaves_the_zeroes_out_when_both_agreed),
        cmocka_unit_test(ends_at_an_option_without_its_magic_number),
        cmocka_unit_test(stays_in_step_after_unknown_options_of_any_size),
        cmocka_unit_test(refuses_known_options_with_absurd_data_and_stays_in_step),
        cmocka_unit_test(cuts_off_a_client_that_sends_options_for_ever),
        cmocka_unit_test(cuts_off_a_client_that_dawdles),
        cmocka_unit_test(takes_no_second_option_before_the_first_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
