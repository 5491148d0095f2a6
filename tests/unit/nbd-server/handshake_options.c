#include <string.h>

#include "base/bytes.h"
#include "nbd-server/handshake.h"
#include "tests/unit/nbd-server/client.h"
#include "tests/unit/unit.h"

static int set_up(void **state)
{
    static struct client client;
    client_init(&client, NULL);
    client_greet(&client, 3);
    *state = &client;
    return 0;
}

static int tear_down(void **state)
{
    client_done(*state);
    return 0;
}

static void expect_info(struct client *client, uint32_t option, uint16_t item, const void *data,
                        size_t data_bytes)
{
    size_t bytes;
    const uint8_t *info = client_expect_reply(client, option, NSRV_REP_INFO, &bytes);
    assert_int_equal(bytes, 2 + data_bytes);
    assert_int_equal(get_be16(info), item);
    assert_memory_equal(info + 2, data, data_bytes);
}

static void expect_export(struct client *client, uint32_t option, uint16_t flags)
{
    uint8_t data[10];
    put_be64(data, memvol_config_default.geometry.size_bytes);
    put_be16(data + 8, flags);
    expect_info(client, option, NSRV_INFO_EXPORT, data, sizeof data);
}

#define FLAGS                                                                                      \
    (NSRV_HAS_FLAGS | NSRV_SEND_FLUSH | NSRV_SEND_FUA | NSRV_SEND_TRIM | NSRV_SEND_WRITE_ZEROES |  \
     NSRV_CAN_MULTI_CONN | NSRV_SEND_CACHE | NSRV_SEND_FAST_ZERO)

static void info_tells_what_was_asked_for_and_leaves_the_client_where_it_is(void **state)
{
    static const uint8_t sizes[12] = {0, 0, 0, 1, 0, 0, 0x10, 0, 2, 0, 0, 0};
    const int items[] = {NSRV_INFO_NAME, NSRV_INFO_DESCRIPTION, NSRV_INFO_BLOCK_SIZE, 999, -1};
    client_go(*state, NSRV_OPT_INFO, "", items);
    expect_export(*state, NSRV_OPT_INFO, FLAGS);
    expect_info(*state, NSRV_OPT_INFO, NSRV_INFO_NAME, "disk", 4);
    expect_info(*state, NSRV_OPT_INFO, NSRV_INFO_DESCRIPTION, "a disk", 6);
    expect_info(*state, NSRV_OPT_INFO, NSRV_INFO_BLOCK_SIZE, sizes, sizeof sizes);
    client_expect_reply(*state, NSRV_OPT_INFO, NSRV_REP_ACK, NULL);
    client_go(*state, NSRV_OPT_INFO, "disk", NULL);
    expect_export(*state, NSRV_OPT_INFO, FLAGS);
    client_expect_reply(*state, NSRV_OPT_INFO, NSRV_REP_ACK, NULL);
    client_expect_nothing(*state);
}

static void go_offers_unfragmented_reads_only_with_structured_replies(void **state)
{
    client_option(*state, NSRV_OPT_STRUCTURED_REPLY, NULL, 0);
    client_expect_reply(*state, NSRV_OPT_STRUCTURED_REPLY, NSRV_REP_ACK, NULL);
    client_go(*state, NSRV_OPT_GO, "disk", NULL);
    expect_export(*state, NSRV_OPT_GO, FLAGS | NSRV_SEND_DF);
    client_expect_reply(*state, NSRV_OPT_GO, NSRV_REP_ACK, NULL);
    client_expect_nothing(*state); /* no 124 zeroes either */
}

static void unknown_exports_are_refused_and_the_client_may_go_on(void **state)
{
    client_go(*state, NSRV_OPT_GO, "Disk", NULL);
    client_expect_reply(*state, NSRV_OPT_GO, NSRV_REP_ERR_UNKNOWN, NULL);
    client_go(*state, NSRV_OPT_INFO, "disk2", NULL);
    client_expect_reply(*state, NSRV_OPT_INFO, NSRV_REP_ERR_UNKNOWN, NULL);
    client_meta(*state, NSRV_OPT_LIST_META_CONTEXT, "dis", 0, NULL);
    client_expect_reply(*state, NSRV_OPT_LIST_META_CONTEXT, NSRV_REP_ERR_UNKNOWN, NULL);
    client_option(*state, NSRV_OPT_EXPORT_NAME, "dis", 3);
    client_expect_end(*state);
}

