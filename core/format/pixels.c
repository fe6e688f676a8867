#include "core/format/pixels.h"

/* From the last sample to the first: a float covers only integers that were read already. */
void pixels_widen_u8(float *values, size_t n)
{
    const uint8_t *bytes = (const uint8_t *)values;
    for (size_t i = n; i-- > 0;)
        values[i] = (float)bytes[i] / 255.0f;
}

void pixels_widen_u16(float *values, size_t n)
{
    const uint8_t *bytes = (const uint8_t *)values;
    for (size_t i = n; i-- > 0;)
        values[i] = (float)(bytes[2 * i] << 8 | bytes[2 * i + 1]) / 65535.0f;
}

void pixels_quantize(const float *values, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++) {
        float v = values[i] > 0.0f ? values[i] : 0.0f;
        out[i] = (uint8_t)((v < 1.0f ? v : 1.0f) * 255.0f + 0.5f);
    }
}
