#ifndef HWQ_LSTM_H
#define HWQ_LSTM_H

#include "state_sum.h"
#include "preactivation.h"
#include "lookup.h"
#include "lstm_tables.h"

/* Long short-term memory (rules S2, S3, F1): rows i, o, f, g of each unit.
   Weights are (rows, units), c is the cell state. */
static void lstm(const in_t *x, const weight_t *weight, const bias_t *bias, const recurrence *v, const requant *gate,
                 const lstm_tables *f, int16_t *restrict c, out_t *restrict y) {
  const out_t *h = NULL;
  memset(c, 0, (size_t)v->units * sizeof *c);
  for (int32_t t = 0; t < v->steps; t++, x += v->rows, h = y, y += v->units) {
    for (int32_t j = 0; j < v->units; j++) {
      int32_t p[4];
      wide_t kept, made;
      for (int32_t k = 0; k < 4; k++) {
        p[k] = preactivation(state_sum(h, weight, bias, 4 * j + k, v), x, 4 * j + k, v, gate);
      }
      kept = lookup(p[2], f->sigmoid, &f->form) * c[j] * ((wide_t)1 << f->shift_a);
      made = lookup(p[0], f->sigmoid, &f->form) * lookup(p[3], f->tanh, &f->form) * ((wide_t)1 << f->shift_b);
      c[j] = (int16_t)requantise(kept + made, 0, &f->cell);
      made = lookup(p[1], f->sigmoid, &f->form) * lookup(c[j], f->cell_tanh, &f->cell_form);
      y[j] = (out_t)requantise(made, 0, &f->output);
    }
  }
}

#endif
