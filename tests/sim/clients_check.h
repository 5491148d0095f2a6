/* What an answer must be. */
#ifndef SIM_CLIENTS_CHECK_H
#define SIM_CLIENTS_CHECK_H

#include "tests/sim/clients.h"

/* Checks the answer of the slot's request against the oracle. False when the daemon, which
 * stops, refused it: then it is as if it had never been answered. */
bool clients_check(struct clients *clients, struct slot *slot);

#endif
