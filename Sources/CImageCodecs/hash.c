#include "CImageCodecs.h"
#include <string.h>
#include <zlib.h>

uint32_t byol_crc32(uint32_t seed, const uint8_t *bytes, size_t count) {
  return (uint32_t)crc32_z(seed, bytes, count);
}

static uint64_t turn(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

static uint64_t scatter(uint64_t x) {
  x = (x ^ x >> 32) * 0xD6E8FEB86659FD93u;
  x = (x ^ x >> 32) * 0xD6E8FEB86659FD93u;
  return x ^ x >> 32;
}

void byol_hash128(const uint8_t *bytes, size_t count, uint64_t hash[2]) {
  uint64_t a = 0x9E3779B97F4A7C15u ^ count, b = 0xC2B2AE3D27D4EB4Fu + count;
  while (count > 0) {
    uint64_t word = 0;
    size_t n = count < 8 ? count : 8;
    memcpy(&word, bytes, n);
    a = turn(a ^ word * 0x87C37B91114253D5u, 29) * 0x9FB21C651E98DF25u;
    b = turn(b + word, 31) * 0x4CF5AD432745937Fu ^ a;
    bytes += n;
    count -= n;
  }
  hash[0] = scatter(a + b);
  hash[1] = scatter(b ^ turn(a, 17));
}
