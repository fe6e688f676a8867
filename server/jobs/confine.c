#include "server/jobs/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NICENESS = 10 }; /* added to the service's: its queries come first */

/* The leak checker of sanitizer builds traces its own process. */
#ifdef SANITIZED
enum { DUMPABLE = 1 };
#else
enum { DUMPABLE = 0 };
#endif

/* Die with the thread of the service that started this process.  It may have died just before. */
static enum status tie_to_parent(int socket, struct error *err)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return error_set(err, STATUS_INTERNAL, "", "cannot tie the worker to the service: %s",
                         strerror(errno));
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return error_set(err, STATUS_INTERNAL, "", "descriptor %d is not the service's socket: %s",
                         socket, strerror(errno));
    if (peer.pid != getppid())
        return error_set(err, STATUS_CONFLICT, "", "the service has ended");
    return STATUS_OK;
}

/* Raising it is always permitted, but /proc may be missing or read-only: then memory pressure finds
 * the largest process by itself. */
static void offer_to_oom_killer(void)
{
    const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    const ssize_t n = write(fd, "1000", 4);
    (void)n;
    close(fd);
}

/* Of a service that runs as root; whoever else runs it has none to begin with.  The bounding set
 * can only be emptied by who may, and without exec nothing comes of it. */
static bool drop_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}};
    for (int i = 0; i <= CAP_LAST_CAP; i++)
        prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
    return syscall(SYS_capset, &head, none) == 0;
}

enum status process_confine(int socket, struct error *err)
{
    const struct rlimit none = {0, 0};
    enum status status = tie_to_parent(socket, err);
    if (status != STATUS_OK)
        return status;
    prctl(PR_SET_NAME, "farfield-worker"); /* for ps: it was started as /proc/self/exe */
    offer_to_oom_killer();                 /* before the process gives /proc/self away */
    errno = 0;
    if ((nice(NICENESS) == -1 && errno != 0) || setrlimit(RLIMIT_CORE, &none) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !drop_capabilities() ||
        prctl(PR_SET_DUMPABLE, DUMPABLE, 0, 0, 0) != 0)
        return error_set(err, STATUS_INTERNAL, "", "cannot confine the worker: %s",
                         strerror(errno));
    return STATUS_OK;
}
