#include "core/base/run_delay.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

/* Nanoseconds on a processor, nanoseconds waiting for one, times that it was given one. */
double thread_run_delay(void)
{
    char text[96];
    uint64_t delay_ns = 0;
    const int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0.0;
    const ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return 0.0;
    text[n] = '\0';
    if (sscanf(text, "%*s %" SCNu64, &delay_ns) != 1)
        return 0.0;
    return (double)delay_ns * 1e-9;
}
