#ifndef HWQ_HEADS_H
#define HWQ_HEADS_H

#include "types.h"

/* A product of two tensors: heads * rows pixels of a, heads * columns of b, and their zero points. */
typedef struct {
  int32_t heads, rows, columns, channels, zero_a, zero_b;
} heads;

#endif
