/*
 * Design.  Descriptors ride on the first byte of a frame's head (SCM_RIGHTS) and are taken while
 * the head is read; the payload is read without room for any, so the kernel drops what a hostile
 * peer attaches there.  A reader keeps what has come of a message, so that the service can wait for
 * a worker and for its own wishes at the same time and is never held up by half a frame.
 */
#include "server/jobs/worker_link.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/base/mem.h"

enum { N_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(LINK_MAX_DESCRIPTORS * sizeof(int))];
};

/* --- sending --- */

enum status link_send(int socket, enum link_type type, const void *payload, size_t size,
                      const int *descriptors, size_t n_descriptors, struct error *err)
{
    if (size > LINK_MAX_FRAME)
        return error_set(err, STATUS_TOO_LARGE, "",
                         "a message of %zu bytes is over the limit of %d", size, LINK_MAX_FRAME);
    const uint32_t head[2] = {(uint32_t)type, (uint32_t)size};
    union control control = {.bytes = {0}};
    struct iovec parts[2] = {{(void *)head, sizeof head}, {(void *)payload, size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (n_descriptors > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(n_descriptors * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(n_descriptors * sizeof(int)),
                              .cmsg_level = SOL_SOCKET,
                              .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(c), descriptors, n_descriptors * sizeof(int));
    }
    while (parts[0].iov_len + parts[1].iov_len > 0) {
        const ssize_t n = sendmsg(socket, &message, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set(err, STATUS_IO, "", "cannot send to the other process: %s",
                             strerror(errno));
        size_t left = (size_t)n;
        for (size_t i = 0; i < 2; i++) {
            const size_t part = left < parts[i].iov_len ? left : parts[i].iov_len;
            parts[i].iov_base = (char *)parts[i].iov_base + part;
            parts[i].iov_len -= part;
            left -= part;
        }
        message.msg_control = NULL;
        message.msg_controllen = 0;
    }
    return STATUS_OK;
}

/* --- receiving --- */

static void message_init(struct link_message *m)
{
    *m = (struct link_message){.payload = NULL};
    for (size_t i = 0; i < LINK_MAX_DESCRIPTORS; i++)
        m->descriptors[i] = -1;
}

void link_message_deinit(struct link_message *m)
{
    mem_free(m->payload);
    for (size_t i = 0; i < LINK_MAX_DESCRIPTORS; i++)
        if (m->descriptors[i] >= 0)
            close(m->descriptors[i]);
    message_init(m);
}

void link_reader_init(struct link_reader *r)
{
    *r = (struct link_reader){.n_head = 0};
    message_init(&r->message);
}

void link_reader_deinit(struct link_reader *r)
{
    link_message_deinit(&r->message);
    link_reader_init(r);
}

/* Put a descriptor in the first free place; false, and it is closed, if there is none. */
static bool keep_descriptor(struct link_message *m, int descriptor)
{
    for (size_t i = 0; i < LINK_MAX_DESCRIPTORS; i++)
        if (m->descriptors[i] < 0) {
            m->descriptors[i] = descriptor;
            return true;
        }
    close(descriptor);
    return false;
}

static enum status take_descriptors(struct link_message *m, struct msghdr *message,
                                    struct error *err)
{
    bool kept = true;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        const size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(c) + i * sizeof(int), sizeof descriptor);
            kept = keep_descriptor(m, descriptor) && kept;
        }
    }
    if (!kept || (message->msg_flags & MSG_CTRUNC))
        return error_set(err, STATUS_INVALID, "", "a message carries too many descriptors");
    return STATUS_OK;
}

/* Read into [at, at + n): *got bytes came.  BUSY, NOT_FOUND (nothing more will come). */
static enum status read_some(struct link_reader *r, int socket, enum link_wait wait, uint8_t *at,
                             size_t n, size_t *got, struct error *err)
{
    union control control = {.bytes = {0}};
    struct iovec part = {at, n};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (r->n_head < LINK_HEAD_SIZE) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
    }
    const int flags = MSG_CMSG_CLOEXEC | (wait == LINK_POLL ? MSG_DONTWAIT : 0);
    ssize_t k;
    do
        k = recvmsg(socket, &message, flags);
    while (k < 0 && errno == EINTR);
    if (k < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return STATUS_BUSY;
    if (k == 0 || (k < 0 && errno == ECONNRESET))
        return error_set(err, STATUS_NOT_FOUND, "", "the other process has ended");
    if (k < 0)
        return error_set(err, STATUS_IO, "", "cannot read from the other process: %s",
                         strerror(errno));
    *got = (size_t)k;
    return message.msg_controllen > 0 ? take_descriptors(&r->message, &message, err) : STATUS_OK;
}

