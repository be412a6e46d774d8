#ifndef HWQ_PLANE_H
#define HWQ_PLANE_H

#include "dots.h"
#include "border.h"
#include "window.h"
#include "requantise.h"

/* Outputs n, n + 1 .. of a convolution, so many rows, at every pixel (rules L1, L2, L4, R1); x is their group's. */
static void plane(const in_t *x, const weight_t *weight, const bias_t *bias, int32_t n, int32_t rows, const window *v,
                  const requant *q, out_t *restrict y) {
  const int32_t c = v->channels / v->groups, size = v->kernel_h * v->kernel_w * c;
  for (int32_t row = 0; row < v->rows; row++) {
    for (int32_t column = 0; column < v->columns; column++) {
      const int32_t left = column * v->stride_w - v->left;
      const int32_t whole = v->groups == 1 && v->dilation_w == 1 && left >= 0 && left + v->kernel_w <= v->width;
      const weight_t *w = weight;
      acc_t acc[ROWS];
      for (int32_t r = 0; r < rows; r++) acc[r] = (acc_t)bias[n + r];
      for (int32_t kh = 0; kh < v->kernel_h; kh++) {
        const int32_t h = row * v->stride_h - v->top + kh * v->dilation_h;
        const int32_t inside = h >= 0 && h < v->height;
        if (inside && whole) { /* the taps of a row lie side by side */
          dots(x + (h * v->width + left) * c, v->kernel_w * c, w, size, rows, acc);
          w += v->kernel_w * c;
          continue;
        }
        for (int32_t kw = 0; kw < v->kernel_w; kw++, w += c) {
          const int32_t column_in = left + kw * v->dilation_w;
          if (inside && column_in >= 0 && column_in < v->width) {
            dots(x + (h * v->width + column_in) * v->channels, c, w, size, rows, acc);
          } else if (v->pad != 0) {
            border(v->pad, c, w, size, rows, acc);
          }
        }
      }
      for (int32_t r = 0; r < rows; r++) {
        y[(row * v->columns + column) * v->outputs + n + r] = (out_t)requantise(acc[r], n + r, q);
      }
    }
  }
}

#endif
