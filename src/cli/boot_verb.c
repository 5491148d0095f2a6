/*
 * `holdfast boot`: what an initramfs calls between "the network is up" and "root is mounted".
 * A person calls it again in the emergency shell, so every step may be repeated.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "boot/boot_search.h"
#include "cli/boot.h"
#include "cli/keys.h"
#include "cli/program.h"
#include "daemon/values.h"

#define NAME_DEFAULT       "root"
#define TIMEOUT_DEFAULT_MS (5 * 60 * 1000ull)
#define NBD_MODULE         "/sys/module/nbd"
#define JOURNAL_MS         (30 * 1000ull)

const struct verb_option boot_options[] = {
    {"print", NULL, "show what is found, where, and what follows; change nothing"},
    {"network", NULL, "print what a script needs to bring up the network"},
    {"no-wait", NULL, "start the daemon, and do not wait for the disk"},
    {"timeout", "TIME", "give up waiting for the disk after this (5m); 0: never"},
    {"name", "NAME", "the name of the daemon (root)"},
    {"from", "DIR", "look for /proc, /sys, /run and /etc in DIR; with --print or --network"},
    {0},
};

static const char *name_of(const struct arguments *arguments, const struct boot_found *found)
{
    const char *name = arguments_get(arguments, "name");
    if (name)
        return name;
    return *found->file.name ? found->file.name : NAME_DEFAULT;
}

static int take_timeout(const struct arguments *arguments, const struct boot_found *found,
                        uint64_t *ret_ms, struct fault *fault)
{
    if (*found->line.timeout && !arguments_get(arguments, "timeout")) {
        int error = value_duration(found->line.timeout, ret_ms, fault);
        return error ? fault_prefix(fault, error, "kernel command line: holdfast.timeout=") : 0;
    }
    return keys_timeout(arguments, TIMEOUT_DEFAULT_MS, ret_ms, fault);
}

static int check_asked(const struct boot_found *found, struct fault *fault)
{
    enum boot_choice choice = boot_plan_choice(found);
    if (choice == BOOT_OFF)
        return fault_set(fault, -ENOENT,
                         "holdfast=no stands on the kernel command line; only a LUN that is named "
                         "here is booted in spite of it");
    if (choice == BOOT_NOT_ASKED)
        return fault_set(
            fault, -ENOENT,
            "nothing asks for a boot; write holdfast=ibft, =dhcp or "
            "=iscsi://HOST/TARGET/LUN on the kernel command line, or url= into " BOOT_FILE_PATH);
    return 0;
}

/* iscsi_ibft shows the CHAP secret to everybody; we have it in a file of our own now. */
static void unload_ibft_module(void)
{
    static const char *const words[] = {"modprobe", "-r", "iscsi_ibft", NULL};
    char output[128];
    int status;
    if (access("/sys/firmware/ibft", F_OK) == 0)
        (void)program_read(words, output, sizeof output, &status);
}

/* The last resort, for a machine that does not let us look at its memory: the kernel's own view. */
static void look_with_ibft_module(struct boot_found *found)
{
    static const char *const words[] = {"modprobe", "-q", "iscsi_ibft", NULL};
    char output[128];
    int status;
    if (found->has_ibft || boot_plan_choice(found) != BOOT_IBFT ||
        access("/sys/firmware/ibft", F_OK) == 0)
        return;
    if (program_read(words, output, sizeof output, &status) != 0 || status != 0)
        return;
    found->has_ibft = ibft_source_read("", &found->ibft, found->ibft_place,
                                       sizeof found->ibft_place, &found->ibft_fault) == 0;
}

/* Before anybody waits for a network that would lead nowhere: is what is asked for there at all? */
static int network(const struct arguments *arguments, const struct boot_found *found)
{
    static struct boot_parameters parameters;
    struct fault fault;
    bool is_clear =
        boot_plan_choice(found) != BOOT_IBFT || boot_plan_resolve(found, &parameters, &fault) == 0;
    boot_parameters_wipe(&parameters);
    boot_report_network(stdout, found); /* a person may need it the more */
    return is_clear ? EXIT_DONE : complain(arguments, EXIT_FAILED, "%s", fault.text);
}

