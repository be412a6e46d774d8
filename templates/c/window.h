#ifndef HWQ_WINDOW_H
#define HWQ_WINDOW_H

#include "types.h"

/* A window over an image (rule L4); taps outside of the image read pad. */
typedef struct {
  int32_t height, width, channels; /* of the input */
  int32_t rows, columns, outputs;  /* of the output */
  int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  int32_t top, left; /* padding */
  int32_t pad, groups;
} window;

#endif
