/* Plots: what is drawn is where it belongs, whatever the numbers are. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/format/png.h"
#include "core/plot/palette.h"
#include "core/plot/plot.h"
#include "tests/support/alloc.h"

enum { WIDTH = 800, HEIGHT = 600 };

static struct image draw(const struct plot *p)
{
    struct buffer file;
    struct image image;
    unsigned bits = 0;
    buffer_init(&file, PLOT_MAX_BYTES);
    assert_int_equal(plot_png(p, &file, NULL), STATUS_OK);
    assert_int_equal(png_decode(file.data, file.size, &image, &bits, NULL), STATUS_OK);
    assert_int_equal(bits, 8);
    assert_int_equal(image.channels, 3);
    assert_int_equal(image.width, p->width);
    assert_int_equal(image.height, p->height);
    buffer_deinit(&file);
    return image;
}

static struct plot plot_of(const struct plot_panel *panel)
{
    return (struct plot){.width = WIDTH, .height = HEIGHT, .n_panels = 1, .panels = panel};
}

static bool is_like(const struct image *image, size_t x, size_t y, struct color c, int slack)
{
    const uint8_t *p = image->u8 + 3 * (y * image->width + x);
    return abs(p[0] - c.r) <= slack && abs(p[1] - c.g) <= slack && abs(p[2] - c.b) <= slack;
}

/* Pixels of a colour, and the box around them.  Of areas: those that are as far across, so no
 * texts. */
struct found {
    size_t n, x0, y0, x1, y1;
};
enum { OF_LINES = 0, OF_AREAS = 40 };
static struct found find_of(const struct image *image, struct color c, size_t across)
{
    struct found f = {.x0 = SIZE_MAX, .y0 = SIZE_MAX};
    for (size_t y = 0; y < image->height; y++)
        for (size_t x = 0; x < image->width; x++) {
            if (!is_like(image, x, y, c, 12))
                continue;
            if (across > 0 && (x + across >= image->width || !is_like(image, x + across, y, c, 12)))
                continue;
            f.n++;
            f.x0 = x < f.x0 ? x : f.x0;
            f.x1 = x > f.x1 ? x : f.x1;
            f.y0 = y < f.y0 ? y : f.y0;
            f.y1 = y > f.y1 ? y : f.y1;
        }
    return f;
}

static struct found find(const struct image *image, struct color c)
{
    return find_of(image, c, OF_LINES);
}

/* --- curves --- */

static void a_rising_line_goes_from_left_below_to_right_above(void **state)
{
    (void)state;
    const double x[] = {0, 1, 2, 3}, y[] = {0, 1, 2, 3};
    const struct plot_series s = {.n = 4, .x = x, .y = y};
    const struct plot_panel panel = {.n_series = 1, .series = &s};
    const struct plot p = plot_of(&panel);
    struct image image = draw(&p);
    const struct found line = find(&image, palette_kind(0));
    assert_true(line.n > 300);
    assert_true(line.x1 - line.x0 > WIDTH * 3 / 4 && line.y1 - line.y0 > HEIGHT * 2 / 3);
    for (size_t k = 1; k < 20; k++) { /* straight, and nowhere else */
        const size_t at = line.x0 + k * (line.x1 - line.x0) / 20;
        const double expected = (double)line.y1 - (double)k / 20 * (double)(line.y1 - line.y0);
        for (size_t row = line.y0; row <= line.y1; row++)
            if (is_like(&image, at, row, palette_kind(0), 12))
                assert_true(fabs((double)row - expected) <= 2.5);
    }
    image_deinit(&image);
}

/* 1, 10, 100, 1000: a straight line on a logarithmic scale alone. */
static void logarithmic_scales_make_exponentials_straight(void **state)
{
    (void)state;
    const double x[] = {0, 1, 2, 3}, y[] = {1, 10, 100, 1000};
    for (int kind = SCALE_LINEAR; kind <= SCALE_LOG; kind++) {
        const struct plot_series s = {.n = 4, .x = x, .y = y};
        const struct plot_panel panel = {
            .y = {.scale = (enum scale_kind)kind}, .n_series = 1, .series = &s};
        const struct plot p = plot_of(&panel);
        struct image image = draw(&p);
        const struct found line = find(&image, palette_kind(0));
        const size_t middle_x = (line.x0 + line.x1) / 2, middle_y = (line.y0 + line.y1) / 2;
        bool is_in_middle = false;
        for (size_t row = middle_y - 3; row <= middle_y + 3; row++)
            is_in_middle = is_in_middle || is_like(&image, middle_x, row, palette_kind(0), 12);
        assert_int_equal(is_in_middle, kind == SCALE_LOG);
        image_deinit(&image);
    }
}

