#include "fuse/ffs_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/tools/memory_volume.h"
#include "tests/unit/unit.h"

#define MIB   (1024u * 1024)
#define CALLS 4

/* The adapter's part: what was answered and told. */
struct fixture {
    struct volume *volume;
    struct ffs_file *file;
    unsigned rooms;
    unsigned resizes;
    unsigned turns_with_answers;
    bool killed;
};

/* Stands for the kernel's request. */
struct reply {
    unsigned times;
    int error;
    uint64_t result;
    uint8_t first, last; /* of the data of a READ */
};

static struct fixture fixture;

static void answered(struct ffs_call *call)
{
    struct reply *reply = call->token;
    reply->times++;
    reply->error = call->error;
    reply->result = call->result;
    if (call->op == FFS_READ && !call->error && call->result > 0) {
        reply->first = call->request.buffer->data[0];
        reply->last = call->request.buffer->data[call->result - 1];
    }
}

static void answers_wait(void *owner)
{
    ((struct fixture *)owner)->turns_with_answers++;
}

static void room(void *owner)
{
    ((struct fixture *)owner)->rooms++;
}

static void resized(void *owner)
{
    ((struct fixture *)owner)->resizes++;
}

static bool is_killed(const struct ffs_call *call)
{
    return fixture.killed;
}

static const struct ffs_file_events events = {
    .answer = answered,
    .answers_wait = answers_wait,
    .room = room,
    .resized = resized,
    .is_killed = is_killed,
};

static void set_up(bool unknown, unsigned memory_mib)
{
    struct memvol_config config = memvol_config_default;
    config.unknown = unknown;
    config.memory_bytes = memory_mib * MIB;
    fixture = (struct fixture){.volume = memvol_new(&config)};
    fixture.file = ffs_file_new(fixture.volume, CALLS, &events, &fixture);
    assert_non_null(fixture.file);
}

/* Everything that was taken must have been given back. */
static void tear_down(void)
{
    ffs_file_close(fixture.file);
    memvol_release(fixture.volume, memvol_held(fixture.volume));
    struct ffs_file_status status;
    ffs_file_status(fixture.file, &status);
    assert_int_equal(status.in_volume, 0);
    assert_int_equal(status.parked, 0);
    assert_int_equal(status.hungry, 0);
    assert_int_equal(buffer_pool_used(vol_buffers(fixture.volume)), 0);
    assert_false(buffer_pool_has_waiters(vol_buffers(fixture.volume)));
    ffs_file_free(fixture.file);
    memvol_free(fixture.volume);
}

/* A turn in which the volume answers some requests. */
static void release(unsigned count)
{
    memvol_release(fixture.volume, count);
    ffs_file_send_answers(fixture.file);
}

static struct ffs_call *submit(struct reply *reply, enum ffs_op op, uint64_t offset,
                               uint64_t length, const void *payload)
{
    assert_true(ffs_file_has_room(fixture.file));
    struct ffs_call *call = ffs_file_take(fixture.file);
    *reply = (struct reply){0};
    call->token = reply;
    call->op = op;
    call->offset = offset;
    call->length = length;
    call->payload = payload;
    ffs_file_submit(call);
    return call;
}

static void assert_reply(const struct reply *reply, int error, uint64_t result)
{
    assert_int_equal(reply->times, 1);
    assert_int_equal(reply->error, error);
    assert_int_equal(reply->result, result);
}

static void what_was_written_is_read(void **state)
{
    set_up(false, 16);
    struct reply write, read;
    uint8_t payload[1000];
    memset(payload, 0x5a, sizeof payload);
    submit(&write, FFS_WRITE, 777, sizeof payload, payload);
    assert_reply(&write, 0, 1000);
    submit(&read, FFS_READ, 777, sizeof payload, NULL);
    assert_reply(&read, 0, 1000);
    assert_int_equal(read.first, 0x5a);
    assert_int_equal(read.last, 0x5a);
    assert_int_equal(memvol_bytes(fixture.volume)[776], 0);
    tear_down();
}

/* As submit(), with the payload in a buffer of the volume's already. */
static void submit_received(struct reply *reply, uint64_t offset, uint64_t length, uint8_t fill)
{
    struct ffs_call *call = ffs_file_take(fixture.file);
    *reply = (struct reply){0};
    call->token = reply;
    call->op = FFS_WRITE;
    call->offset = offset;
    call->length = length;
    call->received = buffer_get(vol_buffers(fixture.volume), (uint32_t)length);
    memset(call->received->data, fill, length);
    ffs_file_submit(call);
}

static void a_payload_that_has_its_buffer_needs_no_other(void **state)
{
    set_up(false, 1);
    struct reply write;
    submit_received(&write, 512, MIB, 0x77); /* all of the memory */
    assert_reply(&write, 0, MIB);
    assert_int_equal(memvol_bytes(fixture.volume)[511], 0);
    assert_int_equal(memvol_bytes(fixture.volume)[512], 0x77);
    assert_int_equal(memvol_bytes(fixture.volume)[512 + MIB - 1], 0x77);
    tear_down();
}

