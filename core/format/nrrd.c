#include "core/format/nrrd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/format/voxels.h"

enum {
    MAX_HEADER = 1 << 20, /* bytes; a header of a scanner's remarks has some ten KiB */
    MAX_VALUE = 512,      /* bytes of a field that is looked at */
    MAX_AXES = 4,         /* that are kept; more are counted */
    MAX_LINES_SKIPPED = 1 << 16,
};

/* What the header says, axis by axis as it counts them: the first changes fastest. */
struct header {
    int n_axes;
    size_t size[MAX_AXES];
    enum { AXIS_UNSAID, AXIS_SPACE, AXIS_OTHER } kind[MAX_AXES];
    bool has_type, has_sizes, has_encoding, is_gzip, big_endian, has_endian;
    enum number_type type;
    long byte_skip, line_skip;
    bool has_spacings, has_directions, has_origin, is_time;
    double spacing[MAX_AXES];
    double direction[MAX_AXES][3];
    bool is_none[MAX_AXES]; /* no direction */
    double origin[3];
    double flip[3]; /* of the space's axes, to right, anterior, superior */
    double unit[3]; /* millimetres */
    bool has_unit;
    struct error *err;
};

static enum status broken(const struct header *h, const char *field)
{
    return error_set(h->err, STATUS_INVALID, "", "the NRRD field '%s' is broken", field);
}

/* --- values --- */

static void skip_blanks(const char **at)
{
    while (**at == ' ' || **at == '\t')
        ++*at;
}

static bool take_number(const char **at, double *out)
{
    char *end;
    skip_blanks(at);
    *out = strtod(*at, &end);
    const bool is_taken = end != *at;
    *at = end;
    return is_taken;
}

/* "(1,0,0)" or "none". */
static bool take_vector(const char **at, double out[3], bool *is_none)
{
    skip_blanks(at);
    *is_none = strncmp(*at, "none", 4) == 0;
    if (*is_none) {
        *at += 4;
        return true;
    }
    const char marks[4] = {'(', ',', ',', ')'};
    for (size_t i = 0; i < 4; i++) {
        skip_blanks(at);
        if (**at != marks[i])
            return false;
        ++*at;
        if (i < 3 && (!take_number(at, &out[i]) || !isfinite(out[i])))
            return false;
    }
    return true;
}

/* The next word, or "text in quotes". */
static size_t take_word(const char **at, const char **word)
{
    skip_blanks(at);
    const char *stops = **at == '"' ? "\"" : " \t";
    *at += **at == '"';
    *word = *at;
    const size_t n = strcspn(*at, stops);
    *at += n;
    *at += **at == '"';
    return n;
}

static bool is_word(const char *word, size_t n, const char *const *list)
{
    for (; *list; list++)
        if (strlen(*list) == n && strncasecmp(word, *list, n) == 0)
            return true;
    return false;
}

/* --- fields --- */

typedef enum status (*field_read)(struct header *h, const char *value);

static enum status read_type(struct header *h, const char *value)
{
    static const struct {
        const char *name;
        enum number_type type;
    } types[] = {
        {"signed char", NUMBER_I8},
        {"int8", NUMBER_I8},
        {"int8_t", NUMBER_I8},
        {"uchar", NUMBER_U8},
        {"unsigned char", NUMBER_U8},
        {"uint8", NUMBER_U8},
        {"uint8_t", NUMBER_U8},
        {"short", NUMBER_I16},
        {"short int", NUMBER_I16},
        {"signed short", NUMBER_I16},
        {"signed short int", NUMBER_I16},
        {"int16", NUMBER_I16},
        {"int16_t", NUMBER_I16},
        {"ushort", NUMBER_U16},
        {"unsigned short", NUMBER_U16},
        {"unsigned short int", NUMBER_U16},
        {"uint16", NUMBER_U16},
        {"uint16_t", NUMBER_U16},
        {"int", NUMBER_I32},
        {"signed int", NUMBER_I32},
        {"int32", NUMBER_I32},
        {"int32_t", NUMBER_I32},
        {"uint", NUMBER_U32},
        {"unsigned int", NUMBER_U32},
        {"uint32", NUMBER_U32},
        {"uint32_t", NUMBER_U32},
        {"longlong", NUMBER_I64},
        {"long long", NUMBER_I64},
        {"long long int", NUMBER_I64},
        {"signed long long", NUMBER_I64},
        {"signed long long int", NUMBER_I64},
        {"int64", NUMBER_I64},
        {"int64_t", NUMBER_I64},
        {"ulonglong", NUMBER_U64},
        {"unsigned long long", NUMBER_U64},
        {"unsigned long long int", NUMBER_U64},
        {"uint64", NUMBER_U64},
        {"uint64_t", NUMBER_U64},
        {"float", NUMBER_F32},
        {"double", NUMBER_F64},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcasecmp(value, types[i].name) == 0) {
            h->type = types[i].type;
            h->has_type = true;
            return STATUS_OK;
        }
    return error_set(h->err, STATUS_UNSUPPORTED, "",
                     "NRRD numbers of type '%.40s' are not supported", value);
}

