/* The target model by itself: an initiator in a few lines, and what a target may do to it. */
#include "tests/sim/target.h"

#include <string.h>

#include "base/bytes.h"
#include "tests/sim/link.h"
#include "tests/unit/unit.h"

#define BLOCK 512u

struct fixture {
    struct world world;
    struct options options;
    struct target target;
    struct sim_link link;
    struct link_command commands[4];
    struct iovec iov[4];
    uint8_t data[4][BLOCK];
    unsigned answers;
    unsigned opened, lost, resets;
    unsigned loss_events;
};

static struct fixture fixture;

static void on_opened(void *owner, const struct link_limits *limits)
{
    fixture.opened++;
}

static void on_lost(void *owner, enum link_loss reason, const char *detail)
{
    fixture.lost++;
}

static void on_reset_done(void *owner, uint8_t response)
{
    fixture.resets++;
}

static void on_pong(void *owner)
{
}

static const struct link_events events = {on_opened, on_lost, on_reset_done, on_pong, on_pong};

static void on_moment(void *owner, enum target_moment moment)
{
}

static void on_lost_data(void *owner)
{
    fixture.loss_events++;
}

static bool is_known(void *owner)
{
    return true;
}

static void run_for(uint64_t us)
{
    uint64_t until = fixture.world.now_us + us;
    while (fixture.world.events > 0 && fixture.world.heap[1]->at_us <= until)
        if (!world_step(&fixture.world))
            break;
    fixture.world.now_us = until;
}

static int setup(void **state)
{
    struct fixture *f = &fixture;
    memset(f, 0, sizeof *f);
    f->options = (struct options){.block_bytes = BLOCK,
                                  .blocks = 8,
                                  .exec_us = 100,
                                  .sync_us = 100,
                                  .ghost_us = 50000,
                                  .net_us = 10,
                                  .portals = 1,
                                  .queue_depth = 128,
                                  .max_write_bytes = 65536};
    world_init(&f->world, 1, false);
    target_init(&f->target, &f->world, &f->options, 1);
    f->target.moment = on_moment;
    f->target.lost_data = on_lost_data;
    f->target.is_known = is_known;
    link_init(&f->link, &f->world, &f->target);
    f->link.port.events = &events;
    f->link.port.ops->open(&f->link.port, 0);
    run_for(1000);
    assert_int_equal(f->opened, 1);
    return 0;
}

static int teardown(void **state)
{
    link_done(&fixture.link);
    target_done(&fixture.target);
    world_done(&fixture.world);
    return 0;
}

static void on_done(struct link_command *command)
{
    fixture.answers++;
}

/* Sends command number `slot`: `opcode` of one block, filled with `fill`. */
static struct link_command *send(unsigned slot, uint8_t opcode, uint64_t lba, uint8_t fill)
{
    struct link_command *command = &fixture.commands[slot];
    *command = (struct link_command){.cdb = {opcode}, .cdb_bytes = 16, .done = on_done};
    put_be64(command->cdb + 2, lba);
    put_be32(command->cdb + 10, opcode == 0x91 ? 0 : 1);
    if (opcode != 0x91) {
        memset(fixture.data[slot], fill, BLOCK);
        fixture.iov[slot] = (struct iovec){fixture.data[slot], BLOCK};
        command->iov = &fixture.iov[slot];
        command->iov_count = 1;
        command->data_bytes = BLOCK;
        command->direction = opcode == 0x8a ? LINK_DATA_OUT : LINK_DATA_IN;
    }
    fixture.link.port.ops->submit(&fixture.link.port, command);
    return command;
}

static uint8_t shown(uint64_t lba)
{
    return media_read(&fixture.target.media, lba)->data[0];
}

static void a_write_is_read_back_and_lost_in_a_crash(void **state)
{
    send(0, 0x8a, 3, 7);
    run_for(1000);
    send(1, 0x88, 3, 0);
    run_for(1000);
    assert_int_equal(fixture.answers, 2);
    assert_int_equal(fixture.data[1][BLOCK - 1], 7);
    target_crash(&fixture.target, MEDIA_LOSE_ALL, false);
    assert_int_equal(shown(3), 0);
    assert_int_equal(fixture.loss_events, 1);
    run_for(2000);
    assert_int_equal(fixture.lost, 1);
}

static void a_synchronised_write_survives(void **state)
{
    send(0, 0x8a, 3, 7);
    run_for(1000);
    send(1, 0x91, 0, 0);
    run_for(1000);
    target_crash(&fixture.target, MEDIA_LOSE_ALL, false);
    assert_int_equal(shown(3), 7);
    assert_int_equal(fixture.loss_events, 0);
}

/* Leaves one write of a dead connection inside the target. */
static void leave_a_ghost(void)
{
    fixture.options.exec_us = 40000;
    send(0, 0x8a, 3, 7);
    run_for(20);
    target_cut(&fixture.target, true);
    assert_false(list_is_empty(&fixture.target.ghosts));
    run_for(20);
    assert_int_equal(fixture.lost, 1);
    fixture.link.port.ops->open(&fixture.link.port, 0);
    run_for(100);
    assert_int_equal(fixture.opened, 2);
}

static void a_ghost_is_carried_out_after_the_next_login(void **state)
{
    leave_a_ghost();
    assert_int_equal(shown(3), 0);
    run_for(200000);
    assert_int_equal(shown(3), 7);
    assert_int_equal(fixture.answers, 0);
}

