/* holdfast journal COMMAND: who does it, and on what. */
#include "cli/journal_verb.h"

#include <string.h>

const struct verb_option journal_options[] = {
    {"json", NULL, "info, verify, dump: print JSON, for scripts"},
    {"serial", "SERIAL", "discard: the serial of the LUN that it belongs to"},
    {"timeout", "TIME", "drain: how long to wait [0: for ever]"},
    {"run-dir", "DIR", "in place of /run/holdfast"},
    {"o", "KEY=VALUE[,...]", "set a key: journal, run_dir"},
    {0},
};

static const struct command {
    const char *word;
    int (*run)(const struct arguments *arguments, struct journal_source *source);
    bool changes; /* the journal: not while a daemon uses it */
    unsigned operands;
} commands[] = {
    {"info", journal_info, false, 2},      {"verify", journal_verify, false, 2},
    {"dump", journal_dump, false, 2},      {"export", journal_export, false, 3},
    {"discard", journal_discard, true, 2},
};

static const struct command *find_command(const char *word)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].word, word) == 0)
            return &commands[i];
    }
    return NULL;
}

static int locate_running(const struct arguments *arguments, const struct command *command,
                          struct journal_source *ret_source, struct fault *fault)
{
    return command->run == journal_export
               ? journal_source_hold(arguments, ret_source, fault)
               : journal_source_locate_live(arguments, ret_source, fault);
}

/* Its clients read what the journal holds: gone from under them it would be wrong bytes. */
static int refuse_running(const struct arguments *arguments)
{
    const char *name = arguments->positional[1];
    struct journal_source source = {.holder.fd = -1};
    struct fault fault;
    bool is_known = journal_source_locate_live(arguments, &source, &fault) == 0;
    return complain(arguments, EXIT_FAILED,
                    "the daemon '%s' is running, and its clients were told that these writes are "
                    "there; to give them up all the same: `holdfast stop %s`, `holdfast journal "
                    "discard %s --serial SERIAL`, and start it again",
                    name, name, is_known ? source.path : name);
}

static int run(const struct arguments *arguments, const struct command *command)
{
    struct journal_source source;
    struct fault fault;
    bool running;
    if (journal_source_locate(arguments, &source, &running, &fault) != 0)
        return complain(arguments, EXIT_USAGE, "%s", fault.text);
    if (running && command->run == journal_info)
        return journal_info_running(arguments);
    if (running && command->changes)
        return refuse_running(arguments);
    if (running && locate_running(arguments, command, &source, &fault) != 0)
        return complain(arguments, EXIT_FAILED, "%s", fault.text);
    if (journal_source_open(&source, !command->changes, &fault) != 0)
        return complain(arguments, EXIT_FAILED, "%s", fault.text);
    int status = command->run(arguments, &source);
    journal_source_close(&source);
    return status;
}

int journal_run(const struct arguments *arguments)
{
    const char *word = arguments->positional[0];
    const struct command *command = find_command(word);
    unsigned operands = command ? command->operands : 2;
    if (!command && strcmp(word, "drain") != 0)
        return complain(arguments, EXIT_USAGE,
                        "there is no command '%s'; it is one of info, verify, dump, drain, "
                        "discard, export",
                        word);
    if (arguments->positional_count < operands)
        return complain(arguments, EXIT_USAGE,
                        "IMAGE is missing; write: holdfast journal export PATH|NAME IMAGE");
    if (arguments->positional_count > operands)
        return complain(arguments, EXIT_USAGE, "'%s' is one word too many",
                        arguments->positional[operands]);
    if (!command && strchr(arguments->positional[1], '/'))
        return complain(arguments, EXIT_USAGE,
                        "only a daemon can drain its journal, for it knows the LUN; start it with "
                        "this journal, and give its NAME");
    return command ? run(arguments, command) : drain_daemon(arguments, arguments->positional[1]);
}
