#ifndef HWQ_MAXIMUM_H
#define HWQ_MAXIMUM_H

#include "types.h"

/* The larger of two values (rule A4). */
static void maximum(const in_t *a, const in_t *b, int32_t count, out_t *restrict y) {
  for (int32_t i = 0; i < count; i++) y[i] = (out_t)(a[i] > b[i] ? a[i] : b[i]);
}

#endif
