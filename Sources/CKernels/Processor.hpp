// What the processor can do, and what happens where it cannot.
#pragma once
#include "include/CKernels.h"

namespace ck {

/// Ends the process with a message that names the kernel, what it needs and the processor. A kernel that did nothing
/// instead would leave old bytes of memory where its result belongs.
[[noreturn]] void trapForLack(const char *kernel, const char *needed = "bfloat16 (AVX-512 or NEON)");

}  // namespace ck

/// The first statement of every kernel that multiplies bfloat16.
#define CK_REQUIRE_BFLOAT16()                               \
  do {                                                      \
    if (!ck_has_bfloat16()) ck::trapForLack(__func__);      \
  } while (false)