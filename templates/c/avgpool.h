#ifndef HWQ_AVGPOOL_H
#define HWQ_AVGPOOL_H

#include "lanes.h"
#include "window.h"
#include "requantise.h"

/* The sum of each window, requantised (rules P2, L4, R1); the multiplier divides by the number of taps. */
static void avgpool(const in_t *x, const window *v, acc_t bias, const requant *q, out_t *restrict y) {
  const int32_t channels = v->channels;
  for (int32_t row = 0; row < v->rows; row++) {
    for (int32_t column = 0; column < v->columns; column++) {
      for (int32_t first = 0; first < channels; first += LANES) {
        const int32_t count = channels - first < LANES ? channels - first : LANES;
        acc_t acc[LANES];
        for (int32_t i = 0; i < count; i++) acc[i] = bias;
        for (int32_t kh = 0; kh < v->kernel_h; kh++) {
          const int32_t h = row * v->stride_h - v->top + kh * v->dilation_h;
          for (int32_t kw = 0; kw < v->kernel_w; kw++) {
            const int32_t w = column * v->stride_w - v->left + kw * v->dilation_w;
            if (h >= 0 && h < v->height && w >= 0 && w < v->width) {
              const in_t *from = x + (h * v->width + w) * channels + first;
              for (int32_t i = 0; i < count; i++) acc[i] += from[i];
            } else {
              for (int32_t i = 0; i < count; i++) acc[i] += v->pad;
            }
          }
        }
        for (int32_t i = 0; i < count; i++) *y++ = (out_t)requantise(acc[i], 0, q);
      }
    }
  }
}

#endif
