/*
 * The simulated target: one LUN behind an iSCSI service that does everything a real one may do.
 *
 * A message (login, command, task management, ping, logout) goes through three stages: on its
 * way to the target, inside it, and its answer on the way back. Each stage ends in an event. The
 * two ways keep the order of a connection; commands inside the target are carried out in any
 * order. A connection has two ends, which close apart from each other: commands that the target
 * holds when its end closes live on as ghosts and are carried out some time later, unless a
 * LOGICAL UNIT RESET (or, with the strict variant, a login with the same ISID) ends them.
 *
 * Files: target.c (power, network, what befalls the LUN), target_nexus.c (connections and the
 * ways), target_scsi.c (what a command finds on arrival, and the LUN's description),
 * target_io.c (what changes or reads the medium), target_others.c (other initiators).
 */
#ifndef SIM_TARGET_H
#define SIM_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "port/link.h"
#include "tests/sim/media.h"
#include "tests/sim/options.h"
#include "tests/sim/world.h"

struct sim_link;
struct target;

enum message_kind { MESSAGE_LOGIN, MESSAGE_COMMAND, MESSAGE_RESET, MESSAGE_PING, MESSAGE_LOGOUT };

enum message_stage { STAGE_TO_TARGET, STAGE_IN_TARGET, STAGE_TO_INITIATOR };

struct message {
    struct list_node node;         /* in its connection's list, or among the ghosts */
    struct list_node stalled_node; /* in target->stalled while it cannot move on */
    struct event event;            /* the end of its stage */
    struct target *target;
    struct conn *conn; /* NULL: a ghost */
    enum message_kind kind;
    enum message_stage stage;
    uint64_t number; /* its place on the way that it is on */

    struct link_command *command; /* NULL: not a command */
    uint8_t cdb[16];
    enum link_direction direction;
    uint8_t *data; /* what was sent, or what is sent back */
    uint32_t data_bytes;
    bool sync_runs; /* a SYNCHRONIZE CACHE that has started, and saw: */
    uint64_t sync_order;

    uint8_t status;
    uint8_t response;
    uint8_t sense[18];
    uint8_t sense_bytes;
    uint32_t residual_bytes; /* of an underflow */
};

struct conn {
    struct list_node node; /* in target->conns */
    struct target *target;
    struct sim_link *link; /* NULL: the initiator's end is closed */
    unsigned portal;
    bool target_open; /* the target's end */
    bool logged_in;
    bool swallowed;      /* a command will never be answered: only the deadline helps */
    enum link_loss loss; /* what the initiator is told when `broken` comes */
    struct list_node messages;
    uint64_t out_us, out_sent, out_arrived; /* the way to the target */
    uint64_t in_us, in_sent, in_arrived;    /* the way back */
    uint64_t in_stale;                      /* answers below were sent before data were lost */
    struct event fin;    /* the target notices that the initiator's end is closed */
    struct event broken; /* the initiator notices the end of the connection */
};

/* Moments that the faults like best. */
enum target_moment {
    MOMENT_WRITE_DONE,
    MOMENT_SYNC_STARTED,
    MOMENT_SYNC_DONE,
    MOMENT_RESET,
    MOMENT_LOGIN,
    MOMENT_READ_DONE,
    MOMENTS,
};

struct attention {
    uint8_t response_code; /* 0x70 now, 0x71 a deferred error */
    uint8_t key, asc, ascq;
};

#define ATTENTIONS 8u

struct target_stats {
    uint64_t sessions, crashes, losses, ghosts, ghost_writes, attentions, resets, wrong_resets;
    uint64_t commands, writes, syncs, stuck;
};

struct target {
    struct world *world;
    const struct options *options;
    struct rng rng; /* the target's own decisions */
    struct rng net_rng;
    struct media media;
    uint64_t capacity; /* blocks shown; the medium has room to grow */

    bool running;                /* the process */
    bool host_up;                /* its host: down means silence instead of refusal */
    bool hung;                   /* SIGSTOP */
    bool net_up;                 /* packets get through */
    bool wrong;                  /* another LUN answers at our address */
    bool full;                   /* the thin pool is exhausted */
    bool reserved, was_reserved; /* by another initiator; ... ever */
    bool conflict_told;          /* the daemon that runs was told so */
    bool calm;                   /* no random trouble any more */
    uint64_t not_ready_until_us;
    unsigned portals_up; /* bit mask */
    uint64_t bad_ever;   /* blocks that were a medium error once, or rotted in the ring: bit mask */

