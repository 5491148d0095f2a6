#include "daemon/status.h"

#include <json-c/json.h>

static void add_text(struct json_object *to, const char *key, const char *text)
{
    json_object_object_add(to, key, json_object_new_string(text));
}

static void add_number(struct json_object *to, const char *key, uint64_t number)
{
    json_object_object_add(to, key, json_object_new_uint64(number));
}

static void add_switch(struct json_object *to, const char *key, bool on)
{
    json_object_object_add(to, key, json_object_new_boolean(on));
}

static void add_seconds(struct json_object *to, const char *key, uint64_t us)
{
    /* Milliseconds are enough, and print without a tail of digits. */
    char text[32];
    snprintf(text, sizeof text, "%llu.%03llu", (unsigned long long)(us / 1000000),
             (unsigned long long)(us / 1000 % 1000));
    json_object_object_add(to, key, json_object_new_double_s((double)us / 1e6, text));
}

const char *status_state_word(enum ses_state state)
{
    static const char *const words[] = {
        [SES_IDLE] = "idle",
        [SES_CONNECTING] = "connecting",
        [SES_FENCING] = "fencing",
        [SES_SETTLING] = "settling",
        [SES_IDENTIFYING] = "identifying",
        [SES_SYNCING] = "syncing",
        [SES_READY] = "ready",
        [SES_WAITING] = "waiting",
        [SES_WRONG_LUN] = "wrong-lun",
        [SES_FENCED] = "fenced",
        [SES_REFUSED] = "refused",
        [SES_LOGGING_OUT] = "logging-out",
        [SES_STOPPED] = "stopped",
    };
    return words[state];
}

static struct json_object *target_json(const struct status_facts *facts)
{
    struct json_object *target = json_object_new_object();
    struct json_object *portals = json_object_new_array();
    const struct url_target *url = &facts->options->url;
    char portal[URL_PORTAL_TEXT_BYTES];
    for (unsigned i = 0; i < url->portal_count; i++) {
        url_print_portal(&url->portals[i], portal, sizeof portal);
        json_object_array_add(portals, json_object_new_string(portal));
    }
    add_text(target, "name", url->target);
    add_number(target, "lun", url->lun);
    json_object_object_add(target, "portals", portals);
    add_text(target, "initiator", facts->initiator);
    return target;
}

static struct json_object *session_json(const struct status_facts *facts)
{
    const struct ses_status *status = &facts->session;
    const struct url_target *url = &facts->options->url;
    struct json_object *session = json_object_new_object();
    char portal[URL_PORTAL_TEXT_BYTES];
    url_print_portal(&url->portals[status->portal_index % url->portal_count], portal,
                     sizeof portal);
    add_text(session, "state", status_state_word(status->state));
    add_text(session, "reason", status->reason);
    add_text(session, "portal", portal);
    add_seconds(session, "since_seconds",
                facts->now_us > status->since_us ? facts->now_us - status->since_us : 0);
    add_number(session, "attempts", status->attempts);
    add_number(session, "sessions", status->sessions);
    add_number(session, "outages", status->sessions > 0 ? status->sessions - 1 : 0);
    add_number(session, "generation", status->generation);
    add_number(session, "in_flight", status->in_flight);
    add_number(session, "window", status->window);
    return session;
}

struct json_object *status_lun_json(const struct lun *lun)
{
    struct json_object *object = json_object_new_object();
    char name[128];
    lun_name(&lun->identity, name, sizeof name);
    add_text(object, "identity", name);
    add_text(object, "vendor", lun->identity.vendor);
    add_text(object, "product", lun->identity.product);
    add_text(object, "revision", lun->identity.revision);
    add_text(object, "serial", lun->identity.serial);
    add_number(object, "size_bytes", lun->blocks * lun->block_bytes);
    add_number(object, "block_bytes", lun->block_bytes);
    add_number(object, "physical_block_bytes", (uint64_t)lun->physical_blocks * lun->block_bytes);
    add_switch(object, "read_only", lun->read_only);
    add_switch(object, "write_cache", lun->write_cache);
    add_switch(object, "fua", lun->fua);
    add_switch(object, "thin", lun->thin);
    add_switch(object, "unmap", lun->unmap);
    add_switch(object, "unmap_zeroes", lun->unmap_zeroes);
    add_switch(object, "write_same", lun->write_same);
    add_switch(object, "lba_status", lun->lba_status);
    add_number(object, "max_transfer_bytes", (uint64_t)lun->max_transfer_blocks * lun->block_bytes);
    add_number(object, "max_unmap_bytes", (uint64_t)lun->max_unmap_blocks * lun->block_bytes);
    add_number(object, "unmap_granularity_bytes",
               (uint64_t)lun->unmap_granularity * lun->block_bytes);
    return object;
}

