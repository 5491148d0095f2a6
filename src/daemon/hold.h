/*
 * The journal's ring, held for `holdfast journal export`: the verb reads it while the daemon goes
 * on. It lasts as long as the connection on which it was asked for.
 *
 * What is held cannot be used again, so the ring may fill, and writes then wait for the verb. Not
 * for ever: the image may lie on the very disk that waits. After HOLD_PATIENCE_S the daemon takes
 * the ring back; the verb finds records missing, if it still needs them, and says so.
 */
#ifndef DAEMON_HOLD_H
#define DAEMON_HOLD_H

#define HOLD_PATIENCE_S 10u

struct control_client;
struct daemon;

/* Answers with what there is to read. */
void hold_take(struct daemon *daemon, struct control_client *client);

/* The connection ended; it need not be the one that holds. */
void hold_client_gone(struct daemon *daemon, const struct control_client *client);

/* Once a second. */
void hold_look(struct daemon *daemon);

#endif
