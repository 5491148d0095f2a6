/* verify and dump: over all records, without changing anything. */
#include <inttypes.h>
#include <json-c/json.h>

#include "base/checked.h"
#include "cli/journal_verb.h"
#include "daemon/human.h"
#include "journal/journal.h"
#include "os/clock.h"

/* How often the journal of a running daemon is looked at before it is called damaged. */
#define LIVE_LOOKS    20
#define LIVE_PAUSE_MS 50

static void count_entry(struct journal_summary *summary, const struct jnl_entry_header *entry,
                        uint32_t block_bytes)
{
    summary->entries++;
    summary->writes += entry->op == JNL_WRITE;
    summary->zeroes += entry->op == JNL_ZERO;
    summary->trims += entry->op == JNL_TRIM;
    summary->payload_bytes += jnl_payload_bytes(entry, block_bytes);
    summary->end_block = max_u64(summary->end_block, entry->lba + entry->blocks);
}

static void begin(struct journal_source *source, struct jnl_reader *reader)
{
    struct jnl_superblock superblock = source->superblock;
    if (source->held) {
        superblock.tail_offset = source->part.tail_offset;
        superblock.tail_seq = source->part.tail_seq;
        superblock.tail_prev_crc = source->part.tail_prev_crc;
    }
    jnl_reader_init(reader, source->device, &superblock, source->memory);
}

/* What was written after the daemon began to hold the rest comes and goes. */
static bool is_wanted(const struct journal_source *source, const struct jnl_reader *reader)
{
    return !source->held || reader->seq <= source->part.end_seq;
}

static void walk_once(struct journal_source *source,
                      bool (*visit)(const struct jnl_reader *reader, void *owner), void *owner,
                      struct journal_summary *ret_summary)
{
    struct jnl_reader reader;
    struct journal_summary summary = {0};
    begin(source, &reader);
    while (is_wanted(source, &reader) &&
           (summary.end = jnl_reader_next(&reader)) == JNL_READING_RECORD) {
        summary.records++;
        for (unsigned i = 0; i < reader.header.entry_count; i++)
            count_entry(&summary, &reader.entries[i], source->superblock.lun_block_bytes);
        if (visit && !visit(&reader, owner))
            break;
    }
    summary.used_bytes = reader.bytes;
    summary.end_seq = reader.seq;
    summary.claimed_by = reader.claimed_by;
    summary.why = reader.why;
    *ret_summary = summary;
}

/*
 * A daemon that goes on writing reuses a place only behind a newer superblock, and finishes a
 * record that was looked at half-written. So trouble may be gone with the next look, from the
 * superblock on; what stays is real.
 */
static bool look_again(struct journal_source *source, const struct journal_summary *summary)
{
    bool is_good = summary->end == JNL_READING_END || summary->end == JNL_READING_TORN;
    if (!source->live || source->held || is_good)
        return false;
    clock_pause_ms(LIVE_PAUSE_MS);
    return jnl_peek(source->device, &source->superblock) == JNL_OPEN_OK;
}

void journal_walk(struct journal_source *source,
                  bool (*visit)(const struct jnl_reader *reader, void *owner), void *owner,
                  struct journal_summary *ret_summary)
{
    walk_once(source, visit, owner, ret_summary);
    for (unsigned i = 1; i < LIVE_LOOKS && look_again(source, ret_summary); i++) {
        walk_once(source, NULL, NULL, ret_summary);
        ret_summary->changed = true;
    }
}

void journal_trouble(const struct journal_source *source, const struct journal_summary *summary,
                     char *ret_text, size_t text_bytes)
{
    char claim[80] = "";
    ret_text[0] = '\0';
    if (source->superblock.state & JNL_STATE_FAILED) {
        snprintf(ret_text, text_bytes,
                 "its device had failed, so newer data may be on the LUN already; it must not be "
                 "replayed. Discard it, then check the file system");
    } else if (summary->end == JNL_READING_IO) {
        snprintf(ret_text, text_bytes,
                 "record %" PRIu64 " cannot be read; copy the device (with "
                 "ddrescue, for instance) and look at the copy",
                 summary->end_seq);
    } else if (summary->end == JNL_READING_CORRUPT) {
        if (summary->claimed_by)
            snprintf(claim, sizeof claim, " (record %" PRIu64 " says so)", summary->claimed_by);
        snprintf(ret_text, text_bytes,
                 "CORRUPT: record %" PRIu64 " %s, but had been on stable storage%s; what comes "
                 "after it is lost. Keep a copy of the device",
                 summary->end_seq, summary->why, claim);
    }
}

/* --- verify --- */

static struct json_object *number(uint64_t value)
{
    return json_object_new_uint64(value);
}

static const char *end_word(const struct journal_source *source,
                            const struct journal_summary *summary)
{
    static const char *const words[] = {
        [JNL_READING_RECORD] = "intact", [JNL_READING_END] = "intact",
        [JNL_READING_TORN] = "torn",     [JNL_READING_CORRUPT] = "corrupt",
        [JNL_READING_IO] = "unreadable",
    };
    return source->superblock.state & JNL_STATE_FAILED ? "failed" : words[summary->end];
}

