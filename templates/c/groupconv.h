#ifndef HWQ_GROUPCONV_H
#define HWQ_GROUPCONV_H

#include "tap.h"
#include "requantise.h"

/* Convolution of groups of channels (rules L1, L2, L4, R1): each output sees the channels of its group.
   Weights are (outputs, kernel_h, kernel_w, channels / groups). */
static void groupconv(const in_t *x, const weight_t *weight, const bias_t *bias, const window *v, int32_t groups,
                      const requant *q, out_t *restrict y) {
  const int32_t c = v->channels / groups, share = v->outputs / groups;
  for (int32_t row = 0; row < v->rows; row++) {
    for (int32_t column = 0; column < v->columns; column++) {
      const weight_t *w = weight;
      for (int32_t n = 0; n < v->outputs; n++) {
        const in_t *first = x + n / share * c;
        acc_t acc = (acc_t)bias[n];
        for (int32_t kh = 0; kh < v->kernel_h; kh++) {
          const int32_t h = row * v->stride_h - v->top + kh * v->dilation_h;
          for (int32_t kw = 0; kw < v->kernel_w; kw++, w += c) {
            const int32_t column_in = column * v->stride_w - v->left + kw * v->dilation_w;
            const int32_t inside = h >= 0 && h < v->height && column_in >= 0 && column_in < v->width;
            acc += tap(inside ? first + (h * v->width + column_in) * v->channels : x, w, c, inside, v->pad);
          }
        }
        *y++ = (out_t)requantise(acc, n, q);
      }
    }
  }
}

#endif
