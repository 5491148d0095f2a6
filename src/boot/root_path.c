/*
 * Good day: cut the target's name off first (it may contain every separator), then credentials,
 * then the fields in front of it by ':'. Whatever does not fit is refused with the form to use; a
 * name or a number is never cut short.
 */
#include "boot/root_path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PREFIX       "iscsi:"
#define HOW_TO       "write it as iscsi:SERVER:PROTOCOL:PORT:LUN:TARGET (RFC 4173)"
#define HEAD_BYTES   1024
#define FIELDS_MAX   6u /* SERVER PROTOCOL PORT IFACE NETDEV LUN */
#define FIELDS_MIN   4u
#define GROUPS       4u
#define FLAT         0x4000u /* SAM-5 4.7.7.3: the upper two bits are the addressing method */
#define METHOD_MASK  0xc000u
#define SINGLE_LEVEL 0xffu

bool root_path_is_one(const char *text)
{
    return strncasecmp(text, PREFIX, strlen(PREFIX)) == 0 &&
           strncmp(text + strlen(PREFIX), "//", 2) != 0;
}

int root_path_lun_of_groups(const uint16_t groups[4], uint32_t *ret_lun, struct fault *fault)
{
    if (groups[1] || groups[2] || groups[3])
        return fault_set(fault, -EINVAL,
                         "LUN %04x-%04x-%04x-%04x lies behind a second level; only LUNs of the "
                         "target itself can be used",
                         groups[0], groups[1], groups[2], groups[3]);
    if (groups[0] > SINGLE_LEVEL && (groups[0] & METHOD_MASK) != FLAT)
        return fault_set(fault, -EINVAL,
                         "LUN %04x-0-0-0 is neither a number below 256 nor flat addressing "
                         "(4000 and the number)",
                         groups[0]);
    *ret_lun = groups[0] & (uint16_t)~METHOD_MASK;
    return 0;
}

static int parse_group(const char **at, uint16_t *ret_group)
{
    char *end;
    unsigned long value = strtoul(*at, &end, 16);
    /* strtoul() takes a sign, blanks and 0x too. */
    size_t digits = strspn(*at, "0123456789abcdefABCDEF");
    if (digits < 1 || digits > 4 || end != *at + digits)
        return -EINVAL;
    if (*end != '\0' && *end != '-')
        return -EINVAL;
    *ret_group = (uint16_t)value;
    *at = end;
    return 0;
}

/* "", "1", "1f", "0001-0000-0000-0000". */
static int parse_lun(const char *text, uint32_t *ret_lun, struct fault *fault)
{
    uint16_t groups[GROUPS] = {0};
    unsigned count = 0;
    const char *at = text;
    int error = 0;
    while (!error && *at) {
        error = count == GROUPS ? -EINVAL : parse_group(&at, &groups[count++]);
        if (!error && *at == '-' && *++at == '\0')
            error = -EINVAL;
    }
    if (error)
        return fault_set(fault, error,
                         "LUN '%.40s' is not hexadecimal, up to four groups with '-' between them",
                         text);
    bool is_a_number = count <= 1 && groups[0] <= URL_LUN_MAX;
    if (!is_a_number)
        return root_path_lun_of_groups(groups, ret_lun, fault);
    *ret_lun = groups[0];
    return 0;
}

/* "9" is 9 in both readings, "10" is not, "a" and "1-0-0-0" have only one. */
static bool lun_may_be_decimal(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return text[digits] == '\0' && strtoul(text, NULL, 10) != strtoul(text, NULL, 16);
}

/* Where the target's name begins, or NULL. */
static const char *find_target(const char *text)
{
    static const char *const kinds[] = {":iqn.", ":eui.", ":naa."};
    for (const char *at = text; (at = strchr(at, ':')); at++) {
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            if (strncasecmp(at, kinds[i], strlen(kinds[i])) == 0)
                return at + 1;
        }
    }
    return NULL;
}

static int take_credential(char **rest, char *ret_text, size_t text_bytes, struct fault *fault)
{
    char *one = *rest ? strsep(rest, ":") : NULL;
    if (one && strlen(one) >= text_bytes)
        return fault_set(fault, -EINVAL, "a user or a secret is longer than %zu bytes",
                         text_bytes - 1);
    if (one)
        memcpy(ret_text, one, strlen(one) + 1);
    return 0;
}

/* "USER:SECRET[:USER:SECRET]"; the text is taken apart in place. */
static int take_credentials(char *text, struct boot_chap *chap, struct fault *fault)
{
    char *rest = text;
    int error = take_credential(&rest, chap->user, sizeof chap->user, fault);
    if (!error)
        error = take_credential(&rest, chap->secret, sizeof chap->secret, fault);
    if (!error)
        error = take_credential(&rest, chap->mutual_user, sizeof chap->mutual_user, fault);
    if (!error)
        error = take_credential(&rest, chap->mutual_secret, sizeof chap->mutual_secret, fault);
    if (!error && rest)
        error =
            fault_set(fault, -EINVAL, "in front of '@' stands more than USER:SECRET:USER:SECRET");
    return error;
}