static void lines_are_broken_where_there_is_no_number(void **state)
{
    (void)state;
    const double x[] = {0, 1, 2, 3, 4, 5}, gap[] = {1, 1, NAN, NAN, 1, 1},
                 whole[] = {1, 1, 1, 1, 1, 1};
    size_t n[2];
    for (size_t i = 0; i < 2; i++) {
        const struct plot_series s = {.n = 6, .x = x, .y = i == 0 ? gap : whole};
        const struct plot_panel panel = {.n_series = 1, .series = &s};
        const struct plot p = plot_of(&panel);
        struct image image = draw(&p);
        n[i] = find(&image, palette_kind(0)).n;
        image_deinit(&image);
    }
    assert_true(n[0] > n[1] / 4 && n[0] < n[1] / 2); /* two of five parts */
}

/* A line of a hundred thousand points is as that of its highest and lowest. */
static void dense_lines_keep_their_peaks(void **state)
{
    (void)state;
    enum { N = 100000 };
    double *x = mem_alloc_array(N, sizeof *x), *y = mem_alloc_array(N, sizeof *y);
    assert_true(x && y);
    for (size_t i = 0; i < N; i++) {
        x[i] = (double)i;
        y[i] = i == 54321 ? 1 : 0;
    }
    const struct plot_series s = {.n = N, .x = x, .y = y};
    const struct plot_panel panel = {.n_series = 1, .series = &s};
    const struct plot p = plot_of(&panel);
    struct image image = draw(&p);
    const struct found line = find(&image, palette_kind(0));
    assert_true(line.y1 - line.y0 > HEIGHT * 2 / 3);
    image_deinit(&image);
    mem_free(x);
    mem_free(y);
}

static void bars_show_the_spread(void **state)
{
    (void)state;
    const double x[] = {0, 1}, y[] = {0, 1}, spread[] = {0.1, 3};
    size_t heights[2];
    for (size_t i = 0; i < 2; i++) {
        const struct plot_series s = {
            .n = 2, .x = x, .y = y, .spread = spread, .style = PLOT_MARKERS};
        const struct plot_panel panel = {.y = {.from = -2, .to = 4}, .n_series = 1, .series = &s};
        const struct plot p = plot_of(&panel);
        struct image image = draw(&p);
        size_t n = 0;
        const struct found all = find(&image, palette_kind(0));
        const size_t from = i == 0 ? all.x0 : (all.x0 + all.x1) / 2;
        const size_t to = i == 0 ? (all.x0 + all.x1) / 2 : all.x1;
        for (size_t row = 0; row < HEIGHT; row++) {
            bool is_there = false;
            for (size_t column = from; column <= to; column++)
                is_there = is_there || is_like(&image, column, row, palette_kind(0), 12);
            n += is_there;
        }
        heights[i] = n;
        image_deinit(&image);
    }
    assert_true(heights[1] > 8 * heights[0]);
}

/* --- what stands beside it --- */

/* Nothing that is drawn comes to the picture's border, at any size: no text is cut. */
static void nothing_reaches_the_border(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{160, 160}, {200, 600}, {640, 200}, {1000, 700}};
    static const char *const names[] = {"none", "a name that is rather long for an axis", "short"};
    const double x[] = {0, 1, 2}, y[] = {1e-7, 2e-7, 1e3}, spread[] = {1e-8, 5, 2};
    const struct plot_series s[] = {
        {.name = "what the first is called", .n = 3, .x = x, .y = y, .spread = spread},
        {.name = "Ω — ∞ and more than fits into a legend of any size that there is",
         .n = 3,
         .x = x,
         .y = y,
         .style = PLOT_LINE_AND_MARKERS}};
    const struct plot_panel panels[] = {
        {.title = "A title of a panel that is longer than it",
         .x = {.label = "kinds", .scale = SCALE_CATEGORIES, .categories = names, .n_categories = 3},
         .y = {.label = "a label of some length (unit)", .scale = SCALE_LOG},
         .n_series = 2,
         .series = s},
        {.x = {.label = "x"}, .y = {.label = "y"}, .n_series = 2, .series = s}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t n = 1; n <= 2; n++) {
            const struct plot p = {.width = sizes[i][0],
                                   .height = sizes[i][1],
                                   .title = "A long title with more words than a line can hold, "
                                            "whatever its size may be, for it goes on and on",
                                   .settings = "settings, settings, settings",
                                   .note = "a note",
                                   .n_panels = n,
                                   .panels = panels};
            struct image image = draw(&p);
            const struct color white = {255, 255, 255};
            for (size_t k = 0; k < image.width; k++) {
                assert_true(is_like(&image, k, 0, white, 0));
                assert_true(is_like(&image, k, image.height - 1, white, 0));
            }
            for (size_t k = 0; k < image.height; k++) {
                assert_true(is_like(&image, 0, k, white, 0));
                assert_true(is_like(&image, image.width - 1, k, white, 0));
            }
            image_deinit(&image);
        }
}

