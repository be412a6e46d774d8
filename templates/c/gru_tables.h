#ifndef HWQ_GRU_TABLES_H
#define HWQ_GRU_TABLES_H

#include "curve.h"
#include "requant.h"

/* Tables and requantisation of a gated recurrent unit; fraction are the bits behind the point of a sigmoid. */
typedef struct {
  const entry_t *sigmoid, *tanh;
  curve form;
  int32_t fraction, shift_a, shift_b;
  requant output;
} gru_tables;

#endif
