/* Amplitudes of a mapping over HTTP: found by the theory, and right for networks too. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/http/fit.h"

enum { N_FREQUENCIES = 16 };

static struct service service;

static int start(void **state)
{
    (void)state;
    service_start(&service, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

/* b = 1 … 16 and what else the question says. */
static json_t *ask(const char *more)
{
    char body[1024] = "{\"n\":64,\"alpha\":1.5,\"n_signals\":200,\"b\":[1";
    for (int j = 2; j <= N_FREQUENCIES; j++) {
        const size_t n = strlen(body);
        snprintf(body + n, sizeof body - n, ",%d", j);
    }
    const size_t n = strlen(body);
    snprintf(body + n, sizeof body - n, "]%s}", more);
    return answer_json(service_post_json(&service, "/v1/ntk/amplitudes", body), 200);
}

/* a = j^-p. */
static double loss_of_power(double p)
{
    char more[512] = ",\"steps\":0,\"a\":[1";
    for (int j = 2; j <= N_FREQUENCIES; j++) {
        const size_t n = strlen(more);
        snprintf(more + n, sizeof more - n, ",%.9g", pow(j, -p));
    }
    strncat(more, "]", sizeof more - strlen(more) - 1);
    json_t *got = ask(more);
    const double loss = member_number(got, "loss");
    assert_int_equal(json_array_size(json_object_get(got, "series")), 1);
    json_decref(got);
    return loss;
}

/* As the paper's figure 5 has it: neither all frequencies alike nor the first alone, and better
 * than each power. */
static void the_best_amplitudes_are_between_the_ends(void **state)
{
    (void)state;
    json_t *got = ask("");
    const double best = member_number(got, "loss");
    const json_t *series = json_object_get(got, "series"), *a = json_object_get(got, "a");
    assert_int_equal(json_array_size(series), 801);
    assert_int_equal(json_array_size(a), N_FREQUENCIES);
    assert_true(best < member_number(got, "loss_of_zero"));
    assert_true(best < json_number_value(json_array_get(json_array_get(series, 0), 1)));
    json_decref(got);
    const double all_alike = loss_of_power(0), middle = loss_of_power(1.5), few = loss_of_power(6);
    assert_true(middle < all_alike && middle < few);
    assert_true(best < middle);
}

/* The same question, the same answer; another seed, another. */
static void the_same_seed_gives_the_same(void **state)
{
    (void)state;
    json_t *one = ask(",\"steps\":20"), *again = ask(",\"steps\":20"),
           *other = ask(",\"steps\":20,\"seed\":1");
    assert_true(json_equal(one, again));
    assert_false(json_equal(json_object_get(one, "a"), json_object_get(other, "a")));
    json_decref(one);
    json_decref(again);
    json_decref(other);
}

static void the_mapping_is_one_that_kernels_take(void **state)
{
    (void)state;
    json_t *got = ask(",\"steps\":5");
    json_t *question = json_pack("{s:O}", "encoding", json_object_get(got, "encoding"));
    char *body = json_dumps(question, JSON_COMPACT);
    json_decref(answer_json(service_post_json(&service, "/v1/ntk", body), 200));
    free(body);
    json_decref(question);
    json_decref(got);
}

static void signals_of_ones_own_are_taken(void **state)
{
    (void)state;
    json_t *got = answer_json(
        service_post_json(&service, "/v1/ntk/amplitudes",
                          "{\"b\":[1,2],\"n\":4,\"signals\":[[1,0,-1,0],[0,3,0,-3]],\"steps\":0}"),
        200);
    assert_true(fabs(member_number(got, "loss_of_zero") - 18.0 / 4) < 1e-9);
    json_decref(got);
}

static void bad_questions_name_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *body, *pointer;
    } cases[] = {
        {"{}", "/b"},
        {"{\"b\":[]}", "/b"},
        {"{\"b\":[1,2.5]}", "/b/1"},
        {"{\"b\":[-1]}", "/b/0"},
        {"{\"b\":[1],\"a\":[0]}", "/a"},
        {"{\"b\":[1],\"a\":[1,2]}", "/a"},
        {"{\"b\":[1],\"stride\":3}", "/stride"},
        {"{\"b\":[1],\"n\":64,\"stride\":64}", "/stride"},
        {"{\"b\":[1],\"n\":1024,\"steps\":10000}", "/n"},
        {"{\"b\":[1],\"signals\":[]}", "/signals"},
        {"{\"b\":[1],\"n\":4,\"signals\":[[1,2,3,4],[1,2,3]]}", "/signals/1"},
        {"{\"b\":[1],\"network\":{\"width\":0}}", "/network/width"},
        {"{\"b\":[1],\"time\":-1}", "/time"},
        {"{\"b\":[1],\"more\":1}", "/more"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        answer_problem(service_post_json(&service, "/v1/ntk/amplitudes", cases[i].body), 422,
                       cases[i].pointer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_amplitudes_are_between_the_ends),
        cmocka_unit_test(the_same_seed_gives_the_same),
        cmocka_unit_test(the_mapping_is_one_that_kernels_take),
        cmocka_unit_test(signals_of_ones_own_are_taken),
        cmocka_unit_test(bad_questions_name_the_place),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
