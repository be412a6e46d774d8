#ifndef HWQ_TERMS_H
#define HWQ_TERMS_H

#include "types.h"

/* What is added and multiplied element by element. */
typedef struct {
  int32_t count;              /* elements */
  int32_t factor_a, factor_b; /* of the inputs */
  int32_t zero_a, zero_b;     /* zero points of the inputs */
  int64_t bias;
} terms;

#endif
