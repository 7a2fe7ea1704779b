import Glibc
import Synchronization

/// The entry point of libgomp, as CKernels uses it.
@_silgen_name("GOMP_parallel")
func runTeam(
  _ body: @convention(c) (UnsafeMutableRawPointer?) -> Void, _ argument: UnsafeMutableRawPointer?,
  _ threads: UInt32, _ flags: UInt32)

@_silgen_name("omp_get_thread_num")
func memberOfTeam() -> Int32

/// Counters that four threads raise, so that Scripts/tsan.sh can see what the sanitizer says: one under a lock, one
/// under none, or one for each member of a team, which the next team gives to another.
final class Counters: @unchecked Sendable {
  private let locked = Mutex(0)
  private var bare = 0
  private let ofMembers = UnsafeMutablePointer<Int>.allocate(capacity: 4)
  private let underLock: Bool

  init(underLock: Bool) {
    self.underLock = underLock
    ofMembers.initialize(repeating: 0, count: 4)
  }

  private var reference: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

  private static func of(_ reference: UnsafeMutableRawPointer?) -> Counters {
    guard let reference else { fatalError("The counters are passed on.") }
    return Unmanaged<Counters>.fromOpaque(reference).takeUnretainedValue()
  }

  private func raise() {
    for _ in 0..<100_000 {
      if underLock { locked.withLock { $0 += 1 } } else { bare += 1 }
    }
  }

  /// Returns the count when all threads have ended.
  func raiseOnThreads() -> Int {
    var threads = [pthread_t](repeating: pthread_t(), count: 4)
    for number in threads.indices {
      pthread_create(
        &threads[number], nil,
        { counters in
          Counters.of(counters).raise()
          return nil
        }, reference)
    }
    for thread in threads { pthread_join(thread, nil) }
    return underLock ? locked.withLock { $0 } : bare
  }

  /// Returns the count after two teams.
  func raiseInTeams() -> Int {
    runTeam({ Counters.of($0).ofMembers[Int(memberOfTeam())] += 1 }, reference, 4, 0)
    runTeam({ Counters.of($0).ofMembers[3 - Int(memberOfTeam())] += 1 }, reference, 4, 0)
    return (0..<4).reduce(0) { $0 + ofMembers[$1] }
  }
}

let kind = CommandLine.arguments.last
let counters = Counters(underLock: kind == "locked")
print(kind == "team" ? counters.raiseInTeams() : counters.raiseOnThreads())
