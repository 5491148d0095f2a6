#include "daemon/status.h"

#include <json-c/json.h>
#include <string.h>

#include "daemon/daemon.h"
#include "tests/unit/unit.h"

static struct options options;
static struct fault fault;

static struct status_facts facts_of(const char *url)
{
    options_init(&options);
    assert_int_equal(options_set(&options, "url", url, &fault), 0);
    assert_int_equal(options_complete(&options, &fault), 0);
    return (struct status_facts){.options = &options,
                                 .initiator = "iqn.i",
                                 .pid = 7,
                                 .now_us = 5500000,
                                 .started_us = 500000};
}

static struct json_object *at(struct json_object *from, const char *path)
{
    struct json_object *value = NULL;
    if (json_pointer_get(from, path, &value) != 0)
        fail_msg("there is no %s", path);
    return value;
}

static void before_the_lun_was_seen(void **state)
{
    struct status_facts facts = facts_of("iscsi://a,[::1]:99/iqn.2026-11.org.example:d/3");
    facts.session.state = SES_WAITING;
    facts.session.portal_index = 1;
    facts.session.since_us = 4000000;
    strcpy(facts.session.reason, "say \"no\"");
    facts.volume.parked = 12;
    struct json_object *status = status_json(&facts);
    assert_string_equal(json_object_get_string(at(status, "/state")), "waiting");
    assert_string_equal(json_object_get_string(at(status, "/uptime_seconds")), "5.000");
    assert_string_equal(json_object_get_string(at(status, "/session/since_seconds")), "1.500");
    assert_string_equal(json_object_get_string(at(status, "/session/portal")), "[::1]:99");
    assert_string_equal(json_object_get_string(at(status, "/session/reason")), "say \"no\"");
    assert_string_equal(json_object_get_string(at(status, "/target/portals/0")), "a:3260");
    assert_int_equal(json_object_get_int(at(status, "/target/lun")), 3);
    assert_int_equal(json_object_get_int(at(status, "/volume/parked")), 12);
    assert_null(at(status, "/lun"));
    json_object_put(status);
}

static void with_a_lun_that_is_ready_or_stopping(void **state)
{
    struct status_facts facts = facts_of("iscsi://a/iqn.2026-11.org.example:d/0");
    struct lun lun = {.block_bytes = 4096,
                      .blocks = 1ull << 40,
                      .physical_blocks = 1,
                      .unmap_granularity = 1,
                      .write_cache = true,
                      .identity = {.serial = "S1"}};
    facts.lun = &lun;
    facts.session.state = SES_READY;
    facts.session.sessions = 4;
    struct json_object *status = status_json(&facts);
    assert_string_equal(json_object_get_string(at(status, "/state")), "ready");
    assert_int_equal(json_object_get_int(at(status, "/session/outages")), 3);
    assert_true(json_object_get_uint64(at(status, "/lun/size_bytes")) == 1ull << 52);
    assert_string_equal(json_object_get_string(at(status, "/lun/serial")), "S1");
    assert_true(json_object_get_boolean(at(status, "/lun/write_cache")));
    json_object_put(status);
    facts.stopping = true;
    status = status_json(&facts);
    assert_string_equal(json_object_get_string(at(status, "/state")), "stopping");
    json_object_put(status);
}

static void a_journal_has_its_own_object(void **state)
{
    struct status_facts facts = facts_of("iscsi://a/iqn.2026-11.org.example:d/0");
    struct json_object *status = status_json(&facts);
    assert_string_equal(json_object_get_string(at(status, "/journal/mode")), "none");
    json_object_put(status);
    facts.journal_path = "/j";
    facts.journal_until_full_us = 90000000;
    facts.volume.journal_mode = VOL_JOURNAL_PERSISTENT;
    status = status_json(&facts);
    assert_string_equal(json_object_get_string(at(status, "/journal/state")), "not-made");
    json_object_put(status);
    facts.volume.journal_open = true;
    facts.volume.ring_bytes = 1 << 20;
    facts.volume.oldest_unsent_us = 1500000;
    status = status_json(&facts);
    assert_string_equal(json_object_get_string(at(status, "/journal/state")), "open");
    assert_string_equal(json_object_get_string(at(status, "/journal/path")), "/j");
    assert_int_equal(json_object_get_int(at(status, "/journal/ring_bytes")), 1 << 20);
    assert_string_equal(json_object_get_string(at(status, "/journal/oldest_unsent_seconds")),
                        "1.500");
    assert_string_equal(json_object_get_string(at(status, "/journal/full_in_seconds")), "90.000");
    json_object_put(status);
    facts.volume.journal_full = true;
    status = status_json(&facts);
    assert_string_equal(json_object_get_string(at(status, "/journal/state")), "full");
    json_object_put(status);
    facts.volume.journal_failed = true;
    status = status_json(&facts);
    assert_string_equal(json_object_get_string(at(status, "/journal/state")), "failed");
    json_object_put(status);
}

