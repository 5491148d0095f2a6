/* What follows from several options together. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "daemon/options.h"
#include "os/tcp_congestion.h"

#define NAME_BYTES_MAX 64

int options_check_name(const char *name, struct fault *fault)
{
    if (strlen(name) > NAME_BYTES_MAX)
        return fault_set(fault, -EINVAL, "the name is longer than %d bytes", NAME_BYTES_MAX);
    if (!isalnum((unsigned char)*name))
        return fault_set(fault, -EINVAL, "the name '%.64s' does not begin with a letter or a digit",
                         name);
    for (const char *c = name; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
            return fault_set(fault, -EINVAL,
                             "the name '%.64s' contains '%c'; letters, digits and "
                             "._- are allowed",
                             name, *c);
    }
    return 0;
}

int options_check_congestion(const char *name, struct fault *fault)
{
    if (strlen(name) >= TCP_CONGESTION_BYTES)
        return fault_set(fault, -EINVAL, "the name '%.64s' is longer than %d bytes", name,
                         TCP_CONGESTION_BYTES - 1);
    for (const char *c = name; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("_-", *c))
            return fault_set(fault, -EINVAL, "'%.64s' is no congestion control, as cubic is", name);
    }
    return 0;
}

static int complete_target(struct options *options, struct fault *fault)
{
    struct url_target *url = &options->url;
    bool has_url = options_was_given(options, "url");
    if (has_url && (*options->target || *options->lun))
        return fault_set(fault, -EINVAL, "%s: the URL names it already; give one of the two",
                         *options->target ? "target" : "lun");
    if (has_url)
        return 0;
    if (!*options->target)
        return fault_set(fault, -EINVAL,
                         "no LUN is named; give url=iscsi://HOST/TARGET/LUN, or "
                         "portal, target and lun");
    if (!*options->lun)
        return fault_set(fault, -EINVAL,
                         "lun: the number of the LUN is missing; it is often 0 or 1");
    strcpy(url->target, options->target); /* both URL_TARGET_BYTES */
    url->lun_is_given = true;
    int error = url_parse_lun(options->lun, 10, &url->lun, fault);
    return error ? fault_prefix(fault, error, "lun") : 0;
}

static int complete_portals(struct options *options, struct fault *fault)
{
    struct url_target *url = &options->url;
    for (unsigned i = 0; i < options->portal.count; i++) {
        if (url->portal_count == URL_PORTALS)
            return fault_set(fault, -EINVAL, "portal: more than %u portals", URL_PORTALS);
        int error =
            url_parse_portal(options->portal.items[i], &url->portals[url->portal_count++], fault);
        if (error)
            return fault_prefix(fault, error, "portal");
    }
    if (url->portal_count == 0)
        return fault_set(fault, -EINVAL, "portal: the address of the target is missing");
    return 0;
}

static int complete_chap(struct options *options, struct fault *fault)
{
    char *user = options->chap_user;
    if (*options->url.user) {
        if (*user && strcmp(user, options->url.user) != 0)
            return fault_set(fault, -EINVAL,
                             "chap_user: '%.64s' is not the user of the URL, '%.64s'", user,
                             options->url.user);
        strcpy(user, options->url.user); /* both 256 bytes */
    }
    if (*user && !*options->chap_secret_file)
        return fault_set(fault, -EINVAL,
                         "chap_user: the secret is missing; put it in a file and name "
                         "that with chap_secret_file=PATH");
    if (!*user && *options->chap_secret_file)
        return fault_set(fault, -EINVAL, "chap_secret_file: whose secret? give chap_user=USER too");
    if (!*options->mutual_chap_user != !*options->mutual_chap_secret_file)
        return fault_set(fault, -EINVAL,
                         "mutual_chap_user and mutual_chap_secret_file go together; "
                         "give both or neither");
    if (*options->mutual_chap_user && !*user)
        return fault_set(fault, -EINVAL,
                         "mutual_chap_user: mutual CHAP needs CHAP; give chap_user and "
                         "chap_secret_file too");
    return 0;
}

int options_complete_discovery(struct options *options, const char *portal, struct fault *fault)
{
    struct url_target *url = &options->url;
    if (options_was_given(options, "url") || *options->target || *options->lun ||
        options->portal.count > 0)
        return fault_set(fault, -EINVAL, "url, portal, target and lun have no meaning here");
    url->portal_count = 1;
    int error = url_parse_portal(portal, &url->portals[0], fault);
    return error ? error : complete_chap(options, fault);
}

/* Without a name: what follows the last ':' of the target, or all of it, and the LUN. */
static void derive_name(struct options *options)
{
    const char *from = strrchr(options->url.target, ':');
    from = from && from[1] ? from + 1 : options->url.target;
    char part[NAME_BYTES_MAX - 8];
    snprintf(part, sizeof part, "%.*s", (int)sizeof part - 1, from);
    for (char *c = part; *c; c++) {
        if (!isalnum((unsigned char)*c) && (c == part || !strchr("._-", *c)))
            *c = c == part ? 'x' : '-';
    }
    snprintf(options->name, sizeof options->name, "%s-%u", part, options->url.lun);
}

static int check_sizes(struct options *options, struct fault *fault)
{
    const uint64_t mib = 1024 * 1024;
    if (options->memory % mib != 0)
        return fault_set(fault, -EINVAL, "memory: has to be a multiple of 1M");
    if (options->retain > options->memory / 2)
        return fault_set(fault, -EINVAL,
                         "retain: more than half of memory; requests under way need "
                         "the other half");
    return 0;
}

/* Without a slash at its end: what is beside it is found by its last one. */
static void complete_run_dir(struct options *options)
{
    if (!*options->run_dir)
        snprintf(options->run_dir, sizeof options->run_dir, "/run/holdfast/%s", options->name);
    for (size_t bytes = strlen(options->run_dir); bytes > 1 && options->run_dir[bytes - 1] == '/';
         bytes--)
        options->run_dir[bytes - 1] = '\0';
}

int options_complete(struct options *options, struct fault *fault)
{
    int error = complete_target(options, fault);
    if (!error)
        error = complete_portals(options, fault);
    if (!error)
        error = complete_chap(options, fault);
    if (!error)
        error = check_sizes(options, fault);
    if (!error)
        error = options_complete_journal(options, fault);
    if (error)
        return error;
    if (!*options->name)
        derive_name(options);
    complete_run_dir(options);
    return 0;
}

void options_print_help(FILE *to)
{
    for (const struct option *option = option_table; option->key; option++) {
        char head[80];
        snprintf(head, sizeof head, "%s=%s", option->key, option->value);
        fprintf(to, "  %-36s %s", head, option->help);
        if (option->default_text)
            fprintf(to, " [%s]", option->default_text);
        fputc('\n', to);
    }
}
