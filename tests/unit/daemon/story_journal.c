#include <errno.h>
#include <string.h>

#include "tests/unit/daemon/told.h"

static void event(uint64_t at_us, enum trace_code code, uint64_t a, uint64_t b, uint64_t c)
{
    const struct trace_event one = {code, a, b, c, NULL};
    story_tell(&story, &one, at_us);
}

static void begins(const char *expected)
{
    if (strncmp(told, expected, strlen(expected)) != 0)
        fail_msg("'%s' does not begin with '%s'", told, expected);
    assert_ptr_equal(strchr(told, '\n'), told + strlen(told) - 1); /* one line */
    told[0] = '\0';
}

static void what_it_holds_at_the_start_is_told(void **state)
{
    event(0, TRACE_JOURNAL_OPENED, 0, 0, 1);
    is_told("5 the journal was made\n");
    event(0, TRACE_JOURNAL_OPENED, 0, 0, 0);
    is_told("6 the journal is empty\n");
    event(0, TRACE_JOURNAL_OPENED, 7, 8192, 0);
    is_told("5 the journal holds 8 KiB that are not on the LUN yet; they can be read already\n");
}

static void full_and_room_are_a_pair(void **state)
{
    event(S, TRACE_JOURNAL_FULL, 900, 1024, 0);
    is_told("4 the journal is full (1 KiB); writes wait for the target\n");
    event(2 * S, TRACE_JOURNAL_ROOM, 0, 0, 0);
    is_told("5 the journal has room again; writes go on\n");
}

static void a_ring_at_its_limit_does_not_flood(void **state)
{
    event(S, TRACE_JOURNAL_FULL, 900, 1024, 0);
    event(S, TRACE_JOURNAL_ROOM, 0, 0, 0);
    told[0] = '\0';
    for (unsigned i = 0; i < 1000; i++) {
        event(S + i * 1000, TRACE_JOURNAL_FULL, 900, 1024, 0);
        event(S + i * 1000, TRACE_JOURNAL_ROOM, 0, 0, 0);
    }
    is_told("");
    event(62 * S, TRACE_JOURNAL_FULL, 900, 1024, 0);
    begins("4 the journal is full");
}

static void each_outage_tells_it_once(void **state)
{
    event(S, TRACE_JOURNAL_FULL, 900, 1024, 0);
    event(S, TRACE_JOURNAL_ROOM, 0, 0, 0);
    event(2 * S, TRACE_SESSION_LOST, 0, 0, 0);
    story_settle(&story);
    told[0] = '\0';
    event(3 * S, TRACE_JOURNAL_FULL, 900, 1024, 0);
    begins("4 the journal is full");
}

static void a_failure_is_loud_and_its_mark_is_told(void **state)
{
    event(S, TRACE_JOURNAL_FAILED, EIO, 4096, 0);
    begins("3 the journal failed (Input/output error); going on without it");
    event(S, TRACE_JOURNAL_MARKED, EIO, 1, 0);
    begins("3 the failed journal cannot be marked");
    event(6 * S, TRACE_JOURNAL_MARKED, EIO, 1, 0);
    is_told(""); /* it is tried again and again */
    event(9 * S, TRACE_JOURNAL_MARKED, 0, 0, 0);
    begins("5 the journal is marked as failed");
}

static void lost_blocks_are_loud_but_do_not_flood(void **state)
{
    event(S, TRACE_JOURNAL_DATA_LOST, 77, 8, EBADMSG);
    begins("3 the journal cannot be read back (block 77, 8 blocks: Bad message)");
    event(2 * S, TRACE_JOURNAL_DATA_LOST, 88, 8, EBADMSG);
    is_told("");
    event(12 * S, TRACE_JOURNAL_DATA_LOST, 99, 8, EBADMSG);
    begins("3 the journal cannot be read back (block 99");
}

static void a_lun_that_does_not_fit_is_told(void **state)
{
    event(S, TRACE_JOURNAL_LUN_UNFIT, 0, 0, 0);
    begins("3 the LUN does not fit the journal: its size differs; nothing is written");
}

static void another_system_is_told_with_what_to_do(void **state)
{
    event(S, TRACE_JOURNAL_FOREIGN, UINT64_MAX, 8, 0);
    assert_non_null(strstr(told, "holdfast journal export"));
    assert_non_null(strstr(told, "holdfast journal discard"));
    assert_non_null(strstr(told, "replay=force to write it over that\n")); /* the whole line */
    begins("3 another system wrote to the LUN behind our back (block 18446744073709551615+8 is not "
           "what it was): nothing is sent, requests wait");
    event(S, TRACE_JOURNAL_FOREIGN, 0, 0, 0);
    begins("3 another system wrote to the LUN behind our back (an earlier start has seen it): ");
    event(S, TRACE_JOURNAL_FOREIGN, 16, 8, 1);
    begins("4 another system wrote to the LUN behind our back (block 16+8 is not what it was); "
           "writing over it all the same");
}

static void a_place_that_cannot_be_read_is_told(void **state)
{
    event(S, TRACE_JOURNAL_UNREADABLE_CANARY, 128, 8, EIO);
    begins("4 block 128+8 of the LUN cannot be read (Input/output error), so it does not tell");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(what_it_holds_at_the_start_is_told),     TEST(full_and_room_are_a_pair),
        TEST(a_ring_at_its_limit_does_not_flood),     TEST(each_outage_tells_it_once),
        TEST(a_failure_is_loud_and_its_mark_is_told), TEST(lost_blocks_are_loud_but_do_not_flood),
        TEST(a_lun_that_does_not_fit_is_told),        TEST(another_system_is_told_with_what_to_do),
        TEST(a_place_that_cannot_be_read_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
