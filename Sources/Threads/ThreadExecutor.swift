import Dispatch
import Foundation
import Synchronization

/// Runs the jobs of one actor on a thread of its own, in order, so that long computations never
/// occupy Swift's cooperative pool.
///
/// The thread ends when the executor is released; an actor releases its executor after its last job.
public final class ThreadExecutor: SerialExecutor, Sendable {
  private let jobs = JobQueue()

  /// Starts the thread.
  ///
  /// - Parameters:
  ///   - name: The thread's name, for debuggers.
  ///   - stackByteCount: The size of its stack.
  public init(name: String, stackByteCount: Int = 8 << 20) {
    let thread = Thread { [jobs] in
      while let entry = jobs.next() { entry.run() }
    }
    thread.name = name
    thread.stackSize = stackByteCount
    thread.start()
  }

  deinit { jobs.end() }

  /// Adds a job behind the others.
  public func enqueue(_ job: UnownedJob) {
    unsafe jobs.add(JobQueue.Entry(job: job, executor: asUnownedSerialExecutor()))
  }
}

/// Jobs waiting for the thread, which sleeps on the semaphore: one signal a job, and one for the end.
private final class JobQueue: Sendable {
  /// A job and its executor, which lives as long as the actor whose job it is.
  @safe
  struct Entry: Sendable {
    let job: UnownedJob
    let executor: UnownedSerialExecutor

    func run() { unsafe job.runSynchronously(on: executor) }
  }

  private struct Waiting {
    var entries: [Entry] = []
    var first = 0
  }

  private let waiting = Mutex(Waiting())
  private let available = DispatchSemaphore(value: 0)

  func add(_ entry: Entry) {
    waiting.withLock { $0.entries.append(entry) }
    available.signal()
  }

  func end() { available.signal() }

  /// The next job; nil at the end.
  func next() -> Entry? {
    available.wait()
    return waiting.withLock { waiting in
      guard waiting.first < waiting.entries.count else { return nil }
      let entry = waiting.entries[waiting.first]
      waiting.first += 1
      if waiting.first == waiting.entries.count { waiting = Waiting() }
      return entry
    }
  }
}
