#include "api/handlers/space.h"

#include "api/handlers/reply.h"

bool space_or_reply(const struct http_request *request, struct http_response *response,
                    const struct spec_facts *data)
{
    struct error err = {0};
    if (data->n_dims == 3)
        return true;
    error_set(&err, STATUS_UNSUPPORTED, "", "the field has %zu dimensions, this needs three",
              data->n_dims);
    return reply_error(request, response, &err);
}

void space_put_point(enum query_frame frame, const double source_from_unit[3][4],
                     const double unit[3], float coords[3])
{
    for (size_t r = 0; r < 3; r++) {
        const double *m = source_from_unit[r];
        coords[r] =
            (float)(frame == FRAME_UNIT ? unit[r]
                                        : m[0] * unit[0] + m[1] * unit[1] + m[2] * unit[2] + m[3]);
    }
}
