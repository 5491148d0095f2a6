/*
 * Two steps: note the value of every word that we know (the last one of each), then judge what
 * they mean together. Words of others pass by; a word of ours that is not understood is refused.
 */
#include "boot/kernel_command_line.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "boot/root_path.h"

enum word {
    WORD_HOLDFAST,
    WORD_IGNORE,
    WORD_TIMEOUT,
    WORD_IP,
    WORD_ROOT,
    WORD_RD_INITIATOR,
    WORD_RD_USER,
    WORD_RD_SECRET,
    WORD_RD_IN_USER,
    WORD_RD_IN_SECRET,
    WORD_FIRMWARE,
    WORD_INITIATOR,
    WORD_TARGET,
    WORD_ADDRESS,
    WORD_PORT,
    WORD_LUN,
    WORD_USER,
    WORD_SECRET,
    WORD_IN_USER,
    WORD_IN_SECRET,
    WORDS,
};

static const struct {
    const char *key;
    enum word word;
    bool in_any_case;
} known_words[] = {
    {"holdfast", WORD_HOLDFAST, false},
    {"holdfast.ignore", WORD_IGNORE, false},
    {"holdfast.timeout", WORD_TIMEOUT, false},
    {"ip", WORD_IP, false},
    {"rd.iscsi.initiator", WORD_RD_INITIATOR, false},
    {"rd.iscsi.username", WORD_RD_USER, false},
    {"rd.iscsi.password", WORD_RD_SECRET, false},
    {"rd.iscsi.in.username", WORD_RD_IN_USER, false},
    {"rd.iscsi.in.password", WORD_RD_IN_SECRET, false},
    {"rd.iscsi.firmware", WORD_FIRMWARE, false},
    {"rd.iscsi.ibft", WORD_FIRMWARE, false},
    {"iscsi_firmware", WORD_FIRMWARE, false},
    {"iscsi_auto", WORD_FIRMWARE, true},
    {"iscsi_initiator", WORD_INITIATOR, true},
    {"iscsi_target_name", WORD_TARGET, true},
    {"iscsi_target_ip", WORD_ADDRESS, true},
    {"iscsi_target_port", WORD_PORT, true},
    {"iscsi_target_lun", WORD_LUN, true},
    {"iscsi_lun", WORD_LUN, true},
    {"iscsi_username", WORD_USER, true},
    {"iscsi_password", WORD_SECRET, true},
    {"iscsi_in_username", WORD_IN_USER, true},
    {"iscsi_in_password", WORD_IN_SECRET, true},
};

struct reading {
    struct kernel_command_line *line;
    struct fault *fault;
    char values[WORDS][COMMAND_WORD_BYTES];
};

/* Cuts the next word off, without its quotes; blanks inside of quotes belong to it. */
static bool next_word(const char **rest, char *ret_word, size_t word_bytes)
{
    bool quoted = false;
    size_t used = 0;
    *rest += strspn(*rest, " \t\r\n");
    if (**rest == '\0')
        return false;
    for (; **rest && (quoted || !strchr(" \t\r\n", **rest)); ++*rest) {
        if (**rest == '"')
            quoted = !quoted;
        else if (used + 1 < word_bytes)
            ret_word[used++] = **rest;
    }
    ret_word[used] = '\0';
    return true;
}

/* netroot=iscsi: and root=iscsi:, each of which adds a portal. */
static int take_netroot(struct reading *reading, const char *value)
{
    struct boot_facts *facts = &reading->line->netroot;
    struct boot_facts one = *facts;
    int error = root_path_parse(value, ROOT_PATH_DRACUT, &one, reading->fault);
    if (!error && one.lun_may_be_decimal)
        error = fault_set(reading->fault, -EINVAL,
                          "its LUN is hexadecimal by RFC 4173 and decimal by dracut, so which one "
                          "is unclear; write holdfast=iscsi://HOST/TARGET/LUN (decimal)");
    if (error)
        return error;
    struct url_target *lun = &facts->lun;
    if (!*lun->target) {
        *facts = one;
        return 0;
    }
    if (strcasecmp(lun->target, one.lun.target) != 0 || lun->lun != one.lun.lun)
        return fault_set(reading->fault, -EINVAL, "LUN %u of %.100s is not LUN %u of %.100s",
                         one.lun.lun, one.lun.target, lun->lun, lun->target);
    if (lun->portal_count < URL_PORTALS)
        lun->portals[lun->portal_count++] = one.lun.portals[0];
    return 0;
}

