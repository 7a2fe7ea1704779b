// The processor, its threads, and the workspace that depends on both.
#include "Processor.hpp"

#include <stdio.h>

#include "Team.hpp"

namespace {

ck_processor detected() {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("x86-64-v3")) return ck_any_processor;
  if (!__builtin_cpu_supports("x86-64-v4")) return ck_avx2;
  return __builtin_cpu_supports("avx512bf16") ? ck_avx512_bf16 : ck_avx512;
#else
  return ck_any_processor;
#endif
}

/// The greatest family that kernels are chosen for. It is written before the first kernel runs, or never.
ck_processor limit = ck_avx512_bf16;

const char *const names[] = {
#if defined(__aarch64__)
  "an arm64 (NEON)",  // Every arm64 has NEON, so there is one family of them.
#else
  "of no family that has kernels of its own",
#endif
  "an x86-64-v3 (AVX2)", "an x86-64-v4 (AVX-512)", "an x86-64-v4 with bfloat16"};

}  // namespace

ck_processor ck_processor_family(void) {
  static const ck_processor family = detected();
  return family < limit ? family : limit;
}

void ck_limit_processor(ck_processor family) { limit = family; }

bool ck_has_avx512(void) { return ck_processor_family() >= ck_avx512; }

bool ck_has_bfloat16(void) { return ck_processor_family() >= ck_avx512_bf16; }

void ck_set_threads(int threads) { omp_set_num_threads(threads); }

int64_t ck_workspace_bytes(int64_t channels, int threads) {
  return (int64_t)sizeof(double) * 2 * channels * threads;
}

void ck::trapForLack(const char *kernel, const char *needed) {
  fprintf(
    stderr, "%s needs a processor with %s; this one is %s.\n", kernel, needed, names[ck_processor_family()]);
  __builtin_trap();
}
