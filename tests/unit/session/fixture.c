#include "tests/unit/session/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static struct fixture *the_fixture; /* trace and random have no owner pointer */

static void told(void *owner, char event)
{
    struct fixture *f = owner;
    assert_true(f->event_count < sizeof f->events - 1);
    f->events[f->event_count++] = event;
    if (f->stop_at == event)
        ses_stop(f->session);
}

static void on_ready(void *owner)
{
    struct fixture *f = owner;
    assert_int_equal(fixture_state(f), SES_READY);
    assert_non_null(ses_lun(f->session));
    told(owner, 'R');
}

static void on_not_ready(void *owner)
{
    told(owner, 'N');
}

static void on_generation(void *owner)
{
    struct fixture *f = owner;
    if (f->watch_room)
        f->room_seen += ses_room(f->session);
    told(owner, 'G');
}

static void on_lun(void *owner)
{
    told(owner, 'L');
}

static void on_gave_up(void *owner)
{
    told(owner, 'U');
}

static void on_stopped(void *owner)
{
    told(owner, 'S');
}

static const struct ses_events events = {on_ready, on_not_ready, on_generation,
                                         on_lun,   on_gave_up,   on_stopped};

static void on_trace(struct trace_port *port, const struct trace_event *event)
{
    the_fixture->traced[event->code]++;
    the_fixture->last[event->code] = *event;
}

static uint32_t on_random(struct random_port *port)
{
    return UINT32_MAX / 2; /* the middle: jitter changes nothing */
}

void fixture_renew(struct fixture *f)
{
    ses_free(f->session);
    fake_link_init(&f->link);
    f->session =
        ses_new(&f->config, &f->link.port, &f->timer.port, &f->random, &f->trace, &events, f);
    assert_non_null(f->session);
}

int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    the_fixture = f;
    fake_timer_init(&f->timer);
    f->random.next = on_random;
    f->trace.emit = on_trace;
    f->config = ses_config_default;
    f->config.lun = 1;
    f->target = (struct fixture_target){.serial = "serial-1",
                                        .naa = 1,
                                        .blocks = FIXTURE_BLOCKS,
                                        .block_bytes = 512,
                                        .write_cache = true,
                                        .thin = true};
    fixture_renew(f);
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    ses_free(f->session);
    free(f);
    return 0;
}

enum ses_state fixture_state(const struct fixture *f)
{
    struct ses_status status;
    ses_status(f->session, &status);
    return status.state;
}

const char *fixture_reason(const struct fixture *f)
{
    static struct ses_status status;
    ses_status(f->session, &status);
    return status.reason;
}

void fixture_expect_events(struct fixture *f, const char *expected)
{
    f->events[f->event_count] = '\0';
    assert_string_equal(f->events, expected);
    f->event_count = 0;
}

static uint32_t inquiry(const struct fixture *f, uint8_t *data)
{
    data[0] = f->target.peripheral;
    data[4] = 31;
    memcpy(data + 8, "IET     ", 8);
    memcpy(data + 16, "VIRTUAL-DISK    ", 16);
    memcpy(data + 32, "0001", 4);
    return 36;
}

static uint32_t vital_product_data(const struct fixture *f, uint8_t page, uint8_t *data)
{
    static const uint8_t pages[] = {0x00, 0x80, 0x83, 0xb0, 0xb2};
    uint32_t length = 0;
    data[1] = page;
    if (page == 0x00) {
        length = f->target.thin ? sizeof pages : 3;
        memcpy(data + 4, pages, length);
    } else if (page == 0x80) {
        length = (uint32_t)strlen(f->target.serial);
        memcpy(data + 4, f->target.serial, length);
    } else if (page == 0x83) {
        static const uint8_t naa[] = {0x01, 0x03, 0, 8, 0x60, 1, 0x40, 5, 0, 0, 0};
        length = sizeof naa + 1;
        memcpy(data + 4, naa, sizeof naa);
        data[4 + sizeof naa] = f->target.naa;
    } else if (page == 0xb0) {
        length = 60;
        put_be32(data + 20, 4096);
    } else if (page == 0xb2) {
        length = 4;
        data[5] = 0xc0;
    }
    put_be16(data + 2, (uint16_t)length);
    return length + 4;
}

static uint32_t capacity16(const struct fixture *f, uint8_t *data)
{
    put_be64(data, f->target.blocks - 1);
    put_be32(data + 8, f->target.block_bytes);
    data[13] = 3;
    data[14] = f->target.thin ? 0xc0 : 0;
    return 32;
}

