// The processor, its threads, and the workspace that depends on both.
#include "Processor.hpp"

#include <stdio.h>

#include "Team.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#ifndef HWCAP2_BF16
#define HWCAP2_BF16 (1 << 14)
#endif
#endif

namespace {

#if defined(__x86_64__)
/// Whether there are tiles of bfloat16, and the system saves their registers. Linux does so for a process that asks for it
/// (Documentation/arch/x86/xstate.rst): they are 8 KiB per thread.
bool hasTiles() {
  const unsigned amxBFloat16 = 1 << 22, amxTile = 1 << 24;  // In EDX of leaf 7.
  unsigned eax, ebx, ecx, edx;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return false;
  if (!(edx & amxBFloat16) || !(edx & amxTile)) return false;
#if defined(__linux__)
  const long requestPermission = 0x1023, tileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
#else
  return false;
#endif
}
#endif

ck_processor detected() {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("x86-64-v3")) return ck_any_processor;
  if (!__builtin_cpu_supports("x86-64-v4")) return ck_avx2;
  if (!__builtin_cpu_supports("avx512bf16")) return ck_avx512;
  return hasTiles() ? ck_amx : ck_avx512_bf16;
#elif defined(__aarch64__) && defined(__linux__)
  return getauxval(AT_HWCAP2) & HWCAP2_BF16 ? ck_neon_bf16 : ck_any_processor;
#else
  return ck_any_processor;
#endif
}

/// The greatest family that kernels are chosen for. It is written before the first kernel runs, or never.
ck_processor limit = ck_neon_bf16;

const char *const names[] = {
#if defined(__aarch64__)
  "an arm64 (NEON)",  // Every arm64 has NEON.
#else
  "of no family that has kernels of its own",
#endif
  "an x86-64-v3 (AVX2)", "an x86-64-v4 (AVX-512)", "an x86-64-v4 with bfloat16",
  "an x86-64-v4 with AMX", "an arm64 (NEON) with bfloat16"};

}  // namespace

ck_processor ck_processor_family(void) {
  static const ck_processor family = detected();
#if defined(__aarch64__)
  return family <= limit ? family : ck_any_processor;
#else
  return family < limit ? family : limit;
#endif
}

void ck_limit_processor(ck_processor family) { limit = family; }

bool ck_has_avx512(void) {
  return ck_processor_family() >= ck_avx512 && ck_processor_family() <= ck_amx;
}

bool ck_has_bfloat16(void) { return ck_processor_family() >= ck_avx512_bf16; }

bool ck_has_amx(void) { return ck_processor_family() == ck_amx; }

void ck_set_threads(int threads) { omp_set_num_threads(threads); }

int64_t ck_workspace_bytes(int64_t channels, int threads) {
  return (int64_t)sizeof(double) * 2 * channels * threads;
}

void ck::trapForLack(const char *kernel, const char *needed) {
  fprintf(
    stderr, "%s needs a processor with %s; this one is %s.\n", kernel, needed, names[ck_processor_family()]);
  __builtin_trap();
}
