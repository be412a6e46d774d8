#ifndef HWQ_DEPTHWISE_H
#define HWQ_DEPTHWISE_H

#include "lanes.h"
#include "window.h"
#include "requantise.h"

/* A kernel for each channel (rules L1, L2, L4, R1). Weights are (kernel_h, kernel_w, channels). */
static void depthwise(const in_t *x, const weight_t *weight, const bias_t *bias, const window *v, const requant *q,
                      out_t *restrict y) {
  const int32_t channels = v->channels;
  for (int32_t row = 0; row < v->rows; row++) {
    for (int32_t column = 0; column < v->columns; column++) {
      for (int32_t first = 0; first < channels; first += LANES) {
        const int32_t count = channels - first < LANES ? channels - first : LANES;
        acc_t acc[LANES];
        for (int32_t i = 0; i < count; i++) acc[i] = (acc_t)bias[first + i];
        for (int32_t kh = 0; kh < v->kernel_h; kh++) {
          const int32_t h = row * v->stride_h - v->top + kh * v->dilation_h;
          for (int32_t kw = 0; kw < v->kernel_w; kw++) {
            const weight_t *own = weight + (kh * v->kernel_w + kw) * channels + first;
            const int32_t w = column * v->stride_w - v->left + kw * v->dilation_w;
            if (h >= 0 && h < v->height && w >= 0 && w < v->width) {
              const in_t *from = x + (h * v->width + w) * channels + first;
              for (int32_t i = 0; i < count; i++) acc[i] += (acc_t)own[i] * from[i];
            } else {
              for (int32_t i = 0; i < count; i++) acc[i] += (acc_t)own[i] * v->pad;
            }
          }
        }
        for (int32_t i = 0; i < count; i++) *y++ = (out_t)requantise(acc[i], first + i, q);
      }
    }
  }
}

#endif
