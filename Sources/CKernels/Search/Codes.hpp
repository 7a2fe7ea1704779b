// Loops over codes: unsigned bytes that stand for the components of vectors, sixteen rows interleaved.
#pragma once
#include <stdint.h>

namespace ck {

/// Rows that a block of codes holds, side by side.
const int64_t rowsPerBlock = 16;

/// One scan: the products of `count` queries with `blocks` blocks of codes.
struct Scan {
  const uint8_t *codes;
  const int8_t *queries;
  /// Groups of four components in a row.
  int64_t groups;
  int64_t blocks;
  int64_t count;
  /// [count][16 · blocks]
  int32_t *products;
};

/// The scan of one family of processors, and the greatest query code with which its sums cannot overflow.
struct SearchTasks {
  void (*scan)(const Scan &);
  int limit;
};

extern const SearchTasks searchPortable;
#if defined(__x86_64__)
extern const SearchTasks searchForAVX2, searchForVNNI;
#endif

}  // namespace ck
