#ifndef HWQ_LSTM_TABLES_H
#define HWQ_LSTM_TABLES_H

#include "curve.h"
#include "requant.h"

/* Tables and requantisations of a long short-term memory; the shifts bring its two products to one scale. */
typedef struct {
  const entry_t *sigmoid, *tanh, *cell_tanh;
  curve form, cell_form;
  int32_t shift_a, shift_b;
  requant cell, output;
} lstm_tables;

#endif
