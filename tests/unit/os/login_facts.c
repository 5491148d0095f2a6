#include "os/login_facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define SUFFIX " [iqn.2026-11.org.example:disk]"

/* Feeds "Key=Value" pairs as the library logs them. */
static struct login_facts facts_of(const char *const *keys)
{
    struct login_facts facts;
    login_facts_init(&facts);
    for (; *keys; keys++) {
        char line[200];
        snprintf(line, sizeof line, "TargetLoginReply: %s" SUFFIX, *keys);
        login_facts_line(&facts, line);
    }
    return facts;
}

#define FACTS(...) facts_of((const char *const[]){__VA_ARGS__, NULL})

static uint32_t write_limit(const struct login_facts *facts, bool immediate_only)
{
    struct link_limits limits;
    login_facts_limits(facts, immediate_only, &limits);
    return limits.max_write_bytes;
}

static void keys_that_are_not_answered_have_the_standards_values(void **state)
{
    struct login_facts facts = FACTS("TargetPortalGroupTag=1");
    assert_int_equal(login_facts_immediate_bytes(&facts), 8192);
    assert_null(login_facts_fault(&facts, false));
    assert_false(facts.header_digest);
    assert_false(facts.target_named_itself);
}

static void the_smaller_of_segment_and_first_burst_is_the_limit(void **state)
{
    struct login_facts facts =
        FACTS("MaxRecvDataSegmentLength=262144", "FirstBurstLength=131072", "ImmediateData=Yes");
    assert_int_equal(login_facts_immediate_bytes(&facts), 131072);
    facts = FACTS("MaxRecvDataSegmentLength=65536", "FirstBurstLength=131072");
    assert_int_equal(login_facts_immediate_bytes(&facts), 65536);
    facts = FACTS("MaxRecvDataSegmentLength=16777215", "FirstBurstLength=16777215");
    assert_int_equal(login_facts_immediate_bytes(&facts), 262144); /* what we offered */
    facts = FACTS("MaxRecvDataSegmentLength=99999999999999", "FirstBurstLength=65537");
    assert_int_equal(login_facts_immediate_bytes(&facts), 65536); /* whole blocks */
    facts = FACTS("MaxRecvDataSegmentLength=262144", "ImmediateData=No");
    assert_int_equal(login_facts_immediate_bytes(&facts), 0);
}

static void decent_immediate_data_make_r2t_needless(void **state)
{
    struct login_facts facts = FACTS("MaxRecvDataSegmentLength=262144", "FirstBurstLength=65536");
    assert_int_equal(write_limit(&facts, false), 65536);
    assert_int_equal(write_limit(&facts, true), 65536);
}

static void small_immediate_data_are_for_targets_that_ping_only(void **state)
{
    struct login_facts facts = FACTS("MaxRecvDataSegmentLength=8192", "FirstBurstLength=65536");
    assert_int_equal(write_limit(&facts, false), 256 * 1024);
    assert_int_equal(write_limit(&facts, true), 8192);
}

static void without_usable_immediate_data_writes_go_by_r2t(void **state)
{
    struct login_facts facts = FACTS("ImmediateData=No", "MaxRecvDataSegmentLength=262144");
    assert_int_equal(write_limit(&facts, true), 256 * 1024);
    facts = FACTS("MaxRecvDataSegmentLength=2048");
    assert_int_equal(write_limit(&facts, true), 256 * 1024);
}

static void a_segment_that_makes_the_library_loop_is_refused(void **state)
{
    struct login_facts facts = FACTS("MaxRecvDataSegmentLength=0");
    assert_non_null(login_facts_fault(&facts, false));
    facts = FACTS("MaxRecvDataSegmentLength=512");
    assert_null(login_facts_fault(&facts, false));
}

static void a_header_digest_that_was_asked_for_must_be_agreed(void **state)
{
    struct login_facts facts = FACTS("HeaderDigest=CRC32C");
    assert_null(login_facts_fault(&facts, true));
    assert_true(facts.header_digest);
    facts = FACTS("HeaderDigest=None");
    assert_non_null(login_facts_fault(&facts, true));
    assert_null(login_facts_fault(&facts, false));
    facts = FACTS("ImmediateData=Yes");
    assert_non_null(strstr(login_facts_fault(&facts, true), "did not answer"));
}

static void a_target_proves_itself_by_name_and_response(void **state)
{
    struct login_facts facts = FACTS("CHAP_N=target", "CHAP_R=0x00000000000000000000000000000a00");
    assert_true(facts.target_named_itself);
    assert_true(facts.target_proved_itself);
    facts = FACTS("CHAP_N=target");
    assert_false(facts.target_proved_itself);
}

