#include "boot/boot_file.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "boot/root_path.h"

#define LINE_BYTES 2048u

struct text_key {
    const char *key;
    size_t offset; /* in struct boot_file */
    size_t bytes;
};

#define TEXT_KEY(key, field)                                                                       \
    {                                                                                              \
        key, offsetof(struct boot_file, field), sizeof(((struct boot_file *)NULL)->field)          \
    }

static const struct text_key text_keys[] = {
    TEXT_KEY("name", name),
    TEXT_KEY("target", facts.lun.target),
    TEXT_KEY("initiator", facts.initiator),
    TEXT_KEY("chap_user", facts.chap.user),
    TEXT_KEY("chap_secret_file", facts.chap.secret_file),
    TEXT_KEY("mutual_chap_user", facts.chap.mutual_user),
    TEXT_KEY("mutual_chap_secret_file", facts.chap.mutual_secret_file),
};

void boot_file_init(struct boot_file *file)
{
    static const struct boot_file nothing;
    *file = nothing;
    file->facts.source = "boot.conf in the image";
    file->facts.is_default = true;
}

static char *trim(char *text)
{
    text += strspn(text, " \t");
    size_t bytes = strlen(text);
    while (bytes > 0 && strchr(" \t\r\n", text[bytes - 1]))
        bytes--;
    text[bytes] = '\0';
    return text;
}

/* As libinih has it: a comment within a line begins with a blank and ';'. */
static void cut_comment(char *text)
{
    for (char *c = text; *c; c++) {
        if (*c == ';' && c > text && strchr(" \t", c[-1]))
            *c = '\0';
    }
}

bool boot_file_has(const struct boot_file *file, const char *key)
{
    size_t bytes = strlen(key);
    for (const char *line = file->rest; *line; line += strspn(line, "\n")) {
        line += strspn(line, " \t");
        if (strncmp(line, key, bytes) == 0 && strchr("=: \t\n", line[bytes]))
            return true;
        line += strcspn(line, "\n");
    }
    return false;
}

static int keep_line(struct boot_file *file, const char *line, struct fault *fault)
{
    size_t used = strlen(file->rest);
    int bytes = snprintf(file->rest + used, sizeof file->rest - used, "%s\n", line);
    if (bytes >= (int)(sizeof file->rest - used))
        return fault_set(fault, -EFBIG, "longer than %u bytes", BOOT_FILE_BYTES - 1);
    return 0;
}

static int add_portal(struct url_target *lun, const char *value, struct fault *fault)
{
    if (lun->portal_count == URL_PORTALS)
        return fault_set(fault, -EINVAL, "more than %u portals", URL_PORTALS);
    return url_parse_portal(value, &lun->portals[lun->portal_count++], fault);
}

static int take_text(struct boot_file *file, const struct text_key *key, const char *value,
                     struct fault *fault)
{
    if (strlen(value) >= key->bytes)
        return fault_set(fault, -EINVAL, "longer than %zu bytes", key->bytes - 1);
    memcpy((char *)file + key->offset, value, strlen(value) + 1);
    return 0;
}

static int take_key(struct boot_file *file, const char *line, const char *key, const char *value,
                    struct fault *fault)
{
    struct url_target *lun = &file->facts.lun;
    for (size_t i = 0; i < sizeof text_keys / sizeof *text_keys; i++) {
        if (strcmp(key, text_keys[i].key) == 0)
            return take_text(file, &text_keys[i], value, fault);
    }
    if (strcmp(key, "url") == 0)
        return boot_choice_parse(value, &file->choice, &file->facts, fault);
    if (strcmp(key, "portal") == 0)
        return add_portal(lun, value, fault);
    if (strcmp(key, "lun") == 0) {
        lun->lun_is_given = true;
        return url_parse_lun(value, 10, &lun->lun, fault);
    }
    if (strcmp(key, "journal") == 0 && strncmp(value, "/dev/", 5) == 0)
        snprintf(file->journal, sizeof file->journal, "%s", value);
    return keep_line(file, line, fault);
}

/* One line; it is taken apart in place. */
static int take_line(struct boot_file *file, const char *line, char *copy, struct fault *fault)
{
    cut_comment(copy);
    char *text = trim(copy);
    if (*text == '\0' || strchr("#;[", *text))
        return 0;
    char *equals = strpbrk(text, "=:");
    if (!equals)
        return keep_line(file, line, fault);
    *equals = '\0';
    char *key = trim(text);
    int error = take_key(file, line, key, trim(equals + 1), fault);
    return error ? fault_prefix(fault, error, "%.64s", key) : 0;
}

int boot_file_parse(const char *text, struct boot_file *ret_file, struct fault *fault)
{
    boot_file_init(ret_file);
    unsigned number = 0;
    int error = 0;
    for (const char *at = text; !error && *at;) {
        char line[LINE_BYTES], copy[LINE_BYTES];
        size_t bytes = strcspn(at, "\n");
        number++;
        if (bytes >= sizeof line) {
            error = fault_set(fault, -EFBIG, "the line is longer than %u bytes", LINE_BYTES - 1);
        } else {
            memcpy(line, at, bytes);
            line[bytes] = '\0';
            memcpy(copy, line, bytes + 1);
            error = take_line(ret_file, line, copy, fault);
        }
        at += bytes + (at[bytes] != '\0');
    }
    if (!error && *ret_file->facts.lun.target)
        error = url_check_name(ret_file->facts.lun.target, fault);
    if (!error && *ret_file->facts.lun.target && ret_file->choice == BOOT_NOT_ASKED)
        ret_file->choice = BOOT_NAMED;
    return error ? fault_prefix(fault, error, "boot.conf line %u", number) : 0;
}
