#ifndef HWQ_MINIMUM_H
#define HWQ_MINIMUM_H

#include "types.h"

/* The smaller of two values (rule A4). */
static void minimum(const in_t *a, const in_t *b, int32_t count, out_t *restrict y) {
  for (int32_t i = 0; i < count; i++) y[i] = (out_t)(a[i] < b[i] ? a[i] : b[i]);
}

#endif