static int note_root(struct reading *reading, const char *key, char *value)
{
    if (strncmp(value, "holdfast:", 9) == 0) {
        snprintf(reading->values[WORD_HOLDFAST], COMMAND_WORD_BYTES, "%s", value + 9);
        return 0;
    }
    if (root_path_is_one(value)) {
        int error = take_netroot(reading, value);
        return error ? fault_prefix(reading->fault, error, "%s=", key) : 0;
    }
    if (strcmp(key, "root") == 0)
        reading->line->has_root = *value != '\0';
    return 0;
}

static int note_value(struct reading *reading, const char *key, enum word word, const char *value)
{
    size_t bytes = strlen(value);
    if (bytes >= COMMAND_WORD_BYTES)
        return fault_set(reading->fault, -EINVAL, "%s= is longer than %u bytes", key,
                         COMMAND_WORD_BYTES - 1);
    memcpy(reading->values[word], value, bytes + 1);
    return 0;
}

static int note_word(struct reading *reading, char *word)
{
    char nothing[] = "";
    char *equals = strchr(word, '=');
    char *value = equals ? equals + 1 : nothing;
    if (equals)
        *equals = '\0';
    if (strcmp(word, "netroot") == 0 || strcmp(word, "root") == 0)
        return note_root(reading, word, value);
    for (size_t i = 0; i < sizeof known_words / sizeof *known_words; i++) {
        bool found = known_words[i].in_any_case ? strcasecmp(word, known_words[i].key) == 0
                                                : strcmp(word, known_words[i].key) == 0;
        if (found && known_words[i].word == WORD_FIRMWARE && !equals)
            return note_value(reading, word, WORD_FIRMWARE, "1");
        if (found)
            return note_value(reading, word, known_words[i].word, value);
    }
    return 0;
}

int boot_choice_parse(const char *text, enum boot_choice *ret_choice, struct boot_facts *facts,
                      struct fault *fault)
{
    enum boot_choice choice = BOOT_NAMED;
    int error = 0;
    if (strcasecmp(text, "ibft") == 0)
        choice = BOOT_IBFT;
    else if (strcasecmp(text, "dhcp") == 0)
        choice = BOOT_DHCP;
    else if (strcasecmp(text, "no") == 0 || strcasecmp(text, "off") == 0 || strcmp(text, "0") == 0)
        choice = BOOT_OFF;
    else if (root_path_is_one(text))
        error = root_path_parse(text, ROOT_PATH_RFC4173, facts, fault);
    else if (url_is_url(text))
        error = url_parse(text, &facts->lun, fault);
    else
        error = fault_set(fault, -EINVAL,
                          "'%.64s' is not understood; write ibft, dhcp, no, an iscsi:// URL or an "
                          "RFC 4173 root path",
                          text);
    if (error)
        return error;
    if (*facts->lun.user)
        snprintf(facts->chap.user, sizeof facts->chap.user, "%s", facts->lun.user);
    *ret_choice = choice;
    return 0;
}

static int copy(struct reading *reading, enum word word, const char *key, char *ret_text,
                size_t text_bytes)
{
    const char *value = reading->values[word];
    if (strlen(value) >= text_bytes)
        return fault_set(reading->fault, -EINVAL, "%s= is longer than %zu bytes", key,
                         text_bytes - 1);
    if (*value)
        memcpy(ret_text, value, strlen(value) + 1);
    return 0;
}

static int copy_name(struct reading *reading, enum word word, const char *key, char *ret_name)
{
    int error = copy(reading, word, key, ret_name, URL_TARGET_BYTES);
    if (!error && *ret_name)
        error = url_check_name(ret_name, reading->fault);
    return error;
}

/* "192.0.2.7", several of them, each perhaps with a port of its own. */
static int take_addresses(struct reading *reading, struct url_target *lun)
{
    char *rest = reading->values[WORD_ADDRESS];
    const char *port = reading->values[WORD_PORT];
    for (char *one; (one = strsep(&rest, " ,"));) {
        struct url_portal with_port;
        char text[URL_PORTAL_TEXT_BYTES];
        if (!*one)
            continue;
        if (lun->portal_count == URL_PORTALS)
            return fault_set(reading->fault, -EINVAL, "more than %u addresses", URL_PORTALS);
        struct url_portal *portal = &lun->portals[lun->portal_count++];
        int error = url_parse_portal(one, portal, reading->fault);
        if (error || !*port)
            continue;
        snprintf(text, sizeof text, "none:%.8s", port);
        error = url_parse_portal(text, &with_port, reading->fault);
        if (error)
            return error;
        if (portal->port == URL_PORT_DEFAULT)
            portal->port = with_port.port;
    }
    return 0;
}

