#include "os/link_libiscsi.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/unit.h"

static const struct link_portal portal = {.host = "192.0.2.7", .port = 3260};

static struct link_config good(void)
{
    return (struct link_config){
        .initiator = "iqn.2026-11.org.example:host",
        .target = "iqn.2026-11.org.example:disk",
        .portals = &portal,
        .portal_count = 1,
    };
}

static void expect_fault(const struct link_config *config, const char *word)
{
    const char *error = NULL;
    assert_int_equal(link_config_check(config, &error), -EINVAL);
    assert_non_null(error);
    assert_non_null(strstr(error, word));
}

static void a_plain_configuration_is_good(void **state)
{
    const char *error = "untouched";
    struct link_config config = good();
    assert_int_equal(link_config_check(&config, &error), 0);
    config.lun = 16383;
    config.chap_user = config.mutual_user = "user";
    config.chap_secret = "our secret";
    config.mutual_secret = "their secret";
    assert_int_equal(link_config_check(&config, &error), 0);
    assert_string_equal(error, "untouched");
}

static void what_the_library_would_cut_or_mistake_is_refused(void **state)
{
    char longest[257];
    memset(longest, 'x', sizeof longest - 1);
    longest[256] = '\0';
    struct link_config config = good();
    config.target = longest;
    expect_fault(&config, "255 bytes");
    config = good();
    const struct link_portal far = {.host = longest, .port = 3260};
    config.portals = &far;
    expect_fault(&config, "255 bytes");
    config = good();
    config.initiator = "";
    expect_fault(&config, "initiator");
    config = good();
    config.lun = 16384;
    expect_fault(&config, "16383");
    config = good();
    config.portal_count = 0;
    expect_fault(&config, "portal");
}

static void chap_in_halves_is_refused(void **state)
{
    struct link_config config = good();
    config.chap_user = "user";
    expect_fault(&config, "secret");
    config = good();
    config.chap_secret = "secret";
    expect_fault(&config, "user");
    config = good(); /* the library would silently do no CHAP at all (trap T9) */
    config.mutual_user = "target";
    config.mutual_secret = "secret";
    expect_fault(&config, "mutual");
    config.chap_user = "user";
    config.chap_secret = "secret";
    expect_fault(&config, "same");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_configuration_is_good),
        cmocka_unit_test(what_the_library_would_cut_or_mistake_is_refused),
        cmocka_unit_test(chap_in_halves_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
