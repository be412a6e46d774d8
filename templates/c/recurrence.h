#ifndef HWQ_RECURRENCE_H
#define HWQ_RECURRENCE_H

#include "types.h"

/* A recurrent layer: factors bring the input to the scale of the sums, one (step 0) or one for each row (step 1). */
typedef struct {
  int32_t steps, units, rows;
  const uint16_t *factor;
  int32_t step;
} recurrence;

#endif
