/* The link against a target that misbehaves: each trap of libiscsi that can be provoked. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "os/discover_libiscsi.h"
#include "tests/os/link_fixture.h"
#include "tests/os/rogue_target.h"

#define TARGET "iqn.2026-11.org.example:rogue"

static struct rogue_target rogue;
static uint8_t data[256 * 1024];

/* A link whose only portal is the rogue. */
static void prepare(struct fixture *fixture)
{
    fixture_init(fixture, 0, TARGET);
    CHECK(rogue_init(&rogue, fixture->loop, false) == 0);
    fixture->portal.port = rogue.port;
}

static void start(struct fixture *fixture)
{
    prepare(fixture);
    fixture_start(fixture);
}

static void finish(struct fixture *fixture)
{
    rogue_done(&rogue);
    fixture_done(fixture);
}

static void keys(const char *text, unsigned bytes)
{
    rogue.login_keys = text;
    rogue.login_keys_bytes = bytes - 1; /* without the literal's own zero: each key has one */
}

#define KEYS(text) keys(text, sizeof(text))

static void connections_that_are_closed_at_once(void)
{
    struct fixture fixture;
    start(&fixture);
    rogue.close_on_accept = true;
    for (int i = 0; i < 25; i++)
        fixture_refused(&fixture, LINK_LOSS_CLOSED);
    rogue.close_on_accept = false;
    rogue.close_on_login = true;
    for (int i = 0; i < 25; i++)
        fixture_refused(&fixture, LINK_LOSS_CLOSED);
    finish(&fixture);
}

static void sessions_that_are_lost(void)
{
    struct fixture fixture;
    static struct request requests[8];
    start(&fixture);
    rogue.answer = ROGUE_CLOSE;
    for (unsigned i = 0; i < 50; i++) {
        fixture_login(&fixture);
        for (unsigned r = 0; r < 8; r++) {
            request_read(&requests[r], &fixture, 0, data, 4096, 1);
            request_submit(&requests[r]);
        }
        fixture_wait(&fixture, &fixture.lost, i + 1);
        for (unsigned r = 0; r < 8; r++)
            CHECK(requests[r].done == 0);
        CHECK(fixture.loss == LINK_LOSS_CLOSED);
    }
    CHECK(fixture.lost == 50);
    finish(&fixture);
}

static void the_same_isid_at_every_login(void)
{
    struct fixture fixture;
    uint8_t isid[6];
    start(&fixture);
    fixture_login(&fixture);
    memcpy(isid, rogue.isid, sizeof isid);
    CHECK(isid[0] == 0x80 && isid[4] == 0 && isid[5] == 0);
    fixture.link->ops->close(fixture.link);
    fixture_login(&fixture);
    CHECK(memcmp(isid, rogue.isid, sizeof isid) == 0);
    fixture.link->ops->close(fixture.link);
    fixture.config.isid_qualifier = 0x102;
    fixture_login(&fixture);
    CHECK(memcmp(isid, rogue.isid, 4) == 0 && rogue.isid[4] == 1 && rogue.isid[5] == 2);
    finish(&fixture);
}

static void a_portal_may_have_an_ipv6_address(void)
{
    struct fixture fixture;
    fixture_init(&fixture, 0, TARGET);
    if (rogue_init(&rogue, fixture.loop, true) < 0) {
        printf("  no IPv6 here: not tested\n");
        evl_free(fixture.loop);
        return;
    }
    fixture.portal = (struct link_portal){.host = "::1", .port = rogue.port};
    fixture_start(&fixture);
    fixture_login(&fixture);
    CHECK(rogue.logins == 1);
    finish(&fixture);
}

static void a_lun_above_255_is_addressed_flat(void)
{
    struct fixture fixture;
    struct request request;
    prepare(&fixture);
    fixture.config.lun = 300;
    fixture_start(&fixture);
    rogue.answer = ROGUE_GOOD;
    fixture_login(&fixture);
    request_write(&request, &fixture, 0, data, 512, 1);
    CHECK(request_run(&request) == 0);
    CHECK(rogue.lun == (0x4000 | 300));
    finish(&fixture);
}

