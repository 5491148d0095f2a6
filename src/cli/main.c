/* holdfast: one program, a verb for each thing that it does; and, under their names, the helpers of
 * mount(8). */
#include <stdio.h>
#include <string.h>

#include "cli/verb.h"
#include "mount/helper.h"
#include "os/process.h"

int help_run(const struct arguments *arguments)
{
    if (arguments->positional_count == 0) {
        verb_print_overview(stdout);
        return EXIT_DONE;
    }
    const struct verb *verb = verb_find(arguments->positional[0]);
    if (!verb)
        return complain(arguments, EXIT_USAGE, "there is no verb '%s'", arguments->positional[0]);
    verb_print_help(stdout, verb);
    return EXIT_DONE;
}

int version_run(const struct arguments *arguments)
{
    puts("holdfast " HOLDFAST_VERSION);
    return EXIT_DONE;
}

static const char *verb_of(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return "help";
    return strcmp(word, "--version") == 0 ? "version" : word;
}

/* A full disk must not look like success. */
static bool all_is_printed(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    fprintf(stderr, "holdfast: not all of it could be written to the standard output\n");
    return false;
}

int main(int count, char **words)
{
    os_process_init();
    mount_helper *helper = count > 0 ? mount_helper_find(words[0]) : NULL;
    if (helper)
        return helper(count, words);
    os_process_name("holdfast");
    if (count < 2) {
        verb_print_overview(stderr);
        return EXIT_USAGE;
    }
    const struct verb *verb = verb_find(verb_of(words[1]));
    if (!verb) {
        fprintf(stderr, "holdfast: there is no verb '%s'; `holdfast help` lists them\n", words[1]);
        return EXIT_USAGE;
    }
    struct arguments arguments;
    int status = arguments_parse(&arguments, verb, count - 1, words + 1);
    if (status == EXIT_DONE && arguments_get(&arguments, "help")) {
        verb_print_help(stdout, verb);
        return EXIT_DONE;
    }
    if (status == EXIT_DONE)
        status = verb->run(&arguments);
    return status == EXIT_DONE && !all_is_printed() ? EXIT_FAILED : status;
}