static uint32_t mode6(const struct fixture *f, uint8_t *data)
{
    data[0] = 23;
    data[2] = (uint8_t)((f->target.write_protected ? 0x80 : 0) | 0x10);
    data[4] = 0x08;
    data[5] = 0x12;
    data[6] = f->target.write_cache ? 0x04 : 0;
    return 24;
}

/* The session's own question is the newest command, as none is submitted before READY. */
bool fixture_answer_setup(struct fixture *f)
{
    if (f->link.count == 0)
        return false;
    unsigned index = f->link.count - 1;
    struct link_command *probe = f->link.commands[index];
    uint8_t data[256] = {0};
    uint32_t bytes = 0;
    if (probe->cdb[0] == 0x12)
        bytes = probe->cdb[1] & 1 ? vital_product_data(f, probe->cdb[2], data) : inquiry(f, data);
    else if (probe->cdb[0] == 0x9e)
        bytes = capacity16(f, data);
    else if (probe->cdb[0] == 0x1a)
        bytes = mode6(f, data);
    fake_link_good(&f->link, index, data, bytes);
    return true;
}

void fixture_run_setup(struct fixture *f)
{
    unsigned resets = 0;
    do {
        if (f->link.open && fixture_state(f) == SES_FENCING && f->link.count == 0 &&
            f->link.resets > resets) {
            resets = f->link.resets;
            f->link.port.events->reset_done(f->link.port.owner, 0);
        }
    } while (fixture_state(f) != SES_READY && f->link.open && fixture_answer_setup(f));
}

void fixture_become_ready(struct fixture *f)
{
    ses_start(f->session);
    fake_link_opened(&f->link);
    fixture_run_setup(f);
    assert_int_equal(fixture_state(f), SES_READY);
    fixture_expect_events(f, "R");
}

static void on_done(struct ses_command *command)
{
    the_fixture->room_in_done = ses_room(the_fixture->session);
    the_fixture->done[the_fixture->done_count++] = command;
    told(the_fixture, 'd');
}

struct ses_command *fixture_submit(struct fixture *f, enum ses_op op, uint64_t lba, uint64_t blocks)
{
    assert_true(f->command_count < FIXTURE_COMMANDS);
    struct iovec *iov = &f->iov[f->command_count];
    struct ses_command *command = &f->commands[f->command_count++];
    bool has_data = op != SES_SYNC && op != SES_UNMAP;
    uint64_t bytes = op == SES_WRITE_SAME ? 512 : op == SES_LBA_STATUS ? 128 : blocks * 512;
    *iov = (struct iovec){f->block, bytes};
    *command = (struct ses_command){.op = op,
                                    .lba = lba,
                                    .blocks = blocks,
                                    .iov = has_data ? iov : NULL,
                                    .iov_count = has_data ? 1 : 0,
                                    .done = on_done};
    ses_submit(f->session, command);
    return command;
}

void fixture_lose(struct fixture *f)
{
    fake_link_lost(&f->link, LINK_LOSS_CLOSED, "reset by peer");
}

void fixture_log_in(struct fixture *f)
{
    fake_link_opened(&f->link);
    fixture_run_setup(f);
    assert_int_equal(fixture_state(f), SES_READY);
}

void fixture_run_until(struct fixture *f, enum ses_state state)
{
    while (fixture_state(f) != state) {
        bool reset = fixture_state(f) == SES_FENCING && f->link.count == 0;
        if (reset)
            f->link.port.events->reset_done(f->link.port.owner, 0);
        else
            assert_true(fixture_answer_setup(f));
    }
}

void fixture_check_condition(struct fixture *f, uint8_t key, uint8_t asc, uint8_t ascq)
{
    fake_link_answer(&f->link, 0, 0x02, key, asc, ascq);
}

void fixture_status(struct fixture *f, uint8_t status)
{
    fake_link_answer(&f->link, 0, status, 0, 0, 0);
}

void fixture_good(struct fixture *f)
{
    fixture_status(f, 0);
}

int fixture_operation(const struct fixture *f)
{
    const struct link_command *command = fake_link_first(&f->link);
    return command ? command->cdb[0] : -1;
}

struct ses_status fixture_look(const struct fixture *f)
{
    struct ses_status status;
    ses_status(f->session, &status);
    return status;
}
