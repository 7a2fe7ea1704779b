// What the loops over pixels share. Each public function is compiled for several processors and the
// fitting one is chosen when the program starts.
#pragma once
#include "ImageKernels.h"

// Not under the thread sanitizer: what chooses would call it before it is there.
#if defined(__x86_64__) && defined(__linux__) && !__has_feature(thread_sanitizer)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif
#define INLINE static inline __attribute__((always_inline))

typedef float floats16 __attribute__((vector_size(64), aligned(4)));

INLINE float unit(float x) { return x < 0 ? 0 : x > 1 ? 1 : x; }
