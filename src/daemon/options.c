#include "daemon/options.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/values.h"

#define RUN_DIR "/run/holdfast"

static void *field_of(struct options *options, const struct option *option)
{
    return (char *)options + option->offset;
}

const struct option *option_find(const char *key)
{
    for (const struct option *option = option_table; option->key; option++) {
        if (strcmp(option->key, key) == 0)
            return option;
    }
    return NULL;
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Levenshtein's distance over one row; keys are short. */
static size_t distance(const char *a, const char *b)
{
    size_t row[65];
    size_t columns = strlen(b);
    if (columns > 64 || strlen(a) > 64)
        return SIZE_MAX;
    for (size_t j = 0; j <= columns; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            size_t above = row[j];
            row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[columns];
}

/* Who writes the beginning of a key means it, however long the rest is. */
static size_t unlikeness(const char *written, const char *key)
{
    return strncmp(key, written, strlen(written)) == 0 ? 1 : distance(written, key);
}

static int refuse_unknown(const char *key, struct fault *fault)
{
    if (strchr(key, ' '))
        return fault_set(fault, -EINVAL, "'%.64s' is no key; write KEY = VALUE", key);
    const char *nearest = NULL;
    size_t least = strlen(key) / 2 + 1;
    for (const struct option *option = option_table; option->key; option++) {
        size_t d = unlikeness(key, option->key);
        if (d < least) {
            least = d;
            nearest = option->key;
        }
    }
    if (nearest)
        return fault_set(fault, -EINVAL, "unknown key '%.64s'; did you mean '%s'?", key, nearest);
    return fault_set(fault, -EINVAL, "unknown key '%.64s'; holdfast.conf(5) lists them all", key);
}

static int set_text(const struct option *option, char *field, size_t bytes, const char *value,
                    struct fault *fault)
{
    if (*value == '\0')
        return fault_set(fault, -EINVAL, "the value is empty; give %s", option->value);
    if (strlen(value) >= bytes)
        return fault_set(fault, -EINVAL, "the value is longer than %zu bytes", bytes - 1);
    for (const char *c = value; *c; c++) {
        if (iscntrl((unsigned char)*c))
            return fault_set(fault, -EINVAL, "the value contains a control character");
    }
    int error = option->check ? option->check(value, fault) : 0;
    if (!error)
        memcpy(field, value, strlen(value) + 1);
    return error;
}

static int add_item(const struct option *option, struct option_list *list, const char *value,
                    struct fault *fault)
{
    if (list->count == OPTION_LIST_ITEMS)
        return fault_set(fault, -EINVAL, "given more than %u times", OPTION_LIST_ITEMS);
    for (unsigned i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], value) == 0)
            return fault_set(fault, -EINVAL, "'%.128s' is given twice", value);
    }
    int error = set_text(option, list->items[list->count], sizeof list->items[0], value, fault);
    if (!error)
        list->count++;
    return error;
}

static int set_choice(const struct option *option, unsigned *ret_choice, const char *value,
                      struct fault *fault)
{
    const char *word = option->value;
    for (unsigned index = 0; word; index++) {
        size_t bytes = strcspn(word, "|");
        if (strlen(value) == bytes && strncasecmp(word, value, bytes) == 0) {
            *ret_choice = index;
            return 0;
        }
        word = word[bytes] ? word + bytes + 1 : NULL;
    }
    return fault_set(fault, -EINVAL, "'%.64s' is not one of %s", value, option->value);
}

static int check_bounds(const struct option *option, uint64_t value, struct fault *fault)
{
    char least[32], most[32];
    if (value >= option->min && value <= option->max)
        return 0;
    switch (option->type) {
    case OPTION_DURATION:
        value_print_duration(option->min, least, sizeof least);
        value_print_duration(option->max, most, sizeof most);
        break;
    case OPTION_SIZE:
        value_print_size(option->min, least, sizeof least);
        value_print_size(option->max, most, sizeof most);
        break;
    default:
        snprintf(least, sizeof least, option->type == OPTION_MODE ? "0%" PRIo64 : "%" PRIu64,
                 option->min);
        snprintf(most, sizeof most, option->type == OPTION_MODE ? "0%" PRIo64 : "%" PRIu64,
                 option->max);
    }
    return fault_set(fault, -EINVAL, "has to be from %s to %s", least, most);
}

static int set_quantity(const struct option *option, uint64_t *ret_value, const char *text,
                        struct fault *fault)
{
    uint64_t value = 0;
    int error;
    if (option->type == OPTION_DURATION)
        error = value_duration(text, &value, fault);
    else if (option->type == OPTION_SIZE)
        error = value_size(text, &value, fault);
    else
        error = value_number(text, option->type == OPTION_MODE ? 8 : 10, &value, fault);
    if (!error)
        error = check_bounds(option, value, fault);
    if (!error)
        *ret_value = value;
    return error;
}

static int set_value(struct options *options, const struct option *option, const char *value,
                     struct fault *fault)
{
    void *field = field_of(options, option);
    if (!value && option->type != OPTION_SWITCH)
        return fault_set(fault, -EINVAL, "the value is missing; write %s=%s", option->key,
                         option->value);
    switch (option->type) {
    case OPTION_TEXT:
    case OPTION_PATH:
        return set_text(option, field, option->bytes, value, fault);
    case OPTION_LIST:
        return add_item(option, field, value, fault);
    case OPTION_SWITCH:
        return value_switch(value ? value : "yes", field, fault);
    case OPTION_CHOICE:
        return set_choice(option, field, value, fault);
    case OPTION_DURATION:
    case OPTION_SIZE:
    case OPTION_NUMBER:
    case OPTION_MODE:
        return set_quantity(option, field, value, fault);
    case OPTION_URL:
        return url_parse(value, field, fault);
    }
    assert(!"an option of a known type");
    return -EINVAL;
}

static uint64_t bit_of(const struct option *option)
{
    return 1ull << (option - option_table);
}

int options_set(struct options *options, const char *key, const char *value, struct fault *fault)
{
    const struct option *option = option_find(key);
    if (!option)
        return refuse_unknown(key, fault);
    int error = set_value(options, option, value, fault);
    if (error)
        return fault_prefix(fault, error, "%s", key);
    options->given |= bit_of(option);
    return 0;
}

void options_init(struct options *options)
{
    memset(options, 0, sizeof *options);
    for (const struct option *option = option_table; option->key; option++) {
        struct fault fault;
        assert(option - option_table < 64);
        if (option->default_text) {
            int error = set_value(options, option, option->default_text, &fault);
            assert(error == 0);
        }
    }
}

bool options_was_given(const struct options *options, const char *key)
{
    const struct option *option = option_find(key);
    assert(option);
    return options->given & bit_of(option);
}

int options_set_list(struct options *options, const char *text, struct fault *fault)
{
    char item[OPTION_PATH_BYTES + 64];
    do {
        size_t used = 0;
        for (; *text && *text != ','; text++) {
            if (text[0] == '\\' && text[1] == ',')
                text++;
            if (used + 1 >= sizeof item)
                return fault_set(fault, -EINVAL, "-o %.32s...: too long", item);
            item[used++] = *text;
        }
        item[used] = '\0';
        char *value = strchr(item, '=');
        if (value)
            *value++ = '\0';
        int error = options_set(options, item, value, fault);
        if (error)
            return error;
    } while (*text++ == ',');
    return 0;
}
