/*
 * The control protocol, as bytes in and bytes out: one JSON object per line.
 *
 *   {"verb": "status"}                       ->  {"ok": true, ...}
 *   {"verb": "nonsense"}                     ->  {"ok": false, "error": "..."}
 *
 * A client sends one request, waits for its answer, and may send the next. What it sends earlier
 * waits in its buffer; a line longer than CONTROL_LINE_BYTES, and bytes that are no JSON object,
 * are answered with an error, and the connection is closed after that.
 *
 * The verbs are the owner's. It answers inside the call, or later (a flush takes its time). The end
 * of each connection is announced by gone(): what was asked for on it must not be answered any
 * more, and what was granted for as long as it lasts (hold) ends.
 */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

#define CONTROL_LINE_BYTES 4096u

struct json_object;
struct control_client;

struct control_verbs {
    /* Leads to exactly one control_answer() or control_refuse(), unless gone() comes before. */
    void (*request)(void *owner, struct control_client *client, const char *verb,
                    struct json_object *request);
    void (*gone)(void *owner, struct control_client *client);
};

struct control_client {
    const struct control_verbs *verbs;
    void *owner;
    /* Tells the socket that there is something to send, or that it may read again; or NULL. */
    void (*wake)(struct control_client *client);

    char in[CONTROL_LINE_BYTES];
    size_t in_bytes;
    char *out; /* one answer at a time, so bounded by the largest answer */
    size_t out_bytes;
    size_t out_sent;
    bool busy;    /* a request is being carried out, or its answer is being sent */
    bool closing; /* nothing is read any more; close when all is sent */
    bool working; /* inside take_lines() */
};

void control_init(struct control_client *client, const struct control_verbs *verbs, void *owner);

/* The connection is over, for whatever reason. */
void control_done(struct control_client *client);

/* How many bytes can be taken now; 0 while a request is under way and its successors fill the
 * buffer, and when closing. */
size_t control_room(const struct control_client *client);

/* bytes <= control_room(). */
void control_receive(struct control_client *client, const void *data, size_t bytes);

/* What is to be sent; NULL when nothing. */
const char *control_pending(const struct control_client *client, size_t *ret_bytes);
void control_sent(struct control_client *client, size_t bytes);

/* True when everything is said and the connection may be closed. */
bool control_is_over(const struct control_client *client);

/* Adds "ok": true and sends; takes the reference. */
void control_answer(struct control_client *client, struct json_object *answer);

/* {"ok": false, "error": text} */
void control_refuse(struct control_client *client, const char *text);

#endif
