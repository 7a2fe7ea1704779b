// The sizes of the processor's caches, from which kernels choose the sizes of their blocks.
#pragma once
#include <stdint.h>

namespace ck {

struct Caches {
  /// Bytes of a core's first and second data cache.
  int64_t first, second;
};

/// The sizes that the system tells, read once; 32 KiB and 512 KiB where it tells none.
const Caches &caches();

}  // namespace ck
