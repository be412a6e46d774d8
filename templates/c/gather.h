#ifndef HWQ_GATHER_H
#define HWQ_GATHER_H

#include "types.h"

/* Each element is one of the input, or pad where the position is -1 (rule C3). */
static void gather(const in_t *x, const index_t *index, int32_t count, int32_t pad, out_t *restrict y) {
  for (int32_t i = 0; i < count; i++) y[i] = index[i] < 0 ? (out_t)pad : (out_t)x[index[i]];
}

#endif
