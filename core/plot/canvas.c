/*
 * A shape is an outline that FreeType turns into spans of coverage.  They are gathered in a mask,
 * the largest of each pixel, and then laid over the picture at once: so the pieces that a line is
 * made of meet without seams.
 */
#include "core/plot/canvas.h"

#include <ft2build.h>
#include FT_FREETYPE_H
#include FT_MODULE_H
#include FT_OUTLINE_H
#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/format/png.h"

#define PI 3.14159265358979323846

extern const uint8_t font_start[] __asm__("_binary_plot_font_start");
extern const uint8_t font_end[] __asm__("_binary_plot_font_end");

enum { DEJAVU_EM = 2048, REPLACEMENT = 0xFFFD };

/* Pixels x0 <= x < x1. */
struct pixels {
    int x0, y0, x1, y1;
};

struct canvas {
    size_t width, height;
    uint8_t *rgb;        /* [height, width, 3] */
    uint8_t *mask;       /* [height, width], 0 between calls */
    struct pixels dirty; /* where the mask may be something else */
    struct pixels clip;
    struct FT_MemoryRec_ memory; /* FreeType's, by core/base/mem */
    FT_Library library;
    FT_Face face;
    bool has_failed;
};

/* --- memory of FreeType --- */

static void *font_alloc(FT_Memory memory, long size)
{
    (void)memory;
    return mem_alloc((size_t)size);
}

static void font_free(FT_Memory memory, void *block)
{
    (void)memory;
    mem_free(block);
}

static void *font_realloc(FT_Memory memory, long old_size, long new_size, void *block)
{
    (void)memory;
    (void)old_size;
    return mem_realloc_array(block, (size_t)new_size, 1);
}

/* FreeType goes on without a module that it had no memory for: pictures would be others. */
static bool has_modules(FT_Library library)
{
    static const char *const needed[] = {"truetype", "sfnt", "autofitter", "smooth"};
    bool has = true;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        has = has && FT_Get_Module(library, needed[i]);
    return has;
}

/* A font that is known to be sound leaves FreeType one reason to fail, memory.  A library made this
 * way reads no settings from the environment. */
static enum status open_font(struct canvas *c, struct error *err)
{
    c->memory.alloc = font_alloc;
    c->memory.free = font_free;
    c->memory.realloc = font_realloc;
    if (FT_New_Library(&c->memory, &c->library) != 0)
        return error_status(err, STATUS_NO_MEMORY);
    FT_Add_Default_Modules(c->library);
    if (!has_modules(c->library) ||
        FT_New_Memory_Face(c->library, font_start, font_end - font_start, 0, &c->face) != 0)
        return error_status(err, STATUS_NO_MEMORY);
    return STATUS_OK;
}

enum status canvas_create(struct canvas **out, size_t width, size_t height, struct error *err)
{
    if (width < 1 || height < 1 || width > CANVAS_MAX_SIDE || height > CANVAS_MAX_SIDE)
        return error_set(err, STATUS_INVALID, "", "a canvas has sides of 1..%d, not %zu x %zu",
                         CANVAS_MAX_SIDE, width, height);
    struct canvas *c = mem_alloc(sizeof *c);
    if (!c)
        return error_status(err, STATUS_NO_MEMORY);
    c->width = width;
    c->height = height;
    canvas_clip(c, NULL);
    c->rgb = mem_alloc_array(width * height, 3);
    c->mask = mem_alloc_array(width, height);
    enum status status = c->rgb && c->mask ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
    if (status == STATUS_OK)
        status = open_font(c, err);
    if (status != STATUS_OK) {
        canvas_free(c);
        return status;
    }
    memset(c->rgb, 255, width * height * 3);
    *out = c;
    return STATUS_OK;
}

void canvas_free(struct canvas *c)
{
    if (!c)
        return;
    FT_Done_Face(c->face);
    FT_Done_Library(c->library);
    mem_free(c->rgb);
    mem_free(c->mask);
    mem_free(c);
}

enum status canvas_png(const struct canvas *c, struct buffer *out, struct error *err)
{
    if (c->has_failed)
        return error_status(err, STATUS_NO_MEMORY);
    return png_encode(c->rgb, c->width, c->height, 3, PNG_SMALL, out, err);
}

/* --- the mask --- */

static int round_within(double v, size_t side)
{
    return (int)lround(fmax(0, fmin(v, (double)side)));
}

