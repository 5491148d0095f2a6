#include <string.h>

#include "boot/boot_network.h"
#include "cli/boot.h"
#include "daemon/options.h"

static const char *choice_text(enum boot_choice choice)
{
    switch (choice) {
    case BOOT_NOT_ASKED:
        return "nothing";
    case BOOT_OFF:
        return "no boot (holdfast=no)";
    case BOOT_IBFT:
        return "the LUN of the iBFT";
    case BOOT_DHCP:
        return "the LUN of DHCP's root path";
    case BOOT_NAMED:
        return "a LUN that it names";
    }
    return "";
}

static void print_lun(FILE *to, const struct url_target *lun)
{
    if (*lun->target)
        fprintf(to, "  target     %s\n", lun->target);
    if (lun->lun_is_given)
        fprintf(to, "  LUN        %u\n", lun->lun);
    for (unsigned i = 0; i < lun->portal_count; i++) {
        char portal[URL_PORTAL_TEXT_BYTES];
        if (!*lun->portals[i].host)
            continue;
        url_print_portal(&lun->portals[i], portal, sizeof portal);
        fprintf(to, "  portal     %s\n", portal);
    }
}

static void print_secret(FILE *to, const char *what, const char *user, const char *secret,
                         const char *file)
{
    if (*user || *secret || *file)
        fprintf(to, "  %-10s %s, secret %s\n", what, *user ? user : "(no user)",
                *file     ? file
                : *secret ? "********"
                          : "not here");
}

static void print_facts(FILE *to, const char *place, const struct boot_facts *facts)
{
    const struct boot_chap *chap = &facts->chap;
    if (!*facts->lun.target && !facts->lun.portal_count && !*facts->initiator && !*chap->user &&
        !*chap->secret && !*chap->secret_file)
        return;
    fprintf(to, "%s%s%s%s:\n", facts->source, *place ? " (" : "", place, *place ? ")" : "");
    print_lun(to, &facts->lun);
    if (*facts->initiator)
        fprintf(to, "  initiator  %s\n", facts->initiator);
    print_secret(to, "CHAP", chap->user, chap->secret, chap->secret_file);
    print_secret(to, "mutual", chap->mutual_user, chap->mutual_secret, chap->mutual_secret_file);
}

static void print_nics(FILE *to, const struct ibft *ibft)
{
    for (unsigned i = 0; i < ibft->nic_count; i++) {
        const struct ibft_nic *nic = &ibft->nics[i];
        char mac[BOOT_MAC_BYTES];
        boot_network_print_mac(nic, mac);
        fprintf(to, "  NIC        %s %s/%u gateway %s%s%s\n", mac,
                *nic->address ? nic->address : "no address", nic->prefix,
                *nic->gateway ? nic->gateway : "none",
                nic->origin == IBFT_ORIGIN_DHCP ? ", from DHCP" : "",
                nic->is_boot ? ", booted by" : "");
    }
}

static void report_ibft(FILE *to, const struct boot_found *found)
{
    struct boot_facts facts = {.source = "the iBFT"};
    struct fault fault;
    if (!found->has_ibft) {
        fprintf(to, "the iBFT: %s\n", found->ibft_fault.text);
        return;
    }
    if (ibft_take_facts(&found->ibft, &facts, &fault) == 0)
        print_facts(to, found->ibft_place, &facts);
    else
        fprintf(to, "%s\n", fault.text);
    print_nics(to, &found->ibft);
}

void boot_report(FILE *to, const struct boot_found *found)
{
    fprintf(to, "asked for: %s\n", choice_text(boot_plan_choice(found)));
    print_facts(to, "", &found->line.holdfast);
    print_facts(to, "", &found->line.netroot);
    print_facts(to, "", &found->line.variables);
    report_ibft(to, found);
    if (found->has_dhcp)
        print_facts(to, found->dhcp_place, &found->dhcp);
    else
        fprintf(to, "DHCP: %s\n", found->dhcp_fault.text);
    print_facts(to, "", &found->file.facts);
    print_facts(to, "", &found->image);
    print_facts(to, "", &found->machine);
}

static void print_origin(FILE *to, const char *what, const char *source)
{
    if (source)
        fprintf(to, "  %-10s from %s\n", what, source);
}

void boot_report_parameters(FILE *to, const struct boot_parameters *parameters)
{
    const struct boot_chap *chap = &parameters->chap;
    fprintf(to, "to be booted:\n");
    print_lun(to, &parameters->lun);
    if (parameters->lun_is_assumed)
        fprintf(to, "             (no source gives the LUN's number: 0, as RFC 4173 says)\n");
    fprintf(to, "  initiator  %s\n",
            *parameters->initiator ? parameters->initiator : "not said; by the machine's ID");
    print_secret(to, "CHAP", chap->user, chap->secret, chap->secret_file);
    print_secret(to, "mutual", chap->mutual_user, chap->mutual_secret, chap->mutual_secret_file);
    fputs("this is\n", to);
    print_origin(to, "the LUN", parameters->lun_from);
    print_origin(to, "its portal", parameters->portals_from);
    print_origin(to, "initiator", parameters->initiator_from);
    print_origin(to, "CHAP user", parameters->chap_from);
    print_origin(to, "the secret", parameters->secret_from);
}

void boot_report_line(FILE *to, const struct boot_parameters *parameters)
{
    const struct url_target *lun = &parameters->lun;
    fprintf(to, "holdfast boot: LUN %u%s of %s, from %s, at", lun->lun,
            parameters->lun_is_assumed ? " (as no source gives its number)" : "", lun->target,
            parameters->lun_from);
    for (unsigned i = 0; i < lun->portal_count; i++) {
        char portal[URL_PORTAL_TEXT_BYTES];
        url_print_portal(&lun->portals[i], portal, sizeof portal);
        fprintf(to, " %s", portal);
    }
    fputc('\n', to);
}

void boot_report_network(FILE *to, const struct boot_found *found)
{
    enum boot_choice choice = boot_plan_choice(found);
    char text[BOOT_NETWORK_BYTES];
    if (choice == BOOT_NOT_ASKED || choice == BOOT_OFF)
        return;
    fputs("HOLDFAST_BOOT='yes'\n", to);
    struct fault ignored;
    if (*found->file.name && options_check_name(found->file.name, &ignored) == 0)
        fprintf(to, "HOLDFAST_NAME='%s'\n", found->file.name);
    const char *ip = found->line.ip;
    if ((*ip && strcmp(ip, "ibft") != 0) || choice == BOOT_DHCP || found->line.ignores_ibft)
        return; /* ip= is for a person to say; without it the scripts ask DHCP */
    const struct ibft_nic *nic = found->has_ibft ? ibft_boot_nic(&found->ibft) : NULL;
    if (!nic)
        return;
    boot_network_print(nic, text, sizeof text);
    fputs(text, to);
}
