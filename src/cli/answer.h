/*
 * What an answer of the daemon says. What is missing reads as nothing (NULL, "", 0, false): the
 * daemon may be of another version. `from` may be NULL, as answer_part() gives it.
 */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

struct json_object;

/* Both live as long as `from`. */
struct json_object *answer_part(struct json_object *from, const char *key);
const char *answer_text(struct json_object *from, const char *key);

uint64_t answer_number(struct json_object *from, const char *key);
bool answer_is(struct json_object *from, const char *key);

#endif
