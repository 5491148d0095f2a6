#include "daemon/front_end.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NBD_PORT 10809

static bool has_port(const char *address)
{
    const char *bracket = strrchr(address, ']');
    const char *colon = strchr(bracket ? bracket : address, ':');
    return colon && !(strchr(colon + 1, ':'));
}

/* ":PORT" is all addresses; the parser wants some host. */
static int parse_all_addresses(const char *text, struct front_end_nbd *ret_nbd, struct fault *fault)
{
    char with_host[32];
    snprintf(with_host, sizeof with_host, "x%.16s", text);
    int error = url_parse_portal(with_host, &ret_nbd->tcp, fault);
    ret_nbd->tcp.host[0] = '\0';
    return error;
}

static int parse_tcp(const char *text, struct front_end_nbd *ret_nbd, struct fault *fault)
{
    ret_nbd->is_unix = false;
    if (text[0] == ':' && text[1] != ':')
        return parse_all_addresses(text, ret_nbd, fault);
    if (*text == '\0')
        return fault_set(fault, -EINVAL,
                         "the host is missing; write tcp:HOST:PORT, or tcp::PORT "
                         "for all addresses");
    int error = url_parse_portal(text, &ret_nbd->tcp, fault);
    if (!error && !has_port(text))
        ret_nbd->tcp.port = NBD_PORT;
    return error;
}

static int parse_unix(const char *path, struct front_end_nbd *ret_nbd, struct fault *fault)
{
    ret_nbd->is_unix = true;
    ret_nbd->tcp = (struct url_portal){0};
    if (path[0] != '/')
        return fault_set(fault, -EINVAL, "'%.128s' is no absolute path; write unix:/PATH", path);
    if (strlen(path) >= sizeof ret_nbd->path)
        return fault_set(fault, -EINVAL,
                         "'%.128s' is too long for a socket; the limit is %zu bytes", path,
                         sizeof ret_nbd->path - 1);
    snprintf(ret_nbd->path, sizeof ret_nbd->path, "%s", path);
    return 0;
}

int front_end_parse_nbd(const char *text, struct front_end_nbd *ret_nbd, struct fault *fault)
{
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(text + 5, ret_nbd, fault);
    if (strncmp(text, "tcp:", 4) == 0)
        return parse_tcp(text + 4, ret_nbd, fault);
    return fault_set(fault, -EINVAL, "'%.128s' is no address; write unix:PATH or tcp:HOST:PORT",
                     text);
}

void front_end_print_nbd(const struct front_end_nbd *nbd, char *ret_text, size_t text_bytes)
{
    char portal[URL_PORTAL_TEXT_BYTES];
    url_print_portal(&nbd->tcp, portal, sizeof portal);
    if (nbd->is_unix)
        snprintf(ret_text, text_bytes, "unix:%s", nbd->path);
    else
        snprintf(ret_text, text_bytes, "tcp:%s", portal);
}

int front_end_check_nbd(const char *text, struct fault *fault)
{
    struct front_end_nbd nbd;
    return front_end_parse_nbd(text, &nbd, fault);
}
