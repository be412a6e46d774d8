#ifndef HWQ_WALK_H
#define HWQ_WALK_H

#include "strides.h"

/* Elements of the input at positions with a step along each axis (rule C3). */
static void walk(const in_t *x, const strides *v, out_t *restrict y) {
  for (int32_t h = 0; h < v->height; h++) {
    for (int32_t w = 0; w < v->width; w++) {
      const int32_t first = v->start + h * v->step_h + w * v->step_w;
      for (int32_t c = 0; c < v->channels; c++) *y++ = (out_t)x[first + c * v->step_c];
    }
  }
}

#endif