static void a_read_without_data_is_an_underflow(void)
{
    struct fixture fixture;
    struct request request;
    start(&fixture);
    rogue.answer = ROGUE_GOOD;
    fixture_login(&fixture);
    request_read(&request, &fixture, 0, data, 8192, 3);
    CHECK(request_run(&request) == 0);
    CHECK(request.command.residual_kind == LINK_RESIDUAL_UNDERFLOW);
    CHECK(request.command.residual_bytes == 8192);
    const uint8_t inquiry[6] = {0x12, 0, 0, 0, 36, 0};
    request_init(&request, &fixture, inquiry, sizeof inquiry);
    request_data(&request, LINK_DATA_IN, data, 36, 1);
    CHECK(request_run(&request) == 0);
    CHECK(request.command.residual_kind == LINK_RESIDUAL_UNDERFLOW);
    CHECK(request.command.residual_bytes == 36);
    finish(&fixture);
}

static void sense_is_never_read_beyond_its_end(void)
{
    struct fixture fixture;
    struct request request;
    start(&fixture);
    fixture_login(&fixture);
    rogue.answer = ROGUE_CHECK_BARE;
    request_read(&request, &fixture, 0, data, 512, 1);
    CHECK(request_run(&request) == 2);
    CHECK(request.command.sense_bytes == 0);
    rogue.answer = ROGUE_CHECK_CUT_SENSE;
    request_read(&request, &fixture, 0, data, 512, 1);
    CHECK(request_run(&request) == 2);
    CHECK(request.command.sense_bytes == 6);
    CHECK(request.command.sense[0] == 0x70 && request.command.sense[2] == 5);
    finish(&fixture);
}

static void lose_by(enum rogue_answer answer, enum link_loss loss)
{
    struct fixture fixture;
    static struct request requests[4];
    start(&fixture);
    rogue.answer = answer;
    fixture_login(&fixture);
    for (unsigned i = 0; i < 4; i++) {
        request_read(&requests[i], &fixture, 0, data, 4096, 1);
        request_submit(&requests[i]);
    }
    fixture_wait(&fixture, &fixture.lost, 1);
    printf("  lost: %s\n", fixture.detail);
    CHECK(fixture.loss == loss);
    for (unsigned i = 0; i < 4; i++)
        CHECK(requests[i].done == 0);
    CHECK(fixture_run_ms(&fixture, 50) < 20);
    CHECK(fixture.lost == 1);
    fixture_login(&fixture);
    finish(&fixture);
}

/* After trap T4 has struck, no write is larger than what goes out with its command. */
static void data_out_breaks(enum rogue_answer answer)
{
    struct fixture fixture;
    struct request request;
    start(&fixture);
    fixture_login(&fixture);
    CHECK(fixture.limits.max_write_bytes == 256 * 1024);
    rogue.answer = answer;
    request_write(&request, &fixture, 0, data, sizeof data, 5);
    request_submit(&request);
    fixture_wait(&fixture, &fixture.lost, 1);
    printf("  lost: %s\n", fixture.detail);
    CHECK(fixture.loss == LINK_LOSS_PROTOCOL);
    CHECK(request.done == (answer == ROGUE_R2T_THEN_CHECK));
    fixture_login(&fixture);
    CHECK(fixture.limits.max_write_bytes == 8192);
    rogue.answer = ROGUE_GOOD;
    unsigned data_outs = rogue.data_outs;
    request_write(&request, &fixture, 0, data, 8192, 1);
    CHECK(request_run(&request) == 0);
    CHECK(rogue.data_outs == data_outs);
    finish(&fixture);
}

