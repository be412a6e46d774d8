#ifndef HWQ_ROWS_H
#define HWQ_ROWS_H

#include "types.h"

/* Outputs of a convolution that are computed together: each input is read once for all of them. */
enum { ROWS = 4 };

#endif
