#ifndef HWQ_GRU_BLEND_H
#define HWQ_GRU_BLEND_H

#include "lookup.h"
#include "gru_tables.h"
#include "requantise.h"

/* sigmoid(z) * h * 2^a + (1 - sigmoid(z)) * tanh(n) * 2^b, requantised (rule S4). */
static wide_t gru_blend(int32_t z, int32_t n, wide_t h, const gru_tables *f) {
  const wide_t share = lookup(z, f->sigmoid, &f->form), rest = ((wide_t)1 << f->fraction) - share;
  const wide_t kept = share * h * ((wide_t)1 << f->shift_a);
  const wide_t made = rest * lookup(n, f->tanh, &f->form) * ((wide_t)1 << f->shift_b);
  return requantise(kept + made, 0, &f->output);
}

#endif
