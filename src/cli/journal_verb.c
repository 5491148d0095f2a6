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
    bool read_only;
    unsigned operands;
    const char *instead; /* what to do while the daemon runs; NULL: just this */
} commands[] = {
    {"info", journal_info, true, 2, NULL},
    {"verify", journal_verify, true, 2, NULL},
    {"dump", journal_dump, true, 2, NULL},
    {"discard", journal_discard, false, 2, "stop it first (holdfast stop NAME)"},
    {"export", journal_export, true, 3, NULL},
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

static int run(const struct arguments *arguments, const struct command *command)
{
    struct journal_source source;
    struct fault fault;
    bool running;
    if (journal_source_locate(arguments, &source, &running, &fault) != 0)
        return complain(arguments, EXIT_USAGE, "%s", fault.text);
    if (running && command->run == journal_info)
        return journal_info_running(arguments);
    if (running && command->instead)
        return complain(arguments, EXIT_FAILED,
                        "the daemon '%s' is running and uses its journal; %s",
                        arguments->positional[1], command->instead);
    if (running && locate_running(arguments, command, &source, &fault) != 0)
        return complain(arguments, EXIT_FAILED, "%s", fault.text);
    if (journal_source_open(&source, command->read_only, &fault) != 0)
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