static enum status read_dimension(struct header *h, const char *value)
{
    double n;
    if (!take_number(&value, &n) || *value || !(n >= 1 && n <= 16) || n != floor(n))
        return broken(h, "dimension");
    if (n < 3 || n > MAX_AXES)
        return error_set(h->err, STATUS_UNSUPPORTED, "",
                         "a volume has three axes and may have one of channels, the NRRD file has "
                         "%d axes",
                         (int)n);
    h->n_axes = (int)n;
    return STATUS_OK;
}

static enum status read_sizes(struct header *h, const char *value)
{
    for (int a = 0; a < h->n_axes; a++) {
        double n;
        if (!take_number(&value, &n) || !(n >= 1 && n <= 1e15) || n != floor(n))
            return broken(h, "sizes");
        h->size[a] = (size_t)n;
    }
    h->has_sizes = h->n_axes > 0;
    return h->has_sizes ? STATUS_OK : broken(h, "dimension");
}

static enum status read_encoding(struct header *h, const char *value)
{
    static const char *const gzip[] = {"gzip", "gz", NULL}, *const raw[] = {"raw", NULL};
    h->is_gzip = is_word(value, strlen(value), gzip);
    h->has_encoding = true;
    if (h->is_gzip || is_word(value, strlen(value), raw))
        return STATUS_OK;
    return error_set(h->err, STATUS_UNSUPPORTED, "",
                     "the NRRD encoding '%.40s' is not supported: 'raw' and 'gzip' are", value);
}

static enum status read_endian(struct header *h, const char *value)
{
    h->big_endian = strcasecmp(value, "big") == 0;
    h->has_endian = true;
    return h->big_endian || strcasecmp(value, "little") == 0 ? STATUS_OK : broken(h, "endian");
}

/* A whole number that says how much lies before the data. */
static enum status read_skip(struct header *h, const char *value, double least, double most,
                             const char *field, long *out)
{
    double n;
    if (!take_number(&value, &n) || !(n >= least && n <= most) || n != floor(n))
        return broken(h, field);
    *out = (long)n;
    return STATUS_OK;
}

static enum status read_byte_skip(struct header *h, const char *value)
{
    return read_skip(h, value, -1, 1 << 30, "byte skip", &h->byte_skip);
}

static enum status read_line_skip(struct header *h, const char *value)
{
    return read_skip(h, value, 0, MAX_LINES_SKIPPED, "line skip", &h->line_skip);
}

static enum status read_spacings(struct header *h, const char *value)
{
    for (int a = 0; a < h->n_axes; a++) /* NaN: none of space */
        if (!take_number(&value, &h->spacing[a]) || isinf(h->spacing[a]) || h->spacing[a] == 0.0)
            return broken(h, "spacings");
    h->has_spacings = true;
    return STATUS_OK;
}

static enum status read_kinds(struct header *h, const char *value)
{
    static const char *const space[] = {"domain", "space", NULL}, *const unsaid[] = {"???", "none",
                                                                                     NULL};
    static const char *const complex[] = {"complex", NULL};
    for (int a = 0; a < h->n_axes; a++) {
        const char *word;
        const size_t n = take_word(&value, &word);
        if (n == 0)
            return broken(h, "kinds");
        if (is_word(word, n, complex))
            return error_set(h->err, STATUS_UNSUPPORTED, "",
                             "complex NRRD files are not supported");
        h->kind[a] = is_word(word, n, space)    ? AXIS_SPACE
                     : is_word(word, n, unsaid) ? AXIS_UNSAID
                                                : AXIS_OTHER;
        h->is_time |= strncasecmp(word, "time", 4) == 0;
    }
    return STATUS_OK;
}

