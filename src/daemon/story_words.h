/* The words of the story: why a session ended, what a target answered. */
#ifndef DAEMON_STORY_WORDS_H
#define DAEMON_STORY_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* loss: enum link_loss; detail: what the system said, or NULL. */
void story_loss_words(uint64_t loss, const char *detail, char *ret_text, size_t text_bytes);

/* What a person can do about it who does not want to wait; "" when there is no advice. */
const char *story_mend(uint64_t loss);

/* "a WRITE", for enum ses_op. */
const char *story_op_word(uint64_t op);

/* sense: key << 16 | ASC << 8 | ASCQ. "medium error (3/11/00)". */
void story_sense_words(uint64_t sense, char *ret_text, size_t text_bytes);

/* The SAM status in words, or the sense when it is CHECK CONDITION. */
void story_status_words(uint64_t status, uint64_t sense, char *ret_text, size_t text_bytes);

#endif