static void a_payload_whose_write_is_refused_is_given_back(void **state)
{
    set_up(false, 16);
    struct reply write;
    submit_received(&write, 64 * MIB, 4096, 1);
    assert_reply(&write, -ENOSPC, 0);
    assert_int_equal(buffer_pool_used(vol_buffers(fixture.volume)), 0);
    tear_down();
}

/* With its payload out of the way, others may come. */
static void a_parked_payload_that_has_its_buffer_leaves_room(void **state)
{
    set_up(true, 16);
    struct reply replies[2];
    submit_received(&replies[0], 0, 4096, 1);
    assert_true(ffs_file_has_room(fixture.file));
    submit_received(&replies[1], 4096, 4096, 2);
    memvol_make_known(fixture.volume);
    assert_reply(&replies[0], 0, 4096);
    assert_reply(&replies[1], 0, 4096);
    assert_int_equal(memvol_bytes(fixture.volume)[4096], 2);
    tear_down();
}

static void the_payload_is_copied_before_more_is_read_from_the_kernel(void **state)
{
    set_up(false, 16);
    memvol_hold(fixture.volume, true);
    struct reply write;
    uint8_t payload[512] = {[0] = 1};
    submit(&write, FFS_WRITE, 0, sizeof payload, payload);
    assert_true(ffs_file_has_room(fixture.file));
    memset(payload, 0xff, sizeof payload);
    release(1);
    assert_reply(&write, 0, 512);
    assert_int_equal(memvol_bytes(fixture.volume)[0], 1);
    assert_int_equal(memvol_bytes(fixture.volume)[1], 0);
    tear_down();
}

static void the_answers_of_a_turn_are_sent_together(void **state)
{
    set_up(false, 16);
    memvol_hold(fixture.volume, true);
    struct reply replies[2];
    submit(&replies[0], FFS_READ, 0, 4096, NULL);
    submit(&replies[1], FFS_READ, 4096, 4096, NULL);
    memvol_release(fixture.volume, 2);
    assert_int_equal(replies[0].times + replies[1].times, 0);
    assert_int_equal(fixture.turns_with_answers, 1);
    ffs_file_send_answers(fixture.file);
    assert_reply(&replies[0], 0, 4096);
    assert_reply(&replies[1], 0, 4096);
    tear_down();
}

static void an_answer_that_was_not_sent_yet_is_sent_at_the_close(void **state)
{
    set_up(false, 16);
    memvol_hold(fixture.volume, true);
    struct reply read;
    struct ffs_call *call = submit(&read, FFS_READ, 0, 4096, NULL);
    memvol_release(fixture.volume, 1);
    fixture.killed = true;
    ffs_file_interrupt(call); /* too late */
    ffs_file_close(fixture.file);
    assert_reply(&read, 0, 4096);
    tear_down();
}

static void room_that_the_close_makes_is_not_told_of(void **state)
{
    set_up(false, 16);
    memvol_hold(fixture.volume, true);
    struct reply replies[CALLS];
    for (unsigned i = 0; i < CALLS; i++)
        submit(&replies[i], FFS_READ, 0, 4096, NULL);
    assert_false(ffs_file_has_room(fixture.file));
    memvol_release(fixture.volume, 1);
    ffs_file_close(fixture.file);
    assert_reply(&replies[0], 0, 4096);
    assert_int_equal(fixture.rooms, 0);
    tear_down();
}

static void calls_wait_until_the_disk_is_known(void **state)
{
    set_up(true, 16);
    struct reply attributes, read;
    submit(&attributes, FFS_GETATTR, 0, 0, NULL);
    submit(&read, FFS_READ, 0, 4096, NULL);
    assert_int_equal(attributes.times, 0);
    assert_int_equal(read.times, 0);
    struct ffs_file_status status;
    ffs_file_status(fixture.file, &status);
    assert_int_equal(status.parked, 2);
    memvol_make_known(fixture.volume);
    assert_reply(&attributes, 0, 0);
    assert_reply(&read, 0, 4096);
    assert_int_equal(fixture.resizes, 0);
    tear_down();
}

static void a_parked_write_keeps_the_receive_buffer(void **state)
{
    set_up(true, 16);
    struct reply write;
    uint8_t payload[512] = {[511] = 9};
    submit(&write, FFS_WRITE, 0, sizeof payload, payload);
    assert_false(ffs_file_has_room(fixture.file));
    memvol_make_known(fixture.volume);
    assert_reply(&write, 0, 512);
    assert_int_equal(memvol_bytes(fixture.volume)[511], 9);
    assert_int_equal(fixture.rooms, 1);
    assert_true(ffs_file_has_room(fixture.file));
    tear_down();
}

