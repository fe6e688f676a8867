#include "server/fields/bench.h"

#include "core/base/mem.h"

static enum status make_workspace(struct bench *b, const struct field *f, enum field_use use,
                                  const uint32_t *split)
{
    return split ? field_workspace_create_split(&b->workspace, f, split, NULL)
                 : field_workspace_create(&b->workspace, f, use, NULL);
}

struct bench *bench_create(const struct field *f, enum field_use use, const uint32_t *split,
                           size_t n_room)
{
    const size_t n_inputs = field_n_inputs(f), n_outputs = field_n_outputs(f);
    struct bench *b = mem_alloc(sizeof *b);
    if (!b)
        return NULL;
    b->n_room = n_room;
    b->unit = mem_alloc_floats(n_room * n_inputs);
    b->out.values = mem_alloc_floats(n_room * n_outputs);
    if (use != FIELD_VALUES)
        b->out.gradient = mem_alloc_floats(n_room * n_outputs * n_inputs);
    if (use == FIELD_LAPLACIANS)
        b->out.laplacian = mem_alloc_floats(n_room * n_outputs);
    if (b->unit && b->out.values && (b->out.gradient || use == FIELD_VALUES) &&
        (b->out.laplacian || use != FIELD_LAPLACIANS) &&
        make_workspace(b, f, use, split) == STATUS_OK)
        return b;
    bench_free(b);
    return NULL;
}

void bench_free(struct bench *b)
{
    if (!b)
        return;
    field_workspace_free(b->workspace);
    mem_free(b->unit);
    mem_free(b->out.values);
    mem_free(b->out.gradient);
    mem_free(b->out.laplacian);
    mem_free(b);
}

void bench_evaluate(struct bench *b, const struct field *f, bool in_source, size_t n)
{
    if (b->out.gradient)
        field_derivatives(f, b->workspace, n, b->unit, in_source, &b->out);
    else
        field_query(f, b->workspace, n, b->unit, b->out.values);
}
