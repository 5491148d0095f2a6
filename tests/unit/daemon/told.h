/* A story and what it told, for the tests of one file. */
#ifndef UNIT_DAEMON_TOLD_H
#define UNIT_DAEMON_TOLD_H

#include <stdio.h>
#include <string.h>

#include "daemon/story.h"
#include "tests/unit/unit.h"

#define S 1000000ull

static struct story story;
static char told[4096]; /* "priority text\n" for each line */

static void line(void *owner, enum story_priority priority, const char *text)
{
    size_t used = strlen(told);
    snprintf(told + used, sizeof told - used, "%d %s\n", priority, text);
}

static int set_up(void **state)
{
    told[0] = '\0';
    story_init(&story, 0, line, NULL);
    return 0;
}

static void is_told(const char *expected)
{
    assert_string_equal(told, expected);
    told[0] = '\0';
}

#endif
