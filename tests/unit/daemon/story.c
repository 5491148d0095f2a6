#include "daemon/story.h"

#include <errno.h>
#include <string.h>

#include "port/link.h"
#include "session/session.h"
#include "tests/unit/daemon/told.h"

static void event(uint64_t at_us, enum trace_code code, uint64_t a, uint64_t b, uint64_t c,
                  const char *text)
{
    const struct trace_event one = {code, a, b, c, text};
    story_tell(&story, &one, at_us);
}

static void become_ready(void)
{
    event(0, TRACE_SESSION_READY, 0, 0, 0, NULL);
    story_settle(&story);
    told[0] = '\0';
}

static void the_first_login_is_one_line(void **state)
{
    event(0, TRACE_SESSION_CONNECTING, 1, 0, 0, NULL);
    event(0, TRACE_SESSION_READY, 0, 0, 0, NULL);
    is_told("");
    story_settle(&story);
    is_told("5 target ready\n");
    story_settle(&story);
    is_told("");
}

static void a_loss_and_what_it_parks_are_one_line(void **state)
{
    become_ready();
    event(5 * S, TRACE_SESSION_LOST, LINK_LOSS_CLOSED, 12, 5000, "connection reset");
    event(5 * S, TRACE_VOLUME_PARKED, 12, 0, 0, NULL);
    is_told("4 target gone (connection reset); 12 requests parked\n");
}

static void acknowledged_writes_that_are_kept_are_counted(void **state)
{
    become_ready();
    event(5 * S, TRACE_SESSION_LOST, LINK_LOSS_CLOSED, 0, 5000, NULL);
    event(5 * S, TRACE_VOLUME_PARKED, 1, 49152, 0, NULL);
    is_told("4 target gone (connection closed); 1 request parked; 48 KiB of acknowledged writes "
            "kept\n");
}

static void nothing_parked_is_not_counted(void **state)
{
    become_ready();
    event(5 * S, TRACE_SESSION_LOST, LINK_LOSS_CLOSED, 0, 5000, NULL);
    event(5 * S, TRACE_VOLUME_PARKED, 0, 0, 0, NULL);
    is_told("4 target gone (connection closed)\n");
}

static void details_of_the_system_become_part_of_the_line(void **state)
{
    event(0, TRACE_SESSION_ATTEMPT_FAILED, LINK_LOSS_CONNECT, 1, 0, "Connection refused");
    event(0, TRACE_SESSION_ATTEMPT_FAILED, LINK_LOSS_PROTOCOL, 1, 0, "NOP-In for nobody.\nmore");
    event(0, TRACE_SESSION_ATTEMPT_FAILED, LINK_LOSS_CONNECT, 1, 0, "\n");
    is_told("4 waiting for the target (connection refused)\n"
            "4 waiting for the target (nonsense from the target: NOP-In for nobody)\n"
            "4 waiting for the target (no connection)\n");
}

static void a_login_is_refused_once_in_a_line(void **state)
{
    event(0, TRACE_SESSION_ATTEMPT_FAILED, LINK_LOSS_LOGIN_AUTH, 1, 0,
          "login refused: Authentication failure (0201h)");
    is_told("4 waiting for the target (login refused: wrong CHAP user or secret, or not "
            "authorised: authentication failure (0201h))\n");
}

static void a_loss_that_parks_nothing_is_told_when_the_turn_ends(void **state)
{
    become_ready();
    event(5 * S, TRACE_SESSION_LOST, LINK_LOSS_LOGOUT, 0, 5000, NULL);
    is_told("");
    story_settle(&story);
    is_told("4 target gone (the target asked us to leave)\n");
}

