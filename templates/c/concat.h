#ifndef HWQ_CONCAT_H
#define HWQ_CONCAT_H

#include "blocks.h"

/* One input of a concatenation, block by block (rule C1). */
static void concat(const in_t *x, const blocks *v, in_t *restrict y) {
  for (int32_t i = 0; i < v->count; i++) {
    memcpy(y + v->first + i * v->distance, x + i * v->size, (size_t)v->size * sizeof *x);
  }
}

#endif
