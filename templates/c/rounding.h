#ifndef HWQ_ROUNDING_H
#define HWQ_ROUNDING_H

#include "types.h"

/* What becomes of a fraction (rule R2). */
enum { FLOOR, HALF_UP, HALF_EVEN, HALF_AWAY };

#endif