void canvas_clip(struct canvas *c, const struct box *box)
{
    const struct box all = {0, 0, (double)c->width, (double)c->height};
    if (!box)
        box = &all;
    c->clip = (struct pixels){round_within(box->x0, c->width), round_within(box->y0, c->height),
                              round_within(box->x1, c->width), round_within(box->y1, c->height)};
    c->dirty = (struct pixels){(int)c->width, (int)c->height, 0, 0};
}

static void take_spans(int y, int n, const FT_Span *spans, void *context)
{
    struct canvas *c = context;
    uint8_t *row = c->mask + (size_t)y * c->width;
    for (int i = 0; i < n; i++) {
        const FT_Span *s = &spans[i];
        const int end = s->x + s->len;
        for (int x = s->x; x < end; x++)
            if (row[x] < s->coverage)
                row[x] = s->coverage;
        c->dirty.x0 = s->x < c->dirty.x0 ? s->x : c->dirty.x0;
        c->dirty.x1 = end > c->dirty.x1 ? end : c->dirty.x1;
    }
    c->dirty.y0 = y < c->dirty.y0 ? y : c->dirty.y0;
    c->dirty.y1 = y + 1 > c->dirty.y1 ? y + 1 : c->dirty.y1;
}

/* The outline's y points down, as ours. */
static void cover(struct canvas *c, FT_Outline *outline)
{
    FT_Raster_Params params = {
        .flags = FT_RASTER_FLAG_AA | FT_RASTER_FLAG_DIRECT | FT_RASTER_FLAG_CLIP,
        .gray_spans = take_spans,
        .user = c,
        .clip_box = {c->clip.x0, c->clip.y0, c->clip.x1, c->clip.y1},
    };
    if (c->clip.x0 >= c->clip.x1 || c->clip.y0 >= c->clip.y1)
        return;
    if (FT_Outline_Render(c->library, outline, &params) != 0)
        c->has_failed = true;
}

static void cover_polygon(struct canvas *c, const struct point *corners, size_t n)
{
    FT_Vector points[CANVAS_MAX_CORNERS];
    char tags[CANVAS_MAX_CORNERS];
    short last = (short)(n - 1);
    for (size_t i = 0; i < n; i++) {
        if (!(fabs(corners[i].x) < 1e5 && fabs(corners[i].y) < 1e5))
            return;
        points[i].x = lround(corners[i].x * 64);
        points[i].y = lround(corners[i].y * 64);
        tags[i] = FT_CURVE_TAG_ON;
    }
    FT_Outline outline = {
        .n_contours = 1, .n_points = (short)n, .points = points, .tags = tags, .contours = &last};
    cover(c, &outline);
}

static uint8_t mix(uint8_t below, uint8_t above, unsigned coverage)
{
    return (uint8_t)((below * (255 - coverage) + above * coverage + 127) / 255);
}

/* Lay a colour over the picture where the mask is, and clear that. */
static void paint(struct canvas *c, struct color color)
{
    const struct pixels d = c->dirty;
    for (int y = d.y0; y < d.y1; y++) {
        uint8_t *mask = c->mask + (size_t)y * c->width;
        uint8_t *rgb = c->rgb + (size_t)y * c->width * 3;
        for (int x = d.x0; x < d.x1; x++) {
            if (mask[x] == 0)
                continue;
            uint8_t *pixel = rgb + 3 * (size_t)x;
            pixel[0] = mix(pixel[0], color.r, mask[x]);
            pixel[1] = mix(pixel[1], color.g, mask[x]);
            pixel[2] = mix(pixel[2], color.b, mask[x]);
            mask[x] = 0;
        }
    }
    c->dirty = (struct pixels){(int)c->width, (int)c->height, 0, 0};
}

/* --- shapes --- */

void canvas_pixel(struct canvas *c, size_t x, size_t y, struct color color)
{
    uint8_t *pixel = c->rgb + 3 * (y * c->width + x);
    pixel[0] = color.r;
    pixel[1] = color.g;
    pixel[2] = color.b;
}

void canvas_box(struct canvas *c, const struct box *box, struct color color)
{
    const int x0 = round_within(box->x0, c->width), y0 = round_within(box->y0, c->height);
    int x1 = round_within(box->x1, c->width), y1 = round_within(box->y1, c->height);
    x1 = x1 > x0 ? x1 : x0 + 1;
    y1 = y1 > y0 ? y1 : y0 + 1;
    for (int y = y0 > c->clip.y0 ? y0 : c->clip.y0; y < y1 && y < c->clip.y1; y++)
        for (int x = x0 > c->clip.x0 ? x0 : c->clip.x0; x < x1 && x < c->clip.x1; x++)
            canvas_pixel(c, (size_t)x, (size_t)y, color);
}

