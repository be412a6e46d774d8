#ifndef HWQ_GRU_AFTER_H
#define HWQ_GRU_AFTER_H

#include "state_sum.h"
#include "preactivation.h"
#include "gru_blend.h"
#include "gru_reset.h"

/* Gated recurrent unit (rules S2, S4, F1) whose reset gate acts on the sums of rows n.
   Rows z, r of each unit, then rows n. Weights are (rows, units). */
static void gru_after(const in_t *x, const weight_t *weight, const bias_t *bias, const recurrence *v,
                      const requant *gate, const gru_tables *f, out_t *restrict y) {
  const out_t *h = NULL;
  for (int32_t t = 0; t < v->steps; t++, x += v->rows, h = y, y += v->units) {
    for (int32_t j = 0; j < v->units; j++) {
      const int32_t row = 2 * v->units + j;
      const int32_t z = preactivation(state_sum(h, weight, bias, 2 * j, v), x, 2 * j, v, gate);
      const int32_t r = preactivation(state_sum(h, weight, bias, 2 * j + 1, v), x, 2 * j + 1, v, gate);
      const wide_t sum = gru_reset(r, state_sum(h, weight, bias, row, v), f);
      y[j] = (out_t)gru_blend(z, preactivation(sum, x, row, v, gate), h == NULL ? 0 : h[j], f);
    }
  }
}

#endif