static struct json_object *volume_json(const struct vol_status *status)
{
    struct json_object *volume = json_object_new_object();
    add_switch(volume, "online", status->online);
    add_number(volume, "requests", status->requests);
    add_number(volume, "parked", status->parked);
    add_number(volume, "parked_write_bytes", status->parked_write_bytes);
    add_number(volume, "retained_bytes", status->retained_bytes);
    add_number(volume, "dirty_bytes", status->dirty_bytes);
    add_number(volume, "unsynced_bytes", status->unsynced_bytes);
    add_number(volume, "memory_bytes", status->memory_bytes);
    add_number(volume, "memory_used", status->memory_used);
    add_number(volume, "reads", status->reads);
    add_number(volume, "writes", status->writes);
    add_number(volume, "flushes", status->flushes);
    add_number(volume, "trims", status->trims);
    add_number(volume, "zeroes", status->zeroes);
    add_number(volume, "read_bytes", status->read_bytes);
    add_number(volume, "written_bytes", status->written_bytes);
    add_number(volume, "errors", status->errors);
    add_number(volume, "rewrites", status->rewrites);
    add_number(volume, "rewrite_bytes", status->rewrite_bytes);
    add_number(volume, "syncs", status->syncs);
    return volume;
}

/* "not-made": it is, as soon as the LUN was seen. */
static const char *journal_state(const struct vol_status *status)
{
    if (status->journal_foreign)
        return "foreign writes, nothing is sent";
    if (status->journal_unmarked)
        return "failed, writes wait";
    if (status->journal_failed)
        return "failed";
    if (!status->journal_open)
        return "not-made";
    return status->journal_full ? "full" : "open";
}

static struct json_object *journal_json(const struct status_facts *facts)
{
    static const char *const modes[] = {[VOL_JOURNAL_NONE] = "none",
                                        [VOL_JOURNAL_MEMORY] = "memory",
                                        [VOL_JOURNAL_PERSISTENT] = "persistent"};
    const struct vol_status *status = &facts->volume;
    struct json_object *journal = json_object_new_object();
    add_text(journal, "mode", modes[status->journal_mode]);
    if (status->journal_mode == VOL_JOURNAL_NONE)
        return journal;
    add_text(journal, "path", facts->journal_path);
    add_text(journal, "state", journal_state(status));
    add_text(journal, "destage",
             facts->options->destage == DESTAGE_ORDERED ? "ordered" : "coalesce");
    add_number(journal, "ring_bytes", status->ring_bytes);
    add_number(journal, "used_bytes", status->ring_used_bytes);
    add_number(journal, "entries", status->journal_entries);
    add_number(journal, "appended_bytes", status->appended_bytes);
    add_number(journal, "canaries", status->journal_canaries);
    if (status->journal_foreign) {
        add_number(journal, "foreign_block", status->foreign_lba);
        add_number(journal, "foreign_blocks", status->foreign_blocks);
    }
    if (status->oldest_unsent_us > 0)
        add_seconds(journal, "oldest_unsent_seconds", status->oldest_unsent_us);
    if (facts->journal_until_full_us > 0)
        add_seconds(journal, "full_in_seconds", facts->journal_until_full_us);
    return journal;
}

/* A session that is ready does not help when the LUN is not what it was. */
static const char *state_word(const struct status_facts *facts)
{
    if (facts->stopping)
        return "stopping";
    if (facts->volume.journal_foreign && facts->session.state == SES_READY)
        return "foreign-writes";
    return status_state_word(facts->session.state);
}

struct json_object *status_json(const struct status_facts *facts)
{
    struct json_object *status = json_object_new_object();
    add_text(status, "name", facts->options->name);
    add_text(status, "version", HOLDFAST_VERSION);
    add_number(status, "pid", (uint64_t)facts->pid);
    add_seconds(status, "uptime_seconds", facts->now_us - facts->started_us);
    add_text(status, "state", state_word(facts));
    add_switch(status, "read_only", facts->read_only);
    json_object_object_add(status, "journal", journal_json(facts));
    json_object_object_add(status, "target", target_json(facts));
    json_object_object_add(status, "session", session_json(facts));
    json_object_object_add(status, "lun", facts->lun ? status_lun_json(facts->lun) : NULL);
    json_object_object_add(status, "volume", volume_json(&facts->volume));
    return status;
}
