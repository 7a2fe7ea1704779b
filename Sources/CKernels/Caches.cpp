#include "Caches.hpp"

#include <unistd.h>

namespace {

/// What the system says of one cache, if that is a size that a cache may have.
int64_t size(int name, int64_t otherwise) {
  const long told = name < 0 ? -1 : sysconf(name);
  return told >= 8 << 10 && told <= 64 << 20 ? told : otherwise;
}

ck::Caches measured() {
#if defined(_SC_LEVEL1_DCACHE_SIZE)
  const int first = _SC_LEVEL1_DCACHE_SIZE, second = _SC_LEVEL2_CACHE_SIZE;
#else
  const int first = -1, second = -1;
#endif
  return {size(first, 32 << 10), size(second, 512 << 10)};
}

}  // namespace

const ck::Caches &ck::caches() {
  static const Caches sizes = measured();
  return sizes;
}
