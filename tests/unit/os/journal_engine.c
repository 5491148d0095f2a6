#include "os/journal_engine.h"

#include <errno.h>

#include "tests/unit/unit.h"

static char memory[100];

/* 10 + 20 + 30 bytes. */
static struct jdev_op make_op(struct iovec iov[3], enum jdev_kind kind)
{
    for (int i = 0; i < 3; i++)
        iov[i] = (struct iovec){.iov_base = memory + (i * 30), .iov_len = (size_t)(i + 1) * 10};
    return (struct jdev_op){
        .kind = kind, .offset = 1000, .iov = iov, .iov_count = 3, .bytes = 60, .durable = true};
}

static void assert_piece(const struct jdev_transfer *transfer, char *base, size_t first, int count)
{
    int found;
    const struct iovec *iov = jdev_transfer_piece(transfer, &found);
    assert_ptr_equal(iov[0].iov_base, base);
    assert_int_equal(iov[0].iov_len, first);
    assert_int_equal(found, count);
}

static void a_whole_transfer_ends_at_once(void **state)
{
    struct iovec iov[3];
    struct jdev_op op = make_op(iov, JDEV_WRITE);
    struct jdev_transfer transfer;
    int error = 1;
    jdev_transfer_init(&transfer, &op);
    assert_piece(&transfer, memory, 10, 3);
    assert_true(transfer.durable);
    assert_true(jdev_transfer_advance(&transfer, 60, &error));
    assert_int_equal(error, 0);
}

static void a_short_transfer_goes_on_inside_an_element_and_after_it(void **state)
{
    struct iovec iov[3];
    struct jdev_op op = make_op(iov, JDEV_READ);
    struct jdev_transfer transfer;
    int error = 1;
    jdev_transfer_init(&transfer, &op);
    assert_false(jdev_transfer_advance(&transfer, 15, &error)); /* 5 into the second */
    assert_int_equal(transfer.offset, 1015);
    assert_piece(&transfer, memory + 35, 15, 1);
    assert_false(jdev_transfer_advance(&transfer, 5, &error)); /* 10 into it */
    assert_piece(&transfer, memory + 40, 10, 1);
    assert_false(jdev_transfer_advance(&transfer, 10, &error)); /* its end */
    assert_int_equal(transfer.offset, 1030);
    assert_piece(&transfer, memory + 60, 30, 1);
    assert_true(jdev_transfer_advance(&transfer, 30, &error));
    assert_int_equal(error, 0);
    assert_int_equal(iov[1].iov_len, 20); /* the caller's array is as it was */
}

static void after_a_cut_between_elements_the_rest_goes_in_one_piece(void **state)
{
    struct iovec iov[3];
    struct jdev_op op = make_op(iov, JDEV_WRITE);
    struct jdev_transfer transfer;
    int error = 1;
    jdev_transfer_init(&transfer, &op);
    assert_false(jdev_transfer_advance(&transfer, 10, &error));
    assert_piece(&transfer, memory + 30, 20, 2);
    assert_true(jdev_transfer_advance(&transfer, 50, &error));
    assert_int_equal(error, 0);
}

static void nothing_transferred_is_eio_but_a_sync_transfers_nothing(void **state)
{
    struct iovec iov[3];
    struct jdev_op op = make_op(iov, JDEV_READ);
    struct jdev_transfer transfer;
    int error = 1;
    jdev_transfer_init(&transfer, &op);
    assert_true(jdev_transfer_advance(&transfer, 0, &error));
    assert_int_equal(error, -EIO);

    op.kind = JDEV_SYNC; /* `bytes` means nothing then */
    jdev_transfer_init(&transfer, &op);
    assert_true(jdev_transfer_advance(&transfer, 0, &error));
    assert_int_equal(error, 0);
}

static void an_error_after_a_short_transfer_is_the_error(void **state)
{
    struct iovec iov[3];
    struct jdev_op op = make_op(iov, JDEV_WRITE);
    struct jdev_transfer transfer;
    int error = 1;
    jdev_transfer_init(&transfer, &op);
    assert_false(jdev_transfer_advance(&transfer, 10, &error));
    assert_true(jdev_transfer_advance(&transfer, -ENXIO, &error));
    assert_int_equal(error, -ENXIO);
}

static void what_the_kernel_puts_off_is_sent_again_but_not_for_ever(void **state)
{
    struct iovec iov[3];
    struct jdev_op op = make_op(iov, JDEV_WRITE);
    struct jdev_transfer transfer;
    int error = 1, tries = 0;
    jdev_transfer_init(&transfer, &op);
    assert_false(jdev_transfer_advance(&transfer, -EINTR, &error));
    assert_piece(&transfer, memory, 10, 3);
    while (!jdev_transfer_advance(&transfer, -EAGAIN, &error))
        tries++;
    assert_int_equal(error, -EAGAIN);
    assert_in_range(tries, 100, 10000);
}

static int last_error;

static void ended(struct jdev_op *op, int error)
{
    last_error = error;
}

static void the_queue_hands_out_in_order_and_no_more_than_it_has_slots_for(void **state)
{
    static struct jdev_queue queue;
    static struct jdev_op ops[JDEV_IN_FLIGHT + 2];
    struct jdev_slot *first = NULL;
    jdev_queue_init(&queue);
    assert_null(jdev_queue_take(&queue));
    for (unsigned i = 0; i < JDEV_IN_FLIGHT + 2; i++) {
        ops[i] = (struct jdev_op){.kind = JDEV_SYNC, .done = ended};
        jdev_queue_add(&queue, &ops[i]);
    }
    for (unsigned i = 0; i < JDEV_IN_FLIGHT; i++) {
        struct jdev_slot *slot = jdev_queue_take(&queue);
        assert_ptr_equal(slot->op, &ops[i]);
        first = first ? first : slot;
    }
    assert_null(jdev_queue_take(&queue));
    jdev_queue_end(&queue, first, -EIO);
    assert_int_equal(last_error, -EIO);
    assert_ptr_equal(jdev_queue_take(&queue)->op, &ops[JDEV_IN_FLIGHT]);
    assert_null(jdev_queue_take(&queue));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_transfer_ends_at_once),
        cmocka_unit_test(a_short_transfer_goes_on_inside_an_element_and_after_it),
        cmocka_unit_test(after_a_cut_between_elements_the_rest_goes_in_one_piece),
        cmocka_unit_test(nothing_transferred_is_eio_but_a_sync_transfers_nothing),
        cmocka_unit_test(an_error_after_a_short_transfer_is_the_error),
        cmocka_unit_test(what_the_kernel_puts_off_is_sent_again_but_not_for_ever),
        cmocka_unit_test(the_queue_hands_out_in_order_and_no_more_than_it_has_slots_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
