#ifndef HWQ_CONV_CODED_H
#define HWQ_CONV_CODED_H

#include "plane.h"
#include "coding.h"
#include "decode.h"

/* A convolution whose weights are coded; scratch holds those of one output. */
static void conv_coded(const in_t *x, const uint8_t *codes, const weight_t *table, const coding *f, const bias_t *bias,
                       const window *v, const requant *q, weight_t *scratch, out_t *y) {
  const int32_t c = v->channels / v->groups, size = v->kernel_h * v->kernel_w * c, share = v->outputs / v->groups;
  for (int32_t n = 0; n < v->outputs; n++) {
    decode(codes + n * f->bytes, table + n * f->step, f->bits, size, scratch);
    plane(x + n / share * c, scratch, bias, n, 1, v, q, y);
  }
}

#endif
