/*
 * A portal that is a name with two addresses, of which only the second has a target, and a name
 * server that can be made to hang: getaddrinfo() of this program stands before the C library's.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/os/link_fixture.h"
#include "tests/os/rogue_target.h"

#define NAME   "storage.example"
#define TARGET "iqn.2026-11.org.example:names"

static atomic_int asked;
static atomic_bool hangs;

typedef int resolve_function(const char *, const char *, const struct addrinfo *,
                             struct addrinfo **);

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_list)
{
    resolve_function *real = (resolve_function *)dlsym(RTLD_NEXT, "getaddrinfo");
    if (strcmp(node, NAME) != 0 || (hints && hints->ai_flags & AI_NUMERICHOST))
        return real(node, service, hints, ret_list);
    asked++;
    while (hangs)
        usleep(1000);
    struct addrinfo *second;
    CHECK(real("127.0.0.2", service, hints, ret_list) == 0);
    CHECK(real("127.0.0.1", service, hints, &second) == 0);
    (*ret_list)->ai_next = second; /* not quite as freeaddrinfo() wants it, but glibc's takes it */
    return 0;
}

static struct rogue_target rogue;

static void the_addresses_are_tried_in_turn(struct fixture *fixture)
{
    fixture_refused(fixture, LINK_LOSS_CONNECT); /* 127.0.0.2 */
    fixture_login(fixture);                      /* 127.0.0.1, without another lookup */
    CHECK(asked == 1);
}

static void the_address_that_worked_comes_first(struct fixture *fixture)
{
    fixture->link->ops->close(fixture->link);
    fixture_login(fixture);
    fixture->link->ops->close(fixture->link);
    CHECK(asked == 1);
}

static void a_dead_name_server_does_not_matter_when_addresses_are_known(struct fixture *fixture)
{
    hangs = true;
    rogue.close_on_login = true;
    fixture_refused(fixture, LINK_LOSS_CLOSED);
    fixture_refused(fixture, LINK_LOSS_CONNECT);
    unsigned lost = fixture->lost;
    fixture->link->ops->open(fixture->link, 0); /* all were tried: asks, and hangs */
    fixture_run_ms(fixture, 50);
    CHECK(asked == 2 && fixture->lost == lost);
    fixture->link->ops->close(fixture->link); /* the session's patience ends */
    rogue.close_on_login = false;
    fixture_login(fixture); /* with what is known */
    fixture->link->ops->close(fixture->link);
}

static void a_hanging_lookup_does_not_hold_up_the_end(struct fixture *fixture)
{
    CHECK(hangs && asked == 2); /* it still does */
    rogue_done(&rogue);
    fixture_done(fixture);
    CHECK(hangs);
    hangs = false;
}

#define RUN(test)                                                                                  \
    do {                                                                                           \
        printf("%s\n", #test);                                                                     \
        fflush(stdout);                                                                            \
        test;                                                                                      \
    } while (0)

int main(void)
{
    struct fixture fixture;
    fixture_init(&fixture, 0, TARGET);
    CHECK(rogue_init(&rogue, fixture.loop, false) == 0);
    fixture.portal = (struct link_portal){.host = NAME, .port = rogue.port};
    fixture_start(&fixture);
    RUN(the_addresses_are_tried_in_turn(&fixture));
    RUN(the_address_that_worked_comes_first(&fixture));
    RUN(a_dead_name_server_does_not_matter_when_addresses_are_known(&fixture));
    RUN(a_hanging_lookup_does_not_hold_up_the_end(&fixture));
    return 0;
}