/* Names of three directions, or their first letters; and two that say nothing of them. */
static enum status read_space(struct header *h, const char *value)
{
    static const char *const plain[] = {"scanner-xyz", "3D-right-handed", "3D-left-handed", NULL};
    static const struct {
        const char *name[2];
        double flip[3];
    } spaces[] = {
        {{"right-anterior-superior", "RAS"}, {1, 1, 1}},
        {{"left-anterior-superior", "LAS"}, {-1, 1, 1}},
        {{"left-posterior-superior", "LPS"}, {-1, -1, 1}},
    };
    if (is_word(value, strlen(value), plain))
        return STATUS_OK;
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
        if (strcasecmp(value, spaces[i].name[0]) == 0 ||
            strcasecmp(value, spaces[i].name[1]) == 0) {
            memcpy(h->flip, spaces[i].flip, sizeof h->flip);
            return STATUS_OK;
        }
    return error_set(h->err, STATUS_UNSUPPORTED, "", "the NRRD space '%.60s' is not supported",
                     value);
}

static enum status read_space_dimension(struct header *h, const char *value)
{
    double n;
    if (!take_number(&value, &n))
        return broken(h, "space dimension");
    if (n != 3)
        return error_set(h->err, STATUS_UNSUPPORTED, "",
                         "an NRRD space of %g dimensions is not supported", n);
    return STATUS_OK;
}

static enum status read_directions(struct header *h, const char *value)
{
    for (int a = 0; a < h->n_axes; a++)
        if (!take_vector(&value, h->direction[a], &h->is_none[a]))
            return broken(h, "space directions");
    h->has_directions = true;
    return STATUS_OK;
}

static enum status read_origin(struct header *h, const char *value)
{
    bool is_none;
    if (!take_vector(&value, h->origin, &is_none) || is_none)
        return broken(h, "space origin");
    h->has_origin = true;
    return STATUS_OK;
}

static enum status read_space_units(struct header *h, const char *value)
{
    static const struct {
        const char *name;
        double millimetres;
    } units[] = {{"mm", 1},    {"millimeter", 1}, {"millimetre", 1}, {"cm", 10},  {"m", 1000},
                 {"um", 1e-3}, {"micron", 1e-3},  {"microns", 1e-3}, {"nm", 1e-6}};
    for (size_t i = 0; i < 3; i++) {
        const char *word;
        const size_t n = take_word(&value, &word);
        for (size_t u = 0; u < sizeof units / sizeof *units; u++)
            if (n == strlen(units[u].name) && strncasecmp(word, units[u].name, n) == 0) {
                h->unit[i] = units[u].millimetres;
                h->has_unit = true;
            }
    }
    return STATUS_OK;
}

static enum status refuse_data_file(struct header *h, const char *value)
{
    (void)value;
    return error_set(h->err, STATUS_UNSUPPORTED, "",
                     "a detached NRRD header is not supported: save header and data as one .nrrd");
}

static const struct {
    const char *name;
    field_read read;
} fields[] = {
    {"type", read_type},
    {"dimension", read_dimension},
    {"sizes", read_sizes},
    {"encoding", read_encoding},
    {"endian", read_endian},
    {"byte skip", read_byte_skip},
    {"byteskip", read_byte_skip},
    {"line skip", read_line_skip},
    {"lineskip", read_line_skip},
    {"spacings", read_spacings},
    {"kinds", read_kinds},
    {"space", read_space},
    {"space dimension", read_space_dimension},
    {"space directions", read_directions},
    {"space origin", read_origin},
    {"space units", read_space_units},
    {"data file", refuse_data_file},
    {"datafile", refuse_data_file},
};

