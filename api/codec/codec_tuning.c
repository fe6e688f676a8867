#include "api/codec/codec_tuning.h"

#include "api/codec/codec_json.h"

static json_t *curve_of(const struct tune_choice *choice)
{
    json_t *curve = json_array();
    bool ok = curve != NULL;
    for (size_t i = 0; ok && i < choice->n; i++)
        ok = json_array_append_new(curve, json_pack("[f, o]", choice->values[i],
                                                    codec_json_measured(choice->psnr[i]))) == 0;
    if (ok)
        return curve;
    json_decref(curve);
    return NULL;
}

json_t *codec_tuning(enum tune_member member, const struct tune_choice *choice, double seconds)
{
    return json_pack("{s:{s:f, s:s, s:s, s:I, s:o, s:o}}", tune_member_name(member), "chosen",
                     choice->value, "method", "ntk", "reason", choice->reason, "steps",
                     (json_int_t)choice->steps, "curve", curve_of(choice), "seconds",
                     codec_json_measured(seconds));
}
