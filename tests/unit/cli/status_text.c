#include "cli/status_text.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char *printed;

static const char *print(const char *json, bool colour)
{
    size_t bytes;
    free(printed);
    FILE *to = open_memstream(&printed, &bytes);
    struct json_object *status = json_tokener_parse(json);
    status_text_print(to, status, colour);
    json_object_put(status);
    fclose(to);
    return printed;
}

static int forget(void **state)
{
    free(printed);
    printed = NULL;
    return 0;
}

static void says(const char *part)
{
    if (!strstr(printed, part))
        fail_msg("'%s' is not in:\n%s", part, printed);
}

static void an_outage_is_told_with_its_reason(void **state)
{
    print("{\"name\":\"root\",\"state\":\"waiting\",\"pid\":7,\"journal\":\"none\",\"session\":{"
          "\"reason\":\"connection refused\",\"since_seconds\":61.5,\"outages\":1,"
          "\"portal\":\"192.0.2.7:3260\"},\"target\":{\"name\":\"iqn.x\",\"lun\":3},"
          "\"volume\":{\"requests\":2,\"parked\":2,\"retained_bytes\":4096},\"front_ends\":["
          "{\"kind\":\"nbd\",\"address\":\"unix:/a\",\"connections\":1,\"connections_max\":16},"
          "{\"kind\":\"file\",\"path\":\"/b\",\"mounted\":true,\"busy\":true}]}",
          false);
    says("root: waiting for 1 min 1 s (connection refused), after 1 outage\n");
    says("target     iqn.x, LUN 3, at 192.0.2.7:3260\n");
    says("2 under way, 2 of them waiting for the target\n");
    says("4 KiB acknowledged and not flushed");
    says("nbd        unix:/a, 1 of 16 connections\n");
    says("file       /b, mounted, still in use\n");
    assert_null(strstr(printed, "\033"));
    assert_null(strstr(printed, "disk "));
}

static void a_journal_is_told_with_its_ring(void **state)
{
    print("{\"volume\":{\"unsynced_bytes\":3072,\"dirty_bytes\":2048},"
          "\"journal\":{\"mode\":\"persistent\",\"path\":\"/j\",\"state\":\"full\","
          "\"ring_bytes\":1048576,\"used_bytes\":524288,\"entries\":3,"
          "\"oldest_unsent_seconds\":61.5,\"full_in_seconds\":7200}}",
          false);
    says("journal    persistent, /j, full\n");
    says("kept       3 KiB not on the LUN for good yet, 2 KiB of it not sent\n");
    says(
        "ring       512 KiB of 1 MiB in use (50 %), 3 entries, oldest not sent for 1 min 1 s, full "
        "in 2 h at this rate\n");
    print(
        "{\"journal\":{\"mode\":\"memory\",\"path\":\"/j\",\"state\":\"open\",\"ring_bytes\":4096,"
        "\"used_bytes\":0,\"entries\":1}}",
        false);
    says("0 B of 4 KiB in use (0 %), 1 entry\n");
    assert_null(strstr(printed, "foreign"));
    print(
        "{\"journal\":{\"mode\":\"memory\",\"path\":\"/j\",\"state\":\"open\",\"ring_bytes\":4096,"
        "\"foreign_block\":2048,\"foreign_blocks\":8}}",
        false);
    says("foreign    another system wrote to the LUN (block 2048+8); export the journal");
    print(
        "{\"journal\":{\"mode\":\"memory\",\"path\":\"/j\",\"state\":\"open\",\"ring_bytes\":4096,"
        "\"foreign_block\":0,\"foreign_blocks\":0}}",
        false);
    says("foreign    another system wrote to the LUN; export the journal");
    print("{\"journal\":{\"mode\":\"none\"}}", false);
    says("journal    none\n");
    assert_null(strstr(printed, "ring"));
}

static void colours_only_when_wanted(void **state)
{
    print("{\"name\":\"root\",\"state\":\"ready\"}", true);
    says("root: \033[32mready\033[0m for");
    print("{\"name\":\"root\",\"state\":\"wrong-lun\"}", true);
    says("\033[31mwrong-lun\033[0m");
    FILE *file = tmpfile();
    assert_false(status_text_wants_colour(file));
    fclose(file);
}

static void what_another_version_leaves_out_is_no_crash(void **state)
{
    print("{}", false);
    print("{\"session\":7,\"volume\":[],\"front_ends\":{},\"lun\":\"x\"}", false);
    print("null", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_outage_is_told_with_its_reason, forget),
        cmocka_unit_test_teardown(a_journal_is_told_with_its_ring, forget),
        cmocka_unit_test_teardown(colours_only_when_wanted, forget),
        cmocka_unit_test_teardown(what_another_version_leaves_out_is_no_crash, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
