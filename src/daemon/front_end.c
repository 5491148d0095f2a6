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

static int parse_tcp(const char *text, struct front_end_nbd *ret_nbd, struct fault *fault)
{
    ret_nbd->is_unix = false;
    int error = url_parse_portal(text, &ret_nbd->tcp, fault);
    if (!error && !has_port(text))
        ret_nbd->tcp.port = NBD_PORT;
    return error;
}

static int parse_unix(const char *path, struct front_end_nbd *ret_nbd, struct fault *fault)
{
    ret_nbd->is_unix = true;
    if (path[0] != '/')
        return fault_set(fault, -EINVAL, "'%.128s' is no absolute path", path);
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

int front_end_check_nbd(const char *text, struct fault *fault)
{
    struct front_end_nbd nbd;
    return front_end_parse_nbd(text, &nbd, fault);
}