/* The head is complete: what does it promise? */
static enum status open_payload(struct link_reader *r, struct error *err)
{
    uint32_t head[2];
    memcpy(head, r->head, sizeof head);
    if (head[0] < LINK_JOB || head[0] > LINK_FORECAST)
        return error_set(err, STATUS_INVALID, "", "a message has the unknown type %u", head[0]);
    if (head[1] > LINK_MAX_FRAME)
        return error_set(err, STATUS_INVALID, "", "a message says it has %u bytes, over the limit",
                         head[1]);
    r->message.type = head[0];
    r->message.size = head[1];
    r->message.payload = mem_alloc(head[1]);
    return r->message.payload ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

enum status link_read(struct link_reader *r, int socket, enum link_wait wait,
                      struct link_message *out, struct error *err)
{
    while (!r->message.payload) {
        size_t got = 0;
        enum status status =
            read_some(r, socket, wait, r->head + r->n_head, LINK_HEAD_SIZE - r->n_head, &got, err);
        if (status != STATUS_OK)
            return status;
        r->n_head += got;
        if (r->n_head == LINK_HEAD_SIZE)
            status = open_payload(r, err);
        if (status != STATUS_OK)
            return status;
    }
    while (r->n_payload < r->message.size) {
        size_t got = 0;
        enum status status = read_some(r, socket, wait, r->message.payload + r->n_payload,
                                       r->message.size - r->n_payload, &got, err);
        if (status != STATUS_OK)
            return status;
        r->n_payload += got;
    }
    *out = r->message;
    link_reader_init(r);
    return STATUS_OK;
}

/* --- memory files --- */

static enum status write_all(int descriptor, const void *bytes, size_t n, struct error *err)
{
    const char *at = bytes;
    while (n > 0) {
        const ssize_t k = write(descriptor, at, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return error_set(err, errno == ENOSPC || errno == ENOMEM ? STATUS_NO_MEMORY : STATUS_IO,
                             "", "cannot write a memory file: %s", strerror(errno));
        at += k;
        n -= (size_t)k;
    }
    return STATUS_OK;
}

enum status link_memory_create(const void *bytes, size_t n, int *descriptor, struct error *err)
{
    const int fd = memfd_create("farfield", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return error_set(err, errno == ENOMEM ? STATUS_NO_MEMORY : STATUS_IO, "",
                         "cannot create a memory file: %s", strerror(errno));
    enum status status = write_all(fd, bytes, n, err);
    if (status == STATUS_OK && fcntl(fd, F_ADD_SEALS, N_SEALS | F_SEAL_SEAL) != 0)
        status = error_set(err, STATUS_IO, "", "cannot seal a memory file: %s", strerror(errno));
    if (status != STATUS_OK)
        close(fd);
    else
        *descriptor = fd;
    return status;
}

enum status link_map(int descriptor, enum link_source source, size_t max, const uint8_t **bytes,
                     size_t *n, struct error *err)
{
    static const uint8_t nothing[1];
    struct stat about;
    if (source == LINK_SEALED) {
        const int seals = fcntl(descriptor, F_GET_SEALS);
        if (seals < 0 || (seals & N_SEALS) != N_SEALS)
            return error_set(err, STATUS_INVALID, "", "a message's bytes are not sealed");
    }
    if (fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode))
        return error_set(err, STATUS_INVALID, "", "a message's descriptor is not a file");
    if (about.st_size < 0 || (uint64_t)about.st_size > max)
        return error_set(err, STATUS_INVALID, "", "a message's file is over the limit of %zu bytes",
                         max);
    const size_t size = (size_t)about.st_size;
    if (size == 0) {
        *bytes = nothing;
        *n = 0;
        return STATUS_OK;
    }
    const void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (p == MAP_FAILED)
        return error_set(err, errno == ENOMEM ? STATUS_NO_MEMORY : STATUS_IO, "",
                         "cannot map a message's file: %s", strerror(errno));
    *bytes = p;
    *n = size;
    return STATUS_OK;
}

void link_unmap(const uint8_t *bytes, size_t n)
{
    if (bytes && n > 0)
        munmap((void *)bytes, n);
}
