#ifndef HWQ_STRIDES_H
#define HWQ_STRIDES_H

#include "types.h"

/* Elements of the output, and how far the position in the input moves along each axis. */
typedef struct {
  int32_t height, width, channels, start, step_h, step_w, step_c;
} strides;

#endif
