#include "tests/tools/faulty_device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_timer.h"
#include "tests/unit/unit.h"

#define BYTES 8192u

/* The device underneath: memory, and operations that end when the test says so. */
struct rig {
    struct jdev_port under;
    char disk[4 * BYTES];
    struct list_node waiting;
    unsigned syncs;

    struct fake_timer clock;
    struct faulty_device *faulty;
    struct jdev_port *port;
    char memory[BYTES];
    struct iovec iov[2];
    struct jdev_op op;
    unsigned times;
    int error;
};

static void under_submit(struct jdev_port *port, struct jdev_op *op)
{
    list_append(&container_of(port, struct rig, under)->waiting, &op->node);
}

static int under_read(struct jdev_port *port, uint64_t offset, void *data, size_t bytes)
{
    memcpy(data, container_of(port, struct rig, under)->disk + offset, bytes);
    return 0;
}

static int under_sync(struct jdev_port *port)
{
    container_of(port, struct rig, under)->syncs++;
    return 0;
}

static int under_write(struct jdev_port *port, uint64_t offset, const void *data, size_t bytes)
{
    memcpy(container_of(port, struct rig, under)->disk + offset, data, bytes);
    return under_sync(port);
}

static void carry_out(struct rig *rig, struct jdev_op *op)
{
    char *place = rig->disk + op->offset;
    if (op->kind == JDEV_SYNC)
        rig->syncs++;
    for (int i = 0; op->kind != JDEV_SYNC && i < op->iov_count; i++) {
        bool write = op->kind == JDEV_WRITE;
        memcpy(write ? place : op->iov[i].iov_base, write ? op->iov[i].iov_base : place,
               op->iov[i].iov_len);
        place += op->iov[i].iov_len;
    }
}

static void run_under(struct rig *rig)
{
    struct jdev_op *op;
    while ((op = list_first(&rig->waiting, struct jdev_op, node))) {
        list_remove(&op->node);
        carry_out(rig, op);
        op->done(op, 0);
    }
}

static void ended(struct jdev_op *op, int error)
{
    struct rig *rig = container_of(op, struct rig, op);
    rig->times++;
    rig->error = error;
}

static int setup(void **state)
{
    static const struct jdev_port_ops ops = {
        .submit = under_submit,
        .read_now = under_read,
        .write_now = under_write,
        .sync_now = under_sync,
    };
    struct rig *rig = calloc(1, sizeof *rig);
    rig->under = (struct jdev_port){.ops = &ops, .size_bytes = sizeof rig->disk};
    list_init(&rig->waiting);
    fake_timer_init(&rig->clock);
    rig->faulty = faulty_device_new(&rig->under, &rig->clock.port);
    rig->port = faulty_device_port(rig->faulty);
    memset(rig->memory, 'm', BYTES);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    faulty_device_free(rig->faulty);
    free(rig);
    return 0;
}

/* Two elements, the first of 512 bytes. */
static void start(struct rig *rig, enum jdev_kind kind)
{
    rig->iov[0] = (struct iovec){.iov_base = rig->memory, .iov_len = 512};
    rig->iov[1] = (struct iovec){.iov_base = rig->memory + 512, .iov_len = BYTES - 512};
    rig->op = (struct jdev_op){
        .kind = kind, .iov = rig->iov, .iov_count = 2, .bytes = BYTES, .done = ended};
    rig->times = 0;
    rig->port->ops->submit(rig->port, &rig->op);
    assert_int_equal(rig->times, 0);
}

static int run(struct rig *rig, enum jdev_kind kind)
{
    start(rig, kind);
    run_under(rig);
    fake_timer_advance_ms(&rig->clock, 0);
    assert_int_equal(rig->times, 1);
    return rig->error;
}

static void without_rules_everything_passes(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(rig->port->size_bytes, sizeof rig->disk);
    assert_int_equal(run(rig, JDEV_WRITE), 0);
    assert_memory_equal(rig->disk, rig->memory, BYTES);
    memset(rig->memory, 0, BYTES);
    assert_int_equal(run(rig, JDEV_READ), 0);
    assert_int_equal(rig->memory[BYTES - 1], 'm');
    assert_int_equal(run(rig, JDEV_SYNC), 0);
    assert_int_equal(rig->syncs, 1);
    assert_int_equal(faulty_device_strikes(rig->faulty), 0);
}

static void the_nth_of_its_kind_fails_and_leaves_the_device_alone(void **state)
{
    struct rig *rig = *state;
    faulty_device_add(
        rig->faulty,
        &(struct faulty_rule){.kind = JDEV_WRITE, .nth = 2, .action = FAULTY_FAIL, .error = -EIO});
    assert_int_equal(run(rig, JDEV_WRITE), 0);
    assert_int_equal(run(rig, JDEV_SYNC), 0);
    memset(rig->memory, 'x', BYTES);
    assert_int_equal(run(rig, JDEV_WRITE), -EIO);
    assert_int_equal(rig->disk[0], 'm');
    assert_int_equal(run(rig, JDEV_WRITE), 0);
    assert_int_equal(rig->disk[0], 'x');
    assert_int_equal(faulty_device_strikes(rig->faulty), 1);
}

