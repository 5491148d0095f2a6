/* Every request that proto.md wants refused, and the error that it asks for. */
#include "nbd-server/command.h"

#include <errno.h>

#include "base/bytes.h"
#include "tests/unit/unit.h"

#define SIZE 0x100000000000ULL /* 16 TiB, so that lengths matter and not the size */

#define ALL_FLAGS                                                                                  \
    (NSRV_HAS_FLAGS | NSRV_SEND_FLUSH | NSRV_SEND_FUA | NSRV_SEND_TRIM | NSRV_SEND_WRITE_ZEROES |  \
     NSRV_SEND_DF | NSRV_SEND_CACHE | NSRV_SEND_FAST_ZERO)

static struct nsrv_promise promise = {
    .size_bytes = SIZE, .flags = ALL_FLAGS, .structured = true, .contexts = 1};

static uint32_t check(uint16_t type, uint16_t flags, uint64_t offset, uint32_t length)
{
    const struct nsrv_command command = {flags, type, 1, offset, length};
    const struct nsrv_refusal refusal = nsrv_command_check(&command, &promise);
    assert_int_equal(refusal.error != 0, refusal.why != NULL);
    return refusal.error;
}

static int set_up(void **state)
{
    promise.flags = ALL_FLAGS;
    promise.structured = true;
    promise.contexts = 1;
    return 0;
}

static void parses_the_header_and_keeps_the_cookie_as_it_is(void **state)
{
    const uint8_t header[28] = "\x25\x60\x95\x13\0\1\0\6cookie!!\0\0\0\0\0\0\2\0\0\0\0\3";
    struct nsrv_command command;
    assert_true(nsrv_command_parse(header, &command));
    assert_int_equal(command.flags, 1);
    assert_int_equal(command.type, 6);
    assert_memory_equal(&command.cookie, "cookie!!", 8);
    assert_int_equal(command.offset, 512);
    assert_int_equal(command.length, 3);
    const uint8_t historic[28] = "\x12\x56\x09\x53";
    assert_false(nsrv_command_parse(historic, &command));
}

static void allows_what_is_right(void **state)
{
    for (uint16_t type = 0; type <= NSRV_CMD_BLOCK_STATUS; type++) {
        if (type == NSRV_CMD_DISC || type == NSRV_CMD_FLUSH)
            continue;
        assert_int_equal(check(type, 0, 0, 1), 0);
        assert_int_equal(check(type, NSRV_FLAG_FUA, SIZE - 512, 512), 0);
    }
    assert_int_equal(check(NSRV_CMD_FLUSH, NSRV_FLAG_FUA, 0, 0), 0);
    assert_int_equal(check(NSRV_CMD_READ, NSRV_FLAG_DF, 0, NSRV_UNFRAGMENTED_MAX), 0);
    assert_int_equal(check(NSRV_CMD_READ, 0, 0, NSRV_PAYLOAD_MAX), 0);
    assert_int_equal(check(NSRV_CMD_WRITE, 0, 0, NSRV_PAYLOAD_MAX), 0);
    assert_int_equal(
        check(NSRV_CMD_WRITE_ZEROES, NSRV_FLAG_NO_HOLE | NSRV_FLAG_FAST_ZERO, 0, UINT32_MAX), 0);
    assert_int_equal(check(NSRV_CMD_TRIM, 0, 0, UINT32_MAX), 0);
    assert_int_equal(check(NSRV_CMD_BLOCK_STATUS, NSRV_FLAG_REQ_ONE, 0, UINT32_MAX), 0);
}

static void beyond_the_end_is_enospc_for_writes_and_einval_for_the_others(void **state)
{
    const struct {
        uint16_t type;
        uint32_t error;
    } cases[] = {
        {NSRV_CMD_READ, NSRV_EINVAL},         {NSRV_CMD_WRITE, NSRV_ENOSPC},
        {NSRV_CMD_TRIM, NSRV_EINVAL},         {NSRV_CMD_CACHE, NSRV_EINVAL},
        {NSRV_CMD_WRITE_ZEROES, NSRV_ENOSPC}, {NSRV_CMD_BLOCK_STATUS, NSRV_EINVAL},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(check(cases[i].type, 0, SIZE - 512, 513), cases[i].error);
        assert_int_equal(check(cases[i].type, 0, SIZE, 1), cases[i].error);
        assert_int_equal(check(cases[i].type, 0, UINT64_MAX, 2), cases[i].error);
        assert_int_equal(check(cases[i].type, 0, UINT64_MAX - 511, 512), cases[i].error);
    }
}

static void unknown_commands_and_flags_are_einval(void **state)
{
    assert_int_equal(check(8, 0, 0, 0), NSRV_EINVAL);
    assert_int_equal(check(0xffff, 0, 0, 512), NSRV_EINVAL);
    static const uint16_t valid[] = {
        [NSRV_CMD_READ] = NSRV_FLAG_FUA | NSRV_FLAG_DF,
        [NSRV_CMD_WRITE] = NSRV_FLAG_FUA,
        [NSRV_CMD_FLUSH] = NSRV_FLAG_FUA,
        [NSRV_CMD_TRIM] = NSRV_FLAG_FUA,
        [NSRV_CMD_CACHE] = NSRV_FLAG_FUA,
        [NSRV_CMD_WRITE_ZEROES] = NSRV_FLAG_FUA | NSRV_FLAG_NO_HOLE | NSRV_FLAG_FAST_ZERO,
        [NSRV_CMD_BLOCK_STATUS] = NSRV_FLAG_FUA | NSRV_FLAG_REQ_ONE,
    };
    for (uint16_t type = 0; type <= NSRV_CMD_BLOCK_STATUS; type++) {
        for (unsigned bit = 0; bit < 16 && type != NSRV_CMD_DISC; bit++) {
            const uint16_t flag = (uint16_t)(1u << bit);
            const uint32_t length = type == NSRV_CMD_FLUSH ? 0 : 512;
            assert_int_equal(check(type, flag, 0, length), flag & valid[type] ? 0 : NSRV_EINVAL);
        }
    }
}

