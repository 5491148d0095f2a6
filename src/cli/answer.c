#include "cli/answer.h"

#include <json-c/json.h>

struct json_object *answer_part(struct json_object *from, const char *key)
{
    struct json_object *value = NULL;
    json_object_object_get_ex(from, key, &value);
    return value;
}

const char *answer_text(struct json_object *from, const char *key)
{
    struct json_object *value = answer_part(from, key);
    return value ? json_object_get_string(value) : "";
}

uint64_t answer_number(struct json_object *from, const char *key)
{
    return json_object_get_uint64(answer_part(from, key));
}

bool answer_is(struct json_object *from, const char *key)
{
    return json_object_get_boolean(answer_part(from, key));
}
