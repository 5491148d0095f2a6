#include "tests/os/link_fixture.h"

#include <string.h>

#include "base/bytes.h"
#include "os/process.h"

#define PATIENCE_MS 10000

static void on_opened(void *owner, const struct link_limits *limits)
{
    struct fixture *fixture = owner;
    fixture->opened++;
    evl_break(fixture->loop); /* fixture_wait() looks again, without waiting for another event */
    fixture->limits = *limits;
}

static void on_lost(void *owner, enum link_loss reason, const char *detail)
{
    struct fixture *fixture = owner;
    fixture->lost++;
    evl_break(fixture->loop);
    fixture->loss = reason;
    snprintf(fixture->detail, sizeof fixture->detail, "%s", detail ? detail : "");
    if (fixture->reopen_in_lost) {
        fixture->reopen_in_lost = false;
        fixture->link->ops->open(fixture->link, 0);
    }
}

static void on_reset_done(void *owner, uint8_t response)
{
    struct fixture *fixture = owner;
    fixture->resets++;
    evl_break(fixture->loop);
    fixture->reset_response = response;
}

static void on_pong(void *owner)
{
    struct fixture *fixture = owner;
    fixture->pongs++;
    evl_break(fixture->loop);
}

static void on_network_changed(void *owner)
{
    ((struct fixture *)owner)->network_changes++;
}

static const struct link_events events = {
    .opened = on_opened,
    .lost = on_lost,
    .reset_done = on_reset_done,
    .pong = on_pong,
    .network_changed = on_network_changed,
};

void fixture_init(struct fixture *fixture, uint16_t port, const char *target)
{
    os_process_init();
    *fixture = (struct fixture){
        .portal = {.host = "127.0.0.1", .port = port},
        .config =
            {
                .initiator = "iqn.2026-11.org.example:link-test",
                .target = target,
                .lun = 1,
                .portal_count = 1,
            },
    };
    fixture->config.portals = &fixture->portal;
    random_os_init(&fixture->random);
    CHECK(evl_new(&fixture->loop) == 0);
}

void fixture_start(struct fixture *fixture)
{
    const char *error;
    CHECK(link_config_check(&fixture->config, &error) == 0);
    CHECK(link_libiscsi_new(&fixture->config, fixture->loop, &fixture->random.port,
                            &fixture->link) == 0);
    fixture->link->events = &events;
    fixture->link->owner = fixture;
}

void fixture_done(struct fixture *fixture)
{
    link_libiscsi_free(fixture->link);
    evl_free(fixture->loop);
}

static void wake(struct timer *timer)
{
}

unsigned fixture_run_ms(struct fixture *fixture, unsigned ms)
{
    struct timer_port *port = evl_timer_port(fixture->loop);
    struct timer timer;
    timer_init(&timer, wake);
    port_timer_after_ms(port, &timer, ms);
    unsigned turns = 0;
    while (timer_is_armed(&timer)) {
        evl_run_once(fixture->loop, true);
        turns++;
    }
    return turns;
}

void fixture_wait(struct fixture *fixture, const unsigned *counter, unsigned wanted)
{
    struct timer_port *port = evl_timer_port(fixture->loop);
    struct timer timer;
    timer_init(&timer, wake);
    port_timer_after_ms(port, &timer, PATIENCE_MS);
    while (*counter < wanted && timer_is_armed(&timer))
        evl_run_once(fixture->loop, true);
    if (*counter < wanted && fixture->lost)
        fprintf(stderr, "lost: %d (%s)\n", fixture->loss, fixture->detail);
    CHECK(*counter >= wanted);
    port_timer_stop(port, &timer);
}

void fixture_login(struct fixture *fixture)
{
    unsigned opened = fixture->opened;
    fixture->link->ops->open(fixture->link, 0);
    CHECK(fixture->opened == opened); /* never from inside the call */
    fixture_wait(fixture, &fixture->opened, opened + 1);
}

void fixture_refused(struct fixture *fixture, enum link_loss loss)
{
    unsigned lost = fixture->lost;
    unsigned opened = fixture->opened;
    fixture->link->ops->open(fixture->link, 0);
    CHECK(fixture->lost == lost);
    fixture_wait(fixture, &fixture->lost, lost + 1);
    printf("  lost: %s\n", fixture->detail);
    CHECK(fixture->opened == opened);
    CHECK(fixture->loss == loss);
    CHECK(fixture->detail[0] != '\0');
}

static void on_done(struct link_command *command)
{
    struct request *request = container_of(command, struct request, command);
    request->done++;
    evl_break(request->fixture->loop);
    if (!request->close_in_done)
        return;
    request->fixture->link->ops->close(request->fixture->link);
    if (request->poison)
        memset(request->poison, 0x55, request->poison_bytes);
}

void request_init(struct request *request, struct fixture *fixture, const void *cdb, size_t bytes)
{
    *request = (struct request){.fixture = fixture};
    memcpy(request->command.cdb, cdb, bytes);
    request->command.cdb_bytes = (uint8_t)bytes;
    request->command.done = on_done;
    request->command.iov = request->iov;
}

void request_data(struct request *request, enum link_direction direction, void *data,
                  uint32_t bytes, int pieces)
{
    uint32_t at = 0;
    for (int i = 0; i < pieces; i++) {
        uint32_t part = i == pieces - 1 ? bytes - at : bytes / (uint32_t)pieces;
        request->iov[i] = (struct iovec){(uint8_t *)data + at, part};
        at += part;
    }
    request->command.direction = direction;
    request->command.iov_count = pieces;
    request->command.data_bytes = bytes;
}

static void read_or_write(struct request *request, struct fixture *fixture, uint8_t opcode,
                          uint64_t lba, uint32_t bytes)
{
    uint8_t cdb[16] = {opcode};
    put_be64(&cdb[2], lba);
    put_be32(&cdb[10], bytes / 512);
    request_init(request, fixture, cdb, sizeof cdb);
}

void request_read(struct request *request, struct fixture *fixture, uint64_t lba, void *data,
                  uint32_t bytes, int pieces)
{
    read_or_write(request, fixture, 0x88, lba, bytes);
    request_data(request, LINK_DATA_IN, data, bytes, pieces);
}

void request_write(struct request *request, struct fixture *fixture, uint64_t lba, void *data,
                   uint32_t bytes, int pieces)
{
    read_or_write(request, fixture, 0x8a, lba, bytes);
    request_data(request, LINK_DATA_OUT, data, bytes, pieces);
}

void request_submit(struct request *request)
{
    struct link_port *link = request->fixture->link;
    unsigned done = request->done;
    link->ops->submit(link, &request->command);
    CHECK(request->done == done);
}

uint8_t request_run(struct request *request)
{
    request_submit(request);
    fixture_wait(request->fixture, &request->done, request->done + 1);
    return request->command.status;
}

void fixture_settle(struct fixture *fixture)
{
    const uint8_t test_unit_ready[6] = {0};
    struct request request;
    for (int i = 0; i < 5; i++) {
        request_init(&request, fixture, test_unit_ready, sizeof test_unit_ready);
        if (request_run(&request) == 0)
            return;
        CHECK(request.command.status == 2);
        CHECK(request.command.sense_bytes >= 14);
        CHECK((request.command.sense[0] & 0x7f) == 0x70);
        CHECK((request.command.sense[2] & 0xf) == 6);
    }
    CHECK(!"unit attentions without end");
}
