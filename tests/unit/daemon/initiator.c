#include "daemon/initiator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char name_file[] = "/tmp/holdfast-unit-name-XXXXXX";
static char machine_file[] = "/tmp/holdfast-unit-machine-XXXXXX";
static char name[224];
static struct fault fault;

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

static int make_files(void **state)
{
    int one = mkstemp(name_file);
    int two = mkstemp(machine_file);
    return close(one) | close(two);
}

static int remove_files(void **state)
{
    return unlink(name_file) | unlink(machine_file);
}

static void the_configured_name_wins(void **state)
{
    write_file(name_file, "InitiatorName=iqn.1993-08.org.debian:01:abc\n");
    assert_int_equal(initiator_name("iqn.x", name_file, machine_file, name, sizeof name, &fault),
                     0);
    assert_string_equal(name, "iqn.x");
}

static void then_open_iscsi_s(void **state)
{
    write_file(name_file, "## comment\nInitiatorName= iqn.1993-08.org.debian:01:abc \n");
    assert_int_equal(initiator_name("", name_file, machine_file, name, sizeof name, &fault), 0);
    assert_string_equal(name, "iqn.1993-08.org.debian:01:abc");
    write_file(name_file, "InitiatorName=nonsense\n");
    assert_true(initiator_name("", name_file, machine_file, name, sizeof name, &fault) < 0);
    assert_non_null(strstr(fault.text, name_file));
}

static void then_a_hash_of_the_machine_id_that_does_not_contain_it(void **state)
{
    char again[224];
    write_file(name_file, "GenerateName=yes\n");
    write_file(machine_file, "0123456789abcdef0123456789abcdef\n");
    assert_int_equal(initiator_name("", name_file, machine_file, name, sizeof name, &fault), 0);
    assert_int_equal(strlen(name), strlen("iqn.2026-11.org.holdfast:") + 12);
    assert_null(strstr(name, "0123456789ab"));
    assert_int_equal(initiator_name("", "/nonexistent", machine_file, again, sizeof again, &fault),
                     0);
    assert_string_equal(name, again);
    write_file(machine_file, "0123456789abcdef0123456789abcdee\n");
    assert_int_equal(initiator_name("", name_file, machine_file, again, sizeof again, &fault), 0);
    assert_string_not_equal(name, again);
}

static void without_any_the_mend_is_named(void **state)
{
    assert_true(initiator_name("", "/nonexistent/a", "/nonexistent/b", name, sizeof name, &fault) <
                0);
    assert_non_null(strstr(fault.text, "give initiator=iqn."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_configured_name_wins),
        cmocka_unit_test(then_open_iscsi_s),
        cmocka_unit_test(then_a_hash_of_the_machine_id_that_does_not_contain_it),
        cmocka_unit_test(without_any_the_mend_is_named),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
