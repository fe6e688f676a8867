#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/jobs/worker_link.h"
#include "tests/fuzz/fuzz.h"

void fuzz_seeds(void)
{
    static const uint8_t frames[] = {LINK_PHASE, 0,          0, 0, 3, 0, 0, 0, 'a', 'b',
                                     'c',        LINK_ERROR, 0, 0, 0, 0, 0, 0, 0};
    struct buffer b;
    buffer_init(&b, FUZZ_MAX_SEED);
    enum status status = buffer_append(&b, frames, sizeof frames, NULL);
    fuzz_seed("two", status, &b);
}

/* Is there a head at the start of what is left, and does it break the rules? */
static bool is_bad_head(const uint8_t *at, size_t n_left)
{
    uint32_t head[2];
    if (n_left < sizeof head)
        return false;
    memcpy(head, at, sizeof head);
    return head[0] < LINK_JOB || head[0] > LINK_FORECAST || head[1] > LINK_MAX_FRAME;
}

/* The bytes come in two pieces from a worker that then is gone: whole frames are given out as they
 * stand, what is no frame ends the stream. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    int ends[2];
    struct link_reader reader;
    struct link_message m;
    struct error err = {.status = STATUS_OK};
    const size_t first = n_bytes / 3;
    const uint8_t *at = bytes;
    enum status status;
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    link_reader_init(&reader);
    REQUIRE(write(ends[1], bytes, first) == (ssize_t)first);
    for (int piece = 0; piece < 2; piece++) {
        while ((status = link_read(&reader, ends[0], LINK_POLL, &m, &err)) == STATUS_OK) {
            REQUIRE(m.type >= LINK_JOB && m.type <= LINK_FORECAST && m.size <= LINK_MAX_FRAME);
            REQUIRE(m.size + LINK_HEAD_SIZE <= (size_t)(bytes + n_bytes - at));
            REQUIRE(memcmp(m.payload, at + LINK_HEAD_SIZE, m.size) == 0);
            REQUIRE(m.descriptors[0] < 0 && m.descriptors[1] < 0);
            at += LINK_HEAD_SIZE + m.size;
            link_message_deinit(&m);
        }
        if (status != STATUS_BUSY || piece == 1)
            break;
        REQUIRE(err.status == STATUS_OK);
        REQUIRE(write(ends[1], bytes + first, n_bytes - first) == (ssize_t)(n_bytes - first));
        close(ends[1]);
        ends[1] = -1;
    }
    REQUIRE(err.status == status);
    REQUIRE(status ==
            (is_bad_head(at, (size_t)(bytes + n_bytes - at)) ? STATUS_INVALID : STATUS_NOT_FOUND));
    link_reader_deinit(&reader);
    close(ends[0]);
    if (ends[1] >= 0)
        close(ends[1]);
    return 0;
}
