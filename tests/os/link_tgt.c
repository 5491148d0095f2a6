/*
 * The link against a real target, tgtd, that link_tgt.sh has set up:
 *   ...:plain   no CHAP, tgt's defaults (8 KiB segments: R2T writes)
 *   ...:wide    256 KiB of immediate data
 *   ...:chap    CHAP alice/secret-of-alice, mutual target/secret-of-target
 * Usage: link_tgt PORT TGTD-PID. The last test kills tgtd.
 */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "tests/os/link_fixture.h"

#define PLAIN "iqn.2026-11.org.example:plain"
#define WIDE  "iqn.2026-11.org.example:wide"
#define CHAP  "iqn.2026-11.org.example:chap"

static uint16_t port;
static pid_t tgtd;

static uint8_t data[1024 * 1024];
static uint8_t back[1024 * 1024];

static void fill(uint8_t *to, size_t bytes, unsigned seed)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = (uint8_t)((seed = seed * 1103515245 + 12345) >> 16);
}

static void start(struct fixture *fixture, const char *target)
{
    fixture_init(fixture, port, target);
    fixture_start(fixture);
    fixture_login(fixture);
    fixture_settle(fixture);
}

static void inquiry_reports_how_much_came(void)
{
    struct fixture fixture;
    struct request request;
    uint8_t answer[255];
    const uint8_t cdb[6] = {0x12, 0, 0, 0, sizeof answer, 0};
    start(&fixture, PLAIN);
    memset(answer, 0xee, sizeof answer);
    request_init(&request, &fixture, cdb, sizeof cdb);
    request_data(&request, LINK_DATA_IN, answer, sizeof answer, 3);
    CHECK(request_run(&request) == 0);
    CHECK(memcmp(&answer[8], "IET     ", 8) == 0);
    CHECK(request.command.residual_kind == LINK_RESIDUAL_UNDERFLOW);
    uint32_t came = sizeof answer - request.command.residual_bytes;
    CHECK(came >= 36 && came < sizeof answer);
    CHECK(came >= 5u + answer[4]);
    CHECK(answer[came] == 0 && answer[sizeof answer - 1] == 0);
    fixture_done(&fixture);
}

static void an_illegal_request_brings_its_sense(void)
{
    struct fixture fixture;
    struct request request;
    start(&fixture, PLAIN);
    request_read(&request, &fixture, UINT64_C(1) << 50, data, 4096, 1);
    CHECK(request_run(&request) == 2);
    CHECK(request.command.sense_bytes >= 14);
    CHECK((request.command.sense[2] & 0xf) == 5);
    CHECK(request.command.sense[12] == 0x21);
    fixture_done(&fixture);
}

static void write_and_read_back(const char *target, bool by_r2t)
{
    struct fixture fixture;
    struct request request;
    start(&fixture, target);
    printf("  limits: write %u read %u\n", fixture.limits.max_write_bytes,
           fixture.limits.max_read_bytes);
    CHECK(fixture.limits.max_write_bytes == 256 * 1024);
    CHECK(fixture.limits.max_read_bytes >= sizeof data);
    fill(data, sizeof data, by_r2t ? 1 : 2);
    uint32_t step = fixture.limits.max_write_bytes;
    for (uint32_t at = 0; at < sizeof data; at += step) {
        request_write(&request, &fixture, 64 + at / 512, data + at, step, 7);
        CHECK(request_run(&request) == 0);
        CHECK(request.command.residual_kind == LINK_RESIDUAL_NONE);
    }
    request_read(&request, &fixture, 64, back, sizeof back, 61);
    CHECK(request_run(&request) == 0);
    CHECK(request.command.residual_kind == LINK_RESIDUAL_NONE);
    CHECK(memcmp(data, back, sizeof data) == 0);
    fixture_done(&fixture);
}

static void as_many_commands_as_the_link_takes(void)
{
    struct fixture fixture;
    static struct request writes[LINK_COMMANDS], reads[LINK_COMMANDS];
    start(&fixture, WIDE);
    fill(data, LINK_COMMANDS * 4096, 3);
    for (unsigned i = 0; i < LINK_COMMANDS; i++) {
        request_write(&writes[i], &fixture, i * 8, data + i * 4096, 4096, 2);
        request_submit(&writes[i]);
    }
    for (unsigned i = 0; i < LINK_COMMANDS; i++)
        fixture_wait(&fixture, &writes[i].done, 1);
    memset(back, 0, sizeof back);
    for (unsigned i = 0; i < LINK_COMMANDS; i++) {
        request_read(&reads[i], &fixture, i * 8, back + i * 4096, 4096, 2);
        request_submit(&reads[i]);
    }
    for (unsigned i = 0; i < LINK_COMMANDS; i++) {
        fixture_wait(&fixture, &reads[i].done, 1);
        CHECK(reads[i].command.status == 0);
        CHECK(reads[i].command.residual_kind == LINK_RESIDUAL_NONE);
    }
    CHECK(memcmp(data, back, LINK_COMMANDS * 4096) == 0);
    CHECK(fixture.lost == 0);
    fixture_done(&fixture);
}

