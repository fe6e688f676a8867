#include "api/kinds/views_sheet.h"

#include <math.h>
#include <string.h>

#include "api/kinds/image_file.h"

static const double max_pixels = 1024.0 * 1024.0;

/* A cell is no more than so many times as high as it is wide, or as wide as high. */
static const double max_aspect = 4.0;

/* Height over width of the view that needs most. */
static double aspect_of(const struct views *v)
{
    double most = 1.0 / max_aspect;
    for (size_t i = 0; i < v->n_views; i++)
        most = fmax(most, (double)v->view[i].image.height / (double)v->view[i].image.width);
    return fmin(most, max_aspect);
}

static size_t at_least_one(double side)
{
    return side < 1.0 ? 1 : (size_t)side;
}

/* The middle of a picture into the middle of the cell whose first pixel is `cell`. */
static void paste(const struct image *image, size_t width, size_t height, size_t pitch,
                  uint8_t *cell)
{
    const size_t w = image->width < width ? image->width : width;
    const size_t h = image->height < height ? image->height : height;
    const size_t n = image->channels;
    const size_t left = (image->width - w) / 2, top = (image->height - h) / 2;
    cell += ((height - h) / 2 * pitch + (width - w) / 2) * 4;
    for (size_t y = 0; y < h; y++, cell += pitch * 4)
        for (size_t x = 0; x < w; x++) {
            const uint8_t *from = image->u8 + ((top + y) * image->width + left + x) * n;
            memcpy(cell + x * 4, from, 3);
            cell[x * 4 + 3] = n == 4 ? from[3] : 255;
        }
}

enum status views_sheet_make(const struct views *views, size_t width, struct image *out,
                             struct error *err)
{
    const double aspect = aspect_of(views);
    const size_t columns = at_least_one(ceil(sqrt((double)views->n_views)));
    const size_t rows = (views->n_views + columns - 1) / columns;
    double cell = (double)width / (double)columns;
    const double pixels = cell * cell * aspect * (double)(columns * rows);
    if (pixels > max_pixels)
        cell *= sqrt(max_pixels / pixels);
    const size_t w = at_least_one(cell), h = at_least_one((double)w * aspect);
    struct image sheet;
    enum status status = image_create(&sheet, SAMPLE_U8, columns * w, rows * h, 4, err);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < views->n_views && status == STATUS_OK; i++) {
        const struct image *image = &views->view[i].image;
        const double fits = (double)h * (double)image->width / (double)image->height;
        struct image small = {0};
        status = image_file_reduce(image, at_least_one(fmin((double)w, fits)), &small, err);
        if (status == STATUS_OK)
            paste(&small, w, h, columns * w,
                  sheet.u8 + (i / columns * h * columns * w + i % columns * w) * 4);
        image_deinit(&small);
    }
    if (status != STATUS_OK)
        image_deinit(&sheet);
    else
        *out = sheet;
    return status;
}