/* One line of the header, without its end. */
static enum status read_line(struct header *h, const char *line, size_t n)
{
    char value[MAX_VALUE];
    const char *colon = memchr(line, ':', n);
    if (n == 0 || *line == '#' || !colon)
        return n == 0 || *line == '#'
                   ? STATUS_OK
                   : error_set(h->err, STATUS_INVALID, "", "a line of the NRRD header has no ':'");
    const size_t n_name = (size_t)(colon - line);
    if (n_name + 1 < n && colon[1] == '=') /* a key of the writer's own */
        return STATUS_OK;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strlen(fields[i].name) != n_name || strncasecmp(line, fields[i].name, n_name) != 0)
            continue;
        size_t first = n_name + 1, end = n;
        while (first < end && (line[first] == ' ' || line[first] == '\t'))
            first++;
        while (end > first && (line[end - 1] == ' ' || line[end - 1] == '\t'))
            end--;
        if (end - first >= sizeof value || memchr(line + first, '\0', end - first))
            return broken(h, fields[i].name);
        memcpy(value, line + first, end - first);
        value[end - first] = '\0';
        return fields[i].read(h, value);
    }
    return STATUS_OK;
}

/* The lines up to the empty one; *n_header: where the data begins. */
static enum status read_lines(struct header *h, const uint8_t *bytes, size_t n_bytes,
                              size_t *n_header)
{
    const size_t n_most = n_bytes < MAX_HEADER ? n_bytes : MAX_HEADER;
    for (size_t at = 0; at < n_most;) {
        const uint8_t *end = memchr(bytes + at, '\n', n_most - at);
        if (!end)
            break;
        size_t n = (size_t)(end - bytes) - at;
        const size_t next = at + n + 1;
        if (n > 0 && bytes[at + n - 1] == '\r')
            n--;
        if (n == 0) {
            *n_header = next;
            return STATUS_OK;
        }
        enum status status = at == 0 ? STATUS_OK : read_line(h, (const char *)bytes + at, n);
        if (status != STATUS_OK)
            return status;
        at = next;
    }
    return error_set(h->err, STATUS_INVALID, "", "the NRRD header has no end");
}

/* --- what it means --- */

/* The axis that is none of space, of four. */
static enum status find_channel_axis(const struct header *h, int *out)
{
    int n_others = 0;
    *out = -1;
    for (int a = 0; a < h->n_axes; a++)
        if (h->kind[a] == AXIS_OTHER || (h->has_directions && h->is_none[a])) {
            *out = a;
            n_others++;
        }
    if (h->n_axes == 3 && n_others > 0)
        return error_set(h->err, STATUS_UNSUPPORTED, "",
                         "the NRRD file has fewer than three axes of space");
    if (h->n_axes == 3)
        return STATUS_OK;
    if (n_others > 1)
        return error_set(h->err, STATUS_UNSUPPORTED, "",
                         "the NRRD file has more than one axis that is none of space");
    if (n_others == 0)
        *out = h->size[0] <= LIMIT_CHANNELS ? 0 : MAX_AXES - 1;
    if (h->size[*out] > LIMIT_CHANNELS)
        return error_set(h->err, STATUS_UNSUPPORTED, "",
                         "a volume has at most %d channels, the NRRD file has %zu: choose some",
                         LIMIT_CHANNELS, h->size[*out]);
    return STATUS_OK;
}

static void find_affine(const struct header *h, const int axis[3], struct volume_facts *f)
{
    double affine[3][4] = {{0.0}};
    double identity[3][4] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}};
    for (size_t i = 0; i < 3; i++) {
        for (size_t r = 0; r < 3; r++)
            affine[r][i] = h->has_directions ? h->direction[axis[i]][r] * h->flip[r] * h->unit[r]
                           : i == r          ? fabs(h->spacing[axis[i]])
                                             : 0.0;
        affine[i][3] = h->has_origin ? h->origin[i] * h->flip[i] * h->unit[i] : 0.0;
    }
    const bool is_said = h->has_directions || h->has_spacings;
    f->has_affine = is_said && affine_is_invertible(affine);
    memcpy(f->affine, f->has_affine ? affine : identity, sizeof f->affine);
    if (!is_said)
        f->warnings |= VOLUME_NO_AFFINE;
    else if (!f->has_affine)
        f->warnings |= VOLUME_BAD_AFFINE | VOLUME_NO_AFFINE;
    else if (!h->has_directions)
        f->warnings |= VOLUME_SIZES_ALONE;
    if (f->has_affine && !h->has_unit)
        f->warnings |= VOLUME_UNKNOWN_UNIT;
    if (f->has_affine && (h->unit[0] != 1 || h->unit[1] != 1 || h->unit[2] != 1))
        f->warnings |= VOLUME_OTHER_UNIT;
}

