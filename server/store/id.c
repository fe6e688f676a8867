/*
 * Design.  The last id made is remembered under a mutex.  In a later millisecond the 80 bits are
 * drawn anew; within the same one (or when the clock went back) they grow by a random amount below
 * 2^63, so ids ascend and their neighbours still cannot be guessed.
 */
#include "server/store/id.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { N_DIGITS = 26, BITS_OF_RANDOM_HIGH = 16 };

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

static const char *const prefixes[] = {
    [ID_DATASET] = "ds_", [ID_JOB] = "job_",     [ID_FIELD] = "fld_",
    [ID_SWEEP] = "swp_",  [ID_REQUEST] = "req_",
};

/* upper: 48 bits of milliseconds, 16 of random; lower: 64 of random. */
static struct {
    pthread_mutex_t lock;
    uint64_t upper;
    uint64_t lower;
} last = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void draw(void *out, size_t n)
{
    ssize_t got;
    do
        got = getrandom(out, n, 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)n)
        abort(); /* the kernel promises up to 256 bytes at once; ids without them would collide */
}

static void advance(uint64_t *upper, uint64_t *lower)
{
    uint64_t random[2];
    draw(random, sizeof random);
    uint64_t now = (uint64_t)clock_now_ms();
    pthread_mutex_lock(&last.lock);
    if (now > last.upper >> BITS_OF_RANDOM_HIGH) {
        last.upper = now << BITS_OF_RANDOM_HIGH | random[1] >> (64 - BITS_OF_RANDOM_HIGH);
        last.lower = random[0];
    } else {
        uint64_t before = last.lower;
        last.lower += 1 + (random[0] >> 1);
        /* The carry may run into the milliseconds: still ascending, a millisecond ahead. */
        last.upper += last.lower < before;
    }
    *upper = last.upper;
    *lower = last.lower;
    pthread_mutex_unlock(&last.lock);
}

void id_make(enum id_kind kind, char out[ID_SIZE])
{
    uint64_t upper, lower;
    advance(&upper, &lower);
    char digits[N_DIGITS + 1];
    digits[N_DIGITS] = '\0';
    for (int i = N_DIGITS - 1; i >= 0; i--) {
        digits[i] = alphabet[lower & 31];
        lower = lower >> 5 | upper << 59;
        upper >>= 5;
    }
    snprintf(out, ID_SIZE, "%s%s", prefixes[kind], digits);
}

bool id_is(enum id_kind kind, const char *text)
{
    size_t n = strlen(prefixes[kind]);
    if (strncmp(text, prefixes[kind], n) != 0)
        return false;
    const char *digits = text + n;
    /* 26 digits hold 130 bits: the first one stays below 8. */
    return strlen(digits) == N_DIGITS && strspn(digits, alphabet) == N_DIGITS && digits[0] < '8';
}

int64_t clock_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clock_format(int64_t ms, char out[TIME_TEXT_SIZE])
{
    int64_t seconds = ms / 1000, rest = ms % 1000;
    if (rest < 0) {
        seconds--;
        rest += 1000;
    }
    time_t time = (time_t)seconds;
    struct tm utc;
    char text[TIME_TEXT_SIZE] = "";
    if (gmtime_r(&time, &utc))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out, TIME_TEXT_SIZE, "%.26s.%03dZ", text, (int)rest);
}
