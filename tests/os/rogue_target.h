/*
 * A target inside the test's own event loop that does on purpose what no stock target does. It
 * speaks just enough iSCSI (RFC 7143) for a link to log in and get into trouble.
 */
#ifndef TESTS_OS_ROGUE_TARGET_H
#define TESTS_OS_ROGUE_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "os/ev_loop.h"

#define ROGUE_CONNECTIONS 64

enum rogue_answer {
    ROGUE_SILENT,          /* to commands: no answer */
    ROGUE_GOOD,            /* status GOOD, no data, no residual */
    ROGUE_CHECK_BARE,      /* CHECK CONDITION without sense */
    ROGUE_CHECK_CUT_SENSE, /* a SenseLength beyond what is there */
    ROGUE_REJECT,          /* Reject: command not supported */
    ROGUE_ASK_LOGOUT,      /* asynchronous message 1, then answers the Logout */
    ROGUE_R2T_THEN_CHECK,  /* asks for the data, and ends the command before they come */
    ROGUE_R2T_THEN_PING,   /* asks for the data and pings (trap T4) */
    ROGUE_CLOSE,           /* closes the connection */
    ROGUE_GARBAGE,         /* 100 bytes of 0xee */
    ROGUE_HALF_THEN_CLOSE, /* half of a Data-In, then closes */
};

struct rogue_target;

struct rogue_connection {
    struct rogue_target *target;
    struct evl_watch watch;
    uint8_t in[1024 * 1024];
    unsigned in_bytes;
    uint32_t stat_sn;
    uint8_t unanswered[48]; /* the last command that ROGUE_SILENT left so */
};

struct rogue_target {
    struct evl *loop;
    struct evl_watch listener;
    uint16_t port;

    /* What it does; may be changed at any time. */
    bool close_on_accept;
    bool close_on_login;
    bool garbage_on_login;
    uint16_t login_status;
    const char *login_keys; /* "Key=Value\0Key=Value\0" */
    unsigned login_keys_bytes;
    enum rogue_answer answer;
    bool reject_task_management;
    const char *send_targets; /* as login_keys */
    unsigned send_targets_bytes;

    /* What it saw. */
    unsigned accepted, logins, commands, data_outs, closed;
    uint8_t isid[6];
    uint16_t lun;

    struct rogue_connection *connections[ROGUE_CONNECTIONS];
};

#define ROGUE_KEYS(text) text, sizeof(text)

/* Listens on 127.0.0.1, or on ::1; -1 when this host has no such address. */
int rogue_init(struct rogue_target *target, struct evl *loop, bool v6);
void rogue_done(struct rogue_target *target);

/* GOOD for the last command that was left unanswered, on the one connection. */
void rogue_answer_late(struct rogue_target *target);

#endif
