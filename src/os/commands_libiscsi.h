/*
 * The SCSI commands inside one connection: LINK_COMMANDS slots, each with the library's task and
 * a copy of the caller's vector (the library writes into both).
 *
 * The slots live as long as the connection's context, whatever happened to the commands: PDUs of
 * a command that has ended may still stand in the library's queues and point here.
 */
#ifndef OS_COMMANDS_LIBISCSI_H
#define OS_COMMANDS_LIBISCSI_H

#include <stdint.h>

#include "port/link.h"
#include "port/random.h"

struct commands;
struct iscsi_context;

struct commands_events {
    /* The library gave a command up without an answer: the connection is dead. Comes from inside
     * the library; `detail` may be NULL. */
    void (*given_up)(void *owner, const char *detail);
};

/* NULL when memory is short. */
struct commands *commands_new(struct random_port *random, const struct commands_events *events,
                              void *owner);

/* Only after the context was destroyed. NULL-safe. */
void commands_free(struct commands *commands);

/* Queues the command inside the library; it is sent by the next iscsi_service(). lun: as it goes
 * on the wire. 0 or -ENOMEM. */
int commands_submit(struct commands *commands, struct iscsi_context *context, uint16_t lun,
                    struct link_command *command);

/* From now on no command is touched any more and no done() is called. */
void commands_abandon(struct commands *commands);

#endif
