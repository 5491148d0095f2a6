/* The JSON of a daemon's status, for people. */
#ifndef CLI_STATUS_TEXT_H
#define CLI_STATUS_TEXT_H

#include <stdbool.h>
#include <stdio.h>

struct json_object;

/* colour: with terminal escapes. */
void status_text_print(FILE *to, struct json_object *status, bool colour);

/* The journal of a status: one line when there is none, else two. */
void status_text_print_journal(FILE *to, struct json_object *journal);

/* "naa.6001405..., 64 GiB in blocks of 512, write cache, thin" and the other lines of a LUN. */
void status_text_print_lun(FILE *to, struct json_object *lun);

/* True on a terminal, without NO_COLOR. */
bool status_text_wants_colour(FILE *to);

#endif