/* As one that it answers with "not supported": there is a way without. */
static void a_reset_that_is_rejected_is_refused(void)
{
    struct fixture fixture;
    struct request request;
    start(&fixture);
    rogue.reject_task_management = true;
    rogue.answer = ROGUE_GOOD;
    fixture_login(&fixture);
    fixture.link->ops->reset_lun(fixture.link);
    fixture_wait(&fixture, &fixture.resets, 1);
    CHECK(fixture.reset_response == 255);
    request_write(&request, &fixture, 0, data, 512, 1);
    CHECK(request_run(&request) == 0);
    CHECK(fixture.lost == 0);
    finish(&fixture);
}

/* The link's socket: the one whose other end is the rogue's listener. */
static int link_socket(void)
{
    struct sockaddr_in peer;
    for (int fd = 3; fd < 64; fd++) {
        socklen_t bytes = sizeof peer;
        if (getpeername(fd, (struct sockaddr *)&peer, &bytes) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == rogue.port)
            return fd;
    }
    return -1;
}

static int tcp_option(int name)
{
    int value = -1;
    socklen_t bytes = sizeof value;
    CHECK(getsockopt(link_socket(), IPPROTO_TCP, name, &value, &bytes) == 0);
    return value;
}

static void tcp_asks_as_the_configuration_says(void)
{
    struct fixture fixture;
    prepare(&fixture);
    fixture.config.keepalive_idle_s = 7;
    fixture.config.keepalive_s = 15;
    fixture_start(&fixture);
    fixture_login(&fixture);
    CHECK(tcp_option(TCP_KEEPIDLE) == 7);
    CHECK(tcp_option(TCP_KEEPINTVL) == 3 && tcp_option(TCP_KEEPCNT) == 5);
    finish(&fixture);
}

/* It takes 65 commands, and answers none. */
static void a_ping_behind_a_shut_window_is_told_from_one_that_left(void)
{
    struct fixture fixture;
    static struct request requests[80];
    start(&fixture);
    fixture_login(&fixture);
    CHECK(fixture.link->ops->ping(fixture.link));
    fixture_wait(&fixture, &fixture.pongs, 1);
    for (unsigned i = 0; i < 80; i++) {
        request_read(&requests[i], &fixture, 0, data, 512, 1);
        request_submit(&requests[i]);
    }
    fixture_run_ms(&fixture, 50);
    CHECK(!fixture.link->ops->ping(fixture.link));
    fixture_run_ms(&fixture, 50);
    CHECK(!fixture.link->ops->ping(fixture.link));
    CHECK(fixture.pongs == 1 && fixture.lost == 0);
    rogue_answer_late(&rogue); /* the window opens, and what waited goes out */
    fixture_wait(&fixture, &fixture.pongs, 2);
    CHECK(fixture.link->ops->ping(fixture.link));
    fixture_wait(&fixture, &fixture.pongs, 3);
    finish(&fixture);
}

static void redirections_are_followed_but_not_for_ever(void)
{
    struct fixture fixture;
    static struct rogue_target other;
    static char address[64];
    start(&fixture);
    CHECK(rogue_init(&other, fixture.loop, false) == 0);
    int bytes = snprintf(address, sizeof address, "TargetAddress=127.0.0.1:%u,1", other.port);
    rogue.login_keys = address;
    rogue.login_keys_bytes = (unsigned)bytes + 1;
    const uint16_t moved[] = {0x0101, 0x0102};
    for (unsigned i = 0; i < 2; i++) {
        rogue.login_status = moved[i];
        fixture_login(&fixture);
        CHECK(rogue.logins == i + 1 && other.logins == i + 1);
        fixture.link->ops->close(fixture.link);
    }
    snprintf(address, sizeof address, "TargetAddress=127.0.0.1:%u,1", rogue.port);
    rogue.login_keys_bytes = (unsigned)strlen(address) + 1;
    rogue.logins = 0;
    fixture_refused(&fixture, LINK_LOSS_LOGIN_TRANSIENT);
    CHECK(rogue.logins == 5); /* the first, and 4 hops */
    rogue.login_keys_bytes = 0;
    fixture_refused(&fixture, LINK_LOSS_LOGIN_TRANSIENT); /* moved, but where to? */
    KEYS("TargetAddress=[::1\0");
    fixture_refused(&fixture, LINK_LOSS_PROTOCOL);
    rogue_done(&other);
    finish(&fixture);
}

