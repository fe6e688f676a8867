#include "core/base/run_delay.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Nanoseconds on a processor, nanoseconds waiting for one, times that it was given one. */
double thread_run_delay(void)
{
    char text[96];
    const int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0.0;
    const ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return 0.0;
    text[n] = '\0';
    const char *second = strchr(text, ' ');
    return second ? (double)strtoull(second, NULL, 10) * 1e-9 : 0.0;
}