static void list_names_the_export_and_describes_it(void **state)
{
    size_t bytes;
    client_option(*state, NSRV_OPT_LIST, NULL, 0);
    const uint8_t *entry = client_expect_reply(*state, NSRV_OPT_LIST, NSRV_REP_SERVER, &bytes);
    assert_int_equal(bytes, 4 + 4 + 6);
    assert_memory_equal(entry, "\0\0\0\4diska disk", 14);
    client_expect_reply(*state, NSRV_OPT_LIST, NSRV_REP_ACK, NULL);
}

static void abort_is_acknowledged_and_its_data_ignored(void **state)
{
    client_option(*state, NSRV_OPT_ABORT, "why", 3);
    client_expect_reply(*state, NSRV_OPT_ABORT, NSRV_REP_ACK, NULL);
    client_expect_end(*state);
}

static void options_that_take_no_data_refuse_them(void **state)
{
    const uint32_t options[] = {NSRV_OPT_LIST, NSRV_OPT_STARTTLS, NSRV_OPT_STRUCTURED_REPLY};
    for (unsigned i = 0; i < 3; i++) {
        client_option(*state, options[i], "x", 1);
        client_expect_reply(*state, options[i], NSRV_REP_ERR_INVALID, NULL);
    }
    client_go(*state, NSRV_OPT_GO, "disk", NULL); /* STRUCTURED_REPLY did not come to pass */
    expect_export(*state, NSRV_OPT_GO, FLAGS);
}

