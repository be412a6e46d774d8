#ifndef HWQ_DECODE_H
#define HWQ_DECODE_H

#include "types.h"

/* Weights from their codes of so many bits, the first in the lowest bits of a byte. */
static void decode(const uint8_t *codes, const weight_t *table, int32_t bits, int32_t count,
                   weight_t *restrict weight) {
  const int32_t mask = ((int32_t)1 << bits) - 1;
  for (int32_t i = 0; i < count; i++) weight[i] = table[(codes[i * bits / 8] >> (i * bits % 8)) & mask];
}

#endif