static void a_return_and_what_is_sent_again_are_one_line(void **state)
{
    become_ready();
    event(5 * S, TRACE_SESSION_LOST, LINK_LOSS_CLOSED, 0, 5000, NULL);
    event(26 * S, TRACE_SESSION_READY, 0, 21449, 2, NULL);
    is_told("4 target gone (connection closed)\n");
    event(26 * S, TRACE_VOLUME_RESUMED, 0, 3, 12288, NULL);
    is_told("5 session back after 21.4 s; 3 writes sent again (12 KiB)\n");
    event(30 * S, TRACE_SESSION_READY, 0, 1000, 3, NULL);
    event(30 * S, TRACE_VOLUME_RESUMED, 1, 0, 0, NULL);
    is_told("5 session back after 1.0 s; 1 request goes on\n");
}

static void silence_and_deadlines_are_the_reason_of_the_loss(void **state)
{
    become_ready();
    event(5 * S, TRACE_SESSION_DEADLINE, SES_WRITE, 30000, 0, NULL);
    is_told("");
    event(5 * S, TRACE_SESSION_LOST, LINK_LOSS_DEADLINE, 1, 5000, NULL);
    story_settle(&story);
    is_told("4 target gone (no answer to a WRITE for 30.0 s)\n");
    event(9 * S, TRACE_SESSION_SILENT, 5000, 0, 0, NULL);
    event(9 * S, TRACE_SESSION_LOST, LINK_LOSS_SILENT, 1, 5000, NULL);
    story_settle(&story);
    is_told("4 target gone (no sign of life for 5.0 s)\n");
    event(10 * S, TRACE_SESSION_LOST, LINK_LOSS_CLOSED, 1, 5000, NULL);
    story_settle(&story);
    is_told("4 target gone (connection closed)\n");
}

static void failed_attempts_are_told_once_per_reason(void **state)
{
    for (unsigned i = 0; i < 50; i++)
        event(i * S / 10, TRACE_SESSION_ATTEMPT_FAILED, LINK_LOSS_CONNECT, i, 100,
              i % 2 ? "connection refused" : "no route to host");
    is_told("4 waiting for the target (no route to host)\n"
            "4 waiting for the target (connection refused)\n");
}

static void reminders_come_at_growing_intervals(void **state)
{
    for (uint64_t at = 0; at <= 3 * 3600 * S; at += 5 * S)
        event(at, TRACE_SESSION_ATTEMPT_FAILED, LINK_LOSS_CONNECT, 1, 5000, "connection refused");
    is_told("4 waiting for the target (connection refused)\n"
            "4 still waiting for the target (connection refused), 10.0 s\n"
            "4 still waiting for the target (connection refused), 1 min\n"
            "4 still waiting for the target (connection refused), 5 min\n"
            "4 still waiting for the target (connection refused), 15 min\n"
            "4 still waiting for the target (connection refused), 1 h\n"
            "4 still waiting for the target (connection refused), 2 h\n"
            "4 still waiting for the target (connection refused), 3 h\n");
}

static void a_new_outage_begins_anew(void **state)
{
    event(0, TRACE_SESSION_ATTEMPT_FAILED, LINK_LOSS_CONNECT, 1, 0, "connection refused");
    become_ready();
    event(50 * S, TRACE_SESSION_LOST, LINK_LOSS_CLOSED, 0, 5000, NULL);
    event(51 * S, TRACE_SESSION_ATTEMPT_FAILED, LINK_LOSS_CONNECT, 1, 0, "connection refused");
    event(55 * S, TRACE_SESSION_ATTEMPT_FAILED, LINK_LOSS_CONNECT, 1, 0, "connection refused");
    is_told("4 target gone (connection closed)\n"
            "4 waiting for the target (connection refused)\n");
}

static void distinct_reasons_are_bounded(void **state)
{
    for (unsigned i = 0; i < 100; i++) {
        char reason[32];
        snprintf(reason, sizeof reason, "reason %u", i);
        event(0, TRACE_SESSION_ATTEMPT_FAILED, LINK_LOSS_CONNECT, i, 100, reason);
    }
    unsigned lines = 0;
    for (const char *c = told; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, STORY_REASONS);
}

