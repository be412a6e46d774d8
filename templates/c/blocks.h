#ifndef HWQ_BLOCKS_H
#define HWQ_BLOCKS_H

#include "types.h"

/* Where the blocks of one input go: number and size, their distance and the place of the first (rule C1). */
typedef struct {
  int32_t count, size, distance, first;
} blocks;

#endif
