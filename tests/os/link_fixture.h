/* A link under test and a recorder of its events, for programs that talk to real sockets. */
#ifndef TESTS_OS_LINK_FIXTURE_H
#define TESTS_OS_LINK_FIXTURE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "os/ev_loop.h"
#include "os/link_libiscsi.h"
#include "os/random_os.h"

struct fixture {
    struct evl *loop;
    struct random_os random;
    struct link_config config;
    struct link_portal portal;
    struct link_port *link;

    unsigned opened, lost, resets, pongs, logouts, network_changes;
    enum link_loss loss;
    char detail[256];
    struct link_limits limits;
    uint8_t reset_response;
    bool reopen_in_lost; /* open() again from inside `lost` */
};

/* A command with one buffer of its own. */
struct request {
    struct link_command command;
    struct fixture *fixture;
    struct iovec iov[LINK_IOV];
    unsigned done;
    bool close_in_done;
    void *poison; /* filled with 0x55 right after that close() */
    size_t poison_bytes;
};

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);                \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* Initiator, target and portal are set; change config before fixture_start(). */
void fixture_init(struct fixture *fixture, uint16_t port, const char *target);
void fixture_start(struct fixture *fixture);
void fixture_done(struct fixture *fixture);

/* Runs the loop until *counter >= wanted; fails after 10 s. */
void fixture_wait(struct fixture *fixture, const unsigned *counter, unsigned wanted);

/* Runs the loop for so long; returns how many turns that took. */
unsigned fixture_run_ms(struct fixture *fixture, unsigned ms);

/* open() and wait for `opened`. */
void fixture_login(struct fixture *fixture);

/* open() and wait for `lost` with that reason. */
void fixture_refused(struct fixture *fixture, enum link_loss loss);

void request_init(struct request *request, struct fixture *fixture, const void *cdb, size_t bytes);

/* One buffer, cut into `pieces` parts. */
void request_data(struct request *request, enum link_direction direction, void *data,
                  uint32_t bytes, int pieces);

/* READ(16) and WRITE(16) of blocks of 512 bytes. */
void request_read(struct request *request, struct fixture *fixture, uint64_t lba, void *data,
                  uint32_t bytes, int pieces);
void request_write(struct request *request, struct fixture *fixture, uint64_t lba, void *data,
                   uint32_t bytes, int pieces);

void request_submit(struct request *request);

/* Submits and waits for the answer; returns the SCSI status. */
uint8_t request_run(struct request *request);

/* TEST UNIT READY until no unit attention. */
void fixture_settle(struct fixture *fixture);

#endif
