#include <stdarg.h>
#include <string.h>

#include "cli/verb.h"

static const struct verb_option help_option = {"help", NULL, "say what the verb does"};

int complain(const struct arguments *arguments, int status, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    fprintf(stderr, "holdfast %s: ", arguments->verb->name);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    return status;
}

static const struct verb_option *find_option(const struct verb *verb, const char *name,
                                             size_t bytes)
{
    if (bytes == 4 && memcmp(name, "help", 4) == 0)
        return &help_option;
    for (const struct verb_option *option = verb->options; option->name; option++) {
        if (strlen(option->name) == bytes && memcmp(option->name, name, bytes) == 0)
            return option;
    }
    return NULL;
}

static int add_option(struct arguments *arguments, const struct verb_option *option,
                      const char *value)
{
    if (arguments->option_count == ARGUMENTS_OPTIONS)
        return complain(arguments, EXIT_USAGE, "more than %u options", ARGUMENTS_OPTIONS);
    arguments->options[arguments->option_count].option = option;
    arguments->options[arguments->option_count++].value = value ? value : "";
    return EXIT_DONE;
}

static int unknown_option(const struct arguments *arguments, const char *word)
{
    return complain(arguments, EXIT_USAGE, "unknown option '%s'; `holdfast %s --help` lists them",
                    word, arguments->verb->name);
}

/* "-o VALUE" and "-oVALUE": *ret_value stays NULL when it is the next word. */
static const struct verb_option *short_option(const struct verb *verb, const char *word,
                                              const char **ret_value)
{
    if (word[2])
        *ret_value = word + 2;
    return word[1] == 'o' ? find_option(verb, "o", 1) : NULL;
}

static const struct verb_option *long_option(const struct verb *verb, const char *word,
                                             const char **ret_value)
{
    size_t bytes = strcspn(word + 2, "=");
    if (word[2 + bytes] == '=')
        *ret_value = word + 2 + bytes + 1;
    return bytes > 1 ? find_option(verb, word + 2, bytes) : NULL;
}

/* One option; *ret_used says whether the next word was its value. */
static int parse_option(struct arguments *arguments, const char *word, const char *next,
                        int *ret_used)
{
    const char *value = NULL;
    const struct verb_option *option = word[1] == '-' ? long_option(arguments->verb, word, &value)
                                                      : short_option(arguments->verb, word, &value);
    if (!option)
        return unknown_option(arguments, word);
    if (!option->value && value)
        return complain(arguments, EXIT_USAGE, "--%s takes no value", option->name);
    if (option->value && !value) {
        if (!next)
            return complain(arguments, EXIT_USAGE, "'%s' needs a value: %s", word, option->value);
        value = next;
        *ret_used = 1;
    }
    return add_option(arguments, option, value);
}

static int check_operands(const struct arguments *arguments)
{
    const struct verb *verb = arguments->verb;
    if (arguments_get(arguments, "help"))
        return EXIT_DONE;
    if (arguments->positional_count < verb->operands_min)
        return complain(arguments, EXIT_USAGE, "%s is missing; write: holdfast %s %s",
                        verb->operands, verb->name, verb->operands);
    return EXIT_DONE;
}

int arguments_parse(struct arguments *ret_arguments, const struct verb *verb, int count,
                    char **words)
{
    *ret_arguments = (struct arguments){.verb = verb};
    bool only_operands = false;
    for (int i = 1; i < count; i++) {
        const char *word = words[i];
        int used = 0, status = EXIT_DONE;
        if (!only_operands && strcmp(word, "--") == 0)
            only_operands = true;
        else if (!only_operands && word[0] == '-' && word[1])
            status = parse_option(ret_arguments, word, i + 1 < count ? words[i + 1] : NULL, &used);
        else if (ret_arguments->positional_count == verb->operands_max)
            status = complain(ret_arguments, EXIT_USAGE, "'%s' is one word too many", word);
        else
            ret_arguments->positional[ret_arguments->positional_count++] = word;
        if (status != EXIT_DONE)
            return status;
        i += used;
    }
    return check_operands(ret_arguments);
}

const char *arguments_get(const struct arguments *arguments, const char *name)
{
    for (unsigned i = arguments->option_count; i > 0; i--) {
        if (strcmp(arguments->options[i - 1].option->name, name) == 0)
            return arguments->options[i - 1].value;
    }
    return NULL;
}