/* Cuts "...@" off the head; *ret_rest is what follows. */
static int split_credentials(char *head, enum root_path_form form, struct boot_chap *chap,
                             char **ret_rest, struct fault *fault)
{
    char *at = strrchr(head, '@');
    *ret_rest = at ? at + 1 : head;
    if (!at)
        return 0;
    if (form == ROOT_PATH_RFC4173)
        return fault_set(fault, -EINVAL,
                         "credentials in a root path can be read by everybody; put the secret "
                         "into a file and name it with chap_secret_file= in boot.conf");
    *at = '\0';
    return take_credentials(head, chap, fault);
}

/* The fields in front of the target; "[v6]" loses its brackets. Returns how many, 0: not
 * understood. */
static unsigned split_fields(char *text, char *fields[FIELDS_MAX])
{
    unsigned count = 0;
    char *rest = text;
    if (*rest == '[') {
        char *end = strchr(rest, ']');
        if (!end || (end[1] != ':' && end[1] != '\0'))
            return 0;
        *end = '\0';
        fields[count++] = rest + 1;
        rest = end[1] ? end + 2 : NULL;
    }
    while (rest) {
        if (count == FIELDS_MAX)
            return FIELDS_MAX + 1;
        fields[count++] = strsep(&rest, ":");
    }
    return count;
}

static int take_portal(const char *server, const char *port, struct url_target *lun,
                       struct fault *fault)
{
    char text[URL_PORTAL_TEXT_BYTES];
    bool is_ipv6 = strchr(server, ':') != NULL;
    int bytes = snprintf(text, sizeof text, "%s%s%s%s%s", is_ipv6 ? "[" : "",
                         *server ? server : "none", is_ipv6 ? "]" : "", *port ? ":" : "", port);
    if (bytes >= (int)sizeof text)
        return fault_set(fault, -EINVAL, "the server's name is too long");
    lun->portal_count = 1;
    int error = url_parse_portal(text, &lun->portals[0], fault);
    if (!error && !*server)
        lun->portals[0].host[0] = '\0';
    return error;
}

static int take_fields(char *text, enum root_path_form form, struct boot_facts *facts,
                       struct fault *fault)
{
    char *fields[FIELDS_MAX];
    unsigned count = split_fields(text, fields);
    unsigned most = form == ROOT_PATH_RFC4173 ? FIELDS_MIN : FIELDS_MAX;
    if (count < FIELDS_MIN || count > most)
        return fault_set(fault, -EINVAL, "the root path has a part too %s; " HOW_TO,
                         count < FIELDS_MIN ? "few" : "many");
    if (*fields[1] && strcmp(fields[1], "6") != 0 && strcasecmp(fields[1], "tcp") != 0)
        return fault_set(fault, -EINVAL, "protocol '%.16s' is not 6 (TCP); " HOW_TO, fields[1]);
    const char *lun = fields[count - 1];
    facts->lun.lun_is_given = true;
    facts->lun_may_be_decimal = form == ROOT_PATH_DRACUT && lun_may_be_decimal(lun);
    int error = take_portal(fields[0], fields[2], &facts->lun, fault);
    return error ? error : parse_lun(lun, &facts->lun.lun, fault);
}

int root_path_parse(const char *text, enum root_path_form form, struct boot_facts *ret_facts,
                    struct fault *fault)
{
    char head[HEAD_BYTES];
    struct boot_facts facts = *ret_facts;
    const char *start = text + strlen(PREFIX);
    const char *target = root_path_is_one(text) ? find_target(text) : NULL;
    if (!target)
        return fault_set(fault, -EINVAL, "'%.128s' names no target; " HOW_TO, text);
    if (target <= start)
        return fault_set(fault, -EINVAL, "the root path has a part too few; " HOW_TO);
    size_t bytes = (size_t)(target - 1 - start);
    if (bytes >= sizeof head)
        return fault_set(fault, -EINVAL, "the root path is longer than %d bytes", HEAD_BYTES - 1);
    memcpy(head, start, bytes);
    head[bytes] = '\0';

    char *fields;
    facts.lun = (struct url_target){0};
    int error = url_check_name(target, fault);
    if (!error)
        error = split_credentials(head, form, &facts.chap, &fields, fault);
    if (!error)
        error = take_fields(fields, form, &facts, fault);
    explicit_bzero(head, sizeof head);
    if (error)
        return error;
    memcpy(facts.lun.target, target, strlen(target) + 1); /* url_check_name() knows the length */
    *ret_facts = facts;
    return 0;
}