void canvas_polygon(struct canvas *c, const struct point *corners, size_t n, struct color color)
{
    if (n < 3 || n > CANVAS_MAX_CORNERS)
        return;
    cover_polygon(c, corners, n);
    paint(c, color);
}

/* Corners of half a circle; enough of them that none is seen. */
static size_t half_corners(double radius)
{
    const double n = ceil(4 + 2 * sqrt(fmax(radius, 0)));
    return n < CANVAS_MAX_CORNERS / 2.0 ? (size_t)n : CANVAS_MAX_CORNERS / 2;
}

/* All places within radius of the segment from a to b. */
static void cover_capsule(struct canvas *c, struct point a, struct point b, double radius)
{
    struct point corners[CANVAS_MAX_CORNERS];
    const size_t half = half_corners(radius);
    const double start = atan2(b.y - a.y, b.x - a.x) + PI / 2;
    for (size_t i = 0; i < 2 * half; i++) {
        const struct point *centre = i < half ? &a : &b;
        const double turn = (double)(i < half ? i : i - half) / (double)(half - 1);
        const double angle = start + PI * (turn + (i < half ? 0 : 1));
        corners[i].x = centre->x + radius * cos(angle);
        corners[i].y = centre->y + radius * sin(angle);
    }
    cover_polygon(c, corners, 2 * half);
}

void canvas_disc(struct canvas *c, struct point centre, double radius, struct color color)
{
    cover_capsule(c, centre, centre, radius);
    paint(c, color);
}

/* Move *t0 and *t1 to where a + t (b - a) crosses low and high. */
static void clip_side(double a, double b, double low, double high, double *t0, double *t1)
{
    if (a == b) {
        if (a < low || a > high)
            *t1 = -1;
        return;
    }
    const double s = (low - a) / (b - a), e = (high - a) / (b - a);
    *t0 = fmax(*t0, fmin(s, e));
    *t1 = fmin(*t1, fmax(s, e));
}

/* The piece of a segment that can be seen (Liang and Barsky 1984).  False: none. */
static bool clip_segment(const struct canvas *c, double margin, struct point *a, struct point *b)
{
    double t0 = 0, t1 = 1;
    clip_side(a->x, b->x, c->clip.x0 - margin, c->clip.x1 + margin, &t0, &t1);
    clip_side(a->y, b->y, c->clip.y0 - margin, c->clip.y1 + margin, &t0, &t1);
    if (t0 > t1)
        return false;
    const struct point from = *a, to = *b;
    *a = (struct point){from.x + t0 * (to.x - from.x), from.y + t0 * (to.y - from.y)};
    *b = (struct point){from.x + t1 * (to.x - from.x), from.y + t1 * (to.y - from.y)};
    return true;
}

/* One segment; *run: how far into the dash it begins, and the next one. */
static void cover_segment(struct canvas *c, struct point a, struct point b, double width,
                          const double dash[2], double *run)
{
    if (!clip_segment(c, width, &a, &b))
        return;
    if (!dash) {
        cover_capsule(c, a, b, width / 2);
        return;
    }
    const double length = hypot(b.x - a.x, b.y - a.y), period = dash[0] + dash[1];
    for (double at = 0; at < length;) {
        const double in_dash = fmod(*run, period);
        const bool is_on = in_dash < dash[0];
        const double step = fmin((is_on ? dash[0] : period) - in_dash, length - at) + 1e-9;
        const double s = at / length, e = fmin(1, (at + step) / length);
        if (is_on)
            cover_capsule(c, (struct point){a.x + s * (b.x - a.x), a.y + s * (b.y - a.y)},
                          (struct point){a.x + e * (b.x - a.x), a.y + e * (b.y - a.y)}, width / 2);
        at += step;
        *run += step;
    }
}

static bool is_place(const struct point *p)
{
    return isfinite(p->x) && isfinite(p->y);
}

void canvas_line(struct canvas *c, const struct point *points, size_t n, double width,
                 const double dash[2], struct color color)
{
    double run = 0;
    for (size_t i = 0; i + 1 < n && !c->has_failed; i++)
        if (is_place(&points[i]) && is_place(&points[i + 1]))
            cover_segment(c, points[i], points[i + 1], width, dash, &run);
    paint(c, color);
}

/* --- text --- */