static int print(const struct arguments *arguments, const struct boot_found *found)
{
    static struct boot_parameters parameters;
    struct fault fault;
    boot_report(stdout, found);
    int error = check_asked(found, &fault);
    if (!error)
        error = boot_plan_resolve(found, &parameters, &fault);
    if (error) {
        fflush(stdout);
        return complain(arguments, EXIT_FAILED, "%s", fault.text);
    }
    boot_report_parameters(stdout, &parameters);
    boot_parameters_wipe(&parameters);
    return EXIT_DONE;
}

static int say_how_to_go_on(const struct arguments *arguments, const struct fault *fault)
{
    complain(arguments, EXIT_FAILED, "%s", fault->text);
    fputs("When that is mended, two commands continue the boot:\n"
          "    holdfast boot        (--print shows what it finds; a URL names another LUN)\n"
          "    exit\n",
          stderr);
    return EXIT_FAILED;
}

static int prepare(const struct boot_place *place, const struct boot_found *found,
                   struct fault *fault)
{
    static struct boot_parameters parameters;
    int error = check_asked(found, fault);
    if (!error)
        error = boot_plan_resolve(found, &parameters, fault);
    if (error)
        return error;
    if (found->line.has_secret)
        fputs("holdfast boot: a CHAP secret stands on the kernel command line, where everybody can "
              "read it; put it into a file and name that in " BOOT_FILE_PATH "\n",
              stderr);
    boot_report_line(stderr, &parameters);
    if (boot_files_differ(place, found, &parameters))
        error = boot_end_former(place, fault);
    if (!error)
        error = boot_files_write(place, found, &parameters, fault);
    if (!error)
        boot_interface_write(place, &parameters.lun.portals[0]);
    boot_parameters_wipe(&parameters);
    unload_ibft_module();
    return error;
}

/* The daemon would say so, too, but not what that means in an initramfs. */
static int check_module(struct fault *fault)
{
    static const char *const words[] = {"modprobe", "-q", "nbd", NULL};
    char output[128];
    int status;
    if (access(NBD_MODULE, F_OK) == 0)
        return 0;
    (void)program_read(words, output, sizeof output, &status);
    return access(NBD_MODULE, F_OK) == 0
               ? 0
               : fault_set(fault, -ENODEV,
                           "the kernel's module nbd cannot be loaded; it is missing in this image, "
                           "or the image is of another kernel than the one that runs: make it anew "
                           "(update-initramfs -u, dracut -f)");
}

static int boot(const struct arguments *arguments, const struct boot_found *found)
{
    static struct boot_place place;
    struct fault fault;
    char node[BOOT_PATH_BYTES];
    uint64_t timeout_ms;
    const char *name = name_of(arguments, found);
    if (options_check_name(name, &fault) || take_timeout(arguments, found, &timeout_ms, &fault))
        return complain(arguments, EXIT_USAGE, "%s", fault.text);
    boot_place_init(&place, name);
    int error = prepare(&place, found, &fault);
    if (!error)
        error = check_module(&fault);
    if (!error)
        error = boot_await_journal(found->file.journal, JOURNAL_MS, &fault);
    if (!error)
        error = boot_start(&place, !arguments_get(arguments, "no-wait"), timeout_ms, node,
                           sizeof node, &fault);
    if (error)
        return say_how_to_go_on(arguments, &fault);
    if (*node)
        puts(node);
    return EXIT_DONE;
}

static int act(const struct arguments *arguments, const struct boot_found *found)
{
    if (arguments_get(arguments, "network"))
        return network(arguments, found);
    return arguments_get(arguments, "print") ? print(arguments, found) : boot(arguments, found);
}

int boot_run(const struct arguments *arguments)
{
    static struct boot_found found;
    struct fault fault;
    const char *from = arguments_get(arguments, "from");
    bool only_looks = arguments_get(arguments, "print") || arguments_get(arguments, "network");
    if (from && !only_looks)
        return complain(arguments, EXIT_USAGE, "--from: only with --print or --network");
    if (boot_search(from ? from : "", &found, &fault) != 0)
        return only_looks ? complain(arguments, EXIT_FAILED, "%s", fault.text)
                          : say_how_to_go_on(arguments, &fault);
    if (arguments->positional_count > 0 &&
        boot_plan_take_word(&found, arguments->positional[0], &fault) != 0)
        return complain(arguments, EXIT_USAGE, "%s", fault.text);
    if (!from && !arguments_get(arguments, "print"))
        look_with_ibft_module(&found);
    int status = act(arguments, &found);
    boot_found_wipe(&found);
    return status;
}
