#include "tests/unit/boot/plan.h"

static int with_secrets(const struct netboot_plan *plan, struct netboot_text *text)
{
    return netboot_ipxe(plan, NETBOOT_SECRETS, text);
}

static int asking(const struct netboot_plan *plan, struct netboot_text *text)
{
    return netboot_ipxe(plan, NETBOOT_ASK, text);
}

static void without_a_kernel_the_lun_boots_itself(void **state)
{
    write_plan(with_secrets, &example);
    assert_memory_equal(written, "#!ipxe\n", 7);
    has("\nset initiator-iqn iqn.2026-11.org.holdfast:root\n");
    has("\nsanboot " EXAMPLE_PATH " || goto failed\n");
    lacks("sanhook");
    lacks("username");
}

static void portals_are_tried_in_turn_and_again(void **state)
{
    struct netboot_plan plan = example;
    plan.portals[1] = (struct netboot_portal){"10.77.0.3", 3261};
    plan.portal_count = 2;
    write_plan(with_secrets, &plan);
    has("\nsanboot " EXAMPLE_PATH
        " || sanboot iscsi:10.77.0.3::3261:1a:iqn.2026-11.org.example:root || goto failed\n");
    const char *again = strstr(written, "\n:again\n"), *failed = strstr(written, "\n:failed\n");
    assert_true(again && failed && again < failed);
    assert_non_null(strstr(failed, "\ngoto again\n"));
}

static void a_kernel_is_told_to_look_in_the_ibft(void **state)
{
    struct netboot_plan plan = example;
    plan.kernel = "vmlinuz";
    plan.initrd = "http://10.77.0.1/images/initrd.img";
    plan.append = "root=LABEL=r ro";
    write_plan(with_secrets, &plan);
    has("\nsanhook " EXAMPLE_PATH " || goto failed\n"
        "kernel vmlinuz initrd=initrd.img holdfast=ibft root=LABEL=r ro || goto detach\n"
        "initrd http://10.77.0.1/images/initrd.img || goto detach\nboot || goto detach\n");
    has("\n:detach\nimgfree\nsanunhook\n");
}

static void a_kernel_may_do_without_initrd_and_words(void **state)
{
    struct netboot_plan plan = example;
    plan.kernel = "vmlinuz";
    write_plan(with_secrets, &plan);
    has("\nkernel vmlinuz holdfast=ibft || goto detach\nboot ");
}

static void any_byte_of_a_secret_passes(void **state)
{
    struct netboot_plan plan = with_chap(example);
    plan.chap_secret = "a b${net0}||\xff";
    write_plan(with_secrets, &plan);
    has("\nset username joe\nset password:hexraw 61206224"
        "7b6e6574307d7c7cff\n");
    has("\nset reverse-username target\nset reverse-password mutualsecret\n");
    has("IT HOLDS THE CHAP SECRET");
    lacks("login ");
}

static void the_other_script_asks_for_the_secrets(void **state)
{
    struct netboot_plan plan = with_chap(example);
    write_plan(asking, &plan);
    has("\nset username joe\n");
    has("\nlogin || goto failed\n");
    has("\nread reverse-password || goto failed\n");
    lacks("set password");
    lacks("set reverse-password");
    lacks("mutualsecret");
    lacks("HOLDS");
    plan.mutual_user = plan.mutual_secret = NULL;
    write_plan(asking, &plan);
    lacks("reverse");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_kernel_the_lun_boots_itself),
        cmocka_unit_test(portals_are_tried_in_turn_and_again),
        cmocka_unit_test(a_kernel_is_told_to_look_in_the_ibft),
        cmocka_unit_test(a_kernel_may_do_without_initrd_and_words),
        cmocka_unit_test(any_byte_of_a_secret_passes),
        cmocka_unit_test(the_other_script_asks_for_the_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
