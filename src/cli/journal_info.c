/* What a journal is, and whose: from its device, or from the daemon that runs on it. */
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "cli/journal_verb.h"
#include "cli/status_text.h"
#include "daemon/human.h"

static const char *state_word(uint32_t state)
{
    if (state & JNL_STATE_RETIRED)
        return "retired";
    if (state & JNL_STATE_FAILED)
        return "failed";
    if (state & JNL_STATE_FOREIGN)
        return "foreign";
    return state & JNL_STATE_EMPTY ? "empty" : "open";
}

static const char *state_meaning(uint32_t state)
{
    if (state & JNL_STATE_RETIRED)
        return "discarded";
    if (state & JNL_STATE_FAILED)
        return "its device failed: must not be replayed";
    if (state & JNL_STATE_FOREIGN)
        return "another system wrote to the LUN meanwhile: not replayed but with replay=force";
    return state & JNL_STATE_EMPTY ? "everything is on the LUN"
                                   : "left by a crash, or by a stop without the target";
}

static void uuid_text(const uint8_t uuid[JNL_UUID_BYTES], char ret_text[40])
{
    char *out = ret_text;
    for (unsigned i = 0; i < JNL_UUID_BYTES; i++)
        out += sprintf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
}

static void print_head(const struct journal_source *source)
{
    const struct jnl_superblock *superblock = &source->superblock;
    const struct jdev_facts *facts = jdev_get_facts(source->device);
    char size[HUMAN_BYTES], uuid[40];
    uuid_text(superblock->uuid, uuid);
    printf("journal    %s (%s, %s)\n", source->path,
           facts->block_device ? "block device"
           : facts->memory     ? "file in memory"
                               : "file",
           human_size(source->device->size_bytes, size));
    printf("format     %u.%u, %s, incarnation %" PRIu64 "\n", JNL_VERSION_MAJOR, JNL_VERSION_MINOR,
           uuid, superblock->incarnation);
    printf("state      %s (%s)\n", state_word(superblock->state), state_meaning(superblock->state));
}

static void print_binding(const struct jnl_superblock *superblock)
{
    const struct jnl_binding *binding = &superblock->binding;
    char name[160], size[HUMAN_BYTES];
    journal_lun_name(binding, name, sizeof name);
    printf("belongs to %s (%s %s %s%s%s), %s in blocks of %" PRIu32 "\n", name, binding->vendor,
           binding->product, binding->revision, *binding->serial ? ", serial " : "",
           binding->serial, human_size(superblock->lun_blocks * superblock->lun_block_bytes, size),
           superblock->lun_block_bytes);
    printf("made for   %s, LUN %" PRIu64 ", by %s\n", binding->target, binding->lun,
           binding->initiator);
}

static void print_records(const struct journal_source *source,
                          const struct journal_summary *summary)
{
    char used[HUMAN_BYTES], ring[HUMAN_BYTES], size[HUMAN_BYTES];
    uint64_t ring_bytes = source->superblock.ring_bytes;
    printf("ring       %s of %s in use (%" PRIu64 " %%)\n", human_size(summary->used_bytes, used),
           human_size(ring_bytes, ring), summary->used_bytes * 100 / ring_bytes);
    printf("holds      %" PRIu64 " record%s from %" PRIu64 " on: %" PRIu64 " write%s (%s), %" PRIu64
           " zeroes, %" PRIu64 " trim%s\n",
           summary->records, human_plural(summary->records), source->superblock.tail_seq,
           summary->writes, human_plural(summary->writes), human_size(summary->payload_bytes, size),
           summary->zeroes, summary->trims, human_plural(summary->trims));
}

/* Block and length of each. */
static void print_canaries(const struct jnl_superblock *superblock)
{
    const char *between = "watches    blocks ";
    for (unsigned i = 0; i < JNL_CANARIES; i++) {
        const struct jnl_canary *canary = &superblock->canaries[i];
        if (canary->blocks == 0)
            continue;
        printf("%s%" PRIu64 "+%" PRIu32, between, canary->lba, canary->blocks);
        between = ", ";
    }
    if (*between == ',')
        printf(" of the LUN, to notice another system that writes to it\n");
}

