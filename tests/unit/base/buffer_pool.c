#include "base/buffer_pool.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define MIB (1024u * 1024u)

struct client {
    struct buffer_waiter waiter;
    struct buffer_pool *pool;
    struct buffer *got;
};

static void client_available(struct buffer_waiter *waiter)
{
    struct client *client = container_of(waiter, struct client, waiter);
    client->got = buffer_get_now(client->pool, waiter->bytes);
}

static void client_wait(struct client *client, struct buffer_pool *pool, uint32_t bytes)
{
    *client = (struct client){.pool = pool};
    client->waiter.bytes = bytes;
    client->waiter.available = client_available;
    list_init(&client->waiter.node);
    buffer_wait(pool, &client->waiter);
}

static void rounds_up_to_a_power_of_two_and_aligns(void **state)
{
    struct buffer_pool *pool = buffer_pool_new(2 * MIB);
    static const uint32_t bytes[] = {1, 4096, 4097, 65536, 100000, MIB};
    static const uint32_t capacity[] = {4096, 4096, 8192, 65536, 131072, MIB};
    for (unsigned i = 0; i < 6; i++) {
        struct buffer *buffer = buffer_get(pool, bytes[i]);
        assert_non_null(buffer);
        assert_int_equal(buffer->capacity, capacity[i]);
        assert_int_equal(buffer_capacity_for(bytes[i]), capacity[i]);
        assert_int_equal((uintptr_t)buffer->data % capacity[i], 0);
        assert_int_equal(buffer_pool_used(pool), capacity[i]);
        buffer_unref(buffer);
    }
    assert_int_equal(buffer_pool_used(pool), 0);
    buffer_pool_free(pool);
}

static void the_last_reference_frees(void **state)
{
    struct buffer_pool *pool = buffer_pool_new(MIB);
    struct buffer *buffer = buffer_get(pool, MIB);
    buffer_ref(buffer);
    buffer_unref(buffer);
    assert_null(buffer_get(pool, 1));
    buffer_unref(buffer);
    buffer = buffer_get(pool, 1);
    assert_non_null(buffer);
    buffer_unref(buffer);
    buffer_pool_free(pool);
}

static void random_use_never_overlaps_and_melts_together_again(void **state)
{
    struct buffer_pool *pool = buffer_pool_new(4 * MIB);
    struct buffer *held[64] = {0};
    srand(7);
    for (unsigned step = 0; step < 20000; step++) {
        unsigned slot = (unsigned)rand() % 64;
        if (held[slot]) {
            for (uint32_t i = 0; i < held[slot]->capacity; i += 4096)
                assert_int_equal(held[slot]->data[i], slot);
            buffer_unref(held[slot]);
            held[slot] = NULL;
        } else if ((held[slot] = buffer_get(pool, 1u + (uint32_t)rand() % 300000))) {
            memset(held[slot]->data, (int)slot, held[slot]->capacity);
        }
    }
    for (unsigned slot = 0; slot < 64; slot++)
        buffer_unref(held[slot]);
    assert_int_equal(buffer_pool_used(pool), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_non_null(held[i] = buffer_get(pool, MIB));
    for (unsigned i = 0; i < 4; i++)
        buffer_unref(held[i]);
    buffer_pool_free(pool);
}

static void waiters_are_served_in_order_even_when_a_later_one_would_fit(void **state)
{
    struct buffer_pool *pool = buffer_pool_new(MIB);
    struct buffer *half[2] = {buffer_get(pool, MIB / 2), buffer_get(pool, MIB / 2)};
    struct client large, small;
    client_wait(&large, pool, MIB);
    client_wait(&small, pool, 4096);

    buffer_unref(half[0]);
    assert_null(large.got);
    assert_null(small.got);
    assert_null(buffer_get(pool, 4096)); /* nobody jumps the queue */

    buffer_unref(half[1]);
    assert_non_null(large.got);
    assert_null(small.got);
    buffer_unref(large.got);
    assert_non_null(small.got);
    buffer_unref(small.got);
    buffer_pool_free(pool);
}

static void a_cancelled_waiter_is_not_woken(void **state)
{
    struct buffer_pool *pool = buffer_pool_new(MIB);
    struct buffer *all = buffer_get(pool, MIB);
    struct client client;
    client_wait(&client, pool, 4096);
    buffer_wait_cancel(&client.waiter);
    buffer_unref(all);
    assert_null(client.got);
    assert_false(buffer_pool_has_waiters(pool));
    buffer_pool_free(pool);
}

static void those_behind_one_that_leaves_are_served(void **state)
{
    struct buffer_pool *pool = buffer_pool_new(MIB);
    struct buffer *half = buffer_get(pool, MIB / 2);
    struct client large, small;
    client_wait(&large, pool, MIB);
    client_wait(&small, pool, 4096);
    buffer_wait_cancel(&large.waiter);
    assert_null(large.got);
    assert_non_null(small.got);
    buffer_unref(small.got);
    buffer_unref(half);
    buffer_pool_free(pool);
}

static void count_pressure(void *owner)
{
    (*(unsigned *)owner)++;
}

static void somebody_who_waits_is_reported_as_pressure(void **state)
{
    struct buffer_pool *pool = buffer_pool_new(MIB);
    unsigned pressure = 0;
    buffer_pool_on_pressure(pool, count_pressure, &pressure);
    struct buffer *all = buffer_get(pool, MIB);
    assert_int_equal(pressure, 0);
    struct client client;
    client_wait(&client, pool, 4096);
    assert_int_equal(pressure, 1);
    buffer_unref(all);
    buffer_unref(client.got);
    buffer_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_up_to_a_power_of_two_and_aligns),
        cmocka_unit_test(the_last_reference_frees),
        cmocka_unit_test(random_use_never_overlaps_and_melts_together_again),
        cmocka_unit_test(waiters_are_served_in_order_even_when_a_later_one_would_fit),
        cmocka_unit_test(a_cancelled_waiter_is_not_woken),
        cmocka_unit_test(those_behind_one_that_leaves_are_served),
        cmocka_unit_test(somebody_who_waits_is_reported_as_pressure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
