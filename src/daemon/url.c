#include "daemon/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEME     "iscsi://"
#define ROOT_PATH  "iscsi:"
#define HOW_TO_URL "write it as iscsi://HOST[:PORT]/TARGET/LUN"

/* A piece of the text that is being taken apart; not terminated. */
struct piece {
    const char *start;
    size_t bytes;
};

static struct piece piece_of(const char *text)
{
    return (struct piece){text, strlen(text)};
}

/* Cuts the front of `rest` off up to `stop` (which goes too); false when it does not occur. */
static bool cut_at(struct piece *rest, char stop, struct piece *ret_front)
{
    const char *found = memchr(rest->start, stop, rest->bytes);
    if (!found)
        return false;
    *ret_front = (struct piece){rest->start, (size_t)(found - rest->start)};
    rest->bytes -= ret_front->bytes + 1;
    rest->start = found + 1;
    return true;
}

static bool copy_piece(struct piece piece, char *ret_text, size_t text_bytes)
{
    if (piece.bytes >= text_bytes)
        return false;
    memcpy(ret_text, piece.start, piece.bytes);
    ret_text[piece.bytes] = '\0';
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX; refuses broken escapes and control characters (a %00 would cut a name short). */
static int decode(struct piece piece, const char *what, char *ret_text, size_t text_bytes,
                  struct fault *fault)
{
    size_t used = 0;
    for (size_t i = 0; i < piece.bytes; i++) {
        int c = (unsigned char)piece.start[i];
        if (c == '%') {
            bool complete = piece.bytes - i > 2;
            int high = complete ? hex_digit(piece.start[i + 1]) : -1;
            int low = complete ? hex_digit(piece.start[i + 2]) : -1;
            if (high < 0 || low < 0)
                return fault_set(fault, -EINVAL, "%s: '%%' is not followed by two hex digits",
                                 what);
            c = high << 4 | low;
            i += 2;
        }
        if (c < 0x20 || c == 0x7f)
            return fault_set(fault, -EINVAL, "%s: contains a control character", what);
        if (used + 1 >= text_bytes)
            return fault_set(fault, -EINVAL, "%s: longer than %zu bytes", what, text_bytes - 1);
        ret_text[used++] = (char)c;
    }
    ret_text[used] = '\0';
    return 0;
}

int url_check_name(const char *name, struct fault *fault)
{
    if (*name == '\0')
        return fault_set(fault, -EINVAL, "the target's name is missing; " HOW_TO_URL);
    if (strlen(name) >= URL_TARGET_BYTES)
        return fault_set(fault, -EINVAL, "'%.64s...' is longer than %d bytes", name,
                         URL_TARGET_BYTES - 1);
    if (strncasecmp(name, "iqn.", 4) != 0 && strncasecmp(name, "eui.", 4) != 0 &&
        strncasecmp(name, "naa.", 4) != 0)
        return fault_set(fault, -EINVAL,
                         "'%.128s' is no iSCSI name; one begins with iqn., eui. or "
                         "naa.",
                         name);
    for (const char *c = name; *c; c++) {
        if ((unsigned char)*c <= 0x20 || strchr("/,;=@\"'<>()[]\\", *c))
            return fault_set(fault, -EINVAL, "'%.128s' is no iSCSI name: '%c' is not allowed in it",
                             name, *c);
    }
    return 0;
}

int url_parse_lun(const char *text, unsigned base, uint32_t *ret_lun, struct fault *fault)
{
    char *end;
    errno = 0;
    unsigned long lun = strtoul(text, &end, (int)base);
    if (!isxdigit((unsigned char)*text) || *end != '\0')
        return fault_set(fault, -EINVAL, "LUN '%.32s' is no number", text);
    if (errno != 0 || lun > URL_LUN_MAX)
        return fault_set(fault, -EINVAL, "LUN %.32s is too large; the largest is %u", text,
                         URL_LUN_MAX);
    *ret_lun = (uint32_t)lun;
    return 0;
}

static int parse_port(struct piece piece, uint16_t *ret_port, struct fault *fault)
{
    char text[8];
    char *end = text;
    unsigned long port = 0;
    if (copy_piece(piece, text, sizeof text) && isdigit((unsigned char)*text))
        port = strtoul(text, &end, 10);
    if (port < 1 || port > 65535 || *end != '\0')
        return fault_set(fault, -EINVAL, "port '%.*s' is not a number from 1 to 65535",
                         (int)(piece.bytes < 32 ? piece.bytes : 32), piece.start);
    *ret_port = (uint16_t)port;
    return 0;
}

static bool is_ipv6(const char *host)
{
    char address[URL_HOST_BYTES];
    unsigned char raw[16];
    snprintf(address, sizeof address, "%s", host);
    address[strcspn(address, "%")] = '\0'; /* fe80::1%eth0 */
    return inet_pton(AF_INET6, address, raw) == 1;
}

static int check_host(const char *host, struct fault *fault)
{
    if (*host == '\0')
        return fault_set(fault, -EINVAL, "the host is missing; write HOST[:PORT]");
    if (is_ipv6(host))
        return 0;
    for (const char *c = host; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr(".-_", *c))
            return fault_set(fault, -EINVAL, "host '%.128s': '%c' is not allowed in a host name",
                             host, *c);
    }
    return 0;
}

