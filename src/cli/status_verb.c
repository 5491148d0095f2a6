#include <dirent.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/status_text.h"
#include "daemon/options.h"
#include "daemon/run_dir.h"
#include "os/clock.h"

#define ANSWER_MS 5000
#define WATCH_MS  1000
#define CLEAR     "\033[H\033[2J"

const struct verb_option status_options[] = {
    {"json", NULL, "print JSON, for scripts"},
    {"watch", NULL, "again every second, until interrupted"},
    {"run-dir", "DIR", "in place of /run/holdfast"},
    {"o", "run_dir=PATH", "the run directory of that daemon"},
    {0},
};

static void print(struct json_object *status, bool json)
{
    if (json)
        puts(json_object_to_json_string_ext(status, JSON_C_TO_STRING_PLAIN));
    else
        status_text_print(stdout, status, status_text_wants_colour(stdout));
}

static int show_one(const struct arguments *arguments, const char *name)
{
    char directory[OPTION_PATH_BYTES];
    struct fault fault;
    struct json_object *status;
    if (client_directory(arguments, name, directory, sizeof directory, &fault) != 0)
        return complain(arguments, EXIT_USAGE, "%s", fault.text);
    if (client_ask(directory, name, "status", ANSWER_MS, &status, &fault) != 0)
        return complain(arguments, EXIT_FAILED, "%s", fault.text);
    json_object_object_del(status, "ok");
    print(status, arguments_get(arguments, "json"));
    json_object_put(status);
    return EXIT_DONE;
}

static int is_candidate(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Folders that are no daemon's, and those of daemons that ended, are passed over in silence. */
static int show_if_running(const struct arguments *arguments, const char *name, unsigned *count)
{
    char directory[OPTION_PATH_BYTES];
    struct fault fault;
    if (client_directory(arguments, name, directory, sizeof directory, &fault) != 0 ||
        run_dir_holder(directory) == 0)
        return EXIT_DONE;
    if ((*count)++ > 0 && !arguments_get(arguments, "json"))
        putchar('\n');
    return show_one(arguments, name);
}

static int show_all(const struct arguments *arguments)
{
    const char *base = arguments_get(arguments, "run-dir");
    struct dirent **entries;
    unsigned shown = 0;
    int result = EXIT_DONE;
    int count = scandir(base ? base : RUN_DIR_BASE, &entries, is_candidate, alphasort);
    if (count < 0 && errno != ENOENT)
        return complain(arguments, EXIT_FAILED, "%s: %s", base ? base : RUN_DIR_BASE,
                        strerror(errno));
    for (int i = 0; i < count; i++) {
        int one = show_if_running(arguments, entries[i]->d_name, &shown);
        result = one == EXIT_DONE ? result : one;
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    if (shown == 0 && !arguments_get(arguments, "json"))
        puts("no daemon is running");
    return result;
}

static int show(const struct arguments *arguments)
{
    int status = arguments->positional_count > 0 ? show_one(arguments, arguments->positional[0])
                                                 : show_all(arguments);
    fflush(stdout);
    return status;
}

int status_run(const struct arguments *arguments)
{
    if (!arguments_get(arguments, "watch"))
        return show(arguments);
    for (;;) {
        if (isatty(STDOUT_FILENO) && !arguments_get(arguments, "json"))
            fputs(CLEAR, stdout);
        int status = show(arguments);
        if (status == EXIT_USAGE || ferror(stdout))
            return status == EXIT_USAGE ? status : EXIT_FAILED;
        clock_pause_ms(WATCH_MS);
    }
}
