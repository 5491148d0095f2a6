/*
 * `holdfast netboot`: from a configured LUN to a folder with all that a boot server needs. It
 * talks to nobody and changes nothing but that folder; a second run writes it anew.
 */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "cli/netboot_job.h"

#define IPXE_FOLDER "/usr/lib/ipxe"
#define TEXT_BYTES  16384

const struct verb_option netboot_options[] = {
    {"mac", "ADDRESS|any", "the machine that boots; `any`: whoever asks gets the LUN"},
    {"interface", "NAME", "of this host, on the boot network; else the target's network"},
    {"network", "ADDRESS/BITS", "in its place: the boot server's address and network"},
    {"range", "FIRST,LAST", "addresses for clients; else a free part of the network"},
    {"router", "ADDRESS", "for clients; needed where the target is on another network"},
    {"kernel", "FILE|URL", "send a kernel; else the LUN has a boot loader"},
    {"initrd", "FILE|URL", "the initramfs of that kernel"},
    {"append", "WORDS", "for that kernel: root=UUID=... ro"},
    {"ipxe", "DIR", "where iPXE is [" IPXE_FOLDER "]"},
    {"o", "KEY=VALUE[,...]", "set a key: initiator, chap_user, chap_secret_file ..."},
    {0},
};

/* One text, as FOLDER/name. */
static int put_file(struct netboot *job, const char *name, unsigned mode, int error,
                    const struct netboot_text *text)
{
    if (error)
        return fault_set(&job->fault, error, "%s: longer than %d bytes", name, TEXT_BYTES);
    return netboot_write(job->folder, name, mode, text, &job->fault);
}

/* Secrets: in a file for root alone, out of TFTP's reach, beside a script that asks for them. */
static int write_scripts(struct netboot *job)
{
    char bytes[TEXT_BYTES];
    struct netboot_text text;
    bool chap = job->plan.chap_user;
    netboot_text_init(&text, bytes, sizeof bytes);
    int error = netboot_ipxe(&job->plan, NETBOOT_SECRETS, &text);
    error = put_file(job, chap ? NETBOOT_SCRIPT : "tftp/" NETBOOT_SCRIPT, chap ? 0600 : 0644, error,
                     &text);
    explicit_bzero(bytes, sizeof bytes);
    if (error || !chap)
        return error;
    netboot_text_init(&text, bytes, sizeof bytes);
    error = netboot_ipxe(&job->plan, NETBOOT_ASK, &text);
    return put_file(job, "tftp/" NETBOOT_LOGIN_SCRIPT, 0644, error, &text);
}

static int write_servers(struct netboot *job)
{
    static const struct {
        const char *name;
        int (*write)(const struct netboot_plan *plan, struct netboot_text *text);
    } files[] = {
        {"dnsmasq.conf", netboot_dnsmasq},
        {"dhcpd.conf", netboot_dhcpd},
        {"kea.conf", netboot_kea},
    };
    char bytes[TEXT_BYTES];
    struct netboot_text text;
    int error = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files && !error; i++) {
        netboot_text_init(&text, bytes, sizeof bytes);
        error = files[i].write(&job->plan, &text);
        error = put_file(job, files[i].name, 0644, error, &text);
    }
    return error;
}

static int copy_option(struct netboot *job, const char *option)
{
    const char *file = arguments_get(job->arguments, option);
    return file && !strstr(file, "://") ? netboot_copy(job->folder, file, &job->fault) : 0;
}

/* iPXE may be missing here, and be on the boot server: that is worth a word, not the end. */
static int copy_loaders(struct netboot *job)
{
    static const char *const names[] = {NETBOOT_BIOS_LOADER, NETBOOT_UEFI_LOADER};
    const char *from = arguments_get(job->arguments, "ipxe");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", from ? from : IPXE_FOLDER, names[i]);
        if (!from && access(path, F_OK) != 0)
            job->lacks_loader = true;
        else if (netboot_copy(job->folder, path, &job->fault) != 0)
            return complain(job->arguments, EXIT_FAILED, "%s%s", job->fault.text,
                            from && access(path, F_OK) != 0 ? "; --ipxe is the folder of iPXE's "
                                                              "files"
                                                            : "");
    }
    return EXIT_DONE;
}

static int write_folder(struct netboot *job)
{
    const char *folder = job->arguments->positional[1];
    int error = netboot_make_folders(folder, job->folder, sizeof job->folder, &job->fault);
    job->plan.folder = job->folder;
    if (!error)
        error = write_scripts(job);
    if (!error)
        error = write_servers(job);
    if (!error)
        error = copy_option(job, "kernel");
    if (!error)
        error = copy_option(job, "initrd");
    if (error)
        return complain(job->arguments, EXIT_FAILED, "%s", job->fault.text);
    return copy_loaders(job);
}

static void warn_of_ipv6(const struct netboot *job)
{
    for (unsigned i = 0; i < job->plan.portal_count; i++) {
        if (strchr(job->plan.portals[i].address, ':'))
            complain(job->arguments, 0,
                     "warning: portal %s: what is written here gives the machine an IPv4 address "
                     "alone; a router has to tell it its IPv6 one",
                     job->plan.portals[i].address);
    }
}

static void warn(const struct netboot *job)
{
    char path[PATH_MAX], control[OPTION_PATH_BYTES + 16];
    snprintf(control, sizeof control, "%s/control", job->options.run_dir);
    if (job->lacks_loader)
        complain(job->arguments, 0,
                 "warning: iPXE is not in " IPXE_FOLDER
                 "; install the package ipxe and run this again");
    if (!job->plan.mac)
        complain(job->arguments, 0,
                 "warning: any machine that boots by this network gets the LUN; "
                 "two that write to it destroy it");
    if (netboot_closed_folder(job->folder, path, sizeof path))
        complain(job->arguments, 0, "warning: a TFTP server that is not root cannot enter %s",
                 *path ? path : "/");
    if (access(control, F_OK) == 0)
        complain(job->arguments, 0,
                 "warning: '%s' is served on this host now; before the machine "
                 "boots: holdfast stop %s",
                 job->plan.name, job->plan.name);
    warn_of_ipv6(job);
}

static void tell(const struct netboot *job)
{
    char address[NETBOOT_IPV4_BYTES], path[NETBOOT_ROOT_PATH_BYTES];
    netboot_root_path(&job->plan, 0, path);
    printf("root path  %s\ninitiator  %s\n", path, job->plan.initiator);
    if (job->plan.mac)
        printf("machine    %s, at %s\n", job->plan.mac, netboot_ipv4(job->plan.first, address));
    if (job->plan.chap_user)
        printf("CHAP       the machine asks for the secret; %s/" NETBOOT_SCRIPT
               " (0600) holds it, to be built into iPXE\n",
               job->folder);
    printf("written    %s: dnsmasq.conf, or dhcpd.conf, or kea.conf; tftp/\n"
           "start      dnsmasq --keep-in-foreground --log-dhcp --conf-file=%s/dnsmasq.conf\n",
           job->folder, job->folder);
}

int netboot_run(const struct arguments *arguments)
{
    static struct netboot job; /* big */
    job.arguments = arguments;
    int status = netboot_take_options(&job);
    if (status == EXIT_DONE)
        status = write_folder(&job);
    if (status == EXIT_DONE) {
        warn(&job);
        tell(&job);
    }
    login_done(&job.login);
    return status;
}
