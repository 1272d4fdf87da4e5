// Any processor: what the compiler's baseline has.

#include <float.h>
#include <math.h>

#include "CKernels.h"
#include "levels.h"

#define LEVEL ck_portable
#define NAME "portable"
#define TILE_HEIGHT 2
#define TILE_WIDTH 1
#include "level.h"
