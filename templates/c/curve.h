#ifndef HWQ_CURVE_H
#define HWQ_CURVE_H

#include "types.h"

/* How a table is read (rule F1): the value of entry 0, 2^step values an entry, a result in low .. high. */
typedef struct {
  int32_t start, step, shift, low, high;
} curve;

#endif
