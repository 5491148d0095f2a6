#include "cli/client.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/keys.h"
#include "daemon/control_socket.h"
#include "daemon/run_dir.h"
#include "os/clock.h"

#define REQUEST_BYTES_MAX 1024
#define ANSWER_BYTES_MAX  (1024u * 1024)
#define GONE_LOOK_MS      50

int client_directory(const struct arguments *arguments, const char *name, char *ret_directory,
                     size_t bytes, struct fault *fault)
{
    struct options options;
    const char *base = arguments_get(arguments, "run-dir");
    options_init(&options);
    int error = options_check_name(name, fault);
    if (!error)
        error = keys_take(arguments, &options, fault);
    if (error)
        return error;
    if (*options.run_dir)
        snprintf(ret_directory, bytes, "%s", options.run_dir);
    else
        snprintf(ret_directory, bytes, "%s/%s", base ? base : RUN_DIR_BASE, name);
    return 0;
}

static int not_there(const char *directory, const char *name, int error, struct fault *fault)
{
    if (error == ENOENT || error == ECONNREFUSED)
        return fault_set(
            fault, -ENOENT,
            "no daemon '%s' is running (%.200s); `holdfast status` lists those that do", name,
            directory);
    if (error == EACCES)
        return fault_set(fault, -EACCES, "you may not speak to the daemon '%s'; try again as root",
                         name);
    return fault_set(fault, -error, "the daemon '%s' cannot be reached: %s", name, strerror(error));
}

int client_open(struct client *client, const char *directory, const char *name, struct fault *fault)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(client->directory, sizeof client->directory, "%s", directory);
    int bytes =
        snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", directory, CONTROL_SOCKET);
    if (bytes >= (int)sizeof address.sun_path)
        return fault_set(fault, -ENAMETOOLONG, "%.200s: the path is too long for a socket",
                         directory);
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        return fault_set(fault, -errno, "no socket: %s", strerror(errno));
    if (connect(client->fd, (struct sockaddr *)&address, sizeof address) == 0)
        return 0;
    int error = errno;
    client_close(client);
    return not_there(directory, name, error, fault);
}

/* The answer's line, without its end; the caller's to free. */
static int read_line(int fd, uint64_t deadline_ms, char **ret_line)
{
    size_t used = 0;
    char *line = malloc(ANSWER_BYTES_MAX);
    int error = line ? 0 : -ENOMEM;
    while (!error) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        int64_t left = (int64_t)(deadline_ms - clock_ms());
        int ready = left > 0 ? poll(&poll_fd, 1, left > INT32_MAX ? INT32_MAX : (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t got = ready > 0 ? read(fd, line + used, ANSWER_BYTES_MAX - used) : 0;
        if (ready == 0)
            error = -ETIMEDOUT;
        else if (ready < 0 || got < 0)
            error = -errno;
        else if (got == 0)
            error = used == ANSWER_BYTES_MAX ? -EMSGSIZE : -ECONNRESET;
        else if ((used += (size_t)got) > 0 && line[used - 1] == '\n')
            break;
    }
    if (error) {
        free(line);
        return error;
    }
    line[used - 1] = '\0';
    *ret_line = line;
    return 0;
}

static int judge(struct json_object *answer, struct fault *fault)
{
    struct json_object *ok = NULL, *text = NULL;
    json_object_object_get_ex(answer, "ok", &ok);
    json_object_object_get_ex(answer, "error", &text);
    if (json_object_get_boolean(ok))
        return 0;
    return fault_set(fault, -EPROTO, "%s",
                     text ? json_object_get_string(text) : "the daemon's answer makes no sense");
}

int client_request(struct client *client, struct json_object *request, uint64_t timeout_ms,
                   struct json_object **ret_answer, struct fault *fault)
{
    char text[REQUEST_BYTES_MAX];
    char *line = NULL;
    int bytes = snprintf(text, sizeof text, "%s\n",
                         json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN));
    json_object_put(request);
    if (bytes >= (int)sizeof text)
        return fault_set(fault, -E2BIG, "the request is too long");
    int error = send(client->fd, text, (size_t)bytes, MSG_NOSIGNAL) == bytes ? 0 : -EPIPE;
    if (!error)
        error = read_line(client->fd, clock_ms() + timeout_ms, &line);
    if (error == -ETIMEDOUT)
        return fault_set(fault, error,
                         "the daemon (%.200s) does not answer in time; its log may say why",
                         client->directory);
    if (error)
        return fault_set(fault, error, "the daemon (%.200s) ended meanwhile; its log says why",
                         client->directory);
    struct json_object *answer = json_tokener_parse(line);
    free(line);
    error = judge(answer, fault);
    if (error)
        json_object_put(answer);
    else
        *ret_answer = answer;
    return error;
}

int client_call(struct client *client, const char *verb, uint64_t timeout_ms,
                struct json_object **ret_answer, struct fault *fault)
{
    struct json_object *request = json_object_new_object();
    json_object_object_add(request, "verb", json_object_new_string(verb));
    return client_request(client, request, timeout_ms, ret_answer, fault);
}

void client_close(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
}

int client_wait_until_gone(const char *directory, uint64_t timeout_ms)
{
    for (uint64_t waited = 0; run_dir_holder(directory) > 0; waited += GONE_LOOK_MS) {
        if (waited >= timeout_ms)
            return -ETIMEDOUT;
        clock_pause_ms(GONE_LOOK_MS);
    }
    return 0;
}

int client_ask(const char *directory, const char *name, const char *verb, uint64_t timeout_ms,
               struct json_object **ret_answer, struct fault *fault)
{
    struct client client;
    int error = client_open(&client, directory, name, fault);
    if (error)
        return error;
    error = client_call(&client, verb, timeout_ms, ret_answer, fault);
    client_close(&client);
    return error;
}

int client_open_named(const struct arguments *arguments, const char *name, uint64_t default_ms,
                      uint64_t *ret_ms, struct client *client, int *ret_status)
{
    struct fault fault;
    char directory[OPTION_PATH_BYTES];
    int error = keys_timeout(arguments, default_ms, ret_ms, &fault);
    if (!error && strncmp(name, "/dev/", strlen("/dev/")) == 0)
        error = fault_set(&fault, -EINVAL,
                          "'%.64s' is a device; write the NAME of its daemon (`holdfast status` "
                          "lists them)",
                          name);
    if (!error)
        error = client_directory(arguments, name, directory, sizeof directory, &fault);
    if (error)
        *ret_status = complain(arguments, EXIT_USAGE, "%s", fault.text);
    else if ((error = client_open(client, directory, name, &fault)) != 0)
        *ret_status = complain(arguments, EXIT_FAILED, "%s", fault.text);
    return error;
}
