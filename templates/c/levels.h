#ifndef HWQ_LEVELS_H
#define HWQ_LEVELS_H

#include "types.h"

/* Rising rows of count thresholds: one row (step 0), or one for each channel (step count). */
typedef struct {
  int32_t pixels, channels, count, step, low;
} levels;

#endif