/* The next character of UTF-8 (RFC 3629), 0 at the end. */
static FT_ULong next_character(const char **text)
{
    const uint8_t *t = (const uint8_t *)*text;
    const size_t n = t[0] < 0x80 ? 1 : t[0] < 0xC2 ? 0 : t[0] < 0xE0 ? 2 : t[0] < 0xF0 ? 3 : 4;
    if (n == 1) {
        *text += t[0] != 0;
        return t[0];
    }
    FT_ULong character = n == 0 ? REPLACEMENT : t[0] & (0x7Fu >> n);
    size_t used = 1;
    for (; used < n && (t[used] & 0xC0) == 0x80; used++)
        character = character << 6 | (t[used] & 0x3F);
    *text += used;
    return used < n ? REPLACEMENT : character;
}

/* Pixels from the glyph's beginning to that of the next one, at this size. */
static double advance_of(struct canvas *c, FT_ULong character, double size)
{
    FT_Fixed advance = 0;
    const FT_UInt glyph = FT_Get_Char_Index(c->face, character);
    if (FT_Load_Glyph(c->face, glyph, FT_LOAD_NO_SCALE) != 0)
        c->has_failed = true;
    else
        advance = c->face->glyph->metrics.horiAdvance;
    return (double)advance * size / DEJAVU_EM;
}

double canvas_text_width(struct canvas *c, const char *text, double size)
{
    double width = 0;
    FT_ULong character;
    while ((character = next_character(&text)) != 0)
        width += advance_of(c, character, size);
    return c->has_failed ? 0 : width;
}

void canvas_text_fit(struct canvas *c, const char *text, double size, double width, char *out,
                     size_t out_size)
{
    static const char ellipsis[] = "\xE2\x80\xA6";
    const double rest = canvas_text_width(c, ellipsis, size);
    double used = 0;
    size_t whole = 0, with_rest = 0; /* bytes that fit, alone and before an ellipsis */
    const char *at = text;
    for (FT_ULong character; (character = next_character(&at)) != 0;) {
        used += advance_of(c, character, size);
        if (used > width || (size_t)(at - text) >= out_size)
            break;
        whole = (size_t)(at - text);
        if (used + rest <= width && whole + sizeof ellipsis <= out_size)
            with_rest = whole;
    }
    if (!text[whole]) {
        memcpy(out, text, whole + 1);
        return;
    }
    while (with_rest > 0 && text[with_rest - 1] == ' ')
        with_rest--;
    memcpy(out, text, with_rest);
    memcpy(out + with_rest, ellipsis, sizeof ellipsis);
}

/* One glyph with its origin at (x, y), turned.  Upright ones are hinted along y alone: sharp, and
 * as wide as they are in the widths above. */
static void cover_glyph(struct canvas *c, FT_ULong character, struct point at, double degrees)
{
    const double sine = sin(degrees * PI / 180), cosine = cos(degrees * PI / 180);
    /* The font's y points up: turned, and then over. */
    FT_Matrix turn = {lround(cosine * 65536), lround(-sine * 65536), lround(-sine * 65536),
                      lround(-cosine * 65536)};
    const FT_UInt glyph = FT_Get_Char_Index(c->face, character);
    const FT_Int32 hints = degrees == 0 ? FT_LOAD_TARGET_LIGHT : FT_LOAD_NO_HINTING;
    if (FT_Load_Glyph(c->face, glyph, hints | FT_LOAD_NO_BITMAP) != 0) {
        c->has_failed = true;
        return;
    }
    FT_Outline *outline = &c->face->glyph->outline;
    FT_Outline_Transform(outline, &turn);
    FT_Outline_Translate(outline, lround(at.x * 64), lround(at.y * 64));
    cover(c, outline);
}

void canvas_text(struct canvas *c, const char *text, struct point at, enum align align,
                 double degrees, const struct font *font)
{
    const double width = canvas_text_width(c, text, font->size);
    const double back = align == ALIGN_LEFT ? 0 : align == ALIGN_CENTRE ? width / 2 : width;
    const double sine = sin(degrees * PI / 180), cosine = cos(degrees * PI / 180);
    if (!(fabs(at.x) < 1e5 && fabs(at.y) < 1e5))
        return;
    if (FT_Set_Char_Size(c->face, 0, lround(font->size * 64), 72, 72) != 0)
        c->has_failed = true;
    if (degrees == 0)
        at.y = round(at.y);
    double along = -back;
    FT_ULong character;
    while ((character = next_character(&text)) != 0 && !c->has_failed) {
        cover_glyph(c, character, (struct point){at.x + along * cosine, at.y - along * sine},
                    degrees);
        along += advance_of(c, character, font->size);
    }
    paint(c, font->color);
}