    struct list_node conns;
    struct list_node ghosts;
    struct list_node stalled;
    struct message *reset_waiting; /* until there is no ghost any more */
    struct attention attentions[ATTENTIONS];
    unsigned attention_count;

    void (*moment)(void *owner, enum target_moment moment);
    /* Blocks fell back to an older version just now; or an answer from before arrives now. */
    void (*lost_data)(void *owner);
    /* A change (not a SYNC) is sent; it is the first of the session. */
    void (*is_changed)(void *owner, bool first);
    /* The daemon has seen the LUN: to another one, "there is none" is the last word. */
    bool (*is_known)(void *owner);
    void *owner;
    struct target_stats stats;
};

void target_init(struct target *target, struct world *world, const struct options *options,
                 uint64_t seed);
void target_done(struct target *target);

/* --- target.c: what befalls it --- */

/* The process (with host: its host too) dies; the cache is lost as `mode` says. */
void target_crash(struct target *target, enum media_crash mode, bool host);
void target_start(struct target *target);
void target_hang(struct target *target, bool hung);
void target_set_network(struct target *target, bool up);
/* Ends every connection: `both` ends notice, or only the initiator's. */
void target_cut(struct target *target, bool both);
/* Another initiator resets the LUN: commands are aborted, the cache is lost or not. */
void target_reset_by_other(struct target *target, enum media_crash mode);
/* Written data could not be destaged: some are lost, the next command is told. */
void target_deferred_error(struct target *target);
void target_attention(struct target *target, uint8_t asc, uint8_t ascq);
void target_grow(struct target *target, uint64_t blocks);
void target_swap_lun(struct target *target, bool wrong, bool cut);
/* Everything is well from now on. */
void target_heal(struct target *target);
/* True when an initiator could work now. */
bool target_is_well(const struct target *target);
/* No command of a dead connection is left. */
bool target_is_quiet(const struct target *target);
void target_lost(struct target *target, unsigned blocks);

/* --- target_others.c: other initiators --- */

/* One that writes a block, at once and for good. */
void target_foreign_write(struct target *target, uint64_t lba, const uint8_t *data);
void target_reserve(struct target *target, bool reserved);
/* A command is sent to it; an answer arrives. */
void target_is_sent(struct target *target, uint8_t opcode);
void target_has_told(struct target *target, uint8_t status);

/* --- target_nexus.c: connections --- */

struct conn *conn_open(struct target *target, struct sim_link *link, unsigned portal);
/* Sends a message; its answer comes as link_deliver(). */
void conn_send(struct conn *conn, enum message_kind kind, struct link_command *command);
/* The initiator closes its end; link_deliver() and link_lost() come no more. */
void conn_hang_up(struct conn *conn);
/* The target's end closes: what it holds becomes ghosts. */
void conn_close_target_end(struct conn *conn);
void conn_break(struct conn *conn, enum link_loss loss, uint64_t delay_us);
void conn_free(struct conn *conn);
/* The message's stage is STAGE_IN_TARGET: its answer goes back. */
void message_answer(struct message *message);
void message_free(struct message *message);
/* What could not move tries again. */
void target_move_stalled(struct target *target);
/* Aborts what the target holds: carried out by chance, never answered (or TASK ABORTED). */
void target_abort_tasks(struct target *target, const struct message *but, bool answer);
void target_ghost_gone(struct target *target);

/* --- target_scsi.c, target_io.c: commands --- */

/* On arrival: answers at once, or says how long the command waits inside. */
void scsi_accept(struct message *message);
/* After the wait: carries out, and answers unless a ghost. */
void scsi_execute(struct message *message);
/* Carries out a part of the effect, as a crash or an abort in the middle may leave it. */
void scsi_execute_partly(struct message *message, unsigned permille);
/* READ, WRITE, SYNC, UNMAP, WRITE SAME, LBA STATUS; false when it is none of them. */
bool scsi_io(struct message *message);

/* Changes the medium, or makes it stable. */
bool scsi_changes(uint8_t opcode);
/* True when it was answered with RESERVATION CONFLICT. */
bool scsi_meets_conflict(struct message *message);
void scsi_read_reservation(struct message *message);

void scsi_good(struct message *message);
void scsi_status(struct message *message, uint8_t status);
void scsi_sense(struct message *message, uint8_t key, uint8_t asc, uint8_t ascq);
void scsi_reply(struct message *message, const uint8_t *data, uint32_t bytes, uint32_t allocation);

#endif
