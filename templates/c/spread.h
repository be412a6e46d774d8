#ifndef HWQ_SPREAD_H
#define HWQ_SPREAD_H

#include "types.h"

/* A normalisation: bits of the index into its table, and of the fraction of its entries. */
typedef struct {
  int32_t pixels, channels, index_bits, fraction, low, high;
  int64_t eps;
} spread;

#endif
