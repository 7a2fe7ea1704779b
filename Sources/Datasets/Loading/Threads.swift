import Glibc

/// A value that several threads change under one lock, and can wait for.
///
/// Unchecked, because every access to `state` is between lock and unlock of the same mutex.
@safe
final class Monitor<State>: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let changed: UnsafeMutablePointer<pthread_cond_t>
  private var state: State

  init(_ state: sending State) {
    self.state = state
    unsafe mutex = .allocate(capacity: 1)
    unsafe changed = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe changed.initialize(to: pthread_cond_t())
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(changed, nil)
  }

  deinit {
    unsafe pthread_cond_destroy(changed)
    unsafe pthread_mutex_destroy(mutex)
    unsafe changed.deallocate()
    unsafe mutex.deallocate()
  }

  /// Runs `body` under the lock and wakes everyone who waits.
  func withLock<Result, Failure: Error>(
    _ body: (inout State) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    unsafe pthread_mutex_lock(mutex)
    defer {
      unsafe pthread_cond_broadcast(changed)
      unsafe pthread_mutex_unlock(mutex)
    }
    return try body(&state)
  }

  /// Waits until `ready` holds, then runs `body` under the same lock and wakes everyone who waits.
  func wait<Result>(until ready: (State) -> Bool, then body: (inout State) -> Result) -> Result {
    unsafe pthread_mutex_lock(mutex)
    defer {
      unsafe pthread_cond_broadcast(changed)
      unsafe pthread_mutex_unlock(mutex)
    }
    while !ready(state) { unsafe pthread_cond_wait(changed, mutex) }
    return body(&state)
  }
}

/// Threads of the system's own kind that run one closure each, joined at the end.
///
/// Not tasks: the work here computes for long and would hold up the cooperative pool.
@safe
struct ThreadGroup: Sendable {
  private let threads: [pthread_t]

  private final class Work: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Starts `count` threads; each is told its number.
  init(count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    var threads: [pthread_t] = []
    for number in 0..<count {
      let work = Work { body(number) }
      var thread = pthread_t()
      let code = unsafe pthread_create(
        &thread, nil,
        { argument in
          guard let argument = unsafe argument else { return nil }
          unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run()
          return nil
        }, Unmanaged.passRetained(work).toOpaque())
      precondition(code == 0, "A thread cannot be started: \(code).")
      threads.append(thread)
    }
    self.threads = threads
  }

  /// Waits for all of them; to be called once.
  func join() {
    for thread in threads { _ = pthread_join(thread, nil) }
  }
}