static void features_that_were_not_offered_are_einval(void **state)
{
    promise.flags = NSRV_HAS_FLAGS | NSRV_SEND_FLUSH | NSRV_SEND_FUA | NSRV_SEND_WRITE_ZEROES;
    promise.contexts = 0;
    assert_int_equal(check(NSRV_CMD_TRIM, 0, 0, 512), NSRV_EINVAL);
    assert_int_equal(check(NSRV_CMD_READ, NSRV_FLAG_DF, 0, 512), NSRV_EINVAL);
    assert_int_equal(check(NSRV_CMD_WRITE_ZEROES, NSRV_FLAG_FAST_ZERO, 0, 512), NSRV_EINVAL);
    assert_int_equal(check(NSRV_CMD_BLOCK_STATUS, 0, 0, 512), NSRV_EINVAL);
}

static void a_read_only_export_refuses_writes_with_eperm_whatever_else_is_wrong(void **state)
{
    promise.flags = NSRV_HAS_FLAGS | NSRV_READ_ONLY | NSRV_SEND_FLUSH | NSRV_SEND_FUA;
    assert_int_equal(check(NSRV_CMD_WRITE, 0, SIZE, 512), NSRV_EPERM);
    assert_int_equal(check(NSRV_CMD_TRIM, 0, 0, 512), NSRV_EPERM);
    assert_int_equal(check(NSRV_CMD_WRITE_ZEROES, 0, 0, 512), NSRV_EPERM);
    assert_int_equal(check(NSRV_CMD_READ, 0, 0, 512), 0);
    assert_int_equal(check(NSRV_CMD_FLUSH, 0, 0, 0), 0);
}

static void lengths_that_make_no_sense_are_einval(void **state)
{
    for (uint16_t type = 0; type <= NSRV_CMD_BLOCK_STATUS; type++)
        if (type != NSRV_CMD_DISC && type != NSRV_CMD_FLUSH)
            assert_int_equal(check(type, 0, 0, 0), NSRV_EINVAL);
    assert_int_equal(check(NSRV_CMD_FLUSH, 0, 1, 0), NSRV_EINVAL);
    assert_int_equal(check(NSRV_CMD_FLUSH, 0, 0, 1), NSRV_EINVAL);
}

static void payloads_above_the_maximum_are_refused(void **state)
{
    assert_int_equal(check(NSRV_CMD_WRITE, 0, 0, NSRV_PAYLOAD_MAX + 1), NSRV_EINVAL);
    assert_int_equal(check(NSRV_CMD_READ, 0, 0, NSRV_PAYLOAD_MAX + 1), NSRV_EOVERFLOW);
    assert_int_equal(check(NSRV_CMD_READ, NSRV_FLAG_DF, 0, NSRV_UNFRAGMENTED_MAX + 1),
                     NSRV_EOVERFLOW);
    promise.structured = false;
    assert_int_equal(check(NSRV_CMD_READ, 0, 0, NSRV_PAYLOAD_MAX + 1), NSRV_EINVAL);
}

static void errors_of_the_volume_become_those_of_the_protocol(void **state)
{
    const struct nsrv_command plain = {0};
    const struct nsrv_command fast = {.flags = NSRV_FLAG_FAST_ZERO};
    assert_int_equal(nsrv_error_on_wire(-EPERM, &plain), NSRV_EPERM);
    assert_int_equal(nsrv_error_on_wire(-EIO, &plain), NSRV_EIO);
    assert_int_equal(nsrv_error_on_wire(-EINVAL, &plain), NSRV_EINVAL);
    assert_int_equal(nsrv_error_on_wire(-ENOSPC, &plain), NSRV_ENOSPC);
    assert_int_equal(nsrv_error_on_wire(-EFBIG, &plain), NSRV_ENOSPC);
    assert_int_equal(nsrv_error_on_wire(-ESHUTDOWN, &plain), NSRV_ESHUTDOWN);
    assert_int_equal(nsrv_error_on_wire(-ETIMEDOUT, &plain), NSRV_EIO);
    assert_int_equal(nsrv_error_on_wire(-ENOTSUP, &fast), NSRV_ENOTSUP);
    assert_int_equal(nsrv_error_on_wire(-ENOTSUP, &plain), NSRV_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_the_header_and_keeps_the_cookie_as_it_is),
        cmocka_unit_test_setup(allows_what_is_right, set_up),
        cmocka_unit_test_setup(beyond_the_end_is_enospc_for_writes_and_einval_for_the_others,
                               set_up),
        cmocka_unit_test_setup(unknown_commands_and_flags_are_einval, set_up),
        cmocka_unit_test_setup(features_that_were_not_offered_are_einval, set_up),
        cmocka_unit_test_setup(a_read_only_export_refuses_writes_with_eperm_whatever_else_is_wrong,
                               set_up),
        cmocka_unit_test_setup(lengths_that_make_no_sense_are_einval, set_up),
        cmocka_unit_test_setup(payloads_above_the_maximum_are_refused, set_up),
        cmocka_unit_test(errors_of_the_volume_become_those_of_the_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
