#ifndef HWQ_GRU_RESET_H
#define HWQ_GRU_RESET_H

#include "lookup.h"
#include "gru_tables.h"

/* sigmoid(r) * value, in whole units of the value (rule S4). */
static wide_t gru_reset(int32_t r, wide_t value, const gru_tables *f) {
  return shift_round(lookup(r, f->sigmoid, &f->form) * value, f->fraction, HALF_UP);
}

#endif