static void a_target_that_skips_mutual_chap_is_refused(void)
{
    struct fixture fixture;
    prepare(&fixture);
    fixture.config.chap_user = "alice";
    fixture.config.chap_secret = "secret-of-alice";
    fixture_start(&fixture);
    fixture_login(&fixture); /* one-way CHAP protects the target, not us */
    fixture.link->ops->close(fixture.link);
    fixture.config.mutual_user = "target";
    fixture.config.mutual_secret = "secret-of-target";
    fixture_refused(&fixture, LINK_LOSS_MUTUAL_CHAP);
    KEYS("CHAP_N=target\0");
    fixture_refused(&fixture, LINK_LOSS_MUTUAL_CHAP);
    KEYS("CHAP_N=target\0CHAP_R=0x00000000000000000000000000000000\0");
    fixture_refused(&fixture, LINK_LOSS_MUTUAL_CHAP);
    KEYS("CHAP_N=target\0CHAP_R=0x00000000000000000000000000000001\0");
    fixture_refused(&fixture, LINK_LOSS_MUTUAL_CHAP);
    finish(&fixture);
}

static void bad_answers_to_the_login_are_refused(void)
{
    struct fixture fixture;
    start(&fixture);
    KEYS("MaxRecvDataSegmentLength=0\0");
    fixture_refused(&fixture, LINK_LOSS_PROTOCOL);
    fixture.config.header_digest = true;
    KEYS("ImmediateData=Yes\0");
    fixture_refused(&fixture, LINK_LOSS_PROTOCOL);
    KEYS("HeaderDigest=None\0");
    fixture_refused(&fixture, LINK_LOSS_PROTOCOL);
    fixture.config.header_digest = false;
    rogue.login_status = 0x0301;
    fixture_refused(&fixture, LINK_LOSS_LOGIN_TRANSIENT);
    rogue.login_status = 0x0205;
    fixture_refused(&fixture, LINK_LOSS_LOGIN_REFUSED);
    rogue.login_status = 0;
    rogue.garbage_on_login = true;
    fixture_refused(&fixture, LINK_LOSS_PROTOCOL);
    finish(&fixture);
}

/* Whatever state it is in: silent at once, and good for another open(). */
static void close_is_allowed_at_every_moment(void)
{
    struct fixture fixture;
    struct request request;
    start(&fixture);
    rogue.answer = ROGUE_GOOD;
    fixture.link->ops->close(fixture.link);
    for (unsigned turns = 0; turns < 12; turns++) {
        fixture.link->ops->open(fixture.link, 0);
        for (unsigned i = 0; i < turns; i++)
            evl_run_once(fixture.loop, false);
        fixture.link->ops->close(fixture.link);
        fixture.link->ops->close(fixture.link);
    }
    unsigned opened = fixture.opened;
    fixture_run_ms(&fixture, 30);
    CHECK(fixture.opened == opened && fixture.lost == 0);
    fixture_login(&fixture);
    request_read(&request, &fixture, 0, data, 512, 1);
    CHECK(request_run(&request) == 0);
    finish(&fixture);
}

static unsigned discovered;
static struct discovery_result found;

static void on_discovered(void *owner, const struct discovery_result *result)
{
    struct fixture *fixture = owner;
    discovered++;
    evl_break(fixture->loop);
    found = *result;
}

static struct discovery *discover(struct fixture *fixture, unsigned timeout_ms)
{
    fixture->config.target = NULL;
    unsigned before = discovered;
    struct discovery *discovery = discovery_start(
        &fixture->config, fixture->loop, &fixture->random.port, timeout_ms, on_discovered, fixture);
    CHECK(discovery != NULL && discovered == before);
    fixture_wait(fixture, &discovered, before + 1);
    return discovery;
}

