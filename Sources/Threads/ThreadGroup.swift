import Glibc

/// Threads of the system's own kind that run one closure each, joined at the end.
///
/// Not tasks: the work here computes for long and would hold up the cooperative pool.
@safe
public struct ThreadGroup: Sendable {
  private let threads: [pthread_t]

  private final class Work: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Starts `count` threads; each is told its number.
  public init(count: Int, _ body: @escaping @Sendable (Int) -> Void) {
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
  public func join() {
    for thread in threads { _ = pthread_join(thread, nil) }
  }
}
