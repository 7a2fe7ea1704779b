// The team of threads on which every kernel runs: oneDNN's own.
//
// Two thread pools on the same cores would fight for them. So our loops enter the GNU OpenMP runtime that oneDNN is
// linked to, by its entry point GOMP_parallel. Clang's own OpenMP support would load a second runtime.
#pragma once
#include <stdint.h>

extern "C" {
void GOMP_parallel(void (*body)(void *), void *argument, unsigned threads, unsigned flags);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
int omp_get_max_threads(void);
void omp_set_num_threads(int);
}

namespace ck {

/// One thread's part of a loop. Its argument is a structure that all threads read.
typedef void (*Task)(void *argument);

/// The share `[first, last)` of `count` units that falls to one thread of the team.
struct Share {
  int64_t first, last;
  int thread, threads;
};
inline Share share(int64_t count) {
  int thread = omp_get_thread_num(), threads = omp_get_num_threads();
  return {count * thread / threads, count * (thread + 1) / threads, thread, threads};
}

/// Runs a task on every thread of the team and waits for all of them.
template <class Argument>
void runOnTeam(Task task, Argument &argument) {
  GOMP_parallel(task, &argument, (unsigned)omp_get_max_threads(), 0);
}

/// The same, or on this thread alone where `work`, in elements, is too small to be worth waking the others.
template <class Argument>
void runOnTeam(Task task, Argument &argument, int64_t work) {
  const int64_t worthATeam = 1 << 14;
  const unsigned threads = work < worthATeam ? 1 : (unsigned)omp_get_max_threads();
  GOMP_parallel(task, &argument, threads, 0);
}

}  // namespace ck
