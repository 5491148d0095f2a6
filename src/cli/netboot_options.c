/* From the command line and the LUN's configuration to a plan. */
#include <stdlib.h>
#include <string.h>

#include "cli/keys.h"
#include "cli/netboot_job.h"

static int wrong(struct netboot *job)
{
    return complain(job->arguments, EXIT_USAGE, "%s", job->fault.text);
}

/* Without a name of its own the machine would take this host's, and with it the host's rights. */
static int take_login(struct netboot *job)
{
    struct options *options = &job->options;
    int error =
        keys_from_operand(job->arguments, job->arguments->positional[0], options, &job->fault);
    if (!error)
        error = options_complete(options, &job->fault);
    if (error)
        return wrong(job);
    if (!*options->initiator)
        snprintf(options->initiator, sizeof options->initiator, "iqn.2026-11.org.holdfast:%.64s",
                 options->name);
    if (login_init(&job->login, options, true, NULL, &job->fault) != 0)
        return complain(job->arguments, EXIT_FAILED, "%s", job->fault.text);
    const struct link_config *config = &job->login.config;
    job->plan.name = options->name;
    job->plan.initiator = config->initiator;
    job->plan.target = config->target;
    job->plan.lun = config->lun;
    job->plan.chap_user = config->chap_user;
    job->plan.chap_secret = config->chap_secret;
    job->plan.mutual_user = config->mutual_user;
    job->plan.mutual_secret = config->mutual_secret;
    return EXIT_DONE;
}

static int take_portals(struct netboot *job)
{
    const struct url_target *url = &job->options.url;
    for (unsigned i = 0; i < url->portal_count; i++) {
        if (netboot_resolve(url->portals[i].host, job->addresses[i], &job->fault) != 0)
            return complain(job->arguments, EXIT_FAILED, "%s", job->fault.text);
        job->plan.portals[i] = (struct netboot_portal){job->addresses[i], url->portals[i].port};
    }
    job->plan.portal_count = url->portal_count;
    return EXIT_DONE;
}

static int take_machine(struct netboot *job)
{
    const char *mac = arguments_get(job->arguments, "mac");
    if (!mac)
        return complain(job->arguments, EXIT_USAGE,
                        "which machine boots? give its network card with --mac aa:bb:cc:dd:ee:ff; "
                        "--mac any gives the LUN to whoever asks, and two that write to it "
                        "destroy it");
    if (strcmp(mac, "any") == 0)
        return EXIT_DONE;
    if (!netboot_parse_mac(mac, job->mac))
        return complain(job->arguments, EXIT_USAGE,
                        "--mac: '%.64s' is no address of a network card; write aa:bb:cc:dd:ee:ff, "
                        "or any",
                        mac);
    job->plan.mac = job->mac;
    return EXIT_DONE;
}

static int take_written_network(struct netboot *job, const char *text)
{
    char address[NETBOOT_IPV4_BYTES];
    const char *slash = strchr(text, '/');
    char *end;
    unsigned long bits = slash ? strtoul(slash + 1, &end, 10) : 0;
    snprintf(address, sizeof address, "%.*s", (int)(slash ? slash - text : 0), text);
    if (bits < 8 || bits > 29 || *end || !netboot_parse_ipv4(address, &job->plan.server))
        return complain(job->arguments, EXIT_USAGE,
                        "--network: '%.64s' is not understood; write the boot server's address "
                        "and the bits of the network, 192.0.2.1/24 (8 to 29 bits)",
                        text);
    job->plan.prefix = (unsigned)bits;
    job->plan.interface = arguments_get(job->arguments, "interface");
    return EXIT_DONE;
}

static int take_network(struct netboot *job)
{
    const char *network = arguments_get(job->arguments, "network");
    const char *name = arguments_get(job->arguments, "interface");
    uint32_t portal = 0;
    if (name && (strlen(name) >= NETBOOT_INTERFACE_BYTES || strpbrk(name, " \t\n\"#,/\\")))
        return complain(job->arguments, EXIT_USAGE, "--interface: '%.32s' is no name of one", name);
    if (network)
        return take_written_network(job, network);
    if (!name && !netboot_parse_ipv4(job->plan.portals[0].address, &portal))
        return complain(job->arguments, EXIT_USAGE,
                        "the target has no IPv4 address that would show where the machine boots; "
                        "give --interface or --network");
    if (netboot_find_interface(name, portal, &job->interface, &job->fault) != 0)
        return complain(job->arguments, EXIT_USAGE, "%s", job->fault.text);
    if (job->interface.prefix < 8 || job->interface.prefix > 29)
        return complain(job->arguments, EXIT_USAGE,
                        "the network of %s has no room for clients (/%u); give --network",
                        job->interface.name, job->interface.prefix);
    job->plan.interface = job->interface.name;
    job->plan.server = job->interface.address;
    job->plan.prefix = job->interface.prefix;
    return EXIT_DONE;
}

