#include "daemon/control.h"

#include <json-c/json.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct control_client client;
static struct control_client *waiting; /* a request that is answered later */
static unsigned gone_count;
static unsigned woken;
static char verbs_seen[256];

static void request(void *owner, struct control_client *from, const char *verb,
                    struct json_object *json)
{
    strcat(strcat(verbs_seen, verb), " ");
    if (strcmp(verb, "slow") == 0)
        waiting = from;
    else if (strcmp(verb, "no") == 0)
        control_refuse(from, "not \"that\"");
    else
        control_answer(from, json_object_new_object());
}

static void gone(void *owner, struct control_client *from)
{
    assert_ptr_equal(from, &client);
    gone_count++;
}

static void wake(struct control_client *from)
{
    woken++;
}

static const struct control_verbs verbs = {request, gone};

static int set_up(void **state)
{
    control_init(&client, &verbs, NULL);
    client.wake = wake;
    waiting = NULL;
    gone_count = 0;
    woken = 0;
    verbs_seen[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    control_done(&client);
    return 0;
}

static void says(const char *text)
{
    control_receive(&client, text, strlen(text));
}

static void is_answered(const char *expected)
{
    size_t bytes;
    const char *pending = control_pending(&client, &bytes);
    if (!pending)
        fail_msg("no answer; expected %s", expected);
    assert_int_equal(bytes, strlen(expected));
    assert_memory_equal(pending, expected, bytes);
    control_sent(&client, bytes);
}

static void is_silent(void)
{
    size_t bytes;
    assert_null(control_pending(&client, &bytes));
}

static void a_line_is_a_request(void **state)
{
    says("{\"verb\": \"status\"}\n");
    is_answered("{\"ok\":true}\n");
    is_silent();
    assert_false(control_is_over(&client));
}

static void a_line_may_come_byte_by_byte_and_two_at_once(void **state)
{
    const char *line = "{\"verb\":\"a\"}\n{\"verb\":\"b\"}\n";
    for (const char *c = line; *c; c++)
        control_receive(&client, c, 1);
    is_answered("{\"ok\":true}\n");
    is_answered("{\"ok\":true}\n");
    says(line);
    is_answered("{\"ok\":true}\n");
    is_answered("{\"ok\":true}\n");
    is_silent();
    assert_string_equal(verbs_seen, "a b a b ");
}

static void an_answer_may_be_sent_in_pieces(void **state)
{
    size_t bytes;
    says("{\"verb\":\"a\"}\n");
    control_pending(&client, &bytes);
    control_sent(&client, 5);
    is_answered(":true}\n");
}

static void a_refusal_keeps_the_connection(void **state)
{
    says("{\"verb\":\"no\"}\n");
    is_answered("{\"ok\":false,\"error\":\"not \\\"that\\\"\"}\n");
    says("{\"verb\":\"a\"}\n");
    is_answered("{\"ok\":true}\n");
}

static void requests_behind_a_slow_one_wait_for_it(void **state)
{
    says("{\"verb\":\"slow\"}\n{\"verb\":\"b\"}\n");
    is_silent();
    assert_string_equal(verbs_seen, "slow ");
    control_answer(waiting, json_object_new_object());
    assert_int_equal(woken, 1);
    is_answered("{\"ok\":true}\n");
    assert_string_equal(verbs_seen, "slow b ");
    is_answered("{\"ok\":true}\n");
}

static void who_leaves_is_announced(void **state)
{
    says("{\"verb\":\"slow\"}\n");
    control_done(&client);
    assert_int_equal(gone_count, 1);
    set_up(NULL);
    says("{\"verb\":\"a\"}\n");
    is_answered("{\"ok\":true}\n");
    assert_int_equal(gone_count, 0);
    control_done(&client);
    assert_int_equal(gone_count, 1);
}

static void what_is_no_object_is_refused_and_ends_the_connection(void **state)
{
    static const char *const nonsense[] = {
        "hello\n",     "[1]\n",  "{\"verb\":\n",
        "{} {}\n",     "1\n",    "{\"verb\":\"a\"} x\n",
        "\"\\ud800\n", "null\n", "{\"a\":[[[[[[[[[[[[]]]]]]]]]]]]}\n"};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        set_up(NULL);
        says(nonsense[i]);
        assert_false(control_is_over(&client));
        is_answered("{\"ok\":false,\"error\":\"that is no JSON object on one line\"}\n");
        assert_true(control_is_over(&client));
        assert_int_equal(control_room(&client), 0);
        control_done(&client);
    }
    assert_string_equal(verbs_seen, "");
}

static void an_object_without_a_verb_is_refused(void **state)
{
    says("{}\n");
    is_answered("{\"ok\":false,\"error\":\"the request has no \\\"verb\\\"\"}\n");
    says("{\"verb\":7}\n");
    is_answered("{\"ok\":false,\"error\":\"the request has no \\\"verb\\\"\"}\n");
    assert_false(control_is_over(&client));
}

static void empty_lines_are_skipped(void **state)
{
    says("\n\n{\"verb\":\"a\"}\n\n");
    is_answered("{\"ok\":true}\n");
    is_silent();
}

static void an_endless_line_is_refused(void **state)
{
    char data[CONTROL_LINE_BYTES];
    memset(data, ' ', sizeof data);
    assert_int_equal(control_room(&client), sizeof data);
    control_receive(&client, data, sizeof data);
    is_answered("{\"ok\":false,\"error\":\"the line is too long\"}\n");
    assert_true(control_is_over(&client));
}

static void what_a_client_sends_ahead_is_bounded(void **state)
{
    char data[CONTROL_LINE_BYTES];
    memset(data, '\n', sizeof data);
    says("{\"verb\":\"slow\"}\n");
    control_receive(&client, data, control_room(&client));
    assert_int_equal(control_room(&client), 0);
    control_answer(waiting, json_object_new_object());
    is_answered("{\"ok\":true}\n");
    assert_int_equal(control_room(&client), CONTROL_LINE_BYTES);
}

static void a_nul_byte_does_not_cut_a_line_short(void **state)
{
    control_receive(&client, "{\"verb\":\"a\"}\0 x\n", 16);
    is_answered("{\"ok\":false,\"error\":\"that is no JSON object on one line\"}\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_line_is_a_request),
        TEST(a_line_may_come_byte_by_byte_and_two_at_once),
        TEST(an_answer_may_be_sent_in_pieces),
        TEST(a_refusal_keeps_the_connection),
        TEST(requests_behind_a_slow_one_wait_for_it),
        TEST(who_leaves_is_announced),
        TEST(what_is_no_object_is_refused_and_ends_the_connection),
        TEST(an_object_without_a_verb_is_refused),
        TEST(empty_lines_are_skipped),
        TEST(an_endless_line_is_refused),
        TEST(what_a_client_sends_ahead_is_bounded),
        TEST(a_nul_byte_does_not_cut_a_line_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
