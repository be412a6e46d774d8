#ifndef HWQ_REQUANT_H
#define HWQ_REQUANT_H

#include "types.h"

/* A requantisation (rule R1): one multiplier (step 0), or one for each channel (step 1). */
typedef struct {
  const factor_t *multiplier;
  int32_t step, shift, rounding;
  bound_t zero, low, high;
} requant;

#endif