static void print_verdict_json(const struct journal_source *source,
                               const struct journal_summary *summary, const char *trouble)
{
    struct json_object *verdict = json_object_new_object();
    json_object_object_add(verdict, "verdict", json_object_new_string(end_word(source, summary)));
    json_object_object_add(verdict, "records", number(summary->records));
    json_object_object_add(verdict, "entries", number(summary->entries));
    json_object_object_add(verdict, "payload_bytes", number(summary->payload_bytes));
    json_object_object_add(verdict, "end_seq", number(summary->end_seq));
    json_object_object_add(verdict, "why", json_object_new_string(summary->why));
    if (*trouble)
        json_object_object_add(verdict, "trouble", json_object_new_string(trouble));
    puts(json_object_to_json_string_ext(verdict, JSON_C_TO_STRING_PLAIN));
    json_object_put(verdict);
}

int journal_verify(const struct arguments *arguments, struct journal_source *source)
{
    struct journal_summary summary;
    char trouble[320], size[HUMAN_BYTES];
    journal_walk(source, NULL, NULL, &summary);
    journal_trouble(source, &summary, trouble, sizeof trouble);
    if (arguments_get(arguments, "json"))
        print_verdict_json(source, &summary, trouble);
    if (*trouble)
        return complain(arguments, EXIT_FAILED, "journal %s: %s", source->path, trouble);
    if (arguments_get(arguments, "json"))
        return EXIT_DONE;
    printf("intact: %" PRIu64 " record%s, %" PRIu64 " entr%s, %s of data\n", summary.records,
           human_plural(summary.records), summary.entries, summary.entries == 1 ? "y" : "ies",
           human_size(summary.payload_bytes, size));
    if (summary.end == JNL_READING_TORN && !source->live)
        printf("record %" PRIu64 " %s: it was being written at a crash, and is dropped; nothing "
               "that was acknowledged is missing\n",
               summary.end_seq, summary.why);
    return EXIT_DONE;
}

/* --- dump --- */

static const char *op_word(uint8_t op)
{
    return op == JNL_WRITE ? "write" : op == JNL_ZERO ? "zero" : "trim";
}

static void dump_entry_text(const struct jnl_entry_header *entry, uint32_t block_bytes)
{
    char size[HUMAN_BYTES];
    printf("  %-5s block %" PRIu64 ", %" PRIu32 " block%s (%s)%s%s\n", op_word(entry->op),
           entry->lba, entry->blocks, human_plural(entry->blocks),
           human_size((uint64_t)entry->blocks * block_bytes, size),
           entry->flags & JNL_ENTRY_FUA ? ", FUA" : "",
           entry->flags & JNL_ENTRY_NO_HOLE ? ", no hole" : "");
}

static bool dump_text(const struct jnl_reader *reader, void *owner)
{
    const struct jnl_record_header *header = &reader->header;
    bool pad = header->flags & JNL_RECORD_PAD;
    printf("record %" PRIu64 ": at %" PRIu64 ", %" PRIu32 " blocks of 4 KiB, incarnation %" PRIu64
           ", durable up to %" PRIu64 "%s%s\n",
           header->seq, header->ring_offset, header->blocks, header->incarnation,
           header->durable_seq, pad ? ", pad" : "", header->flags & JNL_RECORD_FUA ? ", FUA" : "");
    for (unsigned i = 0; i < header->entry_count; i++)
        dump_entry_text(&reader->entries[i], reader->superblock.lun_block_bytes);
    return !ferror(stdout);
}

static struct json_object *entry_json(const struct jnl_entry_header *entry)
{
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, "op", json_object_new_string(op_word(entry->op)));
    json_object_object_add(object, "lba", number(entry->lba));
    json_object_object_add(object, "blocks", number(entry->blocks));
    json_object_object_add(object, "flags", number(entry->flags));
    json_object_object_add(object, "epoch", number(entry->epoch));
    return object;
}

static bool dump_json(const struct jnl_reader *reader, void *owner)
{
    const struct jnl_record_header *header = &reader->header;
    struct json_object *record = json_object_new_object();
    struct json_object *entries = json_object_new_array();
    for (unsigned i = 0; i < header->entry_count; i++)
        json_object_array_add(entries, entry_json(&reader->entries[i]));
    json_object_object_add(record, "seq", number(header->seq));
    json_object_object_add(record, "ring_offset", number(header->ring_offset));
    json_object_object_add(record, "blocks", number(header->blocks));
    json_object_object_add(record, "incarnation", number(header->incarnation));
    json_object_object_add(record, "durable_seq", number(header->durable_seq));
    json_object_object_add(record, "clean_seq", number(header->clean_seq));
    json_object_object_add(record, "flags", number(header->flags));
    json_object_object_add(record, "entries", entries);
    puts(json_object_to_json_string_ext(record, JSON_C_TO_STRING_PLAIN));
    json_object_put(record);
    return !ferror(stdout);
}

int journal_dump(const struct arguments *arguments, struct journal_source *source)
{
    struct journal_summary summary;
    char trouble[320];
    bool json = arguments_get(arguments, "json");
    journal_walk(source, json ? dump_json : dump_text, NULL, &summary);
    journal_trouble(source, &summary, trouble, sizeof trouble);
    if (*trouble)
        return complain(arguments, EXIT_FAILED, "journal %s: %s", source->path, trouble);
    if (summary.changed)
        return complain(arguments, EXIT_FAILED,
                        "journal %s changed while it was read, and more than this is in it; try "
                        "again",
                        source->path);
    if (!json)
        printf("the log ends here: record %" PRIu64 " %s\n", summary.end_seq, summary.why);
    return EXIT_DONE;
}
