import CProcess
import Checkpoints
import Durability
import Foundation
import Glibc

/// How a worker is started.
struct WorkerLaunch: Sendable {
  /// Program and arguments; a program without a slash is looked up in `PATH`.
  var arguments: [String]
  /// The whole environment.
  var environment: [String: String]
  /// The process's niceness; below 0 it takes only what nobody else wants.
  var niceness: Int32
  /// Held by the worker for as long as it lives.
  var lock: FileLock
}

extension WorkerLaunch {
  /// Starts the process in a group of its own, with default signals, three pipes, and the lock as
  /// descriptor 3; everything else is closed in it.
  ///
  /// - Throws: `FileSystemError` with the system's error number; nothing is left behind.
  func start() throws(FileSystemError) -> byol_process {
    var started = byol_process()
    let lines = environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    let code = unsafe withCStrings(arguments) { arguments in
      unsafe withCStrings(lines) { environment in
        unsafe byol_start_process(arguments, environment, lock.descriptor, niceness, &started)
      }
    }
    guard code == 0 else {
      throw FileSystemError(operation: "start", path: arguments.first ?? "", code: code)
    }
    lock.note(process: started.process)
    preferWhenMemoryEnds(started.process)
    return started
  }

  /// Where memory ends, the system is to end the worker, which goes on from its checkpoint, and not the service.
  private func preferWhenMemoryEnds(_ process: pid_t) {
    // A system that does not let us is as it was.
    try? "500".write(toFile: "/proc/\(process)/oom_score_adj", atomically: false, encoding: .utf8)
  }
}

/// Calls `body` with a null-terminated array of C strings.
func withCStrings(
  _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Int32
) -> Int32 {
  let copies: [UnsafeMutablePointer<CChar>?] = unsafe strings.map { unsafe strdup($0) }
  defer { unsafe copies.forEach { unsafe free($0) } }
  let pointers: [UnsafePointer<CChar>?] =
    unsafe copies.map { copy in unsafe copy.map { unsafe UnsafePointer($0) } } + [nil]
  return unsafe pointers.withUnsafeBufferPointer { buffer in
    guard let base = buffer.baseAddress else { return EINVAL }
    return unsafe body(base)
  }
}