static void failing_commands_do_not_flood(void **state)
{
    for (unsigned i = 0; i < 100; i++)
        event(S + i, TRACE_SESSION_COMMAND_FAILED, SES_READ, 4711, 0x031100, NULL);
    is_told("3 a READ at block 4711 failed for good: medium error (3/11/00)\n");
    event(12 * S, TRACE_SESSION_COMMAND_FAILED, SES_WRITE, 8, 0x052100, NULL);
    is_told("3 a WRITE at block 8 failed for good: illegal request (5/21/00)\n"
            "3 99 more commands failed in the last 11.0 s\n");
}

static void troubles_are_told_in_the_standard_s_words(void **state)
{
    event(0, TRACE_SESSION_WAITING, SES_WRITE, 0x08, 0, NULL);
    event(0, TRACE_SESSION_WAITING, SES_WRITE, 0x28, 0, NULL);
    event(0, TRACE_SESSION_WAITING, SES_READ, 0x02, 0x020401, NULL);
    event(0, TRACE_SESSION_WAITING, 99, 0x77, 0, NULL);
    is_told("4 the target answers BUSY to a WRITE; trying again\n"
            "4 the target answers TASK SET FULL to a WRITE; trying again\n"
            "4 the target answers not ready (2/04/01) to a READ; trying again\n"
            "4 the target answers status 0x77 to a command; trying again\n");
}

static void what_needs_a_person_is_an_error(void **state)
{
    event(0, TRACE_SESSION_WRONG_LUN, 0, 0, 0, "the serial number is B, not A");
    event(0, TRACE_SESSION_RESERVATION_CONFLICT, 0xabc, 0, 0, NULL);
    event(0, TRACE_SESSION_UNUSABLE, 0, 0, 0, "blocks of 520 bytes");
    event(0, TRACE_VOLUME_OUTAGE_LIMIT, 2, 0, 0, NULL);
    event(0, TRACE_VOLUME_REWRITE_FAILED, 8, 16, EIO, NULL);
    is_told("3 another LUN answers: the serial number is B, not A; nothing is written to it, "
            "requests wait for the right one\n"
            "3 another initiator holds a reservation on the LUN (key 0xabc); nothing is written "
            "any more. Remove the reservation, then start this daemon again\n"
            "3 the LUN cannot be used: blocks of 520 bytes\n"
            "3 outage_limit has passed; 2 requests got an I/O error\n"
            "3 acknowledged data cannot be written again now (block 8, 16 blocks: Input/output "
            "error); kept, and tried again\n");
}

static void the_rest_of_the_events(void **state)
{
    event(0, TRACE_SESSION_FENCED_OLD_NEXUS, 0, 0, 0, NULL);
    event(0, TRACE_SESSION_FENCED_OLD_NEXUS, 5, 0, 0, NULL);
    event(0, TRACE_SESSION_GENERATION, 3, 0x29, 0x00, NULL);
    event(0, TRACE_SESSION_CAPACITY, 0, 100, 512, NULL);
    event(0, TRACE_VOLUME_RESIZED, 64 << 20, 128 << 20, 0, NULL);
    event(0, TRACE_VOLUME_SYNC_FAILED, EIO, 0, 0, NULL);
    is_told("6 what the old session left at the target was stopped (LUN reset)\n"
            "4 the target refuses a LUN reset (response 5); writes of the old session may still "
            "arrive late\n"
            "4 the target was reset or lost its cache (29/00); acknowledged writes are sent "
            "again\n"
            "5 the LUN changed its size from 64 MiB to 128 MiB\n"
            "4 the target failed to flush its cache (Input/output error); everything since the "
            "last flush is written again\n");
}