static void a_reset_ends_the_ghosts(void **state)
{
    leave_a_ghost();
    fixture.link.port.ops->reset_lun(&fixture.link.port);
    run_for(1000);
    assert_int_equal(fixture.resets, 1);
    assert_true(list_is_empty(&fixture.target.ghosts));
}

static void a_reset_may_wait_for_the_ghosts(void **state)
{
    fixture.options.reset_waits = 1;
    leave_a_ghost();
    fixture.link.port.ops->reset_lun(&fixture.link.port);
    run_for(300);
    assert_int_equal(fixture.resets, 0);
    run_for(200000);
    assert_int_equal(fixture.resets, 1);
    assert_int_equal(shown(3), 7);
}

static void with_the_strict_variant_a_login_ends_the_ghosts(void **state)
{
    fixture.options.strict = 1;
    leave_a_ghost();
    assert_true(list_is_empty(&fixture.target.ghosts));
}

static void a_reset_by_another_aborts_and_is_told(void **state)
{
    fixture.options.task_aborted = 1;
    fixture.options.exec_us = 40000;
    struct link_command *first = send(0, 0x8a, 3, 7);
    run_for(20);
    target_reset_by_other(&fixture.target, MEDIA_LOSE_ALL);
    run_for(100);
    assert_int_equal(first->status, 0x40);
    struct link_command *second = send(1, 0x88, 3, 0);
    run_for(100);
    assert_int_equal(second->status, 0x02);
    assert_int_equal(second->sense[2], 0x06);
    assert_int_equal(second->sense[12], 0x29);
}

static void silence_delays_and_loses_nothing(void **state)
{
    target_set_network(&fixture.target, false);
    send(0, 0x8a, 3, 7);
    send(1, 0x8a, 4, 8);
    run_for(5000000);
    assert_int_equal(fixture.answers, 0);
    target_set_network(&fixture.target, true);
    run_for(1000);
    assert_int_equal(fixture.answers, 2);
    assert_int_equal(fixture.lost, 0);
}

static void a_write_to_the_wrong_lun_is_flagged(void **state)
{
    fixture.target.wrong = true;
    send(0, 0x8a, 3, 7);
    run_for(1000);
    assert_memory_equal(fixture.world.failure, "O13", 3);
}

static void a_reservation_of_another_forbids_changes_and_no_reads(void **state)
{
    target_reserve(&fixture.target, true);
    const struct link_command *read = send(1, 0x88, 3, 0);
    const struct link_command *write = send(0, 0x8a, 3, 7);
    run_for(1000);
    assert_int_equal(fixture.answers, 2);
    assert_int_equal(read->status, 0);
    assert_int_equal(write->status, 0x18);
    assert_int_equal(shown(3), 0);
    assert_false(world_failed(&fixture.world));
    send(2, 0x88, 3, 0);
    assert_false(world_failed(&fixture.world));
    send(3, 0x91, 0, 0);
    assert_memory_equal(fixture.world.failure, "O14", 3);
}

static void what_another_initiator_writes_is_there_for_good(void **state)
{
    static const uint8_t block[BLOCK] = {9};
    send(0, 0x8a, 3, 7);
    run_for(1000);
    target_foreign_write(&fixture.target, 3, block);
    target_crash(&fixture.target, MEDIA_LOSE_ALL, false);
    assert_int_equal(shown(3), 9);
}

static void two_writes_of_one_block_in_flight_are_flagged(void **state)
{
    send(0, 0x8a, 3, 7);
    assert_false(world_failed(&fixture.world));
    send(1, 0x8a, 3, 8);
    assert_memory_equal(fixture.world.failure, "I6", 2);
}

static void a_payload_that_changes_on_its_way_is_flagged(void **state)
{
    send(0, 0x8a, 3, 7);
    fixture.data[0][100] ^= 1;
    run_for(1000);
    assert_memory_equal(fixture.world.failure, "I6", 2);
}

static void a_write_beyond_the_end_is_flagged(void **state)
{
    send(0, 0x8a, 8, 7);
    run_for(1000);
    assert_true(world_failed(&fixture.world));
}

#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_write_is_read_back_and_lost_in_a_crash),
        FIXTURE_TEST(a_synchronised_write_survives),
        FIXTURE_TEST(a_ghost_is_carried_out_after_the_next_login),
        FIXTURE_TEST(a_reset_ends_the_ghosts),
        FIXTURE_TEST(a_reset_may_wait_for_the_ghosts),
        FIXTURE_TEST(with_the_strict_variant_a_login_ends_the_ghosts),
        FIXTURE_TEST(a_reset_by_another_aborts_and_is_told),
        FIXTURE_TEST(silence_delays_and_loses_nothing),
        FIXTURE_TEST(a_write_to_the_wrong_lun_is_flagged),
        FIXTURE_TEST(a_reservation_of_another_forbids_changes_and_no_reads),
        FIXTURE_TEST(what_another_initiator_writes_is_there_for_good),
        FIXTURE_TEST(two_writes_of_one_block_in_flight_are_flagged),
        FIXTURE_TEST(a_payload_that_changes_on_its_way_is_flagged),
        FIXTURE_TEST(a_write_beyond_the_end_is_flagged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
