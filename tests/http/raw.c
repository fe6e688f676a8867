#include "tests/http/raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

int raw_connect(const struct service *s)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct timeval patience = {.tv_sec = 60};
    address.sin_port = htons((uint16_t)strtoul(strrchr(s->url, ':') + 1, NULL, 10));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

bool raw_send(int socket, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n;) {
        ssize_t sent = send(socket, (const char *)bytes + i, n - i, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        i += (size_t)sent;
    }
    return true;
}

bool raw_send_text(int socket, const char *text)
{
    return raw_send(socket, text, strlen(text));
}

struct said raw_read(int socket, double seconds)
{
    char part[65536];
    struct said said = {.is_closed = false};
    double end = now_seconds() + seconds * SLOWNESS;
    for (double left = seconds; left > 0 && !said.is_closed; left = end - now_seconds()) {
        struct pollfd ready = {.fd = socket, .events = POLLIN};
        if (poll(&ready, 1, (int)(left * 1000) + 1) <= 0)
            continue;
        ssize_t got = recv(socket, part, sizeof(part), MSG_DONTWAIT);
        if (got > 0)
            bytes_append(&said.bytes, part, (size_t)got);
        else if (got == 0 || (errno != EAGAIN && errno != EINTR))
            said.is_closed = true;
    }
    return said;
}

struct said raw_ask(const struct service *s, const void *bytes, size_t n, double seconds)
{
    int socket = raw_connect(s);
    raw_send(socket, bytes, n); /* it may close before it has heard all */
    struct said said = raw_read(socket, seconds);
    close(socket);
    return said;
}

struct said raw_ask_text(const struct service *s, const char *text, double seconds)
{
    return raw_ask(s, text, strlen(text), seconds);
}

void said_free(struct said *said)
{
    bytes_free(&said->bytes);
}

const char *said_text(const struct said *said)
{
    return said->bytes.data ? (const char *)said->bytes.data : "";
}

size_t said_count(const struct said *said, const char *word)
{
    size_t n = 0;
    for (const char *at = said_text(said); (at = strstr(at, word)); at += strlen(word))
        n++;
    return n;
}

unsigned said_status(const struct said *said)
{
    const char *text = said_text(said);
    return strncmp(text, "HTTP/1.1 ", 9) == 0 ? (unsigned)strtoul(text + 9, NULL, 10) : 0;
}

const char *said_header(const struct said *said, const char *name)
{
    static char value[1024];
    const char *end = strstr(said_text(said), "\r\n\r\n");
    size_t length = strlen(name);
    value[0] = '\0';
    for (const char *line = said_text(said); end && line < end; line = strchr(line, '\n') + 1) {
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            const char *start = line + length + 1;
            start += strspn(start, " ");
            snprintf(value, sizeof(value), "%.*s", (int)strcspn(start, "\r\n"), start);
        }
    }
    return value;
}

/* Words that only the insides of the service know. */
static const char *leak_in(const char *text)
{
    static const char *const words[] = {"/tmp/",    ".c:",      "0x",    "SELECT",    "INSERT",
                                        "sqlite",   "main.db",  "nil)",  "Sanitizer", "errno",
                                        "assert",   "/home",    "/root", "/build",    "malloc",
                                        "/usr/lib", "farfield-"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strstr(text, words[i]))
            return words[i];
    }
    return NULL;
}

void assert_said_problem(const char *name, const struct said *said, unsigned status)
{
    const char *body = strstr(said_text(said), "\r\n\r\n");
    if (said_status(said) != status || !body)
        fail_msg("%s: %u, not %u: %.300s", name, said_status(said), status, said_text(said));
    if (strcmp(said_header(said, "Content-Type"), "application/problem+json") != 0 ||
        strcmp(said_header(said, "X-Content-Type-Options"), "nosniff") != 0)
        fail_msg("%s: %s", name, said_text(said));
    json_t *problem = json_loads(body + 4, JSON_REJECT_DUPLICATES, NULL);
    if (!problem)
        fail_msg("%s: no JSON: %s", name, body + 4);
    assert_int_equal(member_integer(problem, "status"), status);
    assert_true(strlen(member_text(problem, "title")) > 0);
    assert_true(strlen(member_text(problem, "detail")) > 0);
    assert_string_equal(member_text(problem, "request_id"), said_header(said, "X-Request-Id"));
    const char *leak = leak_in(member_text(problem, "detail"));
    if (leak)
        fail_msg("%s: '%s' in: %s", name, leak, body + 4);
    json_decref(problem);
}
