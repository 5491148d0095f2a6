#include "boot/boot_plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int boot_plan_take_word(struct boot_found *found, const char *word, struct fault *fault)
{
    struct kernel_command_line *line = &found->line;
    line->holdfast = (struct boot_facts){.source = "the word given to `holdfast boot`"};
    int error = boot_choice_parse(word, &line->choice, &line->holdfast, fault);
    if (error)
        return error;
    found->is_by_hand = true;
    line->netroot.is_default = true;
    line->variables.is_default = true;
    found->dhcp.is_default = line->choice != BOOT_DHCP;
    line->ignores_ibft = false;
    line->ignores_dhcp = false;
    return 0;
}

enum boot_choice boot_plan_choice(const struct boot_found *found)
{
    enum boot_choice choice = found->line.choice;
    return choice == BOOT_NOT_ASKED ? found->file.choice : choice;
}

/* What the iBFT says; false when it says nothing, or is not to be asked. */
static bool ask_ibft(const struct boot_found *found, struct boot_facts *ret_facts,
                     struct fault *why_not)
{
    *ret_facts = (struct boot_facts){.source = "the iBFT",
                                     .is_default =
                                         found->is_by_hand && boot_plan_choice(found) != BOOT_IBFT};
    if (found->line.ignores_ibft || boot_plan_choice(found) == BOOT_DHCP) {
        fault_set(why_not, 0, "holdfast.ignore=ibft stands on the kernel command line");
        return false;
    }
    if (!found->has_ibft) {
        *why_not = found->ibft_fault;
        return false;
    }
    return ibft_take_facts(&found->ibft, ret_facts, why_not) == 0;
}

static bool ask_dhcp(const struct boot_found *found, struct fault *why_not)
{
    if (found->line.ignores_dhcp || boot_plan_choice(found) == BOOT_IBFT) {
        fault_set(why_not, 0, "holdfast.ignore=dhcp stands on the kernel command line");
        return false;
    }
    *why_not = found->dhcp_fault;
    return found->has_dhcp;
}

int boot_plan_resolve(const struct boot_found *found, struct boot_parameters *ret_parameters,
                      struct fault *fault)
{
    const struct boot_facts *sources[BOOT_SOURCES] = {&found->line.holdfast, &found->line.netroot,
                                                      &found->line.variables};
    unsigned count = 3;
    struct boot_facts ibft;
    struct fault no_ibft, no_dhcp;
    enum boot_choice choice = boot_plan_choice(found);
    if (ask_ibft(found, &ibft, &no_ibft))
        sources[count++] = &ibft;
    else if (choice == BOOT_IBFT)
        return fault_set(fault, -ENOENT, "the iBFT is asked for: %s", no_ibft.text);
    if (ask_dhcp(found, &no_dhcp))
        sources[count++] = &found->dhcp;
    else if (choice == BOOT_DHCP)
        return fault_set(fault, -ENOENT,
                         "DHCP's root path is asked for: %s; is the network up (ip address), and "
                         "does the server send a root path to this machine?",
                         no_dhcp.text);
    sources[count++] = &found->file.facts;
    sources[count++] = &found->image;
    sources[count++] = &found->machine;
    int error = boot_parameters_merge(sources, count, ret_parameters, fault);
    explicit_bzero(&ibft.chap, sizeof ibft.chap);
    return error;
}

struct writing {
    char *text;
    size_t bytes;
    size_t used;
    bool is_full;
};

__attribute__((format(printf, 2, 3))) static void put(struct writing *writing, const char *format,
                                                      ...)
{
    va_list values;
    size_t room = writing->bytes - writing->used;
    va_start(values, format);
    int bytes = vsnprintf(writing->text + writing->used, room, format, values);
    va_end(values);
    writing->is_full = writing->is_full || bytes < 0 || (size_t)bytes >= room;
    if (!writing->is_full)
        writing->used += (size_t)bytes;
}

static void put_key(struct writing *writing, const char *key, const char *value)
{
    if (*value)
        put(writing, "%s = %s\n", key, value);
}

static void put_lun(struct writing *writing, const struct url_target *lun)
{
    put(writing, "target = %s\nlun = %u\n", lun->target, lun->lun);
    for (unsigned i = 0; i < lun->portal_count; i++) {
        char portal[URL_PORTAL_TEXT_BYTES];
        url_print_portal(&lun->portals[i], portal, sizeof portal);
        put(writing, "portal = %s\n", portal);
    }
}

static void put_chap(struct writing *writing, const struct boot_chap *chap,
                     const struct boot_secret_paths *paths)
{
    put_key(writing, "chap_user", chap->user);
    put_key(writing, "chap_secret_file", *paths->secret ? paths->secret : chap->secret_file);
    put_key(writing, "mutual_chap_user", chap->mutual_user);
    put_key(writing, "mutual_chap_secret_file",
            *paths->mutual_secret ? paths->mutual_secret : chap->mutual_secret_file);
}

/* What the daemon of a root disk needs, unless boot.conf says it otherwise. */
static void put_defaults(struct writing *writing, const struct boot_file *file)
{
    static const char *const defaults[][2] = {
        {"device", "nbd"},
        {"supervise", "yes"},
        {"root", "yes"},
    };
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
        if (!boot_file_has(file, defaults[i][0]))
            put_key(writing, defaults[i][0], defaults[i][1]);
    }
}

/* What a line of the file would not give back as it is: comments, blanks around it, quotes. */
static bool can_be_written(const char *value)
{
    size_t bytes = strlen(value);
    return !strpbrk(value, "\r\n;#\"") &&
           (bytes == 0 || (value[0] != ' ' && value[bytes - 1] != ' '));
}

int boot_plan_print_conf(const struct boot_found *found, const struct boot_parameters *parameters,
                         const struct boot_secret_paths *paths, char *ret_text, size_t text_bytes,
                         struct fault *fault)
{
    struct writing writing = {.text = ret_text, .bytes = text_bytes};
    const struct boot_chap *chap = &parameters->chap;
    if (!can_be_written(chap->user) || !can_be_written(chap->mutual_user))
        return fault_set(fault, -EINVAL,
                         "a CHAP user has a character that a configuration cannot carry");
    put(&writing, "# Written by `holdfast boot`. The LUN is from: %s.\n", parameters->lun_from);
    put_lun(&writing, &parameters->lun);
    put_key(&writing, "initiator", parameters->initiator);
    put_chap(&writing, chap, paths);
    put_defaults(&writing, &found->file);
    if (*found->file.rest)
        put(&writing, "# From boot.conf of the image.\n%s", found->file.rest);
    return writing.is_full ? fault_set(fault, -EFBIG, "the configuration is too long") : 0;
}
