#include <errno.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/initiator.h"
#include "os/tcp_congestion.h"

#define OBSERVER_QUALIFIER 1

static int read_secret(const char *key, const char *from, struct secret *ret_secret,
                       struct log *log, struct fault *fault)
{
    if (!*from)
        return 0;
    int error = secret_read(from, ret_secret, fault);
    if (error)
        return fault_prefix(fault, error, "%s", key);
    if (ret_secret->is_short && log)
        log_format(log, STORY_WARNING,
                   "%s: the secret is shorter than %d bytes, too short to be "
                   "safe (RFC 7143)",
                   key, SECRET_BYTES_MIN);
    return 0;
}

static int read_secrets(struct login *login, const struct options *options, struct log *log,
                        struct fault *fault)
{
    int error =
        read_secret("chap_secret_file", options->chap_secret_file, &login->chap, log, fault);
    if (!error)
        error = read_secret("mutual_chap_secret_file", options->mutual_chap_secret_file,
                            &login->mutual, log, fault);
    return error;
}

/* A start must not fail of it: the module may be missing in an initramfs alone. */
static void try_congestion(const char *name, struct log *log)
{
    if (!*name || !log)
        return;
    int error = tcp_congestion_try(name);
    if (error == -EPERM)
        log_format(log, STORY_WARNING,
                   "tcp_congestion: '%s' is not for us (give CAP_NET_ADMIN); the system's is used",
                   name);
    else if (error)
        log_format(log, STORY_WARNING,
                   "tcp_congestion: the kernel has no '%s' (load its module, tcp_%s); the "
                   "system's is used",
                   name, name);
}

int login_init(struct login *login, const struct options *options, bool observer, struct log *log,
               struct fault *fault)
{
    const struct url_target *url = &options->url;
    memset(login, 0, sizeof *login);
    int error = initiator_name(options->initiator, INITIATOR_FILE, MACHINE_ID_FILE,
                               login->initiator, sizeof login->initiator, fault);
    if (!error)
        error = read_secrets(login, options, log, fault);
    if (error)
        return error;
    try_congestion(options->tcp_congestion, log);
    for (unsigned i = 0; i < url->portal_count; i++)
        login->portals[i] = (struct link_portal){url->portals[i].host, url->portals[i].port};
    bool chap = *options->chap_user;
    bool mutual = *options->mutual_chap_user;
    login->config = (struct link_config){
        .initiator = login->initiator,
        .target = url->target[0] ? url->target : NULL,
        .lun = (uint16_t)url->lun,
        .portals = login->portals,
        .portal_count = url->portal_count,
        .chap_user = chap ? options->chap_user : NULL,
        .chap_secret = chap ? login->chap.text : NULL,
        .mutual_user = mutual ? options->mutual_chap_user : NULL,
        .mutual_secret = mutual ? login->mutual.text : NULL,
        .header_digest = options->header_digest == DIGEST_CRC32C,
        .congestion = *options->tcp_congestion ? options->tcp_congestion : NULL,
        .keepalive_idle_s = (uint32_t)(options->nop_interval / 1000),
        .keepalive_s = (uint32_t)(options->nop_timeout / 1000),
        .isid_qualifier = observer ? OBSERVER_QUALIFIER : 0,
    };
    const char *why;
    if (link_config_check(&login->config, &why) != 0)
        return fault_set(fault, -EINVAL, "%s", why);
    return 0;
}

void login_done(struct login *login)
{
    secret_wipe(&login->chap);
    secret_wipe(&login->mutual);
}

struct ses_config session_config(const struct options *options)
{
    struct ses_config config = ses_config_default;
    config.portal_count = options->url.portal_count;
    config.lun = options->url.lun;
    config.connect_timeout_ms = (uint32_t)options->connect_timeout;
    config.command_timeout_ms = (uint32_t)options->command_timeout;
    config.nop_interval_ms = (uint32_t)options->nop_interval;
    config.nop_timeout_ms = (uint32_t)options->nop_timeout;
    config.backoff_max_ms = (uint32_t)options->backoff_max;
    config.wait_when_full = options->on_full == FULL_WAIT;
    return config;
}

struct vol_config volume_config(const struct options *options)
{
    struct vol_config config = vol_config_default;
    config.read_only = options->read_only;
    config.memory_bytes = options->memory + options->journal_cache;
    config.retain_bytes = options->retain;
    config.retain_ms = (uint32_t)options->retain_time;
    config.outage_limit_ms = options->outage_limit;
    return config;
}