/* Once a second or every five: other lines must find their place. */
static void what_goes_wrong_for_ever_is_told_once_a_minute(void **state)
{
    const uint64_t second_us = 1000000;
    for (unsigned second = 1; second <= 60; second++) {
        event(second * second_us, TRACE_SESSION_GENERATION, second, 0, 0, NULL); /* the same */
        event(second * second_us, TRACE_VOLUME_SYNC_FAILED, EIO, 0, 0, NULL);
    }
    is_told("4 the target failed to flush its cache (Input/output error); everything since the "
            "last flush is written again\n");
    for (unsigned second = 1; second <= 60; second += 5)
        event(second * second_us, TRACE_VOLUME_REWRITE_FAILED, 8, 16, EIO, NULL);
    is_told("3 acknowledged data cannot be written again now (block 8, 16 blocks: Input/output "
            "error); kept, and tried again\n");
    event(61 * second_us, TRACE_VOLUME_SYNC_FAILED, EIO, 0, 0, NULL);
    event(61 * second_us, TRACE_VOLUME_REWRITE_FAILED, 8, 16, EIO, NULL);
    is_told("4 the target failed to flush its cache (Input/output error); everything since the "
            "last flush is written again\n"
            "3 acknowledged data cannot be written again now (block 8, 16 blocks: Input/output "
            "error); kept, and tried again\n");
}

static void a_failed_journal_that_cannot_be_marked_is_told_once(void **state)
{
    event(0, TRACE_JOURNAL_MARKED, EIO, 1, 0, NULL);
    assert_non_null(strstr(told, "3 the failed journal cannot be marked as such (Input/output "
                                 "error)"));
    assert_non_null(strstr(told, "writes wait"));
    told[0] = '\0';
    event(5 * S, TRACE_JOURNAL_MARKED, EIO, 1, 0, NULL);
    is_told("");
    event(10 * S, TRACE_JOURNAL_MARKED, 0, 0, 0, NULL);
    assert_non_null(strstr(told, "5 the journal is marked as failed"));
    told[0] = '\0';
    event(0, TRACE_JOURNAL_MARKED, EIO, 0, 0, NULL);
    assert_non_null(strstr(told, "4 the failed journal cannot be marked as such"));
    assert_non_null(strstr(told, "noting it elsewhere"));
}

static void a_detail_of_any_length_is_cut_not_overrun(void **state)
{
    char detail[1000];
    memset(detail, 'x', sizeof detail);
    detail[sizeof detail - 1] = '\0';
    event(0, TRACE_SESSION_ATTEMPT_FAILED, LINK_LOSS_PROTOCOL, 1, 0, detail);
    event(0, TRACE_SESSION_LOST, LINK_LOSS_PROTOCOL, 1, 0, detail);
    event(0, TRACE_VOLUME_PARKED, 1, 1, 0, NULL);
    event(0, TRACE_SESSION_UNUSABLE, 1, 0, 0, detail);
    event(0, TRACE_SESSION_ATTEMPT_FAILED, 9999, 1, 0, NULL);
    assert_non_null(strstr(told, "unknown reason"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(the_first_login_is_one_line),
        TEST(a_loss_and_what_it_parks_are_one_line),
        TEST(acknowledged_writes_that_are_kept_are_counted),
        TEST(nothing_parked_is_not_counted),
        TEST(details_of_the_system_become_part_of_the_line),
        TEST(a_login_is_refused_once_in_a_line),
        TEST(a_loss_that_parks_nothing_is_told_when_the_turn_ends),
        TEST(a_return_and_what_is_sent_again_are_one_line),
        TEST(silence_and_deadlines_are_the_reason_of_the_loss),
        TEST(failed_attempts_are_told_once_per_reason),
        TEST(reminders_come_at_growing_intervals),
        TEST(a_new_outage_begins_anew),
        TEST(distinct_reasons_are_bounded),
        TEST(failing_commands_do_not_flood),
        TEST(troubles_are_told_in_the_standard_s_words),
        TEST(what_needs_a_person_is_an_error),
        TEST(the_rest_of_the_events),
        TEST(what_goes_wrong_for_ever_is_told_once_a_minute),
        TEST(a_failed_journal_that_cannot_be_marked_is_told_once),
        TEST(a_detail_of_any_length_is_cut_not_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