static void a_response_of_zeros_proves_nothing(void **state)
{
    struct login_facts facts = FACTS("CHAP_N=target", "CHAP_R=0x00000000000000000000000000000000");
    assert_false(facts.target_proved_itself);
}

static void other_lines_are_ignored(void **state)
{
    struct login_facts facts;
    login_facts_init(&facts);
    login_facts_line(&facts, "CHAP_R=0x11");
    login_facts_line(&facts, "connecting to portal TargetLoginReply: ImmediateData=No");
    login_facts_line(&facts, "TargetLoginReply: XFirstBurstLength=1");
    login_facts_line(&facts, "TargetLoginReply: FirstBurstLengthX=1");
    login_facts_line(&facts, "");
    assert_false(facts.target_proved_itself);
    assert_true(facts.immediate_data);
    assert_int_equal(login_facts_immediate_bytes(&facts), 8192);
}

static enum link_loss loss_of(const char *words, int status)
{
    char text[200];
    snprintf(text, sizeof text, "Failed to log in to target. Status: %s(%d)", words, status);
    assert_int_equal(login_status(text), status);
    return login_loss(text);
}

static void login_statuses_have_their_meaning(void **state)
{
    assert_int_equal(loss_of("Authentication failure", 0x0201), LINK_LOSS_LOGIN_AUTH);
    assert_int_equal(loss_of("Authorization failure", 0x0202), LINK_LOSS_LOGIN_AUTH);
    assert_int_equal(loss_of("Target not found", 0x0203), LINK_LOSS_LOGIN_NOT_FOUND);
    assert_int_equal(loss_of("Target removed", 0x0204), LINK_LOSS_LOGIN_NOT_FOUND);
    assert_int_equal(loss_of("Unsupported version", 0x0205), LINK_LOSS_LOGIN_REFUSED);
    assert_int_equal(loss_of("Too many connections", 0x0206), LINK_LOSS_LOGIN_TRANSIENT);
    assert_int_equal(loss_of("Missing parameter", 0x0207), LINK_LOSS_LOGIN_REFUSED);
    assert_int_equal(loss_of("Service unavailable", 0x0301), LINK_LOSS_LOGIN_TRANSIENT);
    assert_int_equal(loss_of("Target moved (unknown)", 0x0100), LINK_LOSS_LOGIN_TRANSIENT);
    assert_int_equal(loss_of("Unknown login error", 0x0907), LINK_LOSS_PROTOCOL);
}

static void a_failed_proof_of_the_target_is_told_from_ours(void **state)
{
    assert_int_equal(login_loss("Authentication failed. Invalid CHAP_R response from the target"),
                     LINK_LOSS_MUTUAL_CHAP);
    assert_int_equal(login_loss("Failed to log in to target. It did not return CHAP_N during "
                                "SECNEG."),
                     LINK_LOSS_MUTUAL_CHAP);
    assert_int_equal(login_loss("Failed to log in to target. Wrong CHAP targetname received: x"),
                     LINK_LOSS_MUTUAL_CHAP);
    assert_int_equal(login_loss("NUL not found after offset 3 when parsing login data"),
                     LINK_LOSS_PROTOCOL);
    assert_int_equal(login_loss(""), LINK_LOSS_PROTOCOL);
    assert_int_equal(login_status("(513)"), -1);
}

static void errors_of_the_system_are_told_in_its_words(void **state)
{
    assert_string_equal(library_error_words("read from socket failed, errno:104", ""),
                        "Connection reset by peer");
    assert_string_equal(library_error_words("Error when writing to socket :32 ", ""),
                        "Broken pipe");
    assert_string_equal(
        library_error_words("iscsi_service: socket error Connection refused(111) while connecting.",
                            ""),
        "Connection refused");
    assert_string_equal(library_error_words("Couldn't connect transport: Connect failed with "
                                            "errno : Network is unreachable(101)",
                                            ""),
                        "Network is unreachable");
    assert_string_equal(
        library_error_words("Failed to log in to target. Status: Target moved (unknown)(256)", ""),
        "login refused: Target moved (unknown) (0100h)");
    assert_string_equal(library_error_words("Got wrong opcode back", "-"), "Got wrong opcode back");
    assert_string_equal(library_error_words("", "closed"), "closed");
}

