#include "os/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/unit/unit.h"

/*
 * A name server of our own, in place of the C library's: "two" has two addresses, "hang..." hangs
 * until the test lets go, numbers are numbers, and nobody else exists.
 */
static sem_t let_go;
static atomic_int hanging;
static atomic_int asked;

static struct addrinfo *make_address(uint32_t ip, const char *service, struct addrinfo *next)
{
    struct {
        struct addrinfo info;
        struct sockaddr_in address;
    } *entry = calloc(1, sizeof *entry);
    entry->address = (struct sockaddr_in){.sin_family = AF_INET,
                                          .sin_port = htons((uint16_t)atoi(service)),
                                          .sin_addr.s_addr = htonl(ip)};
    entry->info = (struct addrinfo){.ai_family = AF_INET,
                                    .ai_addr = (struct sockaddr *)&entry->address,
                                    .ai_addrlen = sizeof entry->address,
                                    .ai_next = next};
    return &entry->info;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_list)
{
    if (strcmp(node, "192.0.2.9") == 0) {
        *ret_list = make_address(0xc0000209, service, NULL);
        return 0;
    }
    if (hints->ai_flags & AI_NUMERICHOST)
        return EAI_NONAME;
    asked++;
    if (strncmp(node, "hang", 4) == 0) {
        hanging++;
        sem_wait(&let_go);
        hanging--;
    } else if (strcmp(node, "two") != 0) {
        return EAI_NONAME;
    }
    *ret_list = make_address(0xc0000201, service, make_address(0xc0000202, service, NULL));
    return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
    while (list) {
        struct addrinfo *next = list->ai_next;
        free(list);
        list = next;
    }
}

struct probe {
    struct evl *loop;
    struct resolver *resolver;
    unsigned done;
    struct addresses addresses; /* count 0: failed */
    char error[80];
};

static int setup(void **state)
{
    static struct probe probe;
    probe = (struct probe){0};
    sem_init(&let_go, 0, 0);
    asked = 0;
    *state = &probe;
    if (evl_new(&probe.loop) < 0)
        return -1;
    probe.resolver = resolver_new(probe.loop);
    return probe.resolver ? 0 : -1;
}

static int teardown(void **state)
{
    struct probe *probe = *state;
    resolver_free(probe->resolver);
    evl_free(probe->loop);
    while (hanging > 0)
        sem_post(&let_go);
    return 0;
}

static void on_done(void *owner, const struct addresses *addresses, const char *error)
{
    struct probe *probe = owner;
    probe->done++;
    probe->addresses = addresses ? *addresses : (struct addresses){0};
    snprintf(probe->error, sizeof probe->error, "%s", error ? error : "");
    evl_break(probe->loop);
}

static void start(struct probe *probe, const char *host)
{
    unsigned done = probe->done;
    resolver_start(probe->resolver, host, 3260, on_done, probe);
    assert_int_equal(probe->done, done);
}

static void wait_done(struct probe *probe)
{
    unsigned done = probe->done;
    while (probe->done == done)
        evl_run_once(probe->loop, true);
}

/* Until so many lookups hang inside the name server. */
static void wait_hanging(int count)
{
    while (hanging < count)
        ;
}

static void numbers_need_no_lookup(void **state)
{
    struct addresses addresses;
    assert_int_equal(resolver_numeric("192.0.2.9", 3261, &addresses), 0);
    assert_int_equal(addresses.count, 1);
    assert_string_equal(addresses.text[0], "192.0.2.9:3261");
    assert_int_equal(resolver_numeric("two", 3261, &addresses), -EINVAL);
    assert_int_equal(asked, 0);
}

static void all_addresses_of_a_name_come_in_order(void **state)
{
    struct probe *probe = *state;
    start(probe, "two");
    wait_done(probe);
    assert_int_equal(probe->addresses.count, 2);
    assert_string_equal(probe->addresses.text[0], "192.0.2.1:3260");
    assert_string_equal(probe->addresses.text[1], "192.0.2.2:3260");
}

static void an_unknown_name_is_told_with_a_reason(void **state)
{
    struct probe *probe = *state;
    start(probe, "nobody");
    wait_done(probe);
    assert_int_equal(probe->addresses.count, 0);
    assert_true(strlen(probe->error) > 0);
}

static void a_cancelled_lookup_is_not_heard_of(void **state)
{
    struct probe *probe = *state;
    start(probe, "hang");
    wait_hanging(1);
    resolver_cancel(probe->resolver);
    sem_post(&let_go);
    start(probe, "two");
    wait_done(probe);
    while (hanging > 0)
        ;
    for (int i = 0; i < 3; i++)
        evl_run_once(probe->loop, false);
    assert_int_equal(probe->done, 1);
}

static void a_hanging_lookup_is_taken_up_again(void **state)
{
    struct probe *probe = *state;
    for (int i = 0; i < 20; i++) {
        start(probe, "hang");
        wait_hanging(1);
        resolver_cancel(probe->resolver);
    }
    start(probe, "hang");
    assert_int_equal(asked, 1);
    sem_post(&let_go);
    wait_done(probe);
    assert_int_equal(probe->addresses.count, 2);
}

static void no_more_than_a_few_lookups_hang(void **state)
{
    struct probe *probe = *state;
    for (int i = 0; i < RESOLVER_THREADS; i++) {
        char name[16];
        snprintf(name, sizeof name, "hang%d", i);
        start(probe, name);
    }
    wait_hanging(RESOLVER_THREADS);
    start(probe, "hang-too-much");
    wait_done(probe);
    assert_int_equal(asked, RESOLVER_THREADS);
    assert_non_null(strstr(probe->error, "hang"));
    sem_post(&let_go); /* one comes back: there is room again */
    while (hanging == RESOLVER_THREADS || probe->addresses.count == 0) {
        evl_run_once(probe->loop, false);
        start(probe, "two");
        wait_done(probe);
    }
}

static void freeing_does_not_wait_for_what_hangs(void **state)
{
    struct probe *probe = *state;
    start(probe, "hang");
    wait_hanging(1);
    resolver_free(probe->resolver);
    probe->resolver = NULL;
    evl_run_once(probe->loop, false);
    assert_int_equal(hanging, 1);
    sem_post(&let_go);
    while (hanging > 0)
        ;
    assert_int_equal(probe->done, 0);
}

#define RESOLVER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESOLVER_TEST(numbers_need_no_lookup),
        RESOLVER_TEST(all_addresses_of_a_name_come_in_order),
        RESOLVER_TEST(an_unknown_name_is_told_with_a_reason),
        RESOLVER_TEST(a_cancelled_lookup_is_not_heard_of),
        RESOLVER_TEST(a_hanging_lookup_is_taken_up_again),
        RESOLVER_TEST(no_more_than_a_few_lookups_hang),
        RESOLVER_TEST(freeing_does_not_wait_for_what_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