static void another_system_on_the_lun_is_told(void **state)
{
    struct status_facts facts = facts_of("iscsi://a/iqn.2026-11.org.example:d/0");
    facts.journal_path = "/j";
    facts.session.state = SES_READY;
    facts.volume.journal_mode = VOL_JOURNAL_PERSISTENT;
    facts.volume.journal_open = true;
    facts.volume.journal_canaries = 5;
    struct json_object *status = status_json(&facts);
    assert_string_equal(json_object_get_string(at(status, "/state")), "ready");
    assert_int_equal(json_object_get_int(at(status, "/journal/canaries")), 5);
    assert_false(json_object_object_get_ex(at(status, "/journal"), "foreign_blocks", NULL));
    json_object_put(status);
    facts.volume.journal_foreign = true;
    facts.volume.foreign_lba = 2048;
    facts.volume.foreign_blocks = 8;
    status = status_json(&facts);
    assert_string_equal(json_object_get_string(at(status, "/state")), "foreign-writes");
    assert_string_equal(json_object_get_string(at(status, "/journal/state")),
                        "foreign writes, nothing is sent");
    assert_int_equal(json_object_get_int(at(status, "/journal/foreign_block")), 2048);
    assert_int_equal(json_object_get_int(at(status, "/journal/foreign_blocks")), 8);
    json_object_put(status);
    facts.session.state = SES_WAITING; /* then that comes first */
    status = status_json(&facts);
    assert_string_equal(json_object_get_string(at(status, "/state")), "waiting");
    json_object_put(status);
}

static void every_state_has_a_word(void **state)
{
    for (int s = SES_IDLE; s <= SES_STOPPED; s++)
        assert_true(strlen(status_state_word((enum ses_state)s)) > 0);
}

static void no_secret_is_told(void **state)
{
    struct status_facts facts = facts_of("iscsi://a/iqn.2026-11.org.example:d/0");
    assert_int_equal(options_set(&options, "chap_user", "bob", &fault), 0);
    assert_int_equal(options_set(&options, "chap_secret_file", "/etc/secret", &fault), 0);
    struct json_object *status = status_json(&facts);
    assert_null(strstr(json_object_to_json_string(status), "secret"));
    json_object_put(status);
}

/* The table's defaults are those of the core, so that nobody runs with settings nobody tested. */
static void the_defaults_are_the_core_s(void **state)
{
    facts_of("iscsi://a/iqn.2026-11.org.example:d/5");
    struct ses_config sessions = session_config(&options);
    struct vol_config volumes = volume_config(&options);
    assert_int_equal(sessions.portal_count, 1);
    assert_int_equal(sessions.lun, 5);
    assert_false(sessions.observe_only);
    assert_int_equal(sessions.connect_timeout_ms, ses_config_default.connect_timeout_ms);
    assert_int_equal(sessions.command_timeout_ms, ses_config_default.command_timeout_ms);
    assert_int_equal(sessions.nop_interval_ms, ses_config_default.nop_interval_ms);
    assert_int_equal(sessions.nop_timeout_ms, ses_config_default.nop_timeout_ms);
    assert_int_equal(sessions.backoff_max_ms, ses_config_default.backoff_max_ms);
    assert_int_equal(sessions.wait_when_full, ses_config_default.wait_when_full);
    assert_true(volumes.memory_bytes == vol_config_default.memory_bytes);
    assert_true(volumes.retain_bytes == vol_config_default.retain_bytes);
    assert_true(volumes.retain_ms == vol_config_default.retain_ms);
    assert_true(volumes.outage_limit_ms == vol_config_default.outage_limit_ms);
    assert_false(volumes.read_only);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_lun_was_seen),
        cmocka_unit_test(with_a_lun_that_is_ready_or_stopping),
        cmocka_unit_test(a_journal_has_its_own_object),
        cmocka_unit_test(another_system_on_the_lun_is_told),
        cmocka_unit_test(every_state_has_a_word),
        cmocka_unit_test(no_secret_is_told),
        cmocka_unit_test(the_defaults_are_the_core_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