/* "[v6]" or "[v6]:port": `rest` begins behind the '['. */
static int parse_bracketed(struct piece rest, struct url_portal *ret_portal, struct fault *fault)
{
    struct piece host;
    if (!cut_at(&rest, ']', &host))
        return fault_set(fault, -EINVAL, "'[' without ']' around an IPv6 address");
    int error = decode(host, "host", ret_portal->host, sizeof ret_portal->host, fault);
    if (error)
        return error;
    if (!is_ipv6(ret_portal->host))
        return fault_set(fault, -EINVAL, "'[%.64s]' is no IPv6 address", ret_portal->host);
    if (rest.bytes == 0)
        return 0;
    if (*rest.start != ':')
        return fault_set(fault, -EINVAL, "only ':PORT' may follow '[%.64s]'", ret_portal->host);
    return parse_port((struct piece){rest.start + 1, rest.bytes - 1}, &ret_portal->port, fault);
}

static int parse_portal_piece(struct piece rest, struct url_portal *ret_portal, struct fault *fault)
{
    ret_portal->port = URL_PORT_DEFAULT;
    if (rest.bytes > 0 && *rest.start == '[')
        return parse_bracketed((struct piece){rest.start + 1, rest.bytes - 1}, ret_portal, fault);
    char whole[URL_HOST_BYTES];
    if (copy_piece(rest, whole, sizeof whole) && is_ipv6(whole)) {
        memcpy(ret_portal->host, whole, sizeof whole);
        return 0;
    }
    struct piece host = rest;
    bool has_port = cut_at(&rest, ':', &host);
    int error = decode(host, "host", ret_portal->host, sizeof ret_portal->host, fault);
    if (!error)
        error = check_host(ret_portal->host, fault);
    if (!error && has_port)
        error = parse_port(rest, &ret_portal->port, fault);
    return error;
}

int url_parse_portal(const char *text, struct url_portal *ret_portal, struct fault *fault)
{
    return parse_portal_piece(piece_of(text), ret_portal, fault);
}

static int parse_portals(struct piece rest, struct url_target *target, struct fault *fault)
{
    struct piece one;
    for (bool more = true; more;) {
        more = cut_at(&rest, ',', &one);
        if (target->portal_count == URL_PORTALS)
            return fault_set(fault, -EINVAL, "more than %u portals", URL_PORTALS);
        int error =
            parse_portal_piece(more ? one : rest, &target->portals[target->portal_count++], fault);
        if (error)
            return error;
    }
    return 0;
}

/* user:secret, and libiscsi's user%secret: an escape is only one that a user has to write. */
static bool hides_a_secret(struct piece user)
{
    static const char *const escapes[] = {"%25", "%2c", "%2f", "%3a", "%40"};
    if (memchr(user.start, ':', user.bytes))
        return true;
    for (size_t i = 0; i < user.bytes; i++) {
        bool known = user.start[i] != '%';
        for (size_t e = 0; !known && e < sizeof escapes / sizeof *escapes; e++)
            known = user.bytes - i > 2 && strncasecmp(user.start + i, escapes[e], 3) == 0;
        if (!known)
            return true;
    }
    return false;
}

static int parse_user(struct piece user, struct url_target *target, struct fault *fault)
{
    if (hides_a_secret(user))
        return fault_set(fault, -EINVAL,
                         "a secret in the URL can be read by everybody on this host; "
                         "put it in a file and name that with chap_secret_file=PATH");
    return decode(user, "user", target->user, sizeof target->user, fault);
}

/* Cuts "USER@" off: at the last '@' in front of the first '/', a user may contain one. */
static int cut_user(struct piece *portals, struct url_target *target, struct fault *fault)
{
    const char *at = memrchr(portals->start, '@', portals->bytes);
    if (!at)
        return 0;
    struct piece user = {portals->start, (size_t)(at - portals->start)};
    portals->bytes -= user.bytes + 1;
    portals->start = at + 1;
    return parse_user(user, target, fault);
}

