/*
 * Numbers as files hold them: integers and IEEE 754 floats of either byte order.
 */
#ifndef CORE_FORMAT_NUMBER_H
#define CORE_FORMAT_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum number_type {
    NUMBER_U8,
    NUMBER_I8,
    NUMBER_U16,
    NUMBER_I16,
    NUMBER_U32,
    NUMBER_I32,
    NUMBER_U64, /* beyond 2^53 rounded to a double */
    NUMBER_I64,
    NUMBER_F16,
    NUMBER_F32,
    NUMBER_F64,
};

/* Bytes of one. */
size_t number_size(enum number_type type);

bool number_is_float(enum number_type type);

/* n numbers that lie one behind another, at any address.  What is no finite number stays so. */
void number_read(enum number_type type, bool big_endian, size_t n, const uint8_t *bytes,
                 double *out);

/* The same of one integer or float, for headers. */
double number_at(enum number_type type, bool big_endian, const uint8_t *bytes);

/* IEEE 754 binary16: sign, 5 bits of exponent (bias 15), 10 of fraction. */
float number_of_half(uint32_t bits);

#endif