static void when_all_calls_are_in_use_there_is_no_room_until_one_is_answered(void **state)
{
    set_up(false, 16);
    memvol_hold(fixture.volume, true);
    struct reply replies[CALLS];
    for (int i = 0; i < CALLS; i++)
        submit(&replies[i], FFS_SYNC, 0, 0, NULL);
    assert_false(ffs_file_has_room(fixture.file));
    assert_int_equal(fixture.rooms, 0);
    release(1);
    assert_reply(&replies[0], 0, 0);
    assert_int_equal(fixture.rooms, 1);
    release(1);
    assert_int_equal(fixture.rooms, 1); /* told once per "no" */
    tear_down();
}

static void a_write_without_memory_waits_for_it(void **state)
{
    set_up(false, 1);
    memvol_hold(fixture.volume, true);
    static uint8_t first[MIB], second[4096];
    first[0] = 1;
    second[0] = 2;
    struct reply replies[2];
    submit(&replies[0], FFS_WRITE, 0, sizeof first, first);
    submit(&replies[1], FFS_WRITE, 2 * MIB, sizeof second, second);
    assert_int_equal(memvol_held(fixture.volume), 1);
    assert_false(ffs_file_has_room(fixture.file));

    release(1);
    assert_reply(&replies[0], 0, MIB);
    assert_int_equal(memvol_held(fixture.volume), 1);
    assert_int_equal(fixture.rooms, 1);
    assert_true(ffs_file_has_room(fixture.file));
    release(1);
    assert_reply(&replies[1], 0, 4096);
    assert_int_equal(memvol_bytes(fixture.volume)[2 * MIB], 2);
    tear_down();
}

static void parked_reads_are_fed_one_after_the_other(void **state)
{
    set_up(true, 1);
    struct reply replies[CALLS];
    for (int i = 0; i < CALLS; i++)
        submit(&replies[i], FFS_READ, (uint64_t)i * MIB, MIB, NULL);
    memvol_hold(fixture.volume, true);
    memvol_make_known(fixture.volume);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(memvol_held(fixture.volume), 1);
        assert_int_equal(replies[i].times, 0);
        release(1);
        assert_reply(&replies[i], 0, MIB);
    }
    tear_down();
}

static void a_signal_that_does_not_kill_interrupts_nothing(void **state)
{
    set_up(true, 16);
    struct reply read;
    struct ffs_call *call = submit(&read, FFS_READ, 0, 512, NULL);
    ffs_file_interrupt(call);
    assert_int_equal(read.times, 0);
    assert_true(ffs_file_recheck(fixture.file));
    assert_int_equal(read.times, 0);
    fixture.killed = true; /* by a later signal, which the kernel does not report */
    assert_false(ffs_file_recheck(fixture.file));
    assert_reply(&read, -EINTR, 0);
    tear_down();
}

static void a_killed_reader_is_let_go_while_the_volume_still_reads(void **state)
{
    set_up(false, 16);
    memvol_hold(fixture.volume, true);
    fixture.killed = true;
    struct reply read, sync;
    ffs_file_interrupt(submit(&read, FFS_READ, 0, 4096, NULL));
    ffs_file_interrupt(submit(&sync, FFS_SYNC, 0, 0, NULL));
    assert_reply(&read, -EINTR, 0);
    assert_reply(&sync, -EINTR, 0);
    assert_int_equal(buffer_pool_used(vol_buffers(fixture.volume)), 4096);
    release(2);
    assert_int_equal(read.times, 1);
    assert_int_equal(sync.times, 1);
    assert_int_equal(buffer_pool_used(vol_buffers(fixture.volume)), 0);
    tear_down();
}

static void a_write_in_the_volume_is_not_taken_back(void **state)
{
    set_up(false, 16);
    memvol_hold(fixture.volume, true);
    fixture.killed = true;
    struct reply write;
    uint8_t payload[512] = {3};
    ffs_file_interrupt(submit(&write, FFS_WRITE, 0, sizeof payload, payload));
    assert_int_equal(write.times, 0);
    assert_false(ffs_file_recheck(fixture.file));
    release(1);
    assert_reply(&write, 0, 512);
    tear_down();
}

static void a_write_that_waits_for_memory_is_given_up_with_its_writer(void **state)
{
    set_up(false, 1);
    memvol_hold(fixture.volume, true);
    static uint8_t payload[MIB] = {4};
    struct reply replies[2];
    submit(&replies[0], FFS_WRITE, 0, MIB, payload);
    struct ffs_call *hungry = submit(&replies[1], FFS_WRITE, MIB, MIB, payload);
    assert_false(ffs_file_has_room(fixture.file));
    fixture.killed = true;
    ffs_file_interrupt(hungry);
    assert_reply(&replies[1], -EINTR, 0);
    assert_int_equal(fixture.rooms, 1);
    release(1);
    assert_int_equal(memvol_held(fixture.volume), 0);
    assert_int_equal(memvol_bytes(fixture.volume)[MIB], 0);
    tear_down();
}