static int parse_url(struct piece rest, struct url_target *target, struct fault *fault)
{
    struct piece portals, name;
    if (!cut_at(&rest, '/', &portals))
        return fault_set(fault, -EINVAL, "the target's name is missing; " HOW_TO_URL);
    int error = cut_user(&portals, target, fault);
    if (!error)
        error = parse_portals(portals, target, fault);
    if (error)
        return error;
    if (memchr(rest.start, '?', rest.bytes))
        return fault_set(fault, -EINVAL,
                         "options do not go into the URL; give them as -o KEY=VALUE");
    bool has_lun = cut_at(&rest, '/', &name);
    error = decode(has_lun ? name : rest, "target", target->target, sizeof target->target, fault);
    if (!error)
        error = url_check_name(target->target, fault);
    if (error)
        return error;
    if (!has_lun || rest.bytes == 0)
        return fault_set(fault, -EINVAL, "the LUN's number is missing; " HOW_TO_URL);
    target->lun_is_given = true;
    return url_parse_lun(rest.start, 10, &target->lun, fault);
}

struct root_path {
    struct piece host, protocol, port, lun, target;
};

static bool split_root_path(struct piece rest, struct root_path *ret_parts)
{
    struct piece nothing;
    if (rest.bytes > 0 && *rest.start == '[') {
        rest = (struct piece){rest.start + 1, rest.bytes - 1};
        if (!cut_at(&rest, ']', &ret_parts->host) || !cut_at(&rest, ':', &nothing) ||
            nothing.bytes > 0)
            return false;
    } else if (!cut_at(&rest, ':', &ret_parts->host)) {
        return false;
    }
    if (!cut_at(&rest, ':', &ret_parts->protocol) || !cut_at(&rest, ':', &ret_parts->port) ||
        !cut_at(&rest, ':', &ret_parts->lun))
        return false;
    ret_parts->target = rest;
    return true;
}

/* Hexadecimal; a number beyond 255 also in the flat form that goes over the wire (4100 is 256),
 * which is what a root path has for iPXE, and `holdfast netboot` writes. */
static int parse_root_path_lun(const char *text, uint32_t *ret_lun, struct fault *fault)
{
    bool is_flat = strlen(text) == 4 && strspn(text, "0123456789abcdefABCDEF") == 4 &&
                   *text >= '4' && *text <= '7';
    if (!is_flat)
        return url_parse_lun(text, 16, ret_lun, fault);
    *ret_lun = (uint32_t)strtoul(text, NULL, 16) & URL_LUN_MAX;
    return 0;
}

/* RFC 4173 section 5: iscsi:servername:protocol:port:LUN:targetname; the middle may be empty. */
static int parse_root_path(struct piece rest, struct url_target *target, struct fault *fault)
{
    static const char how[] = "write it as iscsi:HOST:PROTOCOL:PORT:LUN:TARGET (RFC 4173)";
    struct url_portal *portal = &target->portals[0];
    struct root_path parts;
    char lun[20] = "0";
    if (!split_root_path(rest, &parts))
        return fault_set(fault, -EINVAL, "the root path lacks a part; %s", how);
    if (parts.protocol.bytes > 1 || (parts.protocol.bytes == 1 && *parts.protocol.start != '6'))
        return fault_set(fault, -EINVAL, "the protocol is not 6 (TCP); %s", how);
    if (parts.lun.bytes > 0 && !copy_piece(parts.lun, lun, sizeof lun))
        return fault_set(fault, -EINVAL, "the LUN is too long; %s", how);
    target->portal_count = 1;
    target->lun_is_given = true;
    portal->port = URL_PORT_DEFAULT;
    int error = decode(parts.host, "host", portal->host, sizeof portal->host, fault);
    if (!error)
        error = check_host(portal->host, fault);
    if (!error && parts.port.bytes > 0)
        error = parse_port(parts.port, &portal->port, fault);
    if (!error)
        error = parse_root_path_lun(lun, &target->lun, fault);
    if (!error)
        error = decode(parts.target, "target", target->target, sizeof target->target, fault);
    return error ? error : url_check_name(target->target, fault);
}

bool url_is_url(const char *text)
{
    return strncasecmp(text, ROOT_PATH, strlen(ROOT_PATH)) == 0 || strstr(text, "://") != NULL;
}

int url_parse(const char *text, struct url_target *ret_target, struct fault *fault)
{
    struct url_target target = {0};
    int error;
    if (strncasecmp(text, SCHEME, strlen(SCHEME)) == 0)
        error = parse_url(piece_of(text + strlen(SCHEME)), &target, fault);
    else if (strncasecmp(text, ROOT_PATH, strlen(ROOT_PATH)) == 0)
        error = parse_root_path(piece_of(text + strlen(ROOT_PATH)), &target, fault);
    else
        error = fault_set(fault, -EINVAL, "'%.128s' is no iSCSI URL; " HOW_TO_URL, text);
    if (!error)
        *ret_target = target;
    return error;
}

void url_print_portal(const struct url_portal *portal, char *ret_text, size_t text_bytes)
{
    bool brackets = strchr(portal->host, ':') != NULL;
    snprintf(ret_text, text_bytes, brackets ? "[%s]:%u" : "%s:%u", portal->host, portal->port);
}
