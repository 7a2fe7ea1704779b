import Glibc
import Synchronization

/// A counter that four threads raise, under a lock or not: what Scripts/tsan.sh asks the sanitizer about.
final class Counter: @unchecked Sendable {
  private let locked = Mutex(0)
  private var bare = 0
  private let underLock: Bool

  init(underLock: Bool) { self.underLock = underLock }

  var value: Int { underLock ? locked.withLock { $0 } : bare }

  private func raise() {
    for _ in 0..<100_000 {
      if underLock { locked.withLock { $0 += 1 } } else { bare += 1 }
    }
  }

  /// Returns when all threads have ended.
  func raiseOnThreads() {
    var threads = [pthread_t](repeating: pthread_t(), count: 4)
    for number in threads.indices {
      pthread_create(
        &threads[number], nil,
        { counter in
          if let counter { Unmanaged<Counter>.fromOpaque(counter).takeUnretainedValue().raise() }
          return nil
        }, Unmanaged.passUnretained(self).toOpaque())
    }
    for thread in threads { pthread_join(thread, nil) }
  }
}

let counter = Counter(underLock: CommandLine.arguments.last == "locked")
counter.raiseOnThreads()
print(counter.value)
