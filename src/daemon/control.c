#include "daemon/control.h"

#include <assert.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

void control_init(struct control_client *client, const struct control_verbs *verbs, void *owner)
{
    memset(client, 0, sizeof *client);
    client->verbs = verbs;
    client->owner = owner;
}

void control_done(struct control_client *client)
{
    if (client->verbs->gone)
        client->verbs->gone(client->owner, client);
    free(client->out);
    client->out = NULL;
    client->busy = false;
    client->closing = true;
}

size_t control_room(const struct control_client *client)
{
    return client->closing ? 0 : sizeof client->in - client->in_bytes;
}

static void send_line(struct control_client *client, struct json_object *line)
{
    assert(client->busy && !client->out);
    const char *text = json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN);
    size_t bytes = strlen(text);
    client->out = malloc(bytes + 1);
    if (client->out) {
        memcpy(client->out, text, bytes);
        client->out[bytes] = '\n';
        client->out_bytes = bytes + 1;
        client->out_sent = 0;
    } else {
        client->closing = true;
    }
    json_object_put(line);
    if (client->wake && !client->working)
        client->wake(client);
}

void control_answer(struct control_client *client, struct json_object *answer)
{
    json_object_object_add(answer, "ok", json_object_new_boolean(true));
    send_line(client, answer);
}

void control_refuse(struct control_client *client, const char *text)
{
    struct json_object *answer = json_object_new_object();
    json_object_object_add(answer, "ok", json_object_new_boolean(false));
    json_object_object_add(answer, "error", json_object_new_string(text));
    send_line(client, answer);
}

/* After this we would not know where the next request begins. */
static void refuse_and_close(struct control_client *client, const char *text)
{
    client->busy = true;
    client->closing = true;
    control_refuse(client, text);
}

static void take_line(struct control_client *client, const char *line, size_t bytes)
{
    struct json_tokener *tokener = json_tokener_new_ex(8);
    if (!tokener) {
        refuse_and_close(client, "no memory");
        return;
    }
    struct json_object *request = json_tokener_parse_ex(tokener, line, (int)bytes);
    struct json_object *verb = NULL;
    bool complete = json_tokener_get_error(tokener) == json_tokener_success &&
                    json_tokener_get_parse_end(tokener) == bytes;
    if (!complete || !json_object_is_type(request, json_type_object)) {
        refuse_and_close(client, "that is no JSON object on one line");
    } else if (!json_object_object_get_ex(request, "verb", &verb) ||
               !json_object_is_type(verb, json_type_string)) {
        client->busy = true;
        control_refuse(client, "the request has no \"verb\"");
    } else {
        client->busy = true;
        client->verbs->request(client->owner, client, json_object_get_string(verb), request);
    }
    json_object_put(request);
    json_tokener_free(tokener);
}

/* Carries out what is complete, one at a time. */
static void take_lines(struct control_client *client)
{
    client->working = true;
    while (!client->busy && !client->closing) {
        char *end = memchr(client->in, '\n', client->in_bytes);
        if (!end)
            break;
        char line[CONTROL_LINE_BYTES];
        size_t bytes = (size_t)(end - client->in);
        memcpy(line, client->in, bytes);
        client->in_bytes -= bytes + 1;
        memmove(client->in, end + 1, client->in_bytes);
        if (bytes > 0)
            take_line(client, line, bytes);
    }
    if (!client->busy && !client->closing && client->in_bytes == sizeof client->in)
        refuse_and_close(client, "the line is too long");
    client->working = false;
}

void control_receive(struct control_client *client, const void *data, size_t bytes)
{
    assert(bytes <= control_room(client));
    memcpy(client->in + client->in_bytes, data, bytes);
    client->in_bytes += bytes;
    take_lines(client);
}

const char *control_pending(const struct control_client *client, size_t *ret_bytes)
{
    *ret_bytes = client->out ? client->out_bytes - client->out_sent : 0;
    return client->out ? client->out + client->out_sent : NULL;
}

void control_sent(struct control_client *client, size_t bytes)
{
    assert(client->out && bytes <= client->out_bytes - client->out_sent);
    client->out_sent += bytes;
    if (client->out_sent < client->out_bytes)
        return;
    free(client->out);
    client->out = NULL;
    client->busy = false;
    take_lines(client);
}

bool control_is_over(const struct control_client *client)
{
    return client->closing && !client->out;
}