static void malformed_data_are_refused_and_the_stream_stays_in_step(void **state)
{
    static const struct {
        uint32_t option;
        size_t bytes;
        const char *data;
    } cases[] = {
        {NSRV_OPT_GO, 0, ""},
        {NSRV_OPT_GO, 3, "\0\0\0"},
        {NSRV_OPT_GO, 6, "\0\0\0\1\0\0"},         /* the name overruns */
        {NSRV_OPT_GO, 6, "\xff\xff\xff\xff\0\0"}, /* + anything would overflow */
        {NSRV_OPT_GO, 6, "\0\0\0\0\0\1"},         /* an item is missing */
        {NSRV_OPT_GO, 7, "\0\0\0\0\0\0x"},        /* too much */
        {NSRV_OPT_INFO, 6, "\0\0\0\0\xff\xff"},
        {NSRV_OPT_LIST_META_CONTEXT, 4, "\0\0\0\0"}, /* no number of queries */
        {NSRV_OPT_LIST_META_CONTEXT, 8, "\0\0\0\0\0\0\0\1"},
        {NSRV_OPT_LIST_META_CONTEXT, 8, "\0\0\0\0\xff\xff\xff\xff"},
        {NSRV_OPT_SET_META_CONTEXT, 12, "\0\0\0\0\0\0\0\1\0\0\0\1"},
        {NSRV_OPT_SET_META_CONTEXT, 12, "\0\0\0\0\0\0\0\1\xff\xff\xff\xfc"},
        {NSRV_OPT_SET_META_CONTEXT, 9, "\0\0\0\0\0\0\0\0x"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        client_option(*state, cases[i].option, cases[i].data, cases[i].bytes);
        client_expect_reply(*state, cases[i].option, NSRV_REP_ERR_INVALID, NULL);
        client_expect_nothing(*state);
    }
}

static void names_longer_than_the_protocol_allows_are_refused(void **state)
{
    uint8_t data[4 + 4097 + 2] = {0, 0, 0x10, 1};
    memset(data + 4, 'x', 4097);
    client_option(*state, NSRV_OPT_GO, data, sizeof data);
    client_expect_reply(*state, NSRV_OPT_GO, NSRV_REP_ERR_INVALID, NULL);
    put_be32(data, 4096); /* is allowed, and not ours */
    client_option(*state, NSRV_OPT_GO, data, 4 + 4096 + 2);
    client_expect_reply(*state, NSRV_OPT_GO, NSRV_REP_ERR_INVALID, NULL); /* ends in "x", not 0 */
    memset(data + 4 + 4096, 0, 2);
    client_option(*state, NSRV_OPT_GO, data, 4 + 4096 + 2);
    client_expect_reply(*state, NSRV_OPT_GO, NSRV_REP_ERR_UNKNOWN, NULL);
}

/* Checks the contexts in a reply; "" ends the list. */
static void expect_contexts(struct client *client, uint32_t option, uint32_t first_identifier,
                            const char *const *names)
{
    for (; **names; names++) {
        size_t bytes;
        const uint8_t *entry = client_expect_reply(client, option, NSRV_REP_META_CONTEXT, &bytes);
        assert_int_equal(bytes, 4 + strlen(*names));
        assert_memory_equal(entry + 4, *names, strlen(*names));
        assert_int_equal(get_be32(entry), first_identifier);
        first_identifier += first_identifier > 0;
    }
    client_expect_reply(client, option, NSRV_REP_ACK, NULL);
    client_expect_nothing(client);
}

static void list_meta_context_knows_wildcards_and_ignores_strangers(void **state)
{
    const uint32_t option = NSRV_OPT_LIST_META_CONTEXT;
    static const char *const all[] = {"base:allocation", "holdfast:dirty", ""};
    static const char *const base[] = {"base:allocation", ""};
    static const char *const none[] = {""};
    static const char *const wildcard[] = {"base:"};
    static const char *const twice[] = {"base:allocation", "base:", "base:allocation"};
    static const char *const strangers[] = {"qemu:dirty-bitmap:x", "base:allocatio",
                                            "base:allocation2", "no colon", ""};
    client_meta(*state, option, "disk", 0, NULL);
    expect_contexts(*state, option, 0, all);
    client_meta(*state, option, "", 1, wildcard);
    expect_contexts(*state, option, 0, base);
    client_meta(*state, option, "disk", 3, twice);
    expect_contexts(*state, option, 0, base);
    client_meta(*state, option, "disk", 5, strangers);
    expect_contexts(*state, option, 0, none);
}

static void set_meta_context_selects_exact_names_and_forgets_the_earlier_ones(void **state)
{
    const uint32_t option = NSRV_OPT_SET_META_CONTEXT;
    static const char *const both[] = {"holdfast:dirty", "base:allocation"};
    static const char *const in_order[] = {"base:allocation", "holdfast:dirty", ""};
    static const char *const wildcards[] = {"base:", "holdfast:"};
    static const char *const none[] = {""};
    client_meta(*state, option, "disk", 2, both); /* without structured replies */
    client_expect_reply(*state, option, NSRV_REP_ERR_INVALID, NULL);
    client_option(*state, NSRV_OPT_STRUCTURED_REPLY, NULL, 0);
    client_expect_reply(*state, NSRV_OPT_STRUCTURED_REPLY, NSRV_REP_ACK, NULL);
    client_meta(*state, option, "disk", 2, both);
    expect_contexts(*state, option, 1, in_order);
    client_meta(*state, option, "disk", 2, wildcards);
    expect_contexts(*state, option, 1, none);
    client_go(*state, NSRV_OPT_GO, "disk", NULL);
    expect_export(*state, NSRV_OPT_GO, FLAGS | NSRV_SEND_DF);
    client_expect_reply(*state, NSRV_OPT_GO, NSRV_REP_ACK, NULL);
    client_request(*state, NSRV_CMD_BLOCK_STATUS, 0, 1, 0, 4096);
    client_expect_error(*state, 1, NSRV_EINVAL);
}

static void a_set_that_fails_forgets_the_selection_too(void **state)
{
    static const char *const base[] = {"base:allocation"};
    client_option(*state, NSRV_OPT_STRUCTURED_REPLY, NULL, 0);
    client_expect_reply(*state, NSRV_OPT_STRUCTURED_REPLY, NSRV_REP_ACK, NULL);
    client_meta(*state, NSRV_OPT_SET_META_CONTEXT, "disk", 1, base);
    client_expect_reply(*state, NSRV_OPT_SET_META_CONTEXT, NSRV_REP_META_CONTEXT, NULL);
    client_expect_reply(*state, NSRV_OPT_SET_META_CONTEXT, NSRV_REP_ACK, NULL);
    client_meta(*state, NSRV_OPT_SET_META_CONTEXT, "other", 1, base);
    client_expect_reply(*state, NSRV_OPT_SET_META_CONTEXT, NSRV_REP_ERR_UNKNOWN, NULL);
    client_go(*state, NSRV_OPT_GO, "disk", NULL);
    client_expect_reply(*state, NSRV_OPT_GO, NSRV_REP_INFO, NULL);
    client_expect_reply(*state, NSRV_OPT_GO, NSRV_REP_ACK, NULL);
    client_request(*state, NSRV_CMD_BLOCK_STATUS, 0, 1, 0, 4096);
    client_expect_error(*state, 1, NSRV_EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(info_tells_what_was_asked_for_and_leaves_the_client_where_it_is),
        TEST(go_offers_unfragmented_reads_only_with_structured_replies),
        TEST(unknown_exports_are_refused_and_the_client_may_go_on),
        TEST(list_names_the_export_and_describes_it),
        TEST(abort_is_acknowledged_and_its_data_ignored),
        TEST(options_that_take_no_data_refuse_them),
        TEST(malformed_data_are_refused_and_the_stream_stays_in_step),
        TEST(names_longer_than_the_protocol_allows_are_refused),
        TEST(list_meta_context_knows_wildcards_and_ignores_strangers),
        TEST(set_meta_context_selects_exact_names_and_forgets_the_earlier_ones),
        TEST(a_set_that_fails_forgets_the_selection_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
