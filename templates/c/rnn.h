#ifndef HWQ_RNN_H
#define HWQ_RNN_H

#include "state_sum.h"
#include "preactivation.h"
#include "lookup.h"

/* A plain recurrent layer (rules S2, S5, F1). Weights are (rows, units). */
static void rnn(const in_t *x, const weight_t *weight, const bias_t *bias, const recurrence *v, const requant *gate,
                const entry_t *activation, const curve *form, out_t *restrict y) {
  const out_t *h = NULL;
  for (int32_t t = 0; t < v->steps; t++, x += v->rows, h = y, y += v->units) {
    for (int32_t j = 0; j < v->units; j++) {
      const int32_t p = preactivation(state_sum(h, weight, bias, j, v), x, j, v, gate);
      y[j] = (out_t)lookup(p, activation, form);
    }
  }
}

#endif
