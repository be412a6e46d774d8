#ifndef HWQ_MAXPOOL_H
#define HWQ_MAXPOOL_H

#include "lanes.h"
#include "window.h"

/* The largest value of each window (rules P1, L4); pad is the lowest value of the type. */
static void maxpool(const in_t *x, const window *v, out_t *restrict y) {
  const int32_t channels = v->channels;
  for (int32_t row = 0; row < v->rows; row++) {
    for (int32_t column = 0; column < v->columns; column++) {
      for (int32_t first = 0; first < channels; first += LANES) {
        const int32_t count = channels - first < LANES ? channels - first : LANES;
        out_t best[LANES];
        for (int32_t i = 0; i < count; i++) best[i] = (out_t)v->pad;
        for (int32_t kh = 0; kh < v->kernel_h; kh++) {
          const int32_t h = row * v->stride_h - v->top + kh * v->dilation_h;
          for (int32_t kw = 0; kw < v->kernel_w; kw++) {
            const int32_t w = column * v->stride_w - v->left + kw * v->dilation_w;
            if (h >= 0 && h < v->height && w >= 0 && w < v->width) {
              const in_t *from = x + (h * v->width + w) * channels + first;
              for (int32_t i = 0; i < count; i++) best[i] = (out_t)(from[i] > best[i] ? from[i] : best[i]);
            }
          }
        }
        for (int32_t i = 0; i < count; i++) *y++ = best[i];
      }
    }
  }
}

#endif
