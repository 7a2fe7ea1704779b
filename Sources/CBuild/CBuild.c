#include "CBuild.h"

#ifndef BYOL_COMMIT
#define BYOL_COMMIT ""
#endif

const char *byol_build_commit(void) { return BYOL_COMMIT; }