static void a_device_can_fail_for_ever_until_it_is_healed(void **state)
{
    struct rig *rig = *state;
    faulty_device_add(rig->faulty, &(struct faulty_rule){.kind = JDEV_SYNC,
                                                         .nth = 1,
                                                         .times = FAULTY_FOREVER,
                                                         .action = FAULTY_FAIL,
                                                         .error = -ENOSPC});
    for (int i = 0; i < 5; i++)
        assert_int_equal(run(rig, JDEV_SYNC), -ENOSPC);
    assert_int_equal(rig->port->ops->sync_now(rig->port), -ENOSPC);
    assert_int_equal(rig->port->ops->write_now(rig->port, 0, rig->memory, BYTES), -ENOSPC);
    faulty_device_heal(rig->faulty);
    assert_int_equal(run(rig, JDEV_SYNC), 0);
}

static void a_short_write_leaves_its_beginning_and_is_eio(void **state)
{
    struct rig *rig = *state;
    faulty_device_add(
        rig->faulty,
        &(struct faulty_rule){
            .kind = JDEV_WRITE, .nth = 1, .times = 2, .action = FAULTY_SHORT, .bytes = 1024});
    assert_int_equal(run(rig, JDEV_WRITE), -EIO);
    assert_int_equal(rig->disk[1023], 'm');
    assert_int_equal(rig->disk[1024], 0);
    assert_int_equal(rig->port->ops->write_now(rig->port, BYTES, rig->memory, BYTES), -EIO);
    assert_int_equal(rig->disk[BYTES + 1023], 'm');
    assert_int_equal(rig->disk[BYTES + 1024], 0);
}

static void a_delayed_operation_is_carried_out_at_once_and_ends_later(void **state)
{
    struct rig *rig = *state;
    faulty_device_add(rig->faulty,
                      &(struct faulty_rule){
                          .kind = JDEV_WRITE, .nth = 1, .action = FAULTY_DELAY, .delay_ms = 50});
    start(rig, JDEV_WRITE);
    run_under(rig);
    assert_int_equal(rig->disk[0], 'm');
    fake_timer_advance_ms(&rig->clock, 49);
    assert_int_equal(rig->times, 0);
    fake_timer_advance_ms(&rig->clock, 1);
    assert_int_equal(rig->times, 1);
    assert_int_equal(rig->error, 0);
}

static void bits_flip_in_what_is_written_but_not_in_the_callers_memory(void **state)
{
    struct rig *rig = *state;
    faulty_device_add(
        rig->faulty,
        &(struct faulty_rule){
            .kind = JDEV_WRITE, .nth = 1, .action = FAULTY_FLIP, .flip_at = 700, .mask = 0x01});
    assert_int_equal(run(rig, JDEV_WRITE), 0);
    assert_int_equal(rig->memory[700], 'm');
    assert_int_equal(rig->disk[700], 'm' ^ 0x01);
    assert_int_equal(rig->disk[699], 'm');
}

static void bits_flip_in_what_is_read_but_not_on_the_device(void **state)
{
    struct rig *rig = *state;
    memset(rig->disk, 'd', BYTES);
    faulty_device_add(rig->faulty, &(struct faulty_rule){.kind = JDEV_READ,
                                                         .nth = 1,
                                                         .times = 2,
                                                         .action = FAULTY_FLIP,
                                                         .flip_at = 600,
                                                         .mask = 0x80});
    assert_int_equal(run(rig, JDEV_READ), 0);
    assert_int_equal((uint8_t)rig->memory[600], 'd' ^ 0x80);
    assert_int_equal(rig->memory[601], 'd');
    assert_int_equal(rig->disk[600], 'd');
    assert_int_equal(rig->port->ops->read_now(rig->port, 0, rig->memory, BYTES), 0);
    assert_int_equal((uint8_t)rig->memory[600], 'd' ^ 0x80);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_rules_everything_passes),
        TEST(the_nth_of_its_kind_fails_and_leaves_the_device_alone),
        TEST(a_device_can_fail_for_ever_until_it_is_healed),
        TEST(a_short_write_leaves_its_beginning_and_is_eio),
        TEST(a_delayed_operation_is_carried_out_at_once_and_ends_later),
        TEST(bits_flip_in_what_is_written_but_not_in_the_callers_memory),
        TEST(bits_flip_in_what_is_read_but_not_on_the_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
