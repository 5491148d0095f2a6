#include "session/lun.h"

#include <string.h>

#include "tests/unit/unit.h"

static struct lun_identity named(uint8_t type, const char *designator, const char *serial)
{
    struct lun_identity identity = {.designator_type = type};
    identity.designator_bytes = (uint8_t)strlen(designator);
    memcpy(identity.designator, designator, identity.designator_bytes);
    strcpy(identity.serial, serial);
    strcpy(identity.vendor, "IET");
    strcpy(identity.product, "VIRTUAL-DISK");
    strcpy(identity.revision, "0001");
    return identity;
}

static void assert_name(const struct lun_identity *identity, const char *expected)
{
    char name[140];
    lun_name(identity, name, sizeof name);
    assert_string_equal(name, expected);
}

static void the_same_lun_is_the_same_after_a_firmware_update(void **state)
{
    char why[100] = "untouched";
    struct lun_identity known = named(3, "\x60\x01", "s1"), now = known;
    strcpy(now.revision, "0002");
    strcpy(now.product, "BETTER-DISK");
    assert_true(lun_is_same(&known, &now, why, sizeof why));
    assert_string_equal(why, "untouched");
}

static void another_designator_is_another_lun(void **state)
{
    char why[100];
    struct lun_identity known = named(3, "\x60\x01", "s1"), now = named(3, "\x60\x02", "s1");
    assert_false(lun_is_same(&known, &now, why, sizeof why));
    assert_string_equal(why, "naa.6002, expected naa.6001");
}

static void a_lun_that_lost_its_designator_is_not_trusted(void **state)
{
    char why[100];
    struct lun_identity known = named(3, "\x60\x01", "s1"), now = named(0, "", "s1");
    assert_false(lun_is_same(&known, &now, why, sizeof why));
    assert_string_equal(why, "s1, expected naa.6001");
}

static void a_designator_that_begins_alike_is_another_lun(void **state)
{
    char why[100];
    struct lun_identity known = named(8, "iqn.a:lun", "s1"), now = named(8, "iqn.a:lun2", "s1");
    assert_false(lun_is_same(&known, &now, why, sizeof why));
}

static void another_serial_is_another_lun(void **state)
{
    char why[100];
    struct lun_identity known = named(3, "\x60\x01", "s1"), now = named(3, "\x60\x01", "");
    assert_false(lun_is_same(&known, &now, why, sizeof why));
    assert_string_equal(why, "serial none, expected s1");
}

static void without_designator_and_serial_the_model_decides(void **state)
{
    char why[100];
    struct lun_identity known = named(0, "", ""), now = known;
    assert_true(lun_is_same(&known, &now, why, sizeof why));
    strcpy(now.product, "OTHER");
    assert_false(lun_is_same(&known, &now, why, sizeof why));
    assert_string_equal(why, "model IET OTHER, expected IET VIRTUAL-DISK");
}

static void the_name_is_the_best_designator_or_the_serial(void **state)
{
    struct lun_identity naa = named(3, "\x60\x01\xab", "s1");
    struct lun_identity eui = named(2, "\x01\x02", "s1");
    struct lun_identity text = named(8, "iqn.x,lun1", "s1");
    struct lun_identity serial = named(0, "", "s1");
    struct lun_identity none = named(0, "", "");
    assert_name(&naa, "naa.6001ab");
    assert_name(&eui, "eui.0102");
    assert_name(&text, "iqn.x,lun1");
    assert_name(&serial, "s1");
    assert_name(&none, "IET VIRTUAL-DISK");
}

static void a_name_is_cut_to_the_room_for_it(void **state)
{
    char name[8];
    struct lun_identity naa = named(3, "\x60\x01\xab", "s1");
    lun_name(&naa, name, sizeof name);
    assert_string_equal(name, "naa.600");
}

/* In a log or on a terminal it would be more than a name. */
static void what_cannot_be_printed_is_no_part_of_a_name(void **state)
{
    struct lun_identity identity = named(1, "IET  \x1b[2J\n<3>\xff", "s1");
    assert_name(&identity, "IET  ?[2J?<3>?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_lun_is_the_same_after_a_firmware_update),
        cmocka_unit_test(another_designator_is_another_lun),
        cmocka_unit_test(a_lun_that_lost_its_designator_is_not_trusted),
        cmocka_unit_test(a_designator_that_begins_alike_is_another_lun),
        cmocka_unit_test(another_serial_is_another_lun),
        cmocka_unit_test(without_designator_and_serial_the_model_decides),
        cmocka_unit_test(the_name_is_the_best_designator_or_the_serial),
        cmocka_unit_test(a_name_is_cut_to_the_room_for_it),
        cmocka_unit_test(what_cannot_be_printed_is_no_part_of_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
