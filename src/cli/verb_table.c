#include <string.h>

#include "cli/verb.h"
#include "daemon/options.h"

#define HEAD_COLUMNS 22 /* of the overview: a longer head has its help below it */

const struct verb_option no_options[] = {{0}};

const struct verb verb_table[] = {
    {"serve", "URL|NAME", 1, 1, "serve a LUN by NBD and as a file, whatever becomes of the target",
     serve_options, true, serve_run},
    {"status", "[NAME]", 0, 1, "show what a daemon, or every daemon, is doing", status_options,
     false, status_run},
    {"flush", "NAME", 1, 1, "bring all acknowledged writes to the target's stable storage",
     flush_options, false, flush_run},
    {"drain", "NAME", 1, 1, "wait until the LUN has everything that was acknowledged",
     drain_options, false, drain_run},
    {"journal", "COMMAND PATH|NAME [IMAGE]", 2, 3,
     "look into a journal: info, verify, dump, drain, discard, export", journal_options, false,
     journal_run},
    {"stop", "NAME", 1, 1, "end a daemon, and wait until it is gone", stop_options, false,
     stop_run},
    {"attach", "NAME [/dev/nbdN]", 1, 2,
     "make a running daemon's disk a block device of the kernel", attach_options, false,
     attach_run},
    {"detach", "NAME", 1, 1, "take that block device away, when nobody uses it", detach_options,
     false, detach_run},
    {"discover", "PORTAL", 1, 1, "list the targets of a portal", discover_options, true,
     discover_run},
    {"inspect", "URL", 1, 1, "show what a LUN is and can, without disturbing who uses it",
     inspect_options, true, inspect_run},
    {"netboot", "URL|NAME DIR", 2, 2,
     "write what a boot server needs to start a machine from a LUN", netboot_options, true,
     netboot_run},
    {"boot", "[ibft|dhcp|URL]", 0, 1,
     "in an initramfs: find the LUN to boot from, serve it, wait for the disk", boot_options, false,
     boot_run},
    {"help", "[VERB]", 0, 1, "say what a verb does", no_options, false, help_run},
    {"version", "", 0, 0, "print the version", no_options, false, version_run},
    {0},
};

const struct verb *verb_find(const char *name)
{
    for (const struct verb *verb = verb_table; verb->name; verb++) {
        if (strcmp(verb->name, name) == 0)
            return verb;
    }
    return NULL;
}

void verb_print_overview(FILE *to)
{
    fputs("usage: holdfast VERB [ARGUMENT...]\n\n", to);
    for (const struct verb *verb = verb_table; verb->name; verb++) {
        char head[40];
        int bytes = snprintf(head, sizeof head, "%s %s", verb->name, verb->operands);
        fprintf(to, "  %-*s", HEAD_COLUMNS, head);
        if (bytes > HEAD_COLUMNS)
            fprintf(to, "\n  %-*s", HEAD_COLUMNS, "");
        fprintf(to, " %s\n", verb->help);
    }
    fputs("\n`holdfast VERB --help` lists the options; holdfast(8) explains it all.\n", to);
}

static void print_option(FILE *to, const struct verb_option *option)
{
    char head[80];
    snprintf(head, sizeof head, "%s%s%s%s", option->name[1] ? "--" : "-", option->name,
             option->value ? " " : "", option->value ? option->value : "");
    fprintf(to, "  %-36s %s\n", head, option->help);
}

void verb_print_help(FILE *to, const struct verb *verb)
{
    bool options = verb->options->name != NULL;
    fprintf(to, "usage: holdfast %s%s%s%s\n\n%s\n", verb->name, *verb->operands ? " " : "",
            verb->operands, options ? " [OPTION...]" : "", verb->help);
    if (options)
        fputc('\n', to);
    for (const struct verb_option *option = verb->options; option->name; option++)
        print_option(to, option);
    if (verb->takes_keys) {
        fputs("\nkeys, with their defaults:\n", to);
        options_print_help(to);
    }
}