static int take_variables(struct reading *reading)
{
    struct boot_facts *facts = &reading->line->variables;
    struct boot_chap *chap = &facts->chap;
    int error = copy_name(reading, WORD_INITIATOR, "ISCSI_INITIATOR", facts->initiator);
    if (!error)
        error = copy_name(reading, WORD_TARGET, "ISCSI_TARGET_NAME", facts->lun.target);
    if (!error)
        error = take_addresses(reading, &facts->lun);
    if (!error && *reading->values[WORD_LUN]) {
        facts->lun.lun_is_given = true;
        error = url_parse_lun(reading->values[WORD_LUN], 10, &facts->lun.lun, reading->fault);
    }
    if (!error)
        error = copy(reading, WORD_USER, "ISCSI_USERNAME", chap->user, sizeof chap->user);
    if (!error)
        error = copy(reading, WORD_SECRET, "ISCSI_PASSWORD", chap->secret, sizeof chap->secret);
    if (!error)
        error = copy(reading, WORD_IN_USER, "ISCSI_IN_USERNAME", chap->mutual_user,
                     sizeof chap->mutual_user);
    if (!error)
        error = copy(reading, WORD_IN_SECRET, "ISCSI_IN_PASSWORD", chap->mutual_secret,
                     sizeof chap->mutual_secret);
    return error;
}

/* rd.iscsi.* belongs to netroot=, and is above what stands inside of that. */
static int take_dracut(struct reading *reading)
{
    struct boot_facts *facts = &reading->line->netroot;
    struct boot_chap *chap = &facts->chap;
    int error = copy_name(reading, WORD_RD_INITIATOR, "rd.iscsi.initiator", facts->initiator);
    if (!error)
        error = copy(reading, WORD_RD_USER, "rd.iscsi.username", chap->user, sizeof chap->user);
    if (!error)
        error =
            copy(reading, WORD_RD_SECRET, "rd.iscsi.password", chap->secret, sizeof chap->secret);
    if (!error)
        error = copy(reading, WORD_RD_IN_USER, "rd.iscsi.in.username", chap->mutual_user,
                     sizeof chap->mutual_user);
    if (!error)
        error = copy(reading, WORD_RD_IN_SECRET, "rd.iscsi.in.password", chap->mutual_secret,
                     sizeof chap->mutual_secret);
    return error;
}

static int take_ignored(struct reading *reading)
{
    char *rest = reading->values[WORD_IGNORE];
    for (char *one; *rest && (one = strsep(&rest, ","));) {
        if (strcmp(one, "ibft") == 0)
            reading->line->ignores_ibft = true;
        else if (strcmp(one, "dhcp") == 0)
            reading->line->ignores_dhcp = true;
        else
            return fault_set(reading->fault, -EINVAL,
                             "holdfast.ignore=%.32s: only ibft and dhcp can be ignored", one);
        if (!rest)
            break;
    }
    return 0;
}

static int take_choice(struct reading *reading)
{
    struct kernel_command_line *line = reading->line;
    const char *value = reading->values[WORD_HOLDFAST];
    if (*value) {
        int error = boot_choice_parse(value, &line->choice, &line->holdfast, reading->fault);
        return error ? fault_prefix(reading->fault, error, "holdfast=") : 0;
    }
    const char *firmware = reading->values[WORD_FIRMWARE];
    if (*line->netroot.lun.target || *line->variables.lun.target)
        line->choice = BOOT_NAMED;
    else if (strcmp(firmware, "1") == 0 || strcasecmp(firmware, "true") == 0 ||
             strcasecmp(firmware, "yes") == 0)
        line->choice = BOOT_IBFT;
    return 0;
}

static int judge(struct reading *reading)
{
    struct kernel_command_line *line = reading->line;
    int error = take_variables(reading);
    if (!error)
        error = take_dracut(reading);
    if (!error)
        error = take_ignored(reading);
    if (!error)
        error = take_choice(reading);
    line->has_secret = *line->netroot.chap.secret || *line->netroot.chap.mutual_secret ||
                       *line->variables.chap.secret || *line->variables.chap.mutual_secret;
    strcpy(line->ip, reading->values[WORD_IP]);
    strcpy(line->timeout, reading->values[WORD_TIMEOUT]);
    return error;
}

int kernel_command_line_parse(const char *text, struct kernel_command_line *ret_line,
                              struct fault *fault)
{
    char word[COMMAND_LINE_BYTES];
    struct kernel_command_line line = {
        .holdfast.source = "holdfast= on the kernel command line",
        .netroot.source = "netroot= on the kernel command line",
        .variables.source = "ISCSI_... on the kernel command line",
    };
    struct reading reading = {.line = &line, .fault = fault};
    int error = 0;
    while (!error && next_word(&text, word, sizeof word))
        error = note_word(&reading, word);
    if (!error)
        error = judge(&reading);
    explicit_bzero(reading.values, sizeof reading.values);
    explicit_bzero(word, sizeof word);
    if (error)
        return fault_prefix(fault, error, "kernel command line");
    *ret_line = line;
    return 0;
}
