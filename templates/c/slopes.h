#ifndef HWQ_SLOPES_H
#define HWQ_SLOPES_H

#include "types.h"

/* The factors on both sides of zero: negative is one (step 0), or one for each channel (step 1). */
typedef struct {
  int32_t pixels, channels, bias, positive;
  const int32_t *negative;
  int32_t step;
} slopes;

#endif