static void kinds_of_errors_are_told_apart(void **state)
{
    const char *data_out =
        "iscsi_write_to_socket: outqueue[0]->cmdsn < expcmdsn (00000001 < 00000002) opcode 00";
    assert_true(library_error_is_data_out(data_out));
    assert_false(library_error_is_socket(data_out));
    assert_true(library_error_is_data_out("Can't find iovector data for DATA-OUT"));
    assert_false(library_error_is_data_out("read from socket failed, errno:104"));
    assert_true(library_error_is_socket("read from socket failed, errno:104"));
    assert_true(library_error_is_socket(""));
    assert_true(library_error_is_no_reason("SENSE KEY:UNIT ATTENTION(6) ASCQ:BUS_RESET(0x2900)"));
    assert_true(library_error_is_no_reason("BUSY"));
    assert_true(library_error_is_refusal("Request was rejected with reason: 0x05 (x)"));
    assert_false(library_error_is_refusal("Request was rejected with reason: 0x06 (x)"));
    assert_false(library_error_is_no_reason("Got wrong opcode back"));
}

static void an_isid_is_the_same_for_the_same_nexus_only(void **state)
{
    struct isid_parts one = isid_derive("iqn.a", "iqn.b", 1, 0);
    struct isid_parts again = isid_derive("iqn.a", "iqn.b", 1, 0);
    assert_int_equal(one.random, again.random);
    assert_int_equal(one.qualifier, again.qualifier);
    assert_true(one.random <= 0xffffff);
    assert_int_not_equal(one.random, isid_derive("iqn.a", "iqn.b", 2, 0).random);
    assert_int_not_equal(one.random, isid_derive("iqn.ai", "qn.b", 1, 0).random);
    struct isid_parts tool = isid_derive("iqn.a", "iqn.b", 1, 7);
    assert_int_equal(tool.random, one.random);
    assert_int_not_equal(tool.qualifier, one.qualifier);
}

static void luns_above_255_use_flat_addressing(void **state)
{
    assert_int_equal(lun_address(0), 0);
    assert_int_equal(lun_address(255), 255);
    assert_int_equal(lun_address(256), 0x4100);
    assert_int_equal(lun_address(LUN_MAX), 0x7fff);
}

static void portals_are_split(void **state)
{
    static const struct {
        const char *text, *host;
        int port; /* -1: refused */
    } cases[] = {
        {"192.0.2.7", "192.0.2.7", 3260},
        {"192.0.2.7:3261,1", "192.0.2.7", 3261},
        {"storage.example,17", "storage.example", 3260},
        {"[2001:db8::7]:3262,1", "2001:db8::7", 3262},
        {"[2001:db8::7]", "2001:db8::7", 3260},
        {"2001:db8::7", "2001:db8::7", 3260},
        {"", NULL, -1},
        {":3260", NULL, -1},
        {"[2001:db8::7", NULL, -1},
        {"[]:3260", NULL, -1},
        {"[::1]x", NULL, -1},
        {"host:", NULL, -1},
        {"host:0", NULL, -1},
        {"host:65536", NULL, -1},
        {"host:-1", NULL, -1},
        {"host:32x", NULL, -1},
        {"much-too-long-for-the-buffer-that-is-given", NULL, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char host[24];
        uint16_t port = 0;
        int rc = portal_split(cases[i].text, host, sizeof host, &port);
        assert_int_equal(rc, cases[i].port < 0 ? -EINVAL : 0);
        if (rc < 0)
            continue;
        assert_string_equal(host, cases[i].host);
        assert_int_equal(port, cases[i].port);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_that_are_not_answered_have_the_standards_values),
        cmocka_unit_test(the_smaller_of_segment_and_first_burst_is_the_limit),
        cmocka_unit_test(decent_immediate_data_make_r2t_needless),
        cmocka_unit_test(small_immediate_data_are_for_targets_that_ping_only),
        cmocka_unit_test(without_usable_immediate_data_writes_go_by_r2t),
        cmocka_unit_test(a_segment_that_makes_the_library_loop_is_refused),
        cmocka_unit_test(a_header_digest_that_was_asked_for_must_be_agreed),
        cmocka_unit_test(a_target_proves_itself_by_name_and_response),
        cmocka_unit_test(a_response_of_zeros_proves_nothing),
        cmocka_unit_test(other_lines_are_ignored),
        cmocka_unit_test(login_statuses_have_their_meaning),
        cmocka_unit_test(a_failed_proof_of_the_target_is_told_from_ours),
        cmocka_unit_test(errors_of_the_system_are_told_in_its_words),
        cmocka_unit_test(kinds_of_errors_are_told_apart),
        cmocka_unit_test(an_isid_is_the_same_for_the_same_nexus_only),
        cmocka_unit_test(luns_above_255_use_flat_addressing),
        cmocka_unit_test(portals_are_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
