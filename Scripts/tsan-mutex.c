/* Tells the thread sanitizer of the slow paths of Swift's `Mutex`.
 *
 * A `Mutex` that is free is taken by an atomic operation in the program, which the sanitizer sees. One that is not is taken and
 * handed on inside libswiftSynchronization, by operations and futex calls that it does not see; so it would report whatever two
 * threads do under a contended lock. Loaded before the library, these functions stand in for its own, call them, and say what they did.
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

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *self
/* _MutexHandle._lockSlow(UInt32), _tryLockSlow() -> Bool and _unlockSlow() of Swift 6.3. */
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

static void *library_function(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (!found) {
    fprintf(stderr, "tsan-mutex: the library has no %s\n", name);
    abort();
  }
  return found;
}

SWIFT void lock(uint32_t thread, SELF) __asm__(LOCK);
SWIFT void lock(uint32_t thread, SELF) {
  static SWIFT void (*original)(uint32_t, SELF);
  if (!original) original = (SWIFT void (*)(uint32_t, SELF))library_function(LOCK);
  original(thread, self);
  if (__tsan_acquire) __tsan_acquire(self);
}

SWIFT bool try_lock(SELF) __asm__(TRY_LOCK);
SWIFT bool try_lock(SELF) {
  static SWIFT bool (*original)(SELF);
  if (!original) original = (SWIFT bool (*)(SELF))library_function(TRY_LOCK);
  bool taken = original(self);
  if (taken && __tsan_acquire) __tsan_acquire(self);
  return taken;
}

SWIFT void unlock(SELF) __asm__(UNLOCK);
SWIFT void unlock(SELF) {
  static SWIFT void (*original)(SELF);
  if (!original) original = (SWIFT void (*)(SELF))library_function(UNLOCK);
  if (__tsan_release) __tsan_release(self);
  original(self);
}
