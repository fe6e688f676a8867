#include "core/format/pixels.h"

void pixels_quantize(const float *values, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++) {
        float v = values[i] > 0.0f ? values[i] : 0.0f;
        out[i] = (uint8_t)((v < 1.0f ? v : 1.0f) * 255.0f + 0.5f);
    }
}
