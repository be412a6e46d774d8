#ifndef HWQ_PAD_H
#define HWQ_PAD_H

#include "window.h"

/* The image with a border that reads pad (rule P3). */
static void pad(const in_t *x, const window *v, out_t *restrict y) {
  for (int32_t row = 0; row < v->rows; row++) {
    for (int32_t column = 0; column < v->columns; column++, y += v->channels) {
      const int32_t h = row - v->top, w = column - v->left;
      const int32_t inside = h >= 0 && h < v->height && w >= 0 && w < v->width;
      for (int32_t c = 0; c < v->channels; c++) {
        y[c] = inside ? (out_t)x[(h * v->width + w) * v->channels + c] : (out_t)v->pad;
      }
    }
  }
}

#endif