static enum status find_voxels(const struct header *h, struct voxels *v, struct volume_facts *f)
{
    int channel_axis, axis[3] = {0, 1, 2}, n = 0;
    if (!h->has_type || !h->n_axes || !h->has_sizes || !h->has_encoding)
        return error_set(h->err, STATUS_INVALID, "",
                         "an NRRD header needs type, dimension, sizes and encoding");
    if (!h->has_endian && number_size(h->type) > 1)
        return error_set(h->err, STATUS_INVALID, "", "the NRRD header does not name its endian");
    enum status status = find_channel_axis(h, &channel_axis);
    if (status != STATUS_OK)
        return status;
    for (int a = 0, place = 0; a < h->n_axes; a++) {
        const bool is_channel = a == channel_axis;
        if (!is_channel)
            axis[n] = a;
        v->order[place++] = is_channel ? VOXELS_CHANNEL : (enum voxel_axis)(VOXELS_X + n++);
    }
    if (channel_axis < 0)
        v->order[3] = VOXELS_CHANNEL;
    f->width = h->size[axis[0]];
    f->height = h->size[axis[1]];
    f->depth = h->size[axis[2]];
    f->channels = channel_axis < 0 ? 1 : h->size[channel_axis];
    if (h->is_time)
        f->warnings |= VOLUME_TIME_AS_CHANNELS;
    v->type = h->type;
    v->big_endian = h->big_endian;
    v->slope = 1.0;
    v->intercept = 0.0;
    find_affine(h, axis, f);
    return volume_check_size(f->width, f->height, f->depth, f->channels, h->err);
}

/* Where in the file the numbers, or what they are packed in, begin. */
static enum status find_data(const struct header *h, size_t n_header, struct voxels *v,
                             const struct volume_facts *f)
{
    size_t at = n_header;
    for (long i = 0; i < h->line_skip; i++) {
        const uint8_t *end = memchr(v->bytes + at, '\n', v->n_bytes - at);
        if (!end)
            return broken(h, "line skip");
        at = (size_t)(end - v->bytes) + 1;
    }
    if (h->byte_skip < 0) { /* the data is the file's end */
        const size_t n_data = f->width * f->height * f->depth * f->channels * number_size(h->type);
        if (h->is_gzip || v->n_bytes - at < n_data)
            return broken(h, "byte skip");
        at = v->n_bytes - n_data;
    }
    v->is_gzip = h->is_gzip;
    v->offset = h->byte_skip < 0 ? 0 : (size_t)h->byte_skip;
    v->bytes += at;
    v->n_bytes -= at;
    return STATUS_OK;
}

static enum status read_header(const uint8_t *bytes, size_t n_bytes, struct voxels *v,
                               struct volume_facts *f, struct error *err)
{
    struct header h = {.flip = {1, 1, 1}, .unit = {1, 1, 1}, .err = err};
    size_t n_header = 0;
    if (n_bytes < 8 || memcmp(bytes, "NRRD000", 7) != 0)
        return error_set(err, STATUS_INVALID, "", "the file does not begin as NRRD does");
    *v = (struct voxels){.bytes = bytes, .n_bytes = n_bytes};
    enum status status = read_lines(&h, bytes, n_bytes, &n_header);
    if (status == STATUS_OK)
        status = find_voxels(&h, v, f);
    if (status == STATUS_OK)
        status = find_data(&h, n_header, v, f);
    return status;
}

enum status nrrd_check(const uint8_t *bytes, size_t n_bytes, struct volume_facts *out,
                       struct error *err)
{
    struct voxels v;
    struct volume_facts f = {0};
    enum status status = read_header(bytes, n_bytes, &v, &f, err);
    if (status == STATUS_OK)
        status = voxels_check(&v, &f, err);
    if (status == STATUS_OK)
        *out = f;
    return status;
}

enum status nrrd_decode(const uint8_t *bytes, size_t n_bytes, struct volume *out, struct error *err)
{
    struct voxels v;
    struct volume_facts f = {0};
    enum status status = read_header(bytes, n_bytes, &v, &f, err);
    if (status == STATUS_OK)
        status = voxels_decode(&v, &f, out, err);
    return status;
}
