/*
 * A link that does nothing by itself: the test sees what was asked of it and answers, in the order
 * and with the contents that it likes.
 */
#ifndef FAKE_LINK_H
#define FAKE_LINK_H

#include "port/link.h"

struct fake_link {
    struct link_port port;
    bool open;           /* open() was called, and neither close() nor `lost` since */
    bool window_is_shut; /* no ping leaves */
    unsigned portal;     /* of the last open() */
    unsigned opens;      /* calls so far, of this and the following */
    unsigned closes;
    unsigned resets;
    unsigned pings;
    unsigned logouts;
    unsigned submits;
    struct link_command *commands[LINK_COMMANDS]; /* unanswered, oldest first */
    unsigned count;
    void (*logged_out)(void *owner);
};

void fake_link_init(struct fake_link *fake);

/* The oldest unanswered command; NULL when there is none. */
struct link_command *fake_link_first(const struct fake_link *fake);

/* Takes command `index` out of the unanswered ones and answers it with what its fields say. */
void fake_link_done(struct fake_link *fake, unsigned index);

/* Answers command `index` with a status, and sense data when the status is CHECK CONDITION. */
void fake_link_answer(struct fake_link *fake, unsigned index, uint8_t status, uint8_t key,
                      uint8_t asc, uint8_t ascq);

/* GOOD, with `bytes` of data; less than asked for is told as an underflow. */
void fake_link_good(struct fake_link *fake, unsigned index, const void *data, uint32_t bytes);

void fake_link_opened(struct fake_link *fake);
void fake_link_lost(struct fake_link *fake, enum link_loss reason, const char *detail);

/* Fixed-format sense data. */
void fake_link_sense(struct link_command *command, uint8_t key, uint8_t asc, uint8_t ascq);

#endif
