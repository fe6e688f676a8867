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
    b->values = mem_alloc_floats(n_room * n_outputs);
    if (use == FIELD_GRADIENTS)
        b->gradient = mem_alloc_floats(n_room * n_outputs * n_inputs);
    if (b->unit && b->values && (b->gradient || use != FIELD_GRADIENTS) &&
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
    mem_free(b->values);
    mem_free(b->gradient);
    mem_free(b);
}

void bench_evaluate(struct bench *b, const struct field *f, size_t n)
{
    if (b->gradient)
        field_gradient(f, b->workspace, n, b->unit, b->values, b->gradient);
    else
        field_query(f, b->workspace, n, b->unit, b->values);
}
