#ifndef HWQ_THRESHOLD_H
#define HWQ_THRESHOLD_H

#include "levels.h"

/* low + how many of its thresholds each element has reached (rule B1). */
static void threshold(const in_t *x, const entry_t *thresholds, const levels *v, out_t *restrict y) {
  for (int32_t pixel = 0; pixel < v->pixels; pixel++) {
    for (int32_t c = 0; c < v->channels; c++, x++) {
      const entry_t *row = thresholds + c * v->step;
      int32_t reached = 0, end = v->count; /* row[reached - 1] <= x < row[end] */
      while (reached < end) {
        const int32_t middle = (reached + end) / 2;
        if (row[middle] <= *x) {
          reached = middle + 1;
        } else {
          end = middle;
        }
      }
      *y++ = (out_t)(v->low + reached);
    }
  }
}

#endif
