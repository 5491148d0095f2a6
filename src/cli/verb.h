/*
 * The verbs of `holdfast`: one table for the dispatcher, for --help, and (held to it by
 * tests/check/manual) for holdfast(8).
 */
#ifndef CLI_VERB_H
#define CLI_VERB_H

#include <stdbool.h>
#include <stdio.h>

#define EXIT_DONE   0
#define EXIT_FAILED 1
#define EXIT_USAGE  2 /* wrong use */

#define ARGUMENTS_POSITIONAL 3u
#define ARGUMENTS_OPTIONS    32u

/* An option of a verb; "-o" is the only one with a short name. */
struct verb_option {
    const char *name;  /* "timeout" for --timeout, "o" for -o; NULL ends the list */
    const char *value; /* what its value is called; NULL: it has none */
    const char *help;
};

/* What stood on the command line behind the verb. */
struct arguments {
    const struct verb *verb;
    unsigned positional_count;
    const char *positional[ARGUMENTS_POSITIONAL];
    unsigned option_count;
    struct {
        const struct verb_option *option;
        const char *value;
    } options[ARGUMENTS_OPTIONS];
};

struct verb {
    const char *name;
    const char *operands; /* "[NAME]"; "" for none */
    unsigned operands_min;
    unsigned operands_max;
    const char *help; /* one line */
    const struct verb_option *options;
    bool takes_keys; /* -o KEY=VALUE: --help lists the keys */
    /* Returns the exit status. */
    int (*run)(const struct arguments *arguments);
};

extern const struct verb verb_table[];

extern const struct verb_option boot_options[], attach_options[], detach_options[], serve_options[],
    status_options[], flush_options[], stop_options[], discover_options[], inspect_options[],
    drain_options[], journal_options[], netboot_options[], attach_options[], detach_options[],
    no_options[];

int boot_run(const struct arguments *arguments);
int serve_run(const struct arguments *arguments);
int status_run(const struct arguments *arguments);
int flush_run(const struct arguments *arguments);
int stop_run(const struct arguments *arguments);
int drain_run(const struct arguments *arguments);
int journal_run(const struct arguments *arguments);
int attach_run(const struct arguments *arguments);
int detach_run(const struct arguments *arguments);
int discover_run(const struct arguments *arguments);
int inspect_run(const struct arguments *arguments);
int netboot_run(const struct arguments *arguments);
int help_run(const struct arguments *arguments);
int version_run(const struct arguments *arguments);

/* NULL when there is no such verb. */
const struct verb *verb_find(const char *name);

void verb_print_help(FILE *to, const struct verb *verb);
void verb_print_overview(FILE *to);

/* Takes the command line apart; words[0] is the verb. EXIT_DONE, or EXIT_USAGE after saying why. */
int arguments_parse(struct arguments *ret_arguments, const struct verb *verb, int count,
                    char **words);

/* The last value of that option; NULL when it was not given; "" when it has none. */
const char *arguments_get(const struct arguments *arguments, const char *name);

/* "holdfast VERB: " and the line, to stderr; returns `status`. */
int complain(const struct arguments *arguments, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
