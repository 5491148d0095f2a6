#include "nbd-server/output.h"

#include <string.h>

#include "tests/unit/unit.h"

static unsigned sent_count;
static struct nsrv_message *sent_last;

static void sent(struct nsrv_message *message)
{
    sent_count++;
    sent_last = message;
}

static struct nsrv_message make(const char *header, const char *body)
{
    struct nsrv_message message = {.body = body, .sent = sent};
    message.header_bytes = (uint32_t)strlen(header);
    message.body_bytes = (uint32_t)strlen(body);
    memcpy(message.header, header, message.header_bytes);
    return message;
}

/* What the output would send now, in one string. */
static const char *text(const struct nsrv_output *output)
{
    static char all[200];
    struct iovec iov[16];
    size_t at = 0;
    const unsigned count = nsrv_output_iov(output, iov, 16);
    for (unsigned i = 0; i < count; i++) {
        assert_true(iov[i].iov_len > 0);
        memcpy(all + at, iov[i].iov_base, iov[i].iov_len);
        at += iov[i].iov_len;
    }
    all[at] = 0;
    return all;
}

static void sends_headers_and_bodies_in_order_however_it_is_cut(void **state)
{
    const char *whole = "abcdefghij";
    for (size_t step = 1; step <= 10; step++) {
        struct nsrv_output output;
        struct nsrv_message first = make("ab", "cde"), second = make("f", ""),
                            third = make("", "ghij");
        sent_count = 0;
        nsrv_output_init(&output);
        nsrv_output_append(&output, &first);
        nsrv_output_append(&output, &second);
        nsrv_output_append(&output, &third);
        for (size_t at = 0; at < 10; at += step) {
            assert_string_equal(text(&output), whole + at);
            nsrv_output_sent(&output, step < 10 - at ? step : 10 - at);
            assert_int_equal(sent_count, (at + step >= 5) + (at + step >= 6) + (at + step >= 10));
        }
        assert_true(nsrv_output_is_empty(&output));
    }
}

static struct nsrv_output *again_output;

static void sent_again(struct nsrv_message *message)
{
    sent_count++;
    if (sent_count < 3)
        nsrv_output_append(again_output, message);
}

static void a_message_may_be_queued_again_when_it_was_sent(void **state)
{
    struct nsrv_output output;
    struct nsrv_message message = make("x", "y");
    message.sent = sent_again;
    again_output = &output;
    sent_count = 0;
    nsrv_output_init(&output);
    nsrv_output_append(&output, &message);
    for (unsigned i = 1; i <= 3; i++) {
        assert_string_equal(text(&output), "xy");
        nsrv_output_sent(&output, 2);
        assert_int_equal(sent_count, i);
    }
    assert_true(nsrv_output_is_empty(&output));
}

static void never_fills_more_entries_than_there_is_room_for(void **state)
{
    struct nsrv_output output;
    struct nsrv_message first = make("ab", "cd"), second = make("ef", "gh");
    struct iovec iov[4];
    nsrv_output_init(&output);
    assert_int_equal(nsrv_output_iov(&output, iov, 4), 0);
    nsrv_output_append(&output, &first);
    nsrv_output_append(&output, &second);
    assert_int_equal(nsrv_output_iov(&output, iov, 3), 2);
    assert_int_equal(nsrv_output_iov(&output, iov, 4), 4);
    nsrv_output_sent(&output, 2);
    assert_int_equal(nsrv_output_iov(&output, iov, 3), 3);
}

static void what_is_dropped_is_not_reported_as_sent(void **state)
{
    struct nsrv_output output;
    struct nsrv_message first = make("ab", "cd"), second = make("ef", "gh");
    sent_count = 0;
    nsrv_output_init(&output);
    nsrv_output_append(&output, &first);
    nsrv_output_append(&output, &second);
    nsrv_output_sent(&output, 1);
    nsrv_output_drop(&output);
    assert_true(nsrv_output_is_empty(&output));
    assert_int_equal(sent_count, 0);
    nsrv_output_append(&output, &second);
    assert_string_equal(text(&output), "efgh");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_headers_and_bodies_in_order_however_it_is_cut),
        cmocka_unit_test(a_message_may_be_queued_again_when_it_was_sent),
        cmocka_unit_test(never_fills_more_entries_than_there_is_room_for),
        cmocka_unit_test(what_is_dropped_is_not_reported_as_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