static void discovery_lists_targets_in_their_order(void)
{
    struct fixture fixture;
    static const char answer[] = "TargetName=iqn.a\0TargetAddress=192.0.2.1:3260,1\0"
                                 "TargetAddress=[2001:db8::1]:3260,2\0"
                                 "TargetName=iqn.b\0TargetAddress=192.0.2.2:3260,1";
    start(&fixture);
    rogue.send_targets = answer;
    rogue.send_targets_bytes = sizeof answer;
    struct discovery *discovery = discover(&fixture, 5000);
    CHECK(found.error == NULL && found.target_count == 2);
    CHECK(strcmp(found.targets[0].name, "iqn.a") == 0 && found.targets[0].portal_count == 2);
    CHECK(strcmp(found.targets[0].portals[0], "192.0.2.1:3260,1") == 0);
    CHECK(strcmp(found.targets[0].portals[1], "[2001:db8::1]:3260,2") == 0);
    CHECK(strcmp(found.targets[1].name, "iqn.b") == 0 && found.targets[1].portal_count == 1);
    discovery_free(discovery);
    rogue.send_targets_bytes = 0;
    discovery = discover(&fixture, 5000);
    CHECK(found.error == NULL && found.target_count == 0);
    discovery_free(discovery);
    finish(&fixture);
}

static void discovery_that_fails_says_why(void)
{
    struct fixture fixture;
    static const char answer[] = "TargetAlias=x";
    start(&fixture);
    rogue.send_targets = answer;
    rogue.send_targets_bytes = sizeof answer;
    struct discovery *discovery = discover(&fixture, 5000);
    CHECK(found.error != NULL && found.loss == LINK_LOSS_PROTOCOL);
    discovery_free(discovery);
    rogue.login_status = 0x0201;
    discovery = discover(&fixture, 5000);
    CHECK(found.loss == LINK_LOSS_LOGIN_AUTH);
    discovery_free(discovery);
    rogue.close_on_accept = true;
    discovery = discover(&fixture, 5000);
    CHECK(found.loss == LINK_LOSS_CLOSED);
    discovery_free(discovery);
    evl_watch_stop(fixture.loop, &rogue.listener); /* connects, but nobody answers */
    discovery = discover(&fixture, 50);
    CHECK(found.loss == LINK_LOSS_CONNECT_TIMEOUT);
    discovery_free(discovery);
    finish(&fixture);
}

#define RUN(test)                                                                                  \
    do {                                                                                           \
        printf("%s\n", #test);                                                                     \
        fflush(stdout);                                                                            \
        test;                                                                                      \
    } while (0)

int main(void)
{
    RUN(connections_that_are_closed_at_once());
    RUN(sessions_that_are_lost());
    RUN(the_same_isid_at_every_login());
    RUN(a_portal_may_have_an_ipv6_address());
    RUN(a_lun_above_255_is_addressed_flat());
    RUN(a_read_without_data_is_an_underflow());
    RUN(sense_is_never_read_beyond_its_end());
    RUN(lose_by(ROGUE_REJECT, LINK_LOSS_PROTOCOL));
    RUN(lose_by(ROGUE_ASK_LOGOUT, LINK_LOSS_LOGOUT));
    RUN(lose_by(ROGUE_GARBAGE, LINK_LOSS_PROTOCOL));
    RUN(lose_by(ROGUE_HALF_THEN_CLOSE, LINK_LOSS_CLOSED));
    RUN(data_out_breaks(ROGUE_R2T_THEN_CHECK));
    RUN(data_out_breaks(ROGUE_R2T_THEN_PING));
    RUN(a_reset_that_is_rejected_is_refused());
    RUN(tcp_asks_as_the_configuration_says());
    RUN(a_ping_behind_a_shut_window_is_told_from_one_that_left());
    RUN(redirections_are_followed_but_not_for_ever());
    RUN(a_target_that_skips_mutual_chap_is_refused());
    RUN(bad_answers_to_the_login_are_refused());
    RUN(close_is_allowed_at_every_moment());
    RUN(discovery_lists_targets_in_their_order());
    RUN(discovery_that_fails_says_why());
    return 0;
}
