/*
 * A kernel with nbd devices, and the server's end of their sockets, for attach/device.c: it does
 * what drivers/block/nbd.c was seen to do, one job at a time, when the test says so.
 */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

#include "attach/ports.h"

#define FAKE_NODES 4

struct fake_node {
    struct att_node node;
    int socket;        /* -1: none */
    bool alive;        /* the kernel believes in its socket */
    bool disconnected; /* in use, but nothing can be done with it any more */
    bool in_use;       /* mounted */
    unsigned io_timeout_ms;
};

struct fake_kernel {
    struct att_kernel_port port;
    struct att_server_port server;
    struct fake_node nodes[FAKE_NODES];
    struct att_job *jobs[2]; /* begun, not carried out */
    int next_error;          /* of the next job */
    int open_error;          /* of the next socket */
    int next_socket;
    int open_socket;     /* the server's; -1: none */
    bool server_stopped; /* asked to answer what is under way */
    char said[4096];     /* "connect 0;tune 0;..." */
};

void fake_kernel_init(struct fake_kernel *kernel);

/* Carries out all jobs, also those that follow; returns how many. */
unsigned fake_kernel_run(struct fake_kernel *kernel);

/* Carries out the oldest one. */
void fake_kernel_step(struct fake_kernel *kernel);

/* What was said since the last call. */
const char *fake_kernel_said(struct fake_kernel *kernel);

/* The daemon of before: a device with its identifier, whose socket is dead or not noticed yet. */
void fake_kernel_leave(struct fake_kernel *kernel, unsigned index, const char *backend,
                       uint64_t size_bytes, bool alive);

/* The kernel drops the socket, and keeps the device. */
void fake_kernel_drop(struct fake_kernel *kernel, unsigned index);

/* As `nbd-client -d`. */
void fake_kernel_disconnect(struct fake_kernel *kernel, unsigned index);

/* The server hung up, after it answered. */
void fake_kernel_server_done(struct fake_kernel *kernel);

#endif
