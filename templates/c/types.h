/* The types of a layer, for reading its function alone: hwq writes those of the layer in their place. */
#ifndef HWQ_TYPES_H
#define HWQ_TYPES_H

#include <stdint.h>
#include <string.h>

typedef uint8_t in_t;      /* first input */
typedef uint8_t other_t;   /* second input */
typedef int8_t weight_t;   /* weights */
typedef int32_t bias_t;    /* biases */
typedef int16_t entry_t;   /* entries of tables */
typedef int16_t index_t;   /* positions */
typedef int32_t acc_t;     /* sums: holds every partial sum, in any order (rule L3) */
typedef int64_t wide_t;    /* products with a multiplier, before they are shifted */
typedef int32_t bound_t;   /* zero points and the ends of clamps */
typedef uint16_t factor_t; /* multipliers */
typedef int8_t out_t;      /* output */

#endif
