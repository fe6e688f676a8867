/*
 * Run delay: how long a thread was ready to run and waited for a processor, that others had.
 * The kernel counts it for every thread (Documentation/scheduler/sched-stats.rst, Linux).
 */
#ifndef CORE_BASE_RUN_DELAY_H
#define CORE_BASE_RUN_DELAY_H

/* Seconds, of the calling thread, since it was started.  Always 0 where the kernel does not tell.
 */
double thread_run_delay(void);

#endif