static void reset_ping_and_logout_are_answered(void)
{
    struct fixture fixture;
    start(&fixture, PLAIN);
    fixture.link->ops->reset_lun(fixture.link);
    fixture_wait(&fixture, &fixture.resets, 1);
    CHECK(fixture.reset_response == 0);
    fixture_settle(&fixture);
    CHECK(fixture.link->ops->ping(fixture.link));
    fixture_wait(&fixture, &fixture.pongs, 1);
    CHECK(fixture_run_ms(&fixture, 300) < 10); /* an idle link does not spin */
    fixture_done(&fixture);
}

static unsigned logouts;

static void logged_out(void *owner)
{
    struct fixture *fixture = owner;
    logouts++;
    evl_break(fixture->loop);
}

static void logout_ends_without_another_event(void)
{
    struct fixture fixture;
    start(&fixture, PLAIN);
    fixture.link->ops->logout(fixture.link, logged_out);
    CHECK(logouts == 0);
    fixture_wait(&fixture, &logouts, 1);
    fixture_run_ms(&fixture, 50);
    CHECK(logouts == 1 && fixture.lost == 0);
    fixture_login(&fixture); /* and may be opened again */
    fixture_done(&fixture);
}

static void header_digest_is_negotiated(void)
{
    struct fixture fixture;
    struct request request;
    fixture_init(&fixture, port, WIDE);
    fixture.config.header_digest = true;
    fixture_start(&fixture);
    fixture_login(&fixture);
    CHECK(fixture.limits.header_digest);
    fixture_settle(&fixture);
    request_read(&request, &fixture, 0, back, 65536, 2);
    CHECK(request_run(&request) == 0);
    fixture_done(&fixture);
}

static void chap_fixture(struct fixture *fixture, const char *secret, const char *mutual_secret)
{
    fixture_init(fixture, port, CHAP);
    fixture->config.chap_user = "alice";
    fixture->config.chap_secret = secret;
    fixture->config.mutual_user = mutual_secret ? "target" : NULL;
    fixture->config.mutual_secret = mutual_secret;
    fixture_start(fixture);
}

static void chap_lets_in_who_knows_the_secret(void)
{
    struct fixture fixture;
    chap_fixture(&fixture, "secret-of-alice", NULL);
    fixture_login(&fixture);
    fixture_settle(&fixture);
    fixture_done(&fixture);
    chap_fixture(&fixture, "secret-of-mallory", NULL);
    fixture_refused(&fixture, LINK_LOSS_LOGIN_AUTH);
    fixture_done(&fixture);
    fixture_init(&fixture, port, CHAP);
    fixture_start(&fixture);
    fixture_refused(&fixture, LINK_LOSS_LOGIN_AUTH);
    fixture_done(&fixture);
}

static void mutual_chap_checks_the_target(void)
{
    struct fixture fixture;
    chap_fixture(&fixture, "secret-of-alice", "secret-of-target");
    fixture_login(&fixture);
    fixture_settle(&fixture);
    fixture_done(&fixture);
    chap_fixture(&fixture, "secret-of-alice", "secret-of-another");
    fixture_refused(&fixture, LINK_LOSS_MUTUAL_CHAP);
    fixture_done(&fixture);
}

static void a_target_that_is_not_there_is_not_found(void)
{
    struct fixture fixture;
    fixture_init(&fixture, port, "iqn.2026-11.org.example:nobody");
    fixture_start(&fixture);
    fixture_refused(&fixture, LINK_LOSS_LOGIN_NOT_FOUND);
    fixture_done(&fixture);
}

