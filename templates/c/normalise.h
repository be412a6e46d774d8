#ifndef HWQ_NORMALISE_H
#define HWQ_NORMALISE_H

#include "spread.h"
#include "shift_round.h"
#include "clamp.h"

/* The channels of each pixel at zero mean and unit variance, the root from a table (rule N2). */
static void normalise(const in_t *x, const uint16_t *roots, const spread *v, out_t *restrict y) {
  for (int32_t pixel = 0; pixel < v->pixels; pixel++, x += v->channels) {
    wide_t sum = 0, variance = v->eps, root;
    int32_t j = 0, excess;
    for (int32_t c = 0; c < v->channels; c++) sum += x[c];
    for (int32_t c = 0; c < v->channels; c++) {
      const wide_t d = (wide_t)v->channels * x[c] - sum;
      variance += d * d;
    }
    while (variance >> (2 * j) != 0) j++;
    excess = 2 * j - (v->index_bits + 2);
    root = roots[(excess < 0 ? variance << -excess : variance >> excess) - ((wide_t)1 << v->index_bits)];
    for (int32_t c = 0; c < v->channels; c++) {
      const wide_t d = (wide_t)v->channels * x[c] - sum;
      const wide_t scaled = shift_round(d * ((wide_t)1 << (30 - j)) * root, 30 + v->fraction, HALF_UP);
      *y++ = (out_t)clamp(scaled, v->low, v->high);
    }
  }
}

#endif