/* What is left out is told: the picture is another with one value less. */
static void what_cannot_be_shown_is_told(void **state)
{
    (void)state;
    const double x[] = {0, 1, 2}, y[] = {1, 2, -1};
    size_t dark[2];
    for (size_t i = 0; i < 2; i++) {
        const struct plot_series s = {.n = 2 + i, .x = x, .y = y};
        const struct plot_panel panel = {
            .x = {.from = 0, .to = 2}, .y = {.scale = SCALE_LOG}, .n_series = 1, .series = &s};
        const struct plot p = plot_of(&panel);
        struct image image = draw(&p);
        dark[i] = 0;
        for (size_t row = HEIGHT - 20; row < HEIGHT; row++)
            for (size_t column = 0; column < WIDTH / 4; column++)
                dark[i] += is_like(&image, column, row, (struct color){100, 100, 100}, 60);
        image_deinit(&image);
    }
    assert_true(dark[1] > dark[0] + 50);
}

static void legends_have_a_sample_of_each_series(void **state)
{
    (void)state;
    const double x[] = {0, 1}, y[] = {0, 1};
    const struct plot_series s[] = {{.name = "a", .n = 2, .x = x, .y = y},
                                    {.name = "b", .n = 0, .x = x, .y = y}};
    const struct plot_panel panel = {.n_series = 2, .series = s};
    const struct plot p = plot_of(&panel);
    struct image image = draw(&p);
    const struct found first = find(&image, palette_kind(0)),
                       second = find(&image, palette_kind(1));
    assert_true(second.n > 10 && second.y1 - second.y0 <= 3);
    assert_true(second.x0 > WIDTH * 3 / 4 && first.x1 == second.x1);
    image_deinit(&image);
}

/* --- images --- */

static void images_have_the_colours_of_their_values(void **state)
{
    (void)state;
    const double values[] = {0, 1, NAN, 0.5};
    const struct plot_image field = {.rows = 2, .columns = 2, .values = values, .x1 = 2, .y1 = 2};
    const struct plot_panel panel = {.image = &field};
    const struct plot p = plot_of(&panel);
    struct image image = draw(&p);
    const struct found grey = find_of(&image, palette_order(NAN), OF_AREAS);
    const size_t side = grey.y1 - grey.y0 + 1;
    assert_true(side > 150 && grey.n >= (side - OF_AREAS - 2) * side);
    const size_t x = grey.x0 + side / 2, y = grey.y0 + side / 2;
    assert_true(is_like(&image, x, y - side, palette_order(0), 0));        /* 0: left above */
    assert_true(is_like(&image, x + side, y - side, palette_order(1), 0)); /* 1: right above */
    assert_true(is_like(&image, x + side, y, palette_order(0.5), 0));
    image_deinit(&image);
}

/* --- any numbers --- */

static void any_numbers_make_a_plot(void **state)
{
    (void)state;
    static const double numbers[] = {0,       -0.0,     1,      -1,       NAN,  INFINITY, -INFINITY,
                                     1.7e308, -1.7e308, 1e-320, 0.999999, 1e16, 1e-16,    3};
    enum { N = sizeof numbers / sizeof *numbers };
    for (size_t a = 0; a < N; a++)
        for (size_t b = 0; b < N; b++) {
            const double x[] = {numbers[a], numbers[b], 2}, y[] = {numbers[b], 5, numbers[a]};
            const double field[] = {numbers[a], numbers[b], numbers[a], numbers[b]};
            const struct plot_series s = {
                .name = "s", .n = 3, .x = x, .y = y, .spread = y, .style = PLOT_LINE_AND_MARKERS};
            const struct plot_image heat = {.rows = 2,
                                            .columns = 2,
                                            .values = field,
                                            .x1 = 1,
                                            .y1 = 1,
                                            .scale = a % 2 ? SCALE_LOG : SCALE_LINEAR};
            const struct plot_panel panels[] = {{.x = {.scale = a % 2 ? SCALE_LOG : SCALE_LINEAR},
                                                 .y = {.scale = b % 2 ? SCALE_LOG : SCALE_LINEAR},
                                                 .n_series = 1,
                                                 .series = &s},
                                                {.image = &heat}};
            const struct plot p = {.width = 200, .height = 160, .n_panels = 2, .panels = panels};
            struct image image = draw(&p);
            image_deinit(&image);
        }
}

