/*
 * A field as a picture: any region at any size, each pixel the value at its centre (picture.h).
 */
#include <math.h>

#include "api/codec/codec_args.h"
#include "api/handlers/handlers.h"
#include "api/handlers/picture.h"
#include "api/handlers/reply.h"

static double clip(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* Sizes that were left out: one of them follows from the other and the region's aspect; both follow
 * from the data's own pixels in the region. */
static void fill_size(struct picture *p, const struct spec_facts *data, uint64_t max_pixels)
{
    double scale_x = p->frame == FRAME_UNIT ? (double)data->width : 1;
    double scale_y = p->frame == FRAME_UNIT ? (double)data->height : 1;
    double w = (p->bbox[2] - p->bbox[0]) * scale_x, h = (p->bbox[3] - p->bbox[1]) * scale_y;
    double width = p->width ? (double)p->width : p->height ? (double)p->height * w / h : w;
    double height = p->height ? (double)p->height : p->width ? (double)p->width * h / w : h;
    p->width = (uint64_t)clip(round(width), 1, (double)max_pixels);
    p->height = (uint64_t)clip(round(height), 1, (double)max_pixels);
}

static void read_bbox(const struct http_request *request, const struct spec_facts *data,
                      struct picture *p, struct problem_list *problems)
{
    bool is_given = false;
    p->bbox[0] = p->bbox[1] = 0;
    p->bbox[2] = p->frame == FRAME_UNIT ? 1 : (double)data->width;
    p->bbox[3] = p->frame == FRAME_UNIT ? 1 : (double)data->height;
    if (codec_args_numbers(request, "bbox", 4, p->bbox, &is_given, problems) != STATUS_OK ||
        !is_given)
        return;
    for (size_t i = 0; i < 4; i++) {
        if (fabs(p->bbox[i]) > picture_number_limit) {
            problem_add(problems, STATUS_INVALID, "/bbox", "'bbox' must lie within %g of 0",
                        picture_number_limit);
            return;
        }
    }
    if (!(p->bbox[2] > p->bbox[0]) || !(p->bbox[3] > p->bbox[1]))
        problem_add(problems, STATUS_INVALID, "/bbox",
                    "'bbox' must be x0,y0,x1,y1, x1 > x0, y1 > y0");
}

/* v: a version the client made up so that a browser keeps snapshots apart; it changes nothing. */
static bool read_image_query_or_reply(const struct service *service,
                                      const struct http_request *request,
                                      struct http_response *response, const struct spec_facts *data,
                                      struct picture *p)
{
    static const char *const known[] = {"width",   "height", "bbox", "frame", "format",
                                        "channel", "range",  "v",    NULL};
    uint64_t max = service->config->render_pixels;
    size_t frame = FRAME_SOURCE, format = PIXEL_PNG;
    struct problem_list problems = {0};
    codec_args_known(request, known, &problems);
    codec_args_integer(request, "width", 1, max, &p->width, &problems);
    codec_args_integer(request, "height", 1, max, &p->height, &problems);
    codec_args_name(request, "frame", query_frames, &frame, &problems);
    codec_args_name(request, "format", pixel_format_names, &format, &problems);
    p->frame = (enum query_frame)frame;
    p->format = (enum pixel_format)format;
    picture_read_channel(request, p, &problems);
    read_bbox(request, data, p, &problems);
    if (problems.status != STATUS_OK)
        return reply_problems(request, response, &problems);

    fill_size(p, data, max);
    if (p->width * p->height > max)
        problem_add(&problems, STATUS_INVALID, "/width",
                    "the image must have at most %llu pixels, got %llu x %llu",
                    (unsigned long long)max, (unsigned long long)p->width,
                    (unsigned long long)p->height);
    if (p->format == PIXEL_JPEG && p->channel == PICTURE_VALUE && data->channels != 1 &&
        data->channels != 3)
        problem_add(&problems, STATUS_UNSUPPORTED, "/format",
                    "JPEG has no alpha channel: ask for png or npy");
    return problems.status == STATUS_OK || reply_problems(request, response, &problems);
}

void fields_image(void *context, const struct http_request *request, struct http_response *response)
{
    const struct service *service = context;
    struct field_facts facts;
    struct picture picture = {.n_samples = 1, .end = {INFINITY, INFINITY}};
    if (field_facts_or_reply(service, request, response, &facts) &&
        picture_is_flat_or_reply(request, response, &facts.data) &&
        read_image_query_or_reply(service, request, response, &facts.data, &picture))
        picture_reply(service, request, response, &facts, &picture);
}
