#include "cli/keys.h"
#include "daemon/run_dir.h"
#include "daemon/serve.h"

const struct verb_option serve_options[] = {
    {"name", "NAME", "the name of this daemon; else from the target and the LUN"},
    {"nbd", "unix:PATH|tcp:HOST:PORT", "serve by NBD on this address; may be given again"},
    {"fuse", "PATH", "serve as this file; may be given again"},
    {"device", "nbd|/dev/nbdN", "serve as this block device of the kernel"},
    {"journal", "none|memory|PATH", "where writes are kept while the target is away"},
    {"supervise", NULL, "start the daemon again when it crashes, from memory"},
    {"root", NULL, "the LUN is the root disk: outlive the initramfs, depend on no disk"},
    {"run-dir", "DIR", "in place of /run/holdfast"},
    {"o", "KEY=VALUE[,...]", "set a key of holdfast.conf(5)"},
    {0},
};

/* --run-dir is the folder in which every daemon has its own. */
static int take_run_dir(const struct arguments *arguments, struct options *options)
{
    const char *base = arguments_get(arguments, "run-dir");
    if (!base || options_was_given(options, "run_dir"))
        return EXIT_DONE;
    int bytes = snprintf(options->run_dir, sizeof options->run_dir, "%s/%s", base, options->name);
    if (bytes >= (int)sizeof options->run_dir)
        return complain(arguments, EXIT_USAGE, "--run-dir: the path is too long");
    return EXIT_DONE;
}

int serve_run(const struct arguments *arguments)
{
    static struct options options; /* big, and alive as long as the process */
    struct fault fault;
    int error = keys_from_operand(arguments, arguments->positional[0], &options, &fault);
    if (!error)
        error = options_complete(&options, &fault);
    if (error)
        return complain(arguments, EXIT_USAGE, "%s", fault.text);
    int status = take_run_dir(arguments, &options);
    return status == EXIT_DONE ? serve(&options) : status;
}