static int take_range(struct netboot *job)
{
    struct netboot_plan *plan = &job->plan;
    const char *range = arguments_get(job->arguments, "range");
    char first[NETBOOT_IPV4_BYTES];
    uint32_t mask = netboot_mask(plan->prefix);
    if (!range && netboot_choose_range(plan) != 0)
        return complain(job->arguments, EXIT_USAGE,
                        "no part of the network is free for clients; give --range FIRST,LAST");
    if (!range)
        return EXIT_DONE;
    const char *comma = strchr(range, ',');
    snprintf(first, sizeof first, "%.*s", (int)(comma ? comma - range : 0), range);
    if (!comma || !netboot_parse_ipv4(first, &plan->first) ||
        !netboot_parse_ipv4(comma + 1, &plan->last) || plan->first >= plan->last)
        return complain(job->arguments, EXIT_USAGE,
                        "--range: '%.64s' is not understood; write FIRST,LAST, such as "
                        "192.0.2.100,192.0.2.199",
                        range);
    if (((plan->first ^ plan->server) | (plan->last ^ plan->server)) & mask)
        return complain(job->arguments, EXIT_USAGE, "--range: %.64s is not in the boot network",
                        range);
    return EXIT_DONE;
}

static int take_router(struct netboot *job)
{
    const char *router = arguments_get(job->arguments, "router");
    struct netboot_plan *plan = &job->plan;
    if (router && (!netboot_parse_ipv4(router, &plan->router) ||
                   ((plan->router ^ plan->server) & netboot_mask(plan->prefix)) != 0))
        return complain(job->arguments, EXIT_USAGE,
                        "--router: '%.64s' is no IPv4 address in the boot network", router);
    const struct netboot_portal *away = netboot_unreachable(plan);
    if (away)
        return complain(job->arguments, EXIT_USAGE,
                        "the target's portal %s is not in the boot network; give --router, or "
                        "the right --interface",
                        away->address);
    return EXIT_DONE;
}

static bool is_remote(const char *file)
{
    return strstr(file, "://");
}

/* A file goes into the folder of TFTP, under its own name; a URL is iPXE's to open. */
static int take_file(struct netboot *job, const char *option, const char **ret_name)
{
    const char *file = arguments_get(job->arguments, option);
    if (!file)
        return EXIT_DONE;
    const char *slash = is_remote(file) ? NULL : strrchr(file, '/');
    const char *name = slash ? slash + 1 : file;
    if (*name == '\0' || strpbrk(name, " \t\n\r|&\""))
        return complain(job->arguments, EXIT_USAGE,
                        "--%s: '%.128s': iPXE does not understand such a name", option, name);
    *ret_name = name;
    return EXIT_DONE;
}

static int take_kernel(struct netboot *job)
{
    struct netboot_plan *plan = &job->plan;
    const char *append = arguments_get(job->arguments, "append");
    int status = take_file(job, "kernel", &plan->kernel);
    if (status == EXIT_DONE)
        status = take_file(job, "initrd", &plan->initrd);
    if (status != EXIT_DONE)
        return status;
    if (!plan->kernel && (plan->initrd || append))
        return complain(job->arguments, EXIT_USAGE, "--%s goes with --kernel",
                        plan->initrd ? "initrd" : "append");
    plan->append = append ? append : "";
    if (strpbrk(plan->append, "\n\r"))
        return complain(job->arguments, EXIT_USAGE, "--append: it has to be one line");
    return EXIT_DONE;
}

int netboot_take_options(struct netboot *job)
{
    static int (*const steps[])(struct netboot * job) = {
        take_machine, take_login, take_portals, take_network, take_range, take_router, take_kernel,
    };
    int status = EXIT_DONE;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && status == EXIT_DONE; i++)
        status = steps[i](job);
    return status;
}
