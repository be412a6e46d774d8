#ifndef HWQ_BORDER_H
#define HWQ_BORDER_H

#include "types.h"

/* Adds to accumulators what a tap in the padding does, which reads pad in every channel. */
static void border(int32_t pad, int32_t count, const weight_t *weight, int32_t size, int32_t rows,
                   acc_t *restrict acc) {
  for (int32_t r = 0; r < rows; r++) {
    for (int32_t i = 0; i < count; i++) acc[r] += (acc_t)weight[r * size + i] * pad;
  }
}

#endif
