#ifndef HWQ_CODING_H
#define HWQ_CODING_H

#include "types.h"

/* Weights as numbers of table entries (rule L5): bits of one, 1, 2, 4 or 8, bytes of those of an output,
   and one table (step 0), or one of step entries for each output. */
typedef struct {
  int32_t bits, bytes, step;
} coding;

#endif
