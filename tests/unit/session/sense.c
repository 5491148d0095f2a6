#include "session/sense.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/fake_link.h"
#include "tests/unit/unit.h"

static struct judgement judge(const struct link_command *command)
{
    struct judgement judgement;
    sense_judge(command, false, &judgement);
    return judgement;
}

static uint32_t code_of(const struct link_command *command)
{
    struct judgement judgement = judge(command);
    return sense_code(&judgement.sense);
}

static struct judgement judge_sense(uint8_t key, uint8_t asc, uint8_t ascq)
{
    struct link_command command = {.status = SAM_CHECK_CONDITION};
    fake_link_sense(&command, key, asc, ascq);
    return judge(&command);
}

static void every_row_of_the_design_has_its_verdict(void **state)
{
    static const struct {
        uint8_t key, asc, ascq;
        enum verdict verdict;
        int error;
    } rows[] = {
        {KEY_RECOVERED_ERROR, 0x17, 0x01, VERDICT_OK, 0},
        {KEY_NO_SENSE, 0x00, 0x00, VERDICT_RETRY, 0},
        {KEY_NOT_READY, 0x04, 0x01, VERDICT_RETRY, 0},
        {KEY_NOT_READY, 0x04, 0x04, VERDICT_RETRY, 0},
        {KEY_NOT_READY, 0x04, 0x07, VERDICT_RETRY, 0},
        {KEY_NOT_READY, 0x04, 0x02, VERDICT_RETRY_SLOWLY, 0},
        {KEY_NOT_READY, 0x3a, 0x00, VERDICT_RETRY_SLOWLY, 0},
        {KEY_MEDIUM_ERROR, 0x11, 0x00, VERDICT_FAIL, -EIO},
        {KEY_HARDWARE_ERROR, 0x44, 0x00, VERDICT_RETRY_SLOWLY, 0},
        {KEY_ILLEGAL_REQUEST, 0x20, 0x00, VERDICT_FAIL, -EOPNOTSUPP},
        {KEY_ILLEGAL_REQUEST, 0x21, 0x00, VERDICT_FAIL, -EINVAL},
        {KEY_ILLEGAL_REQUEST, 0x24, 0x00, VERDICT_FAIL, -EINVAL},
        {KEY_ILLEGAL_REQUEST, 0x25, 0x00, VERDICT_NO_LUN, 0},
        {KEY_UNIT_ATTENTION, 0x29, 0x00, VERDICT_NEW_NEXUS, 0},
        {KEY_UNIT_ATTENTION, 0x29, 0x07, VERDICT_NEW_NEXUS, 0},
        {KEY_UNIT_ATTENTION, 0x2f, 0x01, VERDICT_NEW_NEXUS, 0},
        {KEY_UNIT_ATTENTION, 0x2f, 0x00, VERDICT_LOOK_AGAIN, 0},
        {KEY_UNIT_ATTENTION, 0x2a, 0x09, VERDICT_LOOK_AGAIN, 0},
        {KEY_UNIT_ATTENTION, 0x2a, 0x01, VERDICT_LOOK_AGAIN, 0},
        {KEY_UNIT_ATTENTION, 0x3f, 0x0e, VERDICT_LOOK_AGAIN, 0},
        {KEY_UNIT_ATTENTION, 0x3f, 0x0a, VERDICT_LOOK_AGAIN, 0},
        {KEY_UNIT_ATTENTION, 0x3f, 0x03, VERDICT_LOOK_AGAIN, 0},
        {KEY_DATA_PROTECT, 0x27, 0x07, VERDICT_SPACE, 0},
        {KEY_DATA_PROTECT, 0x27, 0x00, VERDICT_FAIL, -EPERM},
        {KEY_BLANK_CHECK, 0x00, 0x00, VERDICT_FAIL, -EIO},
        {KEY_ABORTED_COMMAND, 0x47, 0x03, VERDICT_RETRY, 0},
        {KEY_VOLUME_OVERFLOW, 0x00, 0x00, VERDICT_FAIL, -ENOSPC},
        {KEY_MISCOMPARE, 0x1d, 0x00, VERDICT_FAIL, -EIO},
        {0x9 /* vendor */, 0x80, 0x00, VERDICT_RETRY_SLOWLY, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct judgement judgement = judge_sense(rows[i].key, rows[i].asc, rows[i].ascq);
        assert_int_equal(judgement.verdict, rows[i].verdict);
        assert_int_equal(judgement.error, rows[i].error);
    }
}

static void every_status_has_its_verdict(void **state)
{
    static const struct {
        uint8_t status;
        enum verdict verdict;
    } rows[] = {
        {SAM_GOOD, VERDICT_OK},
        {SAM_BUSY, VERDICT_RETRY},
        {SAM_TASK_ABORTED, VERDICT_RETRY},
        {SAM_TASK_SET_FULL, VERDICT_RETRY_SMALLER},
        {SAM_RESERVATION_CONFLICT, VERDICT_FENCED},
        {0x30 /* ACA ACTIVE */, VERDICT_RETRY},
        {0xff, VERDICT_RETRY},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct link_command command = {.status = rows[i].status};
        assert_int_equal(judge(&command).verdict, rows[i].verdict);
    }
}

static void good_with_a_residual_is_never_success(void **state)
{
    struct link_command under = {.residual_kind = LINK_RESIDUAL_UNDERFLOW, .residual_bytes = 1};
    struct link_command over = {.residual_kind = LINK_RESIDUAL_OVERFLOW, .residual_bytes = 1};
    struct link_command none = {.residual_kind = LINK_RESIDUAL_UNDERFLOW, .residual_bytes = 0};
    assert_int_equal(judge(&under).verdict, VERDICT_RETRY);
    assert_int_equal(judge(&over).verdict, VERDICT_RETRY);
    assert_int_equal(judge(&none).verdict, VERDICT_OK);
}

static void a_recovered_error_with_a_residual_is_not_success_either(void **state)
{
    struct link_command command = {.status = SAM_CHECK_CONDITION,
                                   .residual_kind = LINK_RESIDUAL_UNDERFLOW,
                                   .residual_bytes = 512};
    fake_link_sense(&command, KEY_RECOVERED_ERROR, 0x17, 0);
    assert_int_equal(judge(&command).verdict, VERDICT_RETRY);
}

static void a_short_answer_is_fine_where_the_target_chooses_the_length(void **state)
{
    struct judgement judgement;
    struct link_command command = {.residual_kind = LINK_RESIDUAL_UNDERFLOW, .residual_bytes = 200};
    sense_judge(&command, true, &judgement);
    assert_int_equal(judgement.verdict, VERDICT_OK);
}

static void a_response_code_voids_the_status(void **state)
{
    struct link_command command = {.status = SAM_GOOD, .response = 1};
    assert_int_equal(judge(&command).verdict, VERDICT_RETRY);
    command.status = SAM_RESERVATION_CONFLICT;
    assert_int_equal(judge(&command).verdict, VERDICT_RETRY);
}

static void a_deferred_error_of_any_kind_is_a_new_nexus(void **state)
{
    struct link_command command = {.status = SAM_CHECK_CONDITION};
    fake_link_sense(&command, KEY_MEDIUM_ERROR, 0x0c, 0);
    command.sense[0] = 0x71;
    assert_int_equal(judge(&command).verdict, VERDICT_NEW_NEXUS);

    struct link_command descriptor = {.status = SAM_CHECK_CONDITION,
                                      .sense = {0x73, KEY_HARDWARE_ERROR, 0x44, 0},
                                      .sense_bytes = 8};
    assert_int_equal(judge(&descriptor).verdict, VERDICT_NEW_NEXUS);
    assert_true(judge(&descriptor).sense.deferred);
}

static void descriptor_format_is_read(void **state)
{
    struct link_command command = {.status = SAM_CHECK_CONDITION,
                                   .sense = {0x72, KEY_UNIT_ATTENTION, 0x2a, 0x09},
                                   .sense_bytes = 8};
    struct judgement judgement = judge(&command);
    assert_int_equal(judgement.verdict, VERDICT_LOOK_AGAIN);
    assert_int_equal(sense_code(&judgement.sense), 0x062a09);
}

static void check_condition_without_sense_is_retried(void **state)
{
    /* What lies in the buffer from before must not be read (trap T15). */
    struct link_command command = {.status = SAM_CHECK_CONDITION};
    fake_link_sense(&command, KEY_MEDIUM_ERROR, 0x11, 0);
    command.sense_bytes = 0;
    struct judgement judgement = judge(&command);
    assert_int_equal(judgement.verdict, VERDICT_RETRY);
    assert_false(judgement.sense.valid);
}

static void cut_sense_is_read_as_far_as_it_came(void **state)
{
    struct link_command command = {.status = SAM_CHECK_CONDITION};
    fake_link_sense(&command, KEY_UNIT_ATTENTION, 0x29, 0x03);
    command.sense_bytes = 13;
    assert_int_equal(code_of(&command), 0x062900);
    command.sense_bytes = 8;
    assert_int_equal(code_of(&command), 0x060000);
    command.sense_bytes = 7;
    assert_false(judge(&command).sense.valid);
}

static void sense_shorter_than_its_own_length_says_has_no_asc(void **state)
{
    struct link_command command = {.status = SAM_CHECK_CONDITION};
    fake_link_sense(&command, KEY_UNIT_ATTENTION, 0x29, 0x03);
    command.sense[7] = 0;
    assert_int_equal(code_of(&command), 0x060000);
}

static void an_unknown_response_code_is_no_sense(void **state)
{
    struct link_command command = {.status = SAM_CHECK_CONDITION};
    fake_link_sense(&command, KEY_MEDIUM_ERROR, 0x11, 0);
    command.sense[0] = 0x7f;
    assert_int_equal(judge(&command).verdict, VERDICT_RETRY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_design_has_its_verdict),
        cmocka_unit_test(every_status_has_its_verdict),
        cmocka_unit_test(good_with_a_residual_is_never_success),
        cmocka_unit_test(a_recovered_error_with_a_residual_is_not_success_either),
        cmocka_unit_test(a_short_answer_is_fine_where_the_target_chooses_the_length),
        cmocka_unit_test(a_response_code_voids_the_status),
        cmocka_unit_test(a_deferred_error_of_any_kind_is_a_new_nexus),
        cmocka_unit_test(descriptor_format_is_read),
        cmocka_unit_test(check_condition_without_sense_is_retried),
        cmocka_unit_test(cut_sense_is_read_as_far_as_it_came),
        cmocka_unit_test(sense_shorter_than_its_own_length_says_has_no_asc),
        cmocka_unit_test(an_unknown_response_code_is_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
