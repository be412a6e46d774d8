#ifndef HWQ_SHARES_H
#define HWQ_SHARES_H

#include "types.h"

/* A softmax: size entries, 2^step distances an entry, results of bits bits. */
typedef struct {
  int32_t pixels, channels, size, step, reciprocal_bits, bits;
} shares;

#endif
