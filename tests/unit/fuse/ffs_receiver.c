#include "fuse/ffs_receiver.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define HEAD (sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in))
#define KIB  1024u

static struct buffer_pool *pool;
static struct ffs_receiver receiver;
static int kernel; /* gives whole requests, as /dev/fuse does */
static int device;
static uint8_t sent[HEAD + 128 * KIB];

static int set_up(void **state)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    kernel = ends[0];
    device = ends[1];
    pool = buffer_pool_new(BUFFER_BYTES_MAX);
    assert_non_null(pool);
    return ffs_receiver_init(&receiver, device, pool);
}

static int tear_down(void **state)
{
    ffs_receiver_done(&receiver);
    close(kernel);
    close(device);
    assert_int_equal(buffer_pool_used(pool), 0);
    buffer_pool_free(pool);
    return 0;
}

/* A request with `behind` bytes behind what a WRITE has as its head; each byte is told apart. */
static void send_request(uint32_t opcode, size_t behind)
{
    static uint8_t seed;
    seed++;
    for (size_t i = 0; i < HEAD + behind; i++)
        sent[i] = (uint8_t)(i * 31 + (i >> 8) + seed);
    const struct fuse_in_header header = {.len = (uint32_t)(HEAD + behind), .opcode = opcode};
    memcpy(sent, &header, sizeof header);
    assert_int_equal(send(kernel, sent, HEAD + behind, 0), HEAD + behind);
}

/* What came is what was sent, in one piece. */
static void assert_one_piece(uint32_t opcode, size_t behind)
{
    send_request(opcode, behind);
    assert_int_equal(ffs_receiver_read(&receiver), HEAD + behind);
    assert_null(receiver.payload);
    assert_memory_equal(receiver.memory, sent, HEAD + behind);
    assert_int_equal(buffer_pool_used(pool), 0);
    ffs_receiver_forget(&receiver);
}

static void assert_payload_apart(size_t bytes)
{
    send_request(FUSE_WRITE, bytes);
    assert_int_equal(ffs_receiver_read(&receiver), HEAD + bytes);
    assert_non_null(receiver.payload);
    assert_memory_equal(receiver.memory, sent, HEAD);
    assert_memory_equal(receiver.payload->data, sent + HEAD, bytes);
    ffs_receiver_forget(&receiver);
    assert_int_equal(buffer_pool_used(pool), 0);
}

static void a_write_like_the_one_before_is_read_into_its_buffer(void **state)
{
    assert_one_piece(FUSE_WRITE, 128 * KIB);
    assert_payload_apart(128 * KIB);
    assert_payload_apart(100 * KIB);
    assert_one_piece(FUSE_WRITE, 4 * KIB);
    assert_payload_apart(4 * KIB);
    assert_payload_apart(512);
}

static void a_write_of_another_size_comes_in_one_piece(void **state)
{
    assert_one_piece(FUSE_WRITE, 4 * KIB);
    assert_one_piece(FUSE_WRITE, 128 * KIB);
    assert_one_piece(FUSE_WRITE, 64 * KIB); /* would leave half of the buffer empty */
    assert_one_piece(FUSE_WRITE, 65 * KIB);
    assert_payload_apart(66 * KIB);
}

static void other_requests_come_in_one_piece(void **state)
{
    assert_one_piece(FUSE_WRITE, 8 * KIB);
    assert_one_piece(FUSE_READ, 0);
    assert_one_piece(FUSE_WRITE, 8 * KIB);
    assert_one_piece(FUSE_SETXATTR, 300);
    assert_one_piece(FUSE_WRITE, 8 * KIB);
    assert_one_piece(FUSE_SETXATTR, 9 * KIB);
    assert_one_piece(FUSE_WRITE, 8 * KIB);
    assert_payload_apart(8 * KIB);
}

static void without_memory_a_write_comes_in_one_piece(void **state)
{
    assert_one_piece(FUSE_WRITE, 4 * KIB);
    struct buffer *all = buffer_get(pool, BUFFER_BYTES_MAX);
    send_request(FUSE_WRITE, 4 * KIB);
    assert_int_equal(ffs_receiver_read(&receiver), HEAD + 4 * KIB);
    assert_null(receiver.payload);
    assert_memory_equal(receiver.memory, sent, HEAD + 4 * KIB);
    buffer_unref(all);
}

static void a_payload_that_was_taken_stays(void **state)
{
    assert_one_piece(FUSE_WRITE, 4 * KIB);
    send_request(FUSE_WRITE, 4 * KIB);
    assert_int_equal(ffs_receiver_read(&receiver), HEAD + 4 * KIB);
    struct buffer *taken = receiver.payload;
    receiver.payload = NULL;
    ffs_receiver_forget(&receiver);
    assert_memory_equal(taken->data, sent + HEAD, 4 * KIB);
    buffer_unref(taken);
}

static void nothing_is_kept_while_there_is_no_request(void **state)
{
    assert_one_piece(FUSE_WRITE, 128 * KIB);
    assert_int_equal(ffs_receiver_read(&receiver), -EAGAIN);
    assert_int_equal(buffer_pool_used(pool), 0);
    assert_payload_apart(128 * KIB);
}

static void less_than_a_header_is_an_error(void **state)
{
    assert_one_piece(FUSE_WRITE, 4 * KIB);
    assert_int_equal(send(kernel, sent, sizeof(struct fuse_in_header) - 1, 0),
                     sizeof(struct fuse_in_header) - 1);
    assert_int_equal(ffs_receiver_read(&receiver), -EIO);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_write_like_the_one_before_is_read_into_its_buffer),
        TEST(a_write_of_another_size_comes_in_one_piece),
        TEST(other_requests_come_in_one_piece),
        TEST(without_memory_a_write_comes_in_one_piece),
        TEST(a_payload_that_was_taken_stays),
        TEST(nothing_is_kept_while_there_is_no_request),
        TEST(less_than_a_header_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