static void nothing_is_heard_after_close(void)
{
    struct fixture fixture;
    static struct request requests[32];
    start(&fixture, WIDE);
    for (unsigned i = 0; i < 32; i++) {
        request_read(&requests[i], &fixture, i * 8, back + i * 4096, 4096, 2);
        request_submit(&requests[i]);
    }
    requests[3].close_in_done = true; /* in the midst of the library's read loop */
    requests[3].poison = back;
    requests[3].poison_bytes = sizeof back;
    evl_run_once(fixture.loop, false); /* sends */
    usleep(200000);                    /* and all answers lie in the socket */
    fixture_wait(&fixture, &requests[3].done, 1);
    unsigned done = 0;
    for (unsigned i = 0; i < 32; i++)
        done += requests[i].done;
    fixture_login(&fixture); /* at once: two contexts live for a moment */
    fixture_settle(&fixture);
    fixture_run_ms(&fixture, 100);
    for (unsigned i = 0; i < 32; i++)
        done -= requests[i].done;
    CHECK(done == 0 && fixture.lost == 0);
    for (size_t i = 0; i < sizeof back; i++)
        CHECK(back[i] == 0x55);
    fixture_done(&fixture);
}

static void a_name_is_resolved_and_an_unknown_one_is_told(void)
{
    struct fixture fixture;
    fixture_init(&fixture, port, PLAIN);
    fixture.portal.host = "localhost";
    fixture_start(&fixture);
    unsigned tries = 0; /* ::1 may come first, and tgtd listens on 127.0.0.1 only */
    while (fixture.opened == 0 && tries++ < 4) {
        fixture.link->ops->open(fixture.link, 0);
        unsigned lost = fixture.lost;
        while (fixture.opened == 0 && fixture.lost == lost)
            evl_run_once(fixture.loop, true);
    }
    CHECK(fixture.opened == 1);
    fixture_done(&fixture);

    fixture_init(&fixture, port, PLAIN);
    fixture.portal.host = "no-such-host.invalid";
    fixture_start(&fixture);
    fixture_refused(&fixture, LINK_LOSS_RESOLVE);
    fixture_done(&fixture);
}

static void many_sessions_one_after_the_other(void)
{
    struct fixture fixture;
    fixture_init(&fixture, port, PLAIN);
    fixture_start(&fixture);
    for (int i = 0; i < 25; i++) {
        fixture_login(&fixture);
        if (i % 2)
            fixture_settle(&fixture);
        fixture.link->ops->close(fixture.link);
    }
    fixture_done(&fixture);
}

static void a_killed_target_is_told_once(void)
{
    struct fixture fixture;
    static struct request requests[32];
    start(&fixture, WIDE);
    CHECK(kill(tgtd, SIGSTOP) == 0);
    for (unsigned i = 0; i < 32; i++) {
        request_write(&requests[i], &fixture, i * 512, data, 131072, 2);
        request_submit(&requests[i]);
    }
    fixture_run_ms(&fixture, 100);
    CHECK(kill(tgtd, SIGKILL) == 0);
    fixture_wait(&fixture, &fixture.lost, 1);
    CHECK(fixture.loss == LINK_LOSS_CLOSED);
    printf("  lost: %s\n", fixture.detail);
    CHECK(fixture_run_ms(&fixture, 300) < 10); /* and no spin afterwards */
    CHECK(fixture.lost == 1);
    for (unsigned i = 0; i < 32; i++)
        CHECK(requests[i].done == 0);
    fixture_refused(&fixture, LINK_LOSS_CONNECT);
    fixture.reopen_in_lost = true;
    fixture.link->ops->open(fixture.link, 0);
    fixture_wait(&fixture, &fixture.lost, fixture.lost + 2);
    fixture_done(&fixture);
}

#define RUN(test)                                                                                  \
    do {                                                                                           \
        printf("%s\n", #test);                                                                     \
        fflush(stdout);                                                                            \
        test;                                                                                      \
    } while (0)

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    port = (uint16_t)atoi(argv[1]);
    tgtd = (pid_t)atoi(argv[2]);
    RUN(inquiry_reports_how_much_came());
    RUN(an_illegal_request_brings_its_sense());
    RUN(write_and_read_back(PLAIN, true));
    RUN(write_and_read_back(WIDE, false));
    RUN(as_many_commands_as_the_link_takes());
    RUN(reset_ping_and_logout_are_answered());
    RUN(logout_ends_without_another_event());
    RUN(header_digest_is_negotiated());
    RUN(chap_lets_in_who_knows_the_secret());
    RUN(mutual_chap_checks_the_target());
    RUN(a_target_that_is_not_there_is_not_found());
    RUN(nothing_is_heard_after_close());
    RUN(a_name_is_resolved_and_an_unknown_one_is_told());
    RUN(many_sessions_one_after_the_other());
    RUN(a_killed_target_is_told_once());
    return 0;
}
