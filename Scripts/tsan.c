/* Tells the thread sanitizer of what it does not see: the slow paths of Swift's `Mutex`, and teams of OpenMP.
 *
 * A `Mutex` that is free is taken by an atomic operation in the program, which the sanitizer sees. One that is not is
 * taken and handed on inside libswiftSynchronization, by operations and futex calls that it does not see. In the same
 * way libgomp starts the threads of a team and waits for them. Without this the sanitizer would report whatever two
 * threads do under a contended lock, and whatever a team does. Loaded before these libraries, the functions here stand
 * in for theirs, call them, and say what they did.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* In programs that are built with the sanitizer; null in all others. */
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

static void acquire(void *address) {
  if (__tsan_acquire) __tsan_acquire(address);
}

static void release(void *address) {
  if (__tsan_release) __tsan_release(address);
}

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *self
/* _MutexHandle._lockSlow(UInt32), _tryLockSlow() -> Bool and _unlockSlow() of Swift 6.3. */
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

static void *library_function(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (!found) {
    fprintf(stderr, "tsan: the library has no %s\n", name);
    abort();
  }
  return found;
}

SWIFT void lock(uint32_t thread, SELF) __asm__(LOCK);
SWIFT void lock(uint32_t thread, SELF) {
  static SWIFT void (*original)(uint32_t, SELF);
  if (!original) original = (SWIFT void (*)(uint32_t, SELF))library_function(LOCK);
  original(thread, self);
  acquire(self);
}

SWIFT bool try_lock(SELF) __asm__(TRY_LOCK);
SWIFT bool try_lock(SELF) {
  static SWIFT bool (*original)(SELF);
  if (!original) original = (SWIFT bool (*)(SELF))library_function(TRY_LOCK);
  bool taken = original(self);
  if (taken) acquire(self);
  return taken;
}

SWIFT void unlock(SELF) __asm__(UNLOCK);
SWIFT void unlock(SELF) {
  static SWIFT void (*original)(SELF);
  if (!original) original = (SWIFT void (*)(SELF))library_function(UNLOCK);
  release(self);
  original(self);
}

struct team {
  void (*body)(void *);
  void *argument;
};

static void member(void *argument) {
  struct team *team = argument;
  acquire(team);
  team->body(team->argument);
  release(team);
}

void GOMP_parallel(void (*body)(void *), void *argument, unsigned threads, unsigned flags) {
  static void (*original)(void (*)(void *), void *, unsigned, unsigned);
  if (!original)
    original = (void (*)(void (*)(void *), void *, unsigned, unsigned))library_function("GOMP_parallel");
  struct team team = {body, argument};
  release(&team);
  original(member, &team, threads, flags);
  acquire(&team);
}