static void sizes_have_limits(void **state)
{
    (void)state;
    static const size_t bad[][2] = {{159, 300}, {300, 159}, {4097, 300}, {300, 4097}, {0, 0}};
    const struct plot_panel panel = {.n_series = 0};
    struct buffer file;
    buffer_init(&file, PLOT_MAX_BYTES);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct plot p = plot_of(&panel);
        p.width = bad[i][0];
        p.height = bad[i][1];
        assert_int_equal(plot_png(&p, &file, NULL), STATUS_INVALID);
    }
    struct plot none = plot_of(&panel);
    none.n_panels = 0;
    assert_int_equal(plot_png(&none, &file, NULL), STATUS_INVALID);
    assert_int_equal(file.size, 0);
    buffer_deinit(&file);
}

/* --- bytes and memory --- */

static struct plot small_plot(const struct plot_panel *panel)
{
    return (struct plot){.width = 160, .height = 160, .title = "T", .n_panels = 1, .panels = panel};
}

static enum status draw_once(void *context, struct error *err)
{
    struct buffer file;
    buffer_init(&file, PLOT_MAX_BYTES);
    const enum status status = plot_png(context, &file, err);
    buffer_deinit(&file);
    return status;
}

static void plots_are_the_same_bytes_each_time_or_no_memory(void **state)
{
    (void)state;
    const double x[] = {0, 1}, y[] = {0, 1};
    const struct plot_series s = {.name = "a", .n = 2, .x = x, .y = y};
    const struct plot_panel panel = {.y = {.label = "y"}, .n_series = 1, .series = &s};
    struct plot p = small_plot(&panel);
    struct buffer files[2];
    for (size_t i = 0; i < 2; i++) {
        buffer_init(&files[i], PLOT_MAX_BYTES);
        assert_int_equal(plot_png(&p, &files[i], NULL), STATUS_OK);
    }
    assert_int_equal(files[0].size, files[1].size);
    assert_memory_equal(files[0].data, files[1].data, files[0].size);
    for (size_t i = 0; i < 2; i++)
        buffer_deinit(&files[i]);
    assert_true(alloc_fail_each(draw_once, &p) > 20);
}

/* Drawn by many threads at once: nothing is shared. */
static void *draw_bytes(void *context)
{
    struct buffer *file = context;
    const double x[] = {0, 1, 2}, y[] = {0, 3, 1};
    const struct plot_series s = {.name = "a", .n = 3, .x = x, .y = y};
    const struct plot_panel panel = {
        .title = "panel", .y = {.label = "y"}, .n_series = 1, .series = &s};
    const struct plot p = plot_of(&panel);
    buffer_init(file, PLOT_MAX_BYTES);
    return plot_png(&p, file, NULL) == STATUS_OK ? file : NULL;
}

static void threads_draw_beside_each_other(void **state)
{
    (void)state;
    enum { N = 4 };
    pthread_t threads[N];
    struct buffer files[N];
    for (size_t i = 0; i < N; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, draw_bytes, &files[i]), 0);
    for (size_t i = 0; i < N; i++) {
        void *drawn;
        assert_int_equal(pthread_join(threads[i], &drawn), 0);
        assert_non_null(drawn);
        assert_int_equal(files[i].size, files[0].size);
        assert_memory_equal(files[i].data, files[0].data, files[0].size);
    }
    for (size_t i = 0; i < N; i++)
        buffer_deinit(&files[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rising_line_goes_from_left_below_to_right_above),
        cmocka_unit_test(logarithmic_scales_make_exponentials_straight),
        cmocka_unit_test(lines_are_broken_where_there_is_no_number),
        cmocka_unit_test(dense_lines_keep_their_peaks),
        cmocka_unit_test(bars_show_the_spread),
        cmocka_unit_test(nothing_reaches_the_border),
        cmocka_unit_test(what_cannot_be_shown_is_told),
        cmocka_unit_test(legends_have_a_sample_of_each_series),
        cmocka_unit_test(images_have_the_colours_of_their_values),
        cmocka_unit_test(any_numbers_make_a_plot),
        cmocka_unit_test(sizes_have_limits),
        cmocka_unit_test(threads_draw_beside_each_other),
        cmocka_unit_test(plots_are_the_same_bytes_each_time_or_no_memory),
    };
    return cmocka_run_group_tests_name("plot", tests, NULL, NULL);
}