static void growth_is_told_once(void **state)
{
    set_up(false, 16);
    memvol_resize(fixture.volume, 65 * MIB);
    assert_int_equal(fixture.resizes, 1);
    memvol_make_known(fixture.volume); /* "changed", but not the size */
    assert_int_equal(fixture.resizes, 1);
    struct reply write;
    uint8_t payload[512] = {7};
    submit(&write, FFS_WRITE, 64 * MIB, sizeof payload, payload);
    assert_reply(&write, 0, 512);
    tear_down();
}

static void closing_answers_everything(void **state)
{
    set_up(true, 16);
    struct reply parked;
    submit(&parked, FFS_OPEN, 0, 0, NULL);
    ffs_file_close(fixture.file);
    assert_reply(&parked, -ENOTCONN, 0);
    tear_down();

    set_up(false, 1);
    memvol_hold(fixture.volume, true);
    static uint8_t payload[MIB];
    struct reply write, hungry;
    submit(&write, FFS_WRITE, 0, MIB, payload);
    submit(&hungry, FFS_READ, 0, 512, NULL);
    ffs_file_close(fixture.file);
    assert_reply(&write, -ENOTCONN, 0);
    assert_reply(&hungry, -ENOTCONN, 0);
    release(1);
    assert_int_equal(write.times, 1);
    tear_down();
}

static void a_seek_over_many_extents_asks_until_it_knows(void **state)
{
    set_up(false, 16);
    struct reply reply;
    const uint8_t payload[512] = {1};
    /* Extents of data and of zeros in turn, so that one answer does not hold them all. */
    for (uint64_t i = 0; i < 40; i++)
        submit(&reply, FFS_WRITE, i * 1024, sizeof payload, payload);
    struct ffs_call *call = ffs_file_take(fixture.file);
    reply = (struct reply){0};
    call->token = &reply;
    call->op = FFS_SEEK;
    call->offset = 39 * 1024 + 512;
    call->flags = SEEK_DATA;
    ffs_file_submit(call);
    assert_reply(&reply, -ENXIO, 0);

    for (uint64_t i = 0; i < 40; i++) { /* now all zeros, some allocated */
        call = ffs_file_take(fixture.file);
        call->token = &reply;
        call->op = FFS_ALLOCATE;
        call->offset = i * 1024;
        call->length = 512;
        call->flags = 0x11; /* ZERO_RANGE | KEEP_SIZE */
        ffs_file_submit(call);
    }
    const unsigned before = memvol_count(fixture.volume, VOL_BLOCK_STATUS);
    submit(&reply, FFS_WRITE, MIB, sizeof payload, payload);
    call = ffs_file_take(fixture.file);
    reply = (struct reply){0};
    call->token = &reply;
    call->op = FFS_SEEK;
    call->flags = SEEK_DATA;
    ffs_file_submit(call);
    assert_reply(&reply, 0, MIB);
    assert_true(memvol_count(fixture.volume, VOL_BLOCK_STATUS) - before > 3);
    tear_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(a_payload_that_has_its_buffer_needs_no_other),
        cmocka_unit_test(a_payload_whose_write_is_refused_is_given_back),
        cmocka_unit_test(a_parked_payload_that_has_its_buffer_leaves_room),
        cmocka_unit_test(the_payload_is_copied_before_more_is_read_from_the_kernel),
        cmocka_unit_test(the_answers_of_a_turn_are_sent_together),
        cmocka_unit_test(an_answer_that_was_not_sent_yet_is_sent_at_the_close),
        cmocka_unit_test(room_that_the_close_makes_is_not_told_of),
        cmocka_unit_test(calls_wait_until_the_disk_is_known),
        cmocka_unit_test(a_parked_write_keeps_the_receive_buffer),
        cmocka_unit_test(when_all_calls_are_in_use_there_is_no_room_until_one_is_answered),
        cmocka_unit_test(a_write_without_memory_waits_for_it),
        cmocka_unit_test(parked_reads_are_fed_one_after_the_other),
        cmocka_unit_test(a_signal_that_does_not_kill_interrupts_nothing),
        cmocka_unit_test(a_killed_reader_is_let_go_while_the_volume_still_reads),
        cmocka_unit_test(a_write_in_the_volume_is_not_taken_back),
        cmocka_unit_test(a_write_that_waits_for_memory_is_given_up_with_its_writer),
        cmocka_unit_test(growth_is_told_once),
        cmocka_unit_test(closing_answers_everything),
        cmocka_unit_test(a_seek_over_many_extents_asks_until_it_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