static void add_text(struct json_object *to, const char *key, const char *text)
{
    json_object_object_add(to, key, json_object_new_string(text));
}

static void add_number(struct json_object *to, const char *key, uint64_t number)
{
    json_object_object_add(to, key, json_object_new_uint64(number));
}

static struct json_object *lun_json(const struct jnl_superblock *superblock)
{
    const struct jnl_binding *binding = &superblock->binding;
    struct json_object *lun = json_object_new_object();
    char name[160];
    journal_lun_name(binding, name, sizeof name);
    add_text(lun, "identity", name);
    add_text(lun, "serial", binding->serial);
    add_text(lun, "vendor", binding->vendor);
    add_text(lun, "product", binding->product);
    add_text(lun, "target", binding->target);
    add_number(lun, "lun", binding->lun);
    add_number(lun, "blocks", superblock->lun_blocks);
    add_number(lun, "block_bytes", superblock->lun_block_bytes);
    return lun;
}

static struct json_object *canaries_json(const struct jnl_superblock *superblock)
{
    struct json_object *canaries = json_object_new_array();
    char crc[9];
    for (unsigned i = 0; i < JNL_CANARIES; i++) {
        const struct jnl_canary *canary = &superblock->canaries[i];
        struct json_object *object = canary->blocks > 0 ? json_object_new_object() : NULL;
        if (!object)
            continue;
        snprintf(crc, sizeof crc, "%08" PRIx32, canary->crc);
        add_number(object, "block", canary->lba);
        add_number(object, "blocks", canary->blocks);
        add_text(object, "crc32c", crc);
        add_number(object, "seq", canary->seq);
        json_object_array_add(canaries, object);
    }
    return canaries;
}

static void print_json(const struct journal_source *source, const struct journal_summary *summary,
                       const char *trouble)
{
    const struct jnl_superblock *superblock = &source->superblock;
    struct json_object *info = json_object_new_object();
    char uuid[40];
    uuid_text(superblock->uuid, uuid);
    add_text(info, "path", source->path);
    add_number(info, "size_bytes", source->device->size_bytes);
    add_text(info, "uuid", uuid);
    add_text(info, "state", state_word(superblock->state));
    add_number(info, "generation", superblock->generation);
    add_number(info, "incarnation", superblock->incarnation);
    add_number(info, "tail_seq", superblock->tail_seq);
    add_number(info, "durable_seq", superblock->durable_seq);
    add_number(info, "ring_bytes", superblock->ring_bytes);
    add_number(info, "used_bytes", summary->used_bytes);
    add_number(info, "records", summary->records);
    add_number(info, "entries", summary->entries);
    add_number(info, "payload_bytes", summary->payload_bytes);
    if (*trouble)
        add_text(info, "trouble", trouble);
    json_object_object_add(info, "belongs_to", lun_json(superblock));
    json_object_object_add(info, "canaries", canaries_json(superblock));
    puts(json_object_to_json_string_ext(info, JSON_C_TO_STRING_PLAIN));
    json_object_put(info);
}

int journal_info(const struct arguments *arguments, struct journal_source *source)
{
    struct journal_summary summary;
    char trouble[320];
    journal_walk(source, NULL, NULL, &summary);
    journal_trouble(source, &summary, trouble, sizeof trouble);
    if (arguments_get(arguments, "json")) {
        print_json(source, &summary, trouble);
    } else {
        print_head(source);
        print_binding(&source->superblock);
        print_records(source, &summary);
        print_canaries(&source->superblock);
        if (*trouble)
            printf("trouble    %s\n", trouble);
    }
    return EXIT_DONE;
}

int journal_info_running(const struct arguments *arguments)
{
    struct json_object *journal;
    struct fault fault;
    if (journal_of_daemon(arguments, &journal, &fault) != 0)
        return complain(arguments, EXIT_FAILED, "%s", fault.text);
    if (arguments_get(arguments, "json"))
        puts(json_object_to_json_string_ext(journal, JSON_C_TO_STRING_PLAIN));
    else
        status_text_print_journal(stdout, journal);
    json_object_put(journal);
    return EXIT_DONE;
}
