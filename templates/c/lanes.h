#ifndef HWQ_LANES_H
#define HWQ_LANES_H

#include "types.h"

/* Channels of a pixel that are computed together. */
enum { LANES = 16 };

#endif
