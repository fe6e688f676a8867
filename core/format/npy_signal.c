#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/format/npy.h"

enum status npy_decode_signal(const uint8_t *bytes, size_t n_bytes, struct signal *out,
                              struct error *err)
{
    struct npy_array a = {0};
    enum status status = npy_parse(bytes, n_bytes, &a, err);
    if (status != STATUS_OK)
        return status;
    if (a.n_dims != 1 && a.n_dims != 2)
        return error_set(err, STATUS_INVALID, "",
                         "a signal is an array [N] or [N,C], this one has %zu dimensions",
                         a.n_dims);
    struct signal s = {.n_samples = a.shape[0], .channels = a.n_dims == 2 ? a.shape[1] : 1};
    if (s.n_samples == 0 || s.channels == 0 || s.channels > LIMIT_CHANNELS)
        return error_set(
            err, STATUS_INVALID, "",
            "a signal has at least one sample and 1..%d channels, this one %zu and %zu",
            LIMIT_CHANNELS, s.n_samples, s.channels);
    if (s.n_samples > LIMIT_SIGNAL_SAMPLES)
        return error_set(err, STATUS_TOO_LARGE, "", "a signal has at most %d samples, this one %zu",
                         LIMIT_SIGNAL_SAMPLES, s.n_samples);
    s.values = mem_alloc_floats(a.n_elements);
    if (!s.values)
        return error_status(err, STATUS_NO_MEMORY);
    status = npy_to_floats(&a, s.values, err);
    if (status == STATUS_OK)
        *out = s;
    else
        signal_deinit(&s);
    return status;
}
