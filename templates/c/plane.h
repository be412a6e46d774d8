#ifndef HWQ_PLANE_H
#define HWQ_PLANE_H

#include "tap.h"
#include "requantise.h"

/* One output of a convolution at every pixel (rules L1, L2, L4, R1), from the channels of its group. */
static void plane(const in_t *x, const weight_t *weight, acc_t bias, const window *v, int32_t n, const requant *q,
                  out_t *restrict y) {
  int32_t place = n;
  const int32_t c = v->channels / v->groups, line = v->kernel_w * c;
  for (int32_t row = 0; row < v->rows; row++) {
    for (int32_t column = 0; column < v->columns; column++, place += v->outputs) {
      const int32_t left = column * v->stride_w - v->left;
      const int32_t whole = v->groups == 1 && v->dilation_w == 1 && left >= 0 && left + v->kernel_w <= v->width;
      const weight_t *w = weight;
      acc_t acc = bias;
      for (int32_t kh = 0; kh < v->kernel_h; kh++) {
        const int32_t h = row * v->stride_h - v->top + kh * v->dilation_h;
        const int32_t inside = h >= 0 && h < v->height;
        if (inside && whole) { /* the taps of a row lie side by side */
          acc += dot(x + (h * v->width + left) * c, w, line);
          w += line;
          continue;
        }
        for (int32_t kw = 0; kw < v->kernel_w; kw++, w += c) {
          const int32_t column_in = left + kw * v->dilation_w;
          const int32_t within = inside && column_in >= 0 && column_in < v->width;
          acc += tap(within ? x + (h * v->width + column_in) * v->channels : x, w, c, within, v->pad);
        }
      }
      y[place] = (out_t)requantise(acc, n, q);
    }
  }
}

#endif
